from __future__ import annotations

import re
import subprocess
import sys

import pytest

from simstac.catalog import upsert_collection
from simstac.stac.metadata import CatalogMetadata
from simstac.stac.placement import Route, place_store
from simstac.stac.snippet import open_snippet
from simstac.stac.study import describe_study
from simstac.storage import AwsS3


@pytest.fixture
def site(tmp_path, study, metadata, write_store):
    tree = study()
    stored = write_store(tree, tmp_path / "data/office.icechunk")
    documents = describe_study(tree, stored, metadata(), place_store("office"))
    for path, content in upsert_collection(lambda _: None, CatalogMetadata(id="c"), documents):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content or b"")
    return tmp_path, documents


def test_the_snippets_run_as_printed(site):
    """In one fresh process after another, in the folder that holds the catalog."""
    folder, documents = site
    descriptions = [documents.collection["description"], list(documents.items)[2]["properties"]["description"]]
    codes = [re.search(r"```python\n(.*)```\n$", description, re.DOTALL)[1] for description in descriptions]  # type: ignore[index]
    printed = [
        subprocess.run(
            [sys.executable, "-c", f"{code}print(dict(ds.sizes), ds.eui.values)"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for code in codes
    ]
    assert "'run': 4" in printed[0]
    assert "'run'" not in printed[1]
    assert printed[1].rstrip().endswith("52.0")


def test_descriptions_begin_with_prose_and_end_with_the_snippet(site):
    _, documents = site
    description = documents.collection["description"]
    assert description.startswith("Small office")
    assert description.endswith("```\n")


def test_any_run_name_is_a_python_string():
    code = open_snippet("office/a/a.json", place_store("office"), run='Büro "1"\\n')
    assert code.rstrip().endswith('.sel(run="Büro \\"1\\"\\\\n")')
    compile(code, "snippet", "exec")


def test_what_to_install_depends_on_the_route():
    aws = place_store("office", targets=[Route("s3://b", AwsS3(bucket="b", region="us-east-1"))])
    assert "pip install xpystac" in open_snippet("office/collection.json", aws)
    assert "pip install simstac" in open_snippet("office/collection.json", place_store("office"))
