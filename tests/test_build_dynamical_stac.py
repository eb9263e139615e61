"""The script that catalogues the buckets of a registry, with the options of its namesake, as cron calls it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pystac
import pytest
import yaml
from tests.existing_stores import GitHub, entry, upload, write_dozen
from tests.publishing.conftest import git
from tests.publishing.proxy import Proxy, proxied

import simstac

SCRIPT = Path(__file__).resolve().parent.parent / "scripts" / "build_dynamical_stac.py"
BUCKETS = {"gfs": ("gfs-analysis", "gfs-forecast"), "old": ("old", "zarr"), "rest": ()}


@pytest.fixture(scope="module")
def registry(seaweedfs: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHub]:
    """A registry of three public buckets with a dozen stores between them, and an entry of somebody else."""
    folder = tmp_path_factory.mktemp("registry")
    write_dozen(folder / "all")
    files = {"other.yaml": yaml.safe_dump(entry("Other", "no-such-bucket"))}
    for name, parts in BUCKETS.items():
        for part in parts or [path.name for path in (folder / "all").iterdir()]:
            shutil.move(folder / "all" / part, folder / name / part)
        bucket = seaweedfs.make_bucket(f"dynamical-{name}", public=True)
        upload(seaweedfs, folder / name, bucket)
        files[f"dynamical-{name}.yaml"] = yaml.safe_dump(entry(f"Weather {name}", bucket))
    with GitHub(files) as github:
        yield github


@pytest.fixture
def proxy(s3: Any) -> Iterator[Proxy]:
    with proxied(s3.endpoint_url) as proxy:
        yield proxy


@pytest.fixture
def run(s3: Any, proxy: Proxy, registry: GitHub, tmp_path: Path) -> Any:
    """Run the script with keys of a profile that names the endpoint, as its users keep them."""
    keys = f"aws_access_key_id={s3.access_key}\naws_secret_access_key={s3.secret_key}\n"
    (tmp_path / "credentials").write_text(f"[mine]\n{keys}endpoint_url={proxy.url}\nregion={s3.region}\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment |= {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_CONFIG_FILE": os.devnull}
    environment |= {"HOME": str(tmp_path), "GITHUB_TOKEN": "secret", "GIT_AUTHOR_NAME": "Ada"}
    environment |= {"GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada"}
    environment |= {"GIT_COMMITTER_EMAIL": "ada@example.org"}

    def run(*options: str | Path) -> subprocess.CompletedProcess[str]:
        given = ["--registry", registry.url, "--endpoint-url", proxy.url, *options]
        command = [sys.executable, "-W", "error", str(SCRIPT), *map(str, given)]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)

    return run


def test_publishes_a_dozen_stores_and_then_has_nothing_to_do(
    run: Any, s3: Any, proxy: Proxy, registry: GitHub, tmp_path: Path
) -> None:
    bucket = s3.make_bucket("catalog", public=True)
    domain = f"{s3.endpoint_url}/{bucket}"
    options = ["--catalog-bucket", bucket, "--catalog-prefix", "stac/dynamical", "--profile", "mine"]
    options += ["--public-domain", domain, "--geoparquet"]
    first = run(*options)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("stores: 12 stores (12 described)\n")
    assert f"Catalog URL:  {domain}/stac/dynamical/catalog.json\n" in first.stdout
    assert {token for _, token in registry.seen} == {"Bearer secret"}
    catalog = pystac.Catalog.from_file(f"{domain}/stac/dynamical/catalog.json")
    items = {item.id: item for item in catalog.get_items(recursive=True)}
    assert len(items) == 12
    item = items["gfs-forecast-v0.2.7"]
    assert item.properties["license"] == "CC-BY-4.0"
    assert item.properties["keywords"] == ["aws-pds", "weather"]
    assert item.properties["providers"] == [{"name": "Example", "url": "https://example.org"}]
    opened = simstac.open(item)
    assert opened.sizes == {"init_time": 2, "lead_time": 3, "latitude": 3, "longitude": 4}

    proxy.seen.clear()
    second = run(*options)
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.startswith("stores: 12 stores (12 unchanged)\n")
    assert proxy.writes == []
    assert len([method for method, _ in proxy.seen if method == "GET"]) <= 24


def test_builds_alone_with_thumbnails_and_commits_to_pages_once(run: Any, registry: GitHub, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", "origin.git")
    git(tmp_path, "clone", "--quiet", "origin.git", "pages")
    options = ["--registry", f"{registry.url}/dynamical-rest.yaml", "--no-upload", "--output-dir", tmp_path / "out"]
    options += ["--thumbnails", "-v"]
    options += [
        "--github-pages",
        tmp_path / "pages",
        "--github-pages-push",
        "--public-domain",
        "a.github.io/site",
    ]
    first = run(*options)
    assert first.returncode == 0, first.stderr
    assert simstac.validate_tree(tmp_path / "out").findings == ()
    item = json.loads((tmp_path / "out" / "stores" / "pacific" / "pacific.json").read_text())
    assert item["links"][3]["href"] == "https://a.github.io/site/stac/dynamical/stores/pacific/pacific.json"
    assert item["assets"]["icechunk"]["href"].startswith("s3://dynamical-rest-")
    ice = json.loads((tmp_path / "out" / "stores" / "projected" / "projected.json").read_text())
    assert ice["assets"]["thumbnail"]["href"] == "./thumbnail.png"
    assert (tmp_path / "out" / "stores" / "projected" / "thumbnail.png").read_bytes().startswith(b"\x89PNG")
    tip = git(tmp_path / "origin.git", "rev-parse", "main")
    listed = git(tmp_path / "origin.git", "ls-tree", "-r", "--name-only", "main").splitlines()
    assert "stac/dynamical/stores/projected/thumbnail.png" in listed
    assert (
        len(
            [
                name
                for name in listed
                if name.startswith("stac/dynamical/stores/") and name.count("/") == 4 and name.endswith(".json")
            ]
        )
        == 4
    )
    second = run(*options)
    assert (second.returncode, "4 unchanged" in second.stdout) == (0, True)
    assert git(tmp_path / "origin.git", "rev-parse", "main") == tip


def test_what_goes_wrong_is_said_and_makes_the_exit_code_one(
    run: Any, registry: GitHub, s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ["--no-upload", "--output-dir", tmp_path / "out"]
    monkeypatch.setitem(registry.files, "dynamical-lost.yaml", yaml.safe_dump(entry("Lost", "no-such-bucket-here")))
    result = run(*options)
    assert result.returncode == 1
    assert "12 stores (12 described)" in result.stdout
    assert "no-such-bucket-here" in result.stderr
    result = run(*options, "--registry", tmp_path / "nowhere")
    assert (result.returncode, "does not exist" in result.stderr) == (1, True)
    assert len(list((tmp_path / "out" / "stores").glob("*/*.json"))) == 12
