"""The documents of an experiment: which of several versions of a run they tell, and in which order."""

from datetime import UTC, datetime, timedelta

import numpy as np
import xarray as xr

from simstac.sources.attributes import SAID, said_as_text
from simstac.stac.experiment import describe_experiment
from simstac.stac.metadata import Metadata
from simstac.stac.placement import place_store
from simstac.stac.releases import Release
from simstac.storage import LocalPath, Stored

ABOUT = Metadata(id="boxes", license="CC-BY-4.0", bbox=(-105.0, 39.7, -105.0, 39.7))


def release(version, time, tag, minutes, *, failed=()):
    said = {
        "layout": "experiment/1",
        "experiment": "boxes",
        "run": f"{version}_{time}",
        "version": version,
        "time": f"{time}T00:00:00+00:00" if time else "",
        "workflow_run_id": "",
        "failed": list(failed),
        "files": [],
        "storage": {},
    }
    data = xr.Dataset({"heating": ("spec", np.arange(3.0))}, {"spec": [0, 1, 2]}, {SAID: said_as_text(said)})
    stored = Stored(
        href="data/boxes.icechunk",
        scheme=LocalPath(),
        snapshot_id=f"S{minutes}",
        tag=tag,
        written_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes),
        fingerprint="",
        changed=True,
    )
    return Release(stored, data)


def described(*releases):
    documents = describe_experiment(releases, ABOUT, place_store("boxes"))
    return documents.collection, list(documents.items)


def test_runs_are_in_the_order_of_versions_whenever_they_were_written():
    collection, items = described(
        release("v10.0.0", "2026-01-02", "v10.0.0_2026-01-02", 1),
        release("v2.0.0", "2026-01-03", "v2.0.0_2026-01-03", 2),
        release("v2.0.0", "2026-01-01", "v2.0.0_2026-01-01", 3),
    )
    assert [item["id"] for item in items] == ["v2.0.0_2026-01-01", "v2.0.0_2026-01-03", "v10.0.0_2026-01-02"]
    assert collection["assets"]["icechunk"]["version"] == "v10.0.0_2026-01-02"
    assert [item["properties"]["datetime"][:10] for item in items] == ["2026-01-01", "2026-01-03", "2026-01-02"]
    latest = ["latest-version" in {link["rel"] for link in item["links"]} for item in items]
    assert latest == [True, True, False]


def test_of_two_versions_of_a_run_the_last_one_is_told():
    _, items = described(
        release("v1.0.0", "2026-01-01", "v1.0.0_2026-01-01+2", 5, failed=[1]),
        release("v1.0.0", "2026-01-01", "v1.0.0_2026-01-01", 1),
    )
    (item,) = items
    assert item["properties"]["version"] == "v1.0.0_2026-01-01+2"
    assert item["properties"]["sim:failed_specs"] == [1]
    assert "1 of them failed and have no results: 1" in item["properties"]["description"]
