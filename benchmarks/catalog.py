"""Catalogs: describing a study and writing its documents, against pystac; and validating them, against jsonschema."""

# ruff: noqa: PLC0415  # each side imports what it needs, so that its memory is its own

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from harness import Row, compare, measure, table, write_section

HOURS = 8760
ZONES = 5
SERIES = 8
SITE = "https://data.example.org/stac"


def ensemble(runs: int) -> Any:
    """A study of the layout ``study/1`` with eight hourly series; the series take no memory."""
    import xarray as xr

    from simstac.sources.attributes import SAID, said_as_text

    names = np.array([f"run-{index:06d}" for index in range(runs)], dtype=np.dtypes.StringDType())
    time = np.datetime64("2017-01-01T01:00", "s") + np.arange(HOURS) * np.timedelta64(3600, "s")
    field = np.broadcast_to(np.float32(20), (runs, ZONES, HOURS))
    attrs = {"units": "degC", "long_name": "Zone Mean Air Temperature", "cell_methods": "time: mean"}
    series = {f"temperature_{index}": (("run", "zone", "time"), field, attrs) for index in range(SERIES)}
    constant = {"latitude": 41.98, "longitude": -87.75, "time_zone": -6.0, "warnings": 3, "severe_errors": 0}
    facts = {name: ("run", np.full(runs, value)) for name, value in constant.items()}
    moments = {"time_start": time[0] - np.timedelta64(3600, "s"), "time_end": time[-1]}
    facts |= {name: ("run", np.full(runs, value)) for name, value in moments.items()}
    words = {"status": "completed", "message": "", "software": "EnergyPlus 25.2.0", "location": "Chicago"}
    facts |= {name: ("run", np.full(runs, word, dtype=np.dtypes.StringDType())) for name, word in words.items()}
    layout = {"layout": "study/1", "parameters": ["u_value", "setpoint"], "results": ["eui"], "facts": list(facts)}
    numbers = {"u_value": ("run", np.arange(runs) % 50 / 100), "setpoint": ("run", 20.0 + np.arange(runs) % 4)}
    zones = np.array([f"ZONE {index}" for index in range(ZONES)], dtype=np.dtypes.StringDType())
    coords = {"run": names, "zone": zones, "time": time, **numbers}
    return xr.Dataset(
        series | facts | {"eui": ("run", 50 + np.arange(runs) / runs)}, coords, {SAID: said_as_text(layout)}
    )


def edits(runs: int) -> Iterator[tuple[str, bytes | None]]:
    from simstac.catalog import upsert_collection
    from simstac.stac.metadata import CatalogMetadata, Metadata
    from simstac.stac.placement import place_store
    from simstac.stac.study import describe_study
    from simstac.storage import LocalPath, Stored

    stored = Stored(
        href="x",
        scheme=LocalPath(),
        snapshot_id="13YG9PHEKNGP2A6NSPW0",
        tag="1.0.0",
        written_at=datetime(2026, 11, 22, tzinfo=UTC),
        fingerprint="",
        changed=True,
    )
    metadata = Metadata(id="office", title="Small office", description="A study.", license="CC-BY-4.0")
    catalog = CatalogMetadata(id="buildings", title="Buildings", public_url=SITE)
    data = ensemble(runs)
    documents = describe_study(data, stored, metadata, place_store("office", public_url=SITE))
    return upsert_collection(lambda _: None, catalog, documents)


def write_with_simstac(runs: int) -> Callable[[], Any]:
    list(edits(10))
    folder = Path(tempfile.mkdtemp(prefix="simstac-catalog-"))

    def timed() -> Any:
        for path, content in edits(runs):
            where = f"{folder}/{path}"
            os.makedirs(os.path.dirname(where), exist_ok=True)  # noqa: PTH103, PTH120  # as pystac writes
            with open(where, "wb") as sink:  # noqa: PTH123
                sink.write(content or b"")
        return lambda: summary(folder)

    return timed


def write_with_pystac(runs: int) -> Callable[[], Any]:
    """The same Items as pystac objects in a pystac Catalog, normalised and saved as its manual shows it."""
    import orjson
    import pystac

    template = next(orjson.loads(content) for path, content in edits(1) if content and path.count("/") == 2)
    properties = [
        orjson.loads(content)["properties"] for path, content in edits(runs) if content and path.count("/") == 2
    ]
    collection = next(orjson.loads(content) for path, content in edits(1) if path == "office/collection.json")
    folder = Path(tempfile.mkdtemp(prefix="simstac-pystac-"))

    def timed() -> Any:
        root = pystac.Catalog("buildings", "Buildings", "Buildings")
        child = pystac.Collection.from_dict({**collection, "links": []}, preserve_dict=False)
        root.add_child(child)
        for said in properties:
            item = pystac.Item(
                id=said["sim:run_id"],
                geometry=template["geometry"],
                bbox=template["bbox"],
                datetime=None,
                start_datetime=datetime.fromisoformat(said["start_datetime"]),
                end_datetime=datetime.fromisoformat(said["end_datetime"]),
                properties=said,
                stac_extensions=template["stac_extensions"],
                assets={"icechunk": pystac.Asset.from_dict(template["assets"]["icechunk"])},
            )
            child.add_item(item)
        root.normalize_hrefs(str(folder))
        root.save(catalog_type=pystac.CatalogType.SELF_CONTAINED)
        return lambda: summary(folder)

    return timed


def summary(folder: Path) -> list[Any]:
    """How many documents there are, and a digest of every Item's properties."""
    import shutil

    import orjson

    digest = hashlib.sha256()
    paths = sorted(folder.rglob("*.json"))
    for path in paths:
        properties = orjson.loads(path.read_bytes()).get("properties", {})
        digest.update(orjson.dumps(properties, option=orjson.OPT_SORT_KEYS))
    shutil.rmtree(folder)
    return [len(paths), digest.hexdigest()]


def validate_with_simstac(runs: int) -> Callable[[], Any]:
    """Core, profile and links, of documents in memory."""
    from simstac.stac.validate import validate_documents

    documents = [(path, content or b"") for path, content in edits(runs)]
    documents.sort(key=lambda entry: entry[0] != "catalog.json")

    def timed() -> Any:
        checked = validate_documents(documents)
        return [checked.documents, len(checked.findings)]

    return timed


def validate_with_jsonschema(runs: int) -> Callable[[], Any]:
    """Core alone, by pystac's own schemas, compiled once."""
    import orjson
    from jsonschema import Draft7Validator
    from referencing import Registry, Resource
    from referencing.jsonschema import DRAFT7

    from simstac.stac.validate.schemas import KINDS, _carried, core_uri

    documents = [orjson.loads(content or b"") for _, content in edits(runs)]
    resources = [(uri, Resource.from_contents(schema, DRAFT7)) for uri, schema in _carried().items()]
    registry: Any = Registry().with_resources(resources)

    def timed() -> Any:
        validators = {
            kind: Draft7Validator({"$ref": core_uri(name)}, registry=registry) for kind, name in KINDS.items()
        }
        problems = [error for each in documents for error in validators[each["type"]].iter_errors(each)]
        return [len(documents), len(problems)]

    return timed


def main(runs: int) -> None:
    ours, pystac = compare((write_with_simstac, [runs]), (write_with_pystac, [runs]), repeats=3)
    few = max(runs // 10, 100)
    checked, jsonschema = compare((validate_with_simstac, [few]), (validate_with_jsonschema, [few]), repeats=3)
    rows = [
        Row(f"{runs:,} Items described and written", ours, "pystac objects, normalize_hrefs, save", pystac, "8x"),
        Row(f"{few:,} Items validated", checked, "jsonschema, core alone", jsonschema, ""),
    ]
    many, all_checked = measure(write_with_simstac, runs * 10), measure(validate_with_simstac, runs)
    text = (
        f"{table(rows)}\n\n{runs * 10:,} Items: {many.seconds:.1f} s, {many.megabytes:.0f} MB (target 300 MB, linear). "
        f"Validating {runs:,} Items, core, profile and links: {all_checked.seconds:.1f} s (target 60 s)."
    )
    write_section("catalog", "Catalogs", text)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
