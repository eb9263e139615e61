"""A collection with ``virtual: true``, from the configuration to what a stranger reads."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import xarray as xr
import yaml
from tests.virtual_files import write_steps

import simstac
from simstac.browse import serve
from simstac.pipeline.build import BuildReport

if TYPE_CHECKING:
    from tests.conftest import SeaweedFS


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra ``plot`` is not installed: each build would draw one."""
    monkeypatch.setattr("simstac.pipeline.extras.find_spec", lambda _: None)


def project(
    folder: Path,
    source: dict[str, Any],
    *,
    catalog: dict[str, Any] | None = None,
    targets: list[dict[str, Any]] | None = None,
    **collection: Any,
) -> simstac.Project:
    about = {"id": "model", "title": "Model", "description": "A model run.", "license": "CC-BY-4.0", "version": "1.0.0"}
    each = {**about, "source": {"engine": "cf", "virtual": True, **source}, **collection}
    said = {
        "catalog": {"id": "c", "title": "C", "description": "A catalog.", **(catalog or {})},
        "collections": [each],
        "targets": targets or [],
    }
    path = folder / "project.yaml"
    path.write_text(yaml.safe_dump(said), encoding="utf-8")
    return simstac.load_project(path)


def build(made: simstac.Project) -> BuildReport:
    report = simstac.build(made)
    assert not report.errors, report.errors
    return report


def write_two(folder: Path) -> np.ndarray[Any, Any]:
    for number in range(2):
        write_steps(folder / f"{number}.nc", [2.0 * number, 2.0 * number + 1], seed=number)
    return np.concatenate([xr.load_dataset(folder / f"{number}.nc").tas.values for number in range(2)])


def document(folder: Path, path: str = "model/collection.json") -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "site" / path).read_bytes())
    return loaded


def test_files_on_this_machine(tmp_path: Path) -> None:
    values = write_two(tmp_path / "out" / "model 1")
    made = project(tmp_path, {"path": "out/model 1/*.nc"})
    report = build(made)
    assert report.collections[0].summary == "written, version 1.0.0, 2 files (2 referenced)"
    assets = document(tmp_path)["assets"]
    assert assets["files"]["href"] == "../../out/"
    assert assets["icechunk"]["vrt:hrefs"] == [{"key": "files", "href": "./collection.json#/assets/files"}]
    assert assets["icechunk"]["roles"] == ["data", "latest-version", "virtual"]
    assert str(tmp_path) not in (tmp_path / "site" / "model" / "collection.json").read_text(encoding="utf-8")
    for path in ("catalog.json", "model/collection.json", "model/model-1.0.0/model-1.0.0.json"):
        np.testing.assert_array_equal(simstac.open(tmp_path / "site" / path).tas.values, values)
    again = build(made)
    assert not again.documents
    assert again.collections[0].summary == "unchanged, version 1.0.0, 2 files (2 referenced)"
    write_steps(tmp_path / "out" / "model 1" / "2.nc", [4.0], seed=2)
    assert build(made).collections[0].summary == "written, version 1.0.0+2, 3 files (3 referenced)"
    assert simstac.open(tmp_path / "site" / "catalog.json").sizes["time"] == 5


def test_files_on_this_machine_are_in_no_catalog_that_others_read(tmp_path: Path) -> None:
    write_two(tmp_path / "out")
    made = project(tmp_path, {"path": "out/*.nc"}, catalog={"public_url": "https://example.org/c"})
    (error,) = simstac.build(made).errors
    assert str(error) == (
        "collections.model.source.path: refers to files on this machine, such as out/0.nc, which readers of a "
        "published catalog lack; put them in a bucket or on the web and name them there, or "
        "copy their data (virtual: false)"
    )


def test_a_file_that_does_not_fit_is_copied_among_the_others(tmp_path: Path) -> None:
    for number, chunks in enumerate([(1, 4, 6), (1, 2, 3), (1, 4, 6)]):
        write_steps(tmp_path / "out" / f"{number}.nc", [float(number)], seed=number, chunksizes=chunks)
    report = build(project(tmp_path, {"path": "out/*.nc"}))
    assert report.collections[0].summary == "written, version 1.0.0, 3 files (1 copied, 2 referenced)"
    assert report.collections[0].differences[0] == (
        "copied, not referred to: out/1.nc stores tas in chunks of 1x2x3 (shuffle+zlib), and out/0.nc in chunks of "
        "1x4x6 (shuffle+zlib)"
    )
    assert "virtual" in document(tmp_path)["assets"]["icechunk"]["roles"]
    expected = np.concatenate([xr.load_dataset(tmp_path / "out" / f"{number}.nc").tas.values for number in range(3)])
    np.testing.assert_array_equal(simstac.open(tmp_path / "site" / "catalog.json").tas.values, expected)
    again = build(project(tmp_path, {"path": "out/*.nc"}))
    assert again.collections[0].summary == "unchanged, version 1.0.0, 3 files (1 copied, 2 referenced)"


def test_files_of_which_none_fits_are_copied(tmp_path: Path) -> None:
    write_steps(tmp_path / "out" / "a.nc", [0, 1], attrs={"scale_factor": np.float32(0.1)})
    report = build(project(tmp_path, {"path": "out/*.nc"}))
    assert report.collections[0].differences[0] == (
        "copied, not referred to: out/a.nc: tas: its scale_factor is of type float32, and Zarr has float64 alone"
    )
    assert "virtual" not in document(tmp_path)["assets"]["icechunk"]["roles"]
    write_steps(tmp_path / "out" / "b.nc", [2, 3], seed=1, attrs={"scale_factor": np.float32(0.1)})
    opened: list[str] = []
    again = simstac.build(project(tmp_path, {"path": "out/*.nc"}), on_progress=lambda each: opened.append(each.stage))
    assert again.collections[0].summary == "written, version 1.0.0+2, 2 files (1 added, 1 unchanged)"
    assert again.collections[0].differences[0] == report.collections[0].differences[0]
    assert "index files" not in opened  # it was tried once


def test_a_store_of_references_is_never_turned_into_a_copy_unasked(tmp_path: Path) -> None:
    write_two(tmp_path / "out")
    build(project(tmp_path, {"path": "out/*.nc"}))
    before = document(tmp_path)
    write_steps(tmp_path / "out" / "2.nc", [4.0], seed=2, fill_value=7.0)
    (error,) = simstac.build(project(tmp_path, {"path": "out/*.nc"})).errors
    assert str(error) == (
        "collections.model: refers to its files, and cannot go on so: out/2.nc packs tas differently (_FillValue 7.0, "
        "None in out/0.nc); leave that out of the source, or copy all files from now on (virtual: false)"
    )
    assert document(tmp_path) == before
    report = build(project(tmp_path, {"path": "out/*.nc", "virtual": False}))
    assert report.collections[0].stored.tag == "1.0.0+2"
    assert simstac.open(tmp_path / "site" / "catalog.json").sizes["time"] == 5


def test_without_the_extra_it_says_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_two(tmp_path / "out")
    monkeypatch.setitem(sys.modules, "h5py", None)
    (error,) = simstac.build(project(tmp_path, {"path": "out/*.nc"})).errors
    assert str(error) == "out/*.nc: needs h5py, which is not installed; pip install 'simstac[virtual]'"


def test_files_that_disagree_are_the_error_that_copying_makes(tmp_path: Path) -> None:
    write_steps(tmp_path / "out" / "a.nc", [0, 1])
    write_steps(tmp_path / "out" / "b.nc", [5, 6], seed=1)
    errors = [simstac.build(project(tmp_path, {"path": "out/*.nc", "virtual": each})).errors for each in (True, False)]
    assert [str(error) for error in errors[0]] == [str(error) for error in errors[1]]
    assert "b.nc" in str(errors[0][0])
    assert "a.nc" in str(errors[0][0])
    report = build(project(tmp_path, {"path": "out/*.nc", "allow_gaps": True}))
    assert report.collections[0].statuses == ("referenced", "referenced")


def test_wished_chunks_are_a_reason_to_copy(tmp_path: Path) -> None:
    write_steps(tmp_path / "out" / "a.nc", [0, 1])
    report = build(project(tmp_path, {"path": "out/*.nc"}, store={"chunks": {"time": 2}}))
    assert (
        "copied, not referred to: store.chunks asks for chunks, and files have theirs"
        in report.collections[0].differences
    )


def put_two(s3: SeaweedFS, bucket: str, folder: Path, prefix: str = "runs/a b") -> np.ndarray[Any, Any]:
    values = write_two(folder)
    for path in sorted(folder.glob("*.nc")):
        s3.client().put_object(Bucket=bucket, Key=f"{prefix}/{path.name}", Body=path.read_bytes())
    return values


def test_files_in_a_bucket_of_another_service(s3: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = s3.make_bucket()
    values = put_two(s3, bucket, tmp_path / "out")
    source = {"path": f"s3://{bucket}/runs/a b/*.nc", "endpoint_url": s3.endpoint_url}
    made = project(tmp_path, source)
    build(made)
    found = document(tmp_path)
    assert found["assets"]["files"]["href"] == f"s3://{bucket}/runs/"
    assert found["storage:schemes"][found["assets"]["files"]["storage:refs"][0]]["platform"] == s3.endpoint_url
    monkeypatch.setenv("SIMSTAC_TRUST", s3.endpoint_url)
    data = simstac.open(tmp_path / "site" / "catalog.json")
    np.testing.assert_array_equal(data.tas.values, values)
    assert not build(made).documents
    s3.client().put_object(Bucket=bucket, Key="runs/a b/1.nc", Body=(tmp_path / "out" / "0.nc").read_bytes())
    with pytest.raises(Exception, match="checksum of the object owning the virtual chunk has changed"):
        simstac.open(tmp_path / "site" / "catalog.json").tas.load()


def snippet_sum(folder: Path, path: str, **environment: str) -> float:
    """What the snippet in a document's description, as printed, makes a fresh process read in the catalog's folder."""
    said = document(folder, path)
    description = said.get("description") or said["properties"]["description"]
    code = re.search(r"```python\n(.*)```\n$", description, re.DOTALL)
    assert code
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SIMSTAC_"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"{code[1]}print(float(ds.tas.sum()))"],
        cwd=folder / "site",
        env=plain | {"AWS_EC2_METADATA_DISABLED": "true"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


DOCUMENTS = ("model/collection.json", "model/model-1.0.0/model-1.0.0.json")


def test_the_snippets_of_files_on_this_machine_run_as_printed(tmp_path: Path) -> None:
    values = write_two(tmp_path / "out")
    build(project(tmp_path, {"path": "out/*.nc"}))
    for path in DOCUMENTS:
        assert "trust" not in str(document(tmp_path, path))
        assert snippet_sum(tmp_path, path) == pytest.approx(values.sum(), rel=1e-5)


@pytest.mark.parametrize("public", [False, True])
def test_the_snippets_of_files_in_a_bucket_run_as_printed(s3: SeaweedFS, tmp_path: Path, public: bool) -> None:
    """The service of a private bucket is trusted by the snippet, though the store itself lies beside the catalog."""
    bucket = s3.make_bucket(public=public)
    values = put_two(s3, bucket, tmp_path / "out", "runs")
    source = {"path": f"s3://{bucket}/runs/*.nc", "endpoint_url": s3.endpoint_url, "anonymous": public}
    build(project(tmp_path, source))
    for path in DOCUMENTS:
        assert (f'trust="{s3.endpoint_url}"' in str(document(tmp_path, path))) is not public
        total = snippet_sum(tmp_path, path, **({} if public else s3.env))
        assert total == pytest.approx(values.sum(), rel=1e-5)


PROGRAM = """
import sys, warnings
sys.modules["simstac"] = None  # as if it were not installed
import pystac, xarray as xr
warnings.filterwarnings("ignore", message="Engine .* loading failed")
ds = xr.open_dataset(pystac.read_file(sys.argv[1]).assets["icechunk"], engine="stac")
print(ds.tas.values.tobytes().hex())
"""


def test_the_released_xpystac_opens_both_on_aws(s3: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    bucket = s3.make_bucket()
    values = put_two(s3, bucket, tmp_path / "out", "runs")
    store = {"url": f"s3://{bucket}/stores/model", "region": "us-east-1"}
    build(project(tmp_path, {"path": f"s3://{bucket}/runs", "region": "us-east-1"}, store=store))
    path = tmp_path / "site" / "model" / "collection.json"
    np.testing.assert_array_equal(simstac.open(path).tas.values, values)
    command = [sys.executable, "-c", PROGRAM, str(path)]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == values.tobytes().hex()
    assert "# pip install xpystac" in document(tmp_path)["description"]
    aws = {name: os.environ[name] for name in ("AWS_ENDPOINT_URL", "AWS_ALLOW_HTTP")} | s3.env
    assert snippet_sum(tmp_path, "model/collection.json", **aws) == pytest.approx(values.sum(), rel=1e-5)


def test_files_on_the_web(tmp_path: Path) -> None:
    values = write_two(tmp_path / "web" / "out")
    (tmp_path / "web" / "catalog.json").write_text("{}")
    with serve(tmp_path / "web") as server:
        made = project(tmp_path, {"path": [f"{server.url}/out/{number}.nc" for number in range(2)]})
        build(made)
        assert document(tmp_path)["assets"]["files"]["href"] == f"{server.url}/out/"
        np.testing.assert_array_equal(simstac.open(tmp_path / "site" / "catalog.json").tas.values, values)
        assert snippet_sum(tmp_path, "model/collection.json") == pytest.approx(values.sum(), rel=1e-5)
        assert not build(made).documents


def test_files_on_the_web_that_do_not_fit_are_copied(tmp_path: Path) -> None:
    write_steps(tmp_path / "web" / "a.nc", [0, 1], attrs={"scale_factor": np.float32(0.1)})
    (tmp_path / "web" / "catalog.json").write_text("{}")
    with serve(tmp_path / "web") as server:
        made = project(tmp_path, {"path": f"{server.url}/a.nc"})
        report = build(made)
        assert "its scale_factor is of type float32" in report.collections[0].differences[0]
        assert not build(made).documents
    expected = xr.load_dataset(tmp_path / "web" / "a.nc").tas.values
    np.testing.assert_array_equal(simstac.open(tmp_path / "site" / "catalog.json").tas.values, expected)


def test_a_published_catalog_is_read_over_http(s3: SeaweedFS, tmp_path: Path) -> None:
    bucket = s3.make_bucket(public=True)
    values = put_two(s3, bucket, tmp_path / "out", "runs")
    source = {"path": f"s3://{bucket}/runs/*.nc", "endpoint_url": s3.endpoint_url, "anonymous": True}
    made = project(tmp_path, source, targets=[{"type": "local", "path": "published"}])
    build(made)
    simstac.publish(made)
    with serve(tmp_path / "published") as server:
        data = simstac.open(f"{server.url}/catalog.json")
        assert data.encoding["source"].startswith(server.url)
        np.testing.assert_array_equal(data.tas.values, values)
