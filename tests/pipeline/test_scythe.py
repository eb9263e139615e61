"""Experiments that Scythe's own code made in SeaweedFS, as a catalog: every run, only what is new, nothing written."""

import shutil
from datetime import timedelta

import pandas as pd
import pystac
import pytest
import xarray as xr
from tests.publishing.proxy import proxied

import simstac
from simstac import pipeline
from simstac.errors import SourceError
from simstac.objects import files_at
from simstac.stac.validate import validate_tree

CONFIGURATION = """
catalog: {{id: boxes, title: Boxes}}
collections:
  - id: office-box
    title: Office box
    license: CC-BY-4.0
    metadata: {{bbox: [-105.0, 39.7, -105.0, 39.7]}}
    source: {{engine: scythe, path: "{path}", {endpoint}}}
"""


def project_in(folder, path, endpoint=""):
    folder.mkdir(exist_ok=True)
    endpoint = endpoint and f'endpoint_url: "{endpoint}"'
    (folder / "boxes.yaml").write_text(CONFIGURATION.format(path=path, endpoint=endpoint))
    return simstac.load_project(folder / "boxes.yaml")


def items_of(project):
    collection = pystac.Collection.from_file(str(project.site / "office-box" / "collection.json"))
    return collection, {item.id: item for item in collection.get_items()}


def run_name(experiment_id):
    return experiment_id.partition("/")[2].replace("/", "_")


def objects(s3, bucket):
    pages = s3.client().get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {each["Key"]: each["ETag"] for page in pages for each in page.get("Contents", ())}


@pytest.fixture(scope="module")
def built(scythe, seaweedfs, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in seaweedfs.env.items():
            patch.setenv(name, value)
        before = objects(seaweedfs, scythe.bucket)
        project = project_in(tmp_path_factory.mktemp("boxes"), f"{scythe.address}/office_box", seaweedfs.endpoint_url)
        report = simstac.build(project)
        assert objects(seaweedfs, scythe.bucket) == before
    return project, report, [run_name(run) for run in scythe.office_box]


def test_every_complete_run_is_an_item_and_an_incomplete_one_is_told(built):
    project, report, (first, second, third, queued) = built
    assert report.errors == ()
    (collection,) = report.collections
    assert collection.statuses == ("completed", "completed", "completed", "incomplete")
    (problem,) = collection.problems
    assert problem.startswith(f"{queued}: incomplete: has no gathered results")
    assert validate_tree(project.site).findings == ()
    _, items = items_of(project)
    assert sorted(items) == [first, second, third]


def test_a_run_opens_as_what_scythe_computed(built):
    project, _, (first, *_) = built
    _, items = items_of(project)
    with xr.open_dataset(items[first].assets["icechunk"]) as ds:
        assert ds["spec"].values.tolist() == [0, 1, 2, 3, 4, 5]
        assert ds["succeeded"].values.tolist() == [True, True, False, True, True, True]
        assert ds["r_value"].values.tolist() == [1, 2, 3, 4, 5, 6]
        assert ds["heating"].attrs == {"long_name": "Heating energy of a year", "units": "kWh/m2"}
        expected = 100 / ds["r_value"] + 10 * ds["wwr"]
        xr.testing.assert_allclose(ds["heating"].variable, expected.where(ds["succeeded"]).variable)
        meters = ds["meters"].sel(meters_key=["Electricity:Facility", "DistrictHeatingWater:Facility"])
        assert meters.isel(spec=0).values.tolist() == [202.0, 303.0]
        assert ds["temperatures_core"].dims == ("spec", "time")
        assert ds["temperatures_core"].isel(spec=5).values.tolist() == [20.0 + hour for hour in range(48)]
        assert ds["temperatures_core"].isel(spec=2).isnull().all()
        assert ds["temperatures_core"].attrs["units"] == "degC"
        assert str(ds["time"].values[-1])[:16] == "2023-01-02T23:00"
        assert ds["by_month_electricity_facility"].sel(by_month_month=3).isel(spec=0).item() == 303
        assert ds["by_month_district_heating_water_facility"].sel(by_month_month=3).isel(spec=0).item() == 104
        assert ds["monthly_heating"].isel(spec=1, monthly_heating_index=11).item() == pytest.approx(52 / 12 + 11)
        assert ds["u_value"].isel(spec=3).item() == 0.25
        assert ds["setpoint"].isnull().values.tolist() == [False, True, False, False, False, False]
        assert ds["built"].values[1] == "1981-05-01T00:00:00"


def test_an_item_tells_failures_files_and_the_other_versions(built, scythe):
    project, _, (first, second, third, _) = built
    collection, items = items_of(project)
    properties = items[first].properties
    assert (properties["sim:specs"], properties["sim:failed_specs"]) == (6, [2])
    assert "1 of them failed" in properties["description"]
    links = {link.rel: link.href for link in items[second].links if "version" in link.rel}
    assert {rel: href.split("/")[-2] for rel, href in links.items()} == {
        "predecessor-version": first,
        "successor-version": third,
        "latest-version": third,
    }
    assert collection.assets["icechunk"].extra_fields["version"] == third
    folder = f"{scythe.address}/office_box/{first.replace('_', '/', 1)}"
    assets = items[first].assets
    assert assets["surfaces"].href == f"{folder}/final/surfaces.pq"
    assert assets["weather-denver.epw"].href == f"{folder}/artifacts/weather/denver.epw"
    assert assets["report-0"].href.startswith(f"{folder}/results/report/")
    assert assets["report-0"].extra_fields["file:size"] == len("<p>101.0</p>")
    assert not {"report-2", "temperatures-0"} & set(assets)
    (ref,) = assets["report-0"].extra_fields["storage:refs"]
    scheme = properties["storage:schemes"][ref]
    assert (scheme["type"], scheme["bucket"]) == ("custom-s3", scythe.bucket)


def test_known_runs_cost_listings_alone(built, s3):
    project, _, _ = built
    source = project.collections[0].source
    events = []
    with proxied(s3.endpoint_url) as proxy:
        moved = source.model_copy(update={"endpoint_url": proxy.url})
        collection = project.collections[0].model_copy(update={"source": moved})
        moved_project = project.model_copy(update={"collections": (collection,)})
        report = simstac.build(moved_project, on_progress=events.append)
    assert [(event.done, event.total) for event in events if event.stage == "read runs"] == [
        (n, 4) for n in (1, 2, 3, 4)
    ]
    assert report.documents == ()
    assert not report.collections[0].stored.changed
    assert {method for method, _ in proxy.seen} == {"GET"}
    assert all("list-type=2" in path for _, path in proxy.seen)


def test_a_single_known_run_costs_three_requests(built, s3, tmp_path):
    project, _, (first, *_) = built
    source = project.collections[0].source
    with proxied(s3.endpoint_url) as proxy:
        path = f"{source.path}/{first.partition('_')[0]}"
        moved = source.model_copy(update={"endpoint_url": proxy.url, "path": path})
        collection = project.collections[0].model_copy(update={"source": moved})
        report = simstac.build(project.model_copy(update={"collections": (collection,)}))
    assert report.documents == ()
    assert len(proxy.seen) <= 3


def test_what_is_complete_later_is_picked_up_and_scythe_goes_on(scythe, s3, tmp_path):
    queued, done = scythe.late_box
    project = project_in(tmp_path / "later", f"{scythe.address}/late_box", s3.endpoint_url)
    assert simstac.build(project).collections[0].statuses == ("incomplete", "completed")
    before = objects(s3, scythe.bucket)
    _, versions = scythe.run("experiment:late_box", f"work:{queued}", "versions")
    assert versions == {"v1.0.0": [queued], "v2.0.0": [done]}
    report = simstac.build(project)
    assert report.ok
    collection, items = items_of(project)
    late, newest = run_name(queued), run_name(done)
    assert [link.href.split("/")[-2] for link in items[late].links if link.rel == "latest-version"] == [newest]
    assert collection.assets["icechunk"].extra_fields["version"] == newest
    with xr.open_dataset(collection.assets["icechunk"]) as ds:
        assert ds.sizes["spec"] == 3
    with xr.open_dataset(items[late].assets["icechunk"]) as ds:
        assert ds["heating"].values.tolist() == [101.0, 52.0]
    assert before.items() <= objects(s3, scythe.bucket).items()


def test_expiring_frees_what_was_replaced_or_dropped_and_no_run_in_the_catalog(scythe, s3, tmp_path):
    bucket, copy = files_at(f"{scythe.address}/office_box", endpoint_url=s3.endpoint_url), tmp_path / "boxes/office_box"
    for file in bucket.list():
        (copy / file.path).parent.mkdir(parents=True, exist_ok=True)
        bucket.fetch(file.path, copy / file.path)
    first, second, third, _ = map(run_name, scythe.office_box)
    project = project_in(tmp_path / "boxes", "office_box")
    simstac.build(project)
    assert [going(project, keep) for keep in (1, 3)] == [[], []]
    scalars = copy / first.replace("_", "/", 1) / "final/scalars.pq"
    frame = pd.read_parquet(scalars)
    frame.loc[frame.index[0], "heating"] = 7.0
    frame.to_parquet(scalars)
    shutil.rmtree(copy / third.replace("_", "/", 1))
    simstac.build(project)
    assert going(project, 1) == [(first,)]
    simstac.build(project, drop_vanished=True)
    assert sorted(items_of(project)[1]) == [first, second]
    (expired,) = pipeline.expire(project, keep=1, older_than=timedelta(0))
    assert [version.tags for version in expired.expiry.expired] == [(third,), (first,)]
    assert expired.expiry.bytes > 0
    assert pipeline.verify(project.site).ok
    _, items = items_of(project)
    with xr.open_dataset(items[first].assets["icechunk"]) as ds:
        assert ds["heating"].values[0] == 7
    with xr.open_dataset(items[second].assets["icechunk"]) as ds:
        assert ds.sizes["spec"] == 4
    assert simstac.build(project).documents == ()
    assert going(project, 1) == []


def going(project, keep):
    """The tags that expiring would delete."""
    reports = pipeline.expire(project, keep=keep, older_than=timedelta(0), dry_run=True)
    return [version.tags for report in reports for version in report.expiry.expired]


def test_an_experiment_that_is_not_there_is_an_error_and_nothing_is_lost(built, s3, scythe):
    project, _, _ = built
    source = project.collections[0].source.model_copy(update={"path": f"s3://{scythe.bucket}/scythe/office_bax"})
    collection = project.collections[0].model_copy(update={"source": source})
    report = simstac.build(project.model_copy(update={"collections": (collection,)}))
    (error,) = report.errors
    assert isinstance(error, SourceError)
    assert "holds no version of an experiment" in str(error)
    assert len(items_of(project)[1]) == 3
