from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xarray as xr

from simstac.browse import serve
from simstac.catalog import upsert_collection
from simstac.stac.dataset import describe_dataset
from simstac.stac.metadata import CatalogMetadata
from simstac.stac.placement import Placement, Route, place_store
from simstac.stac.snippet import open_snippet
from simstac.stac.study import describe_study
from simstac.storage import AwsS3, CustomS3

from .cases import grid

if TYPE_CHECKING:
    from tests.conftest import SeaweedFS


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
    """In the folder that holds the catalog."""
    folder, documents = site
    descriptions = [documents.collection["description"], list(documents.items)[2]["properties"]["description"]]
    codes = [re.search(r"```python\n(.*)```\n$", description, re.DOTALL)[1] for description in descriptions]  # type: ignore[index]
    printed = run(codes, folder, shown="f'{dict(ds.sizes)} {ds.eui.values}'")
    assert "'run': 4" in printed[0]
    assert "'run'" not in printed[1]
    assert printed[1].endswith("52.0")


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


def described_site(
    folder: Path, data: Any, write_store: Any, metadata: Any, placement: Placement, **stored: Any
) -> Path:
    """A catalog of one dataset in a folder, its store beside it unless it lies elsewhere."""
    written = write_store(data, folder / "data" / "grid.icechunk")
    documents = describe_dataset(data, replace(written, **stored), metadata("grid"), placement)
    for path, content in upsert_collection(lambda _: None, CatalogMetadata(id="c"), documents):
        assert isinstance(content, bytes)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return folder


def snippets(folder: Path) -> dict[str, str]:
    """The code at the end of the description of each document of a dataset."""
    found = {}
    for path in sorted(folder.glob("grid/**/*.json")):
        document = json.loads(path.read_text())
        description = document.get("description") or document["properties"]["description"]
        match = re.search(r"```python\n(.*)```\n$", description, re.DOTALL)
        assert match
        found[document["type"]] = match[1]
    assert set(found) == {"Collection", "Feature"}
    return found


def run(
    codes: Iterable[str], folder: Path, *, shown: str = "float(ds.tas.sum())", before: str = "", **environment: str
) -> list[str]:
    """What a fresh process prints that runs snippets as printed, each by itself, and then shows something of ``ds``."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    each = f"for code in {list(codes)!r}:\n    names = {{}}\n    exec(code, names)\n    print(eval({shown!r}, names))\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", before + each],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=plain | {"AWS_EC2_METADATA_DISABLED": "true"} | environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def upload(s3: SeaweedFS, bucket: str, folder: Path) -> None:
    client = s3.client()
    for path in folder.rglob("*"):
        if path.is_file():
            client.put_object(Bucket=bucket, Key=f"stac/{path.relative_to(folder).as_posix()}", Body=path.read_bytes())


TOTAL = str(float(grid().tas.sum()))


def test_a_dataset_beside_its_catalog(tmp_path, write_store, metadata):
    site = described_site(tmp_path, grid(), write_store, metadata, place_store("grid"))
    assert run(snippets(site).values(), site) == [TOTAL, TOTAL]


def test_a_dataset_whose_data_lie_in_groups(tmp_path, write_store, metadata):
    """The root has no data, so the snippet opens the first group that has, and names the others."""
    tree = xr.DataTree.from_dict({"/": xr.Dataset(), "/atmosphere": grid(), "/land/soil": grid() + 1})
    site = described_site(tmp_path, tree, write_store, metadata, place_store("grid"))
    for code in snippets(site).values():
        assert 'group="atmosphere")  # also land/soil\n' in code
    assert run(snippets(site).values(), site) == [TOTAL, TOTAL]


def test_a_dataset_on_the_web(tmp_path, write_store, metadata):
    (tmp_path / "site").mkdir()
    (tmp_path / "site/catalog.json").write_text("{}")
    with serve(tmp_path / "site") as server:
        placement = place_store("grid", public_url=server.url)
        site = described_site(tmp_path / "site", grid(), write_store, metadata, placement)
        for code in snippets(site).values():
            assert f'pystac.read_file("{server.url}/grid/' in code
        assert run(snippets(site).values(), tmp_path) == [TOTAL, TOTAL]


def test_a_dataset_on_amazon_s3_opens_without_simstac(tmp_path, write_store, metadata, s3):
    """With the released xpystac alone, as the snippet says."""
    bucket = s3.make_bucket()
    target = Route(f"s3://{bucket}/stac", AwsS3(bucket=bucket, region="us-east-1"))
    site = described_site(tmp_path / "site", grid(), write_store, metadata, place_store("grid", targets=[target]))
    upload(s3, bucket, site)
    shutil.rmtree(site / "data")
    for code in snippets(site).values():
        assert "# pip install xpystac" in code
    without = 'import sys; sys.modules["simstac"] = None\n'
    printed = run(snippets(site).values(), site, before=without, AWS_ENDPOINT_URL=s3.endpoint_url, **s3.env)
    assert printed == [TOTAL, TOTAL]


@pytest.mark.parametrize("public", [False, True])
def test_a_dataset_in_a_bucket_of_another_service(tmp_path, write_store, metadata, s3, public):
    """A store that has no other address: credentials go to its endpoint because the snippet trusts it."""
    bucket = s3.make_bucket(public=public)
    href = f"s3://{bucket}/stac/data/grid.icechunk"
    scheme = CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url, anonymous=public)
    placement = place_store("grid", store=Route(href, scheme))
    site = described_site(tmp_path / "site", grid(), write_store, metadata, placement, href=href, scheme=scheme)
    upload(s3, bucket, site)
    shutil.rmtree(site / "data")
    for code in snippets(site).values():
        assert (f'trust="{s3.endpoint_url}"' in code) is not public
    assert run(snippets(site).values(), site, **({} if public else s3.env)) == [TOTAL, TOTAL]


def test_a_mirrored_dataset_needs_no_trust(tmp_path, write_store, metadata, s3):
    scheme = CustomS3(bucket="b", endpoint_url=s3.endpoint_url)
    placement = place_store("grid", targets=[Route("s3://b/stac", scheme)])
    site = described_site(tmp_path, grid(), write_store, metadata, placement)
    for code in snippets(site).values():
        assert "trust" not in code
    assert run(snippets(site).values(), site) == [TOTAL, TOTAL]


def test_plain_zarr(tmp_path, write_store, metadata):
    grid().to_zarr(tmp_path / "data/plain.zarr", zarr_format=3, consolidated=False)
    placement = Placement(primary=Route("data/plain.zarr"), media_type="application/vnd.zarr")
    site = described_site(tmp_path, grid(), write_store, metadata, placement)
    for code in snippets(site).values():
        assert '.assets["zarr"]' in code
    assert run(snippets(site).values(), site) == [TOTAL, TOTAL]
