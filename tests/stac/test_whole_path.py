"""Every kind of dataset through the whole path: written, described, published, and opened over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pystac
import pystac.errors
import pytest
import xarray as xr

from simstac.browse import serve
from simstac.catalog import upsert_collection
from simstac.pipeline.site import SiteFolder
from simstac.publishing import LocalTarget, publish
from simstac.stac.dataset import describe_dataset
from simstac.stac.metadata import CatalogMetadata, Metadata
from simstac.stac.placement import Route, place_store
from simstac.stac.validate import validate_tree
from simstac.storage import AwsS3, LocalPath, Stored
from simstac.write import open_stored, write

from .cases import CASES, building, grid

if TYPE_CHECKING:
    from tests.conftest import SeaweedFS

NOWHERE = building().drop_vars(["latitude", "longitude"])
TRIANGLE = {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [2, 3], [0, 0]]]}
SETTLED: dict[str, tuple[xr.Dataset, dict[str, Any]]] = {
    "no-space-but-a-box": (NOWHERE, {"bbox": (170, -5, -170, 5)}),
    "no-space-but-a-footprint": (NOWHERE, {"geometry": TRIANGLE}),
    "no-time-but-a-moment": (grid().isel(time=0, drop=True), {"datetime": "2020-01-01T00:00:00Z"}),
    "no-time-but-a-span": (
        grid().isel(time=0, drop=True),
        {"start_datetime": "2020-01-01T00:00:00Z", "end_datetime": "2020-12-31T00:00:00Z"},
    ),
    "two-longitudes": (
        grid().assign_coords(longitude=("lon", [5.0, 6.0], {"units": "degrees_east"})),
        {"x": "longitude"},
    ),
    "deprecated": (grid(), {"deprecated": True}),
    "alphabets": (
        grid().rename(tas="温度 1").assign_attrs(title="Größe", résumé="é").rename_dims(lat="широта"),
        {"title": "Température, 温度", "keywords": ["Gebäude", "建物"]},
    ),
    "nothing-said": (grid().drop_attrs(deep=False), {"title": "", "description": ""}),
}
"""Datasets that the configuration says something of."""
ALL = {name: (dataset, {}) for name, (dataset, _, _) in CASES.items()} | SETTLED


@dataclass(frozen=True)
class Published:
    """A published catalog and the address that it is read at."""

    folder: Path
    url: str
    stored: dict[str, Stored]

    def document(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / f"{name}/{name}-1.0.0/{name}-1.0.0.json").read_text())
        return found


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Published]:
    folder = tmp_path_factory.mktemp("whole")
    site, public = SiteFolder(folder / "site"), folder / "public"
    catalog = CatalogMetadata(id="cases", title="Cases")
    written: dict[str, Stored] = {}
    for name, (dataset, said) in ALL.items():
        stored = written[name] = write(
            dataset, str(site.root / "data" / f"{name}.icechunk"), LocalPath(), version="1.0.0"
        )
        metadata = Metadata.model_validate({"id": name, "license": "CC-BY-4.0", **said})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", xr.SerializationWarning)  # of dates before 1582
            documents = describe_dataset(open_stored(stored), stored, metadata, place_store(name))
        site.apply(upsert_collection(site.read, catalog, documents))
    assert validate_tree(site.root).findings == ()
    publish(site.root, LocalTarget(public), lambda _read, _gone: {"catalog.json": site.read("catalog.json")})
    with serve(public) as server:
        yield Published(public, server.url, written)


@pytest.mark.parametrize("name", ALL)
def test_it_opens_over_http_with_the_values_that_were_written(published: Published, name: str) -> None:
    dataset, _ = ALL[name]
    said_so = pytest.warns(pystac.errors.DeprecatedWarning) if name == "deprecated" else nullcontext()
    with said_so:
        item = pystac.read_file(f"{published.url}/{name}/{name}-1.0.0/{name}-1.0.0.json")
    assert isinstance(item, pystac.Item)
    names = sorted(map(str, dataset.data_vars))
    some = names[:: max(1, len(names) // 12)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xr.SerializationWarning)
        with xr.open_dataset(item.assets["icechunk"]) as found:  # type: ignore[arg-type]
            assert found.encoding["source"] == f"{published.url}/data/{name}.icechunk"
            assert sorted(map(str, found.data_vars)) == names
            xr.testing.assert_equal(found[some].load(), dataset[some].load())


@pytest.mark.parametrize("name", CASES)
def test_where_and_when_it_is(published: Published, name: str) -> None:
    _, bbox, interval = CASES[name]
    item = published.document(name)
    assert item["bbox"] == pytest.approx(list(bbox), abs=2e-3)
    start = item["properties"].get("start_datetime") or item["properties"]["datetime"]
    assert (start, item["properties"].get("end_datetime", start)) == interval


def test_what_the_configuration_settles(published: Published) -> None:
    said = {name: published.document(name) for name in SETTLED}
    assert said["no-space-but-a-box"]["bbox"] == [170, -5, -170, 5]
    assert said["no-space-but-a-box"]["geometry"]["type"] == "MultiPolygon"
    assert said["no-space-but-a-footprint"]["geometry"] == TRIANGLE
    assert said["no-space-but-a-footprint"]["bbox"] == [0, 0, 4, 3]
    assert said["no-time-but-a-moment"]["properties"]["datetime"] == "2020-01-01T00:00:00Z"
    assert said["no-time-but-a-span"]["properties"]["end_datetime"] == "2020-12-31T00:00:00Z"
    assert said["two-longitudes"]["bbox"] == [4.5, -0.5, 6.5, 1.5]
    assert said["deprecated"]["properties"]["deprecated"] is True
    assert said["alphabets"]["properties"]["title"] == "Température, 温度, version 1.0.0"
    assert "温度 1" in said["alphabets"]["properties"]["cube:variables"]
    assert said["nothing-said"]["properties"]["title"] == "nothing-said, version 1.0.0"
    assert said["nothing-said"]["properties"]["description"].startswith("nothing-said: air temperature.\n")


PROGRAM = """
import json, pathlib, sys, warnings
sys.modules["simstac"] = None  # as if it were not installed
import pystac, xarray as xr
warnings.simplefilter("ignore")
sums = {}
for path in sys.argv[1:]:
    ds = xr.open_dataset(pystac.read_file(path).assets["icechunk"], engine="stac")
    names = sorted(ds.data_vars, key=str)[:5]
    sums[pathlib.Path(path).stem] = {str(name): float(ds[name].astype("f8").sum()) for name in names}
print(json.dumps(sums))
"""


def test_on_amazon_every_kind_opens_with_the_released_xpystac_alone(
    published: Published, s3: SeaweedFS, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, client = s3.make_bucket(), s3.client()
    for file in (published.folder / "data").rglob("*"):
        if file.is_file():
            key = f"lab/{file.relative_to(published.folder).as_posix()}"
            client.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
    scheme = AwsS3(bucket=bucket, region="us-east-1")
    paths, expected = [], {}
    for name, (dataset, said) in ALL.items():
        placement = place_store(name, targets=[Route(f"s3://{bucket}/lab", scheme)])
        metadata = Metadata.model_validate({"id": name, "license": "CC-BY-4.0", **said})
        stored = replace(published.stored[name], href=placement.primary.href, scheme=scheme)
        (item,) = describe_dataset(dataset, stored, metadata, placement).items
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(item))
        some = sorted(dataset.data_vars, key=str)[:5]
        expected[name] = {str(each): float(dataset[each].astype("f8").sum()) for each in some}
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint_url)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    command = [sys.executable, "-c", PROGRAM, *map(str, paths)]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == expected
