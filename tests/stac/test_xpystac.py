"""What is published on Amazon's scheme opens with the released xpystac alone, all the way through a real S3 server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.existing_stores import analysis, upload, write_zarr

import simstac
from simstac.catalog import upsert_collection
from simstac.stac.metadata import CatalogMetadata
from simstac.stac.placement import Route, place_store
from simstac.stac.study import describe_study
from simstac.storage import AwsS3, icechunk_storage

PROGRAM = """
import sys, warnings
sys.modules["simstac"] = None  # as if it were not installed
import pystac, xarray as xr
warnings.filterwarnings("ignore", message="Engine .* loading failed")
document = pystac.read_file(sys.argv[1])
ds = xr.open_dataset(document.assets["icechunk"], engine="stac")
print(float(ds.eui.sel(run="run-0002")), dict(ds.sizes)["time"])
"""


@pytest.mark.parametrize("path", ["office/collection.json", "office/run-0002/run-0002.json"])
def test_the_released_xpystac_opens_a_study(path, s3, study, stored, metadata, tmp_path: Path, monkeypatch):
    import icechunk

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    bucket = s3.make_bucket()
    scheme = AwsS3(bucket=bucket, region="us-east-1")
    placement = place_store("office", targets=[Route(f"s3://{bucket}/lab", scheme)])
    tree = study()
    repository = icechunk.Repository.create(icechunk_storage(placement.primary.href, scheme))
    session = repository.writable_session("main")
    tree.to_zarr(session.store, mode="w", consolidated=False)
    snapshot = session.commit("written by a test")
    repository.create_tag("1.0.0", snapshot_id=snapshot)

    documents = describe_study(tree, stored(snapshot_id=snapshot), metadata(), placement)
    for name, content in upsert_collection(lambda _: None, CatalogMetadata(id="c"), documents):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content or b"")

    assert json.loads((tmp_path / path).read_bytes())["storage:schemes"]["aws"]["type"] == "aws-s3"
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / path)]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["52.0", "48"]


ZARR = """
import sys, warnings
sys.modules["simstac"] = None  # as if it were not installed
import pystac, xarray as xr
warnings.filterwarnings("ignore", message="Engine .* loading failed")
item = next(pystac.Catalog.from_file(sys.argv[1]).get_items(recursive=True))
ds = xr.open_dataset(item.assets["zarr"], engine="stac")
print(float(ds.t2m.sum()), dict(ds.sizes)["time"])
"""


@pytest.mark.parametrize(("zarr_format", "consolidated"), [(2, True), (3, True), (3, False)])
def test_the_released_xpystac_opens_plain_zarr_in_a_bucket(zarr_format, consolidated, s3, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    bucket = s3.make_bucket()
    write_zarr(analysis(), tmp_path / "a.zarr", zarr_format=zarr_format, consolidated=consolidated)
    upload(s3, tmp_path / "a.zarr", bucket, "data/a.zarr")
    source = {"engine": "icechunk", "under": f"s3://{bucket}/data", "region": s3.region}
    collection = {"id": "stores", "license": "CC-BY-4.0", "source": source}
    (tmp_path / "c.yaml").write_text(json.dumps({"catalog": {"id": "c"}, "collections": [collection]}))
    report = simstac.build(simstac.load_project(tmp_path / "c.yaml"))
    assert report.ok, report.errors
    command = [sys.executable, "-c", ZARR, str(tmp_path / "site" / "catalog.json")]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(float(analysis().t2m.sum())), "3"]
