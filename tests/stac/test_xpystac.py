"""What is published on Amazon's scheme opens with the released xpystac alone, all the way through a real S3 server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
