"""Expiring, removing and diagnosing real projects: nothing that a catalog needs goes, and nothing surprises."""

import json
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pystac
import pytest
import xarray as xr
from tests.study_folder import make_study_folder

from simstac import pipeline
from simstac.errors import ConfigError, PublishError, SimstacError, SourceError, StorageError
from simstac.pipeline.expire import named_versions
from simstac.publishing import LocalTarget, S3Target
from simstac.stac.validate import validate_tree

AT_ONCE = timedelta(0)
STUDY = "office-study"


def project(folder, name="buildings.yaml"):
    return pipeline.load_project(folder / name)


def edit(folder, old, new, name="buildings.yaml"):
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new))


def build(folder):
    report = pipeline.build(project(folder))
    assert report.ok
    return report.collections[0].stored


def change(folder, three_runs, run, like):
    """Give a run the results of another one, which makes a new version."""
    shutil.rmtree(folder / "runs" / run)
    shutil.copytree(three_runs[like], folder / "runs" / run)
    return build(folder)


def files(site):
    return {path.relative_to(site).as_posix(): path.read_bytes() for path in site.rglob("*") if path.is_file()}


def collection_of(site):
    return pystac.Collection.from_file(str(site / STUDY / "collection.json"))


def temperatures(source):
    with xr.open_dataset(source, engine="simstac") as ds:
        return ds["zone_mean_air_temperature"].load()


def verified(site):
    report = pipeline.verify(site)
    assert report.ok, report.findings
    assert validate_tree(site).findings == ()


def publish(folder, **options):
    outcomes = pipeline.publish(project(folder), **options)
    assert [outcome.error for outcome in outcomes] == [None] * len(outcomes)
    return outcomes


@pytest.fixture(scope="module")
def made_once(three_runs, tmp_path_factory):
    folder = make_study_folder(tmp_path_factory.mktemp("versions") / "study", three_runs)
    build(folder)
    change(folder, three_runs, "i20", "i5")
    assert change(folder, three_runs, "i20", "i10").tag == "1.0.0+3"
    return folder


@pytest.fixture
def three_versions(made_once, tmp_path):
    """A project whose store has the versions 1.0.0, 1.0.0+2 and 1.0.0+3."""
    return shutil.copytree(made_once, tmp_path / "study")


def expired(reports):
    (report,) = reports
    assert report.error is None
    return [version.tags[0] for version in report.expiry.expired]


def test_expired_versions_leave_the_site_and_the_store(three_versions):
    site = three_versions / "site"
    before, values = files(site), temperatures(collection_of(site).assets["icechunk"])
    assert (site / STUDY / "office-study-1.0.0").is_dir()
    foretold = pipeline.expire(project(three_versions), keep=1, older_than=AT_ONCE, dry_run=True)
    assert files(site) == before
    done = pipeline.expire(project(three_versions), keep=1, older_than=AT_ONCE)
    assert done == foretold
    assert expired(done) == ["1.0.0+2", "1.0.0"]
    assert done[0].expiry.bytes > 0
    assert not list(site.glob(f"{STUDY}/{STUDY}-*"))
    verified(site)
    xr.testing.assert_identical(temperatures(collection_of(site).assets["icechunk"]), values)
    after = files(site)
    assert pipeline.build(project(three_versions)).documents == ()
    assert {path: data for path, data in files(site).items() if "/overwritten/" not in path} == {
        path: data for path, data in after.items() if "/overwritten/" not in path
    }
    assert expired(pipeline.expire(project(three_versions), keep=1, older_than=AT_ONCE)) == []


def test_the_newest_and_the_young_stay(three_versions):
    assert expired(pipeline.expire(project(three_versions), keep=2, older_than=AT_ONCE)) == ["1.0.0"]
    assert expired(pipeline.expire(project(three_versions), keep=1, older_than=timedelta(days=1))) == []
    assert (three_versions / "site" / STUDY / "office-study-1.0.0-2").is_dir()
    verified(three_versions / "site")


def test_what_a_published_catalog_stands_for_stays_until_it_is_published_anew(study_folder, three_runs):
    edit(study_folder, "collections:", "targets: [{type: local, path: www}]\ncollections:")
    first = build(study_folder)
    publish(study_folder)
    change(study_folder, three_runs, "i20", "i5")
    change(study_folder, three_runs, "i20", "i10")
    reports = pipeline.expire(project(study_folder), keep=1, older_than=AT_ONCE)
    assert expired(reports) == ["1.0.0+2"]
    assert reports[0].expiry.versions[-1].kept == f"named by {study_folder / 'www'}"
    verified(study_folder / "www")
    publish(study_folder)
    verified(study_folder / "www")
    assert expired(pipeline.expire(project(study_folder), keep=1, older_than=AT_ONCE)) == ["1.0.0"]
    verified(study_folder / "www")
    objects = {path for path in files(study_folder / "www") if "/manifests/" in path}
    publish(study_folder, allow_shrink=True)
    verified(study_folder / "www")
    assert {path for path in files(study_folder / "www") if "/manifests/" in path} < objects
    assert first.snapshot_id not in (study_folder / "www" / STUDY / "collection.json").read_text()


def test_no_reader_of_a_target_meets_what_is_gone_while_it_is_published(three_versions, monkeypatch):
    """A stranger goes through the target before every single write and deletion of the publish after an expiry."""
    edit(three_versions, "collections:", "targets: [{type: local, path: www}]\ncollections:")
    publish(three_versions)
    pipeline.expire(project(three_versions), keep=1, older_than=AT_ONCE)
    write, delete, looked = LocalTarget.write, LocalTarget.delete, []

    def look(path):
        looked.append(path)
        report = pipeline.verify(three_versions / "www")
        assert report.ok, (path, report.findings)

    def write_slowly(self, puts, site, done):
        version = ""
        for put in puts:
            look(put.path)
            version = write(self, [put], site, done)
        return version

    def delete_slowly(self, paths):
        for path in paths:
            look(path)
            delete(self, [path])

    monkeypatch.setattr(LocalTarget, "write", write_slowly)
    monkeypatch.setattr(LocalTarget, "delete", delete_slowly)
    publish(three_versions, allow_shrink=True)
    assert f"{STUDY}/collection.json" in looked
    assert any("/snapshots/" in path for path in looked)
    verified(three_versions / "www")


def test_a_target_that_is_lost_stops_everything(three_versions):
    """Such as a disk that is not mounted: what was published there still names versions."""
    edit(three_versions, "collections:", "targets: [{type: local, path: www}]\ncollections:")
    publish(three_versions)
    (three_versions / "www").rename(three_versions / "elsewhere")
    with pytest.raises(PublishError, match=r"it was published to, and holds no catalog now; make it readable, or"):
        pipeline.expire(project(three_versions), keep=1, older_than=AT_ONCE)
    (three_versions / "elsewhere").rename(three_versions / "www")
    assert pipeline.expire(project(three_versions), keep=1, older_than=AT_ONCE)[0].error is None


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda www: (www / "catalog.json").write_text("{"), "is not JSON"),
        (lambda www: (www / STUDY / "i5" / "i5.json").unlink(), "is linked but not there"),
        (lambda www: shutil.rmtree(www / STUDY), "is linked but not there"),
    ],
    ids=["root", "item", "collection"],
)
def test_a_target_that_cannot_be_read_whole_stops_everything(three_versions, break_it, said):
    edit(three_versions, "collections:", "targets: [{type: local, path: www}]\ncollections:")
    publish(three_versions)
    break_it(three_versions / "www")
    before = files(three_versions / "site")
    with pytest.raises(PublishError, match=said) as raised:
        pipeline.expire(project(three_versions), keep=1, older_than=AT_ONCE)
    assert raised.value.where == str(three_versions / "www")
    assert "nothing was expired" in raised.value.problem
    assert files(three_versions / "site") == before


def test_buckets_and_clones_are_asked_and_what_is_the_same_here_is_not_fetched(
    study_folder, three_runs, s3, tmp_path, monkeypatch
):
    bucket, clone = s3.make_bucket(), tmp_path / "pages"
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main", str(clone)], check=True)
    targets = (
        f"targets: [{{type: s3, url: 's3://{bucket}/stac', endpoint_url: '{s3.endpoint_url}'}}, "
        f"{{type: git, clone: '{clone}'}}]"
    )
    edit(study_folder, "collections:", f"{targets}\ncollections:")
    first = build(study_folder)
    publish(study_folder)
    read, fetched = S3Target.read, []

    def watched(self, path):
        fetched.append(path)
        return read(self, path)

    monkeypatch.setattr(S3Target, "read", watched)
    same = named_versions(project(study_folder))
    assert (set(same.named), same.linked) == ({first.snapshot_id}, {})
    assert set(fetched) == {"catalog.json"}
    second = change(study_folder, three_runs, "i20", "i5")
    catalogs = named_versions(project(study_folder))
    assert set(catalogs.named) == {first.snapshot_id, second.snapshot_id}
    assert f"{STUDY}/i5/i5.json" in fetched
    assert expired(pipeline.expire(project(study_folder), keep=1, older_than=AT_ONCE)) == []
    publish(study_folder, allow_shrink=True)
    catalogs = named_versions(project(study_folder))
    assert (set(catalogs.named), set(catalogs.linked)) == ({second.snapshot_id}, {first.snapshot_id})
    assert expired(pipeline.expire(project(study_folder), keep=1, older_than=AT_ONCE)) == ["1.0.0"]
    publish(study_folder, allow_shrink=True)
    verified(study_folder / "site")


def test_an_unreachable_bucket_stops_everything(three_versions, s3):
    target = "targets: [{type: s3, url: s3://no-such-bucket-here/x, endpoint_url: '" + s3.endpoint_url + "'}]"
    edit(three_versions, "collections:", f"{target}\ncollections:")
    before = files(three_versions / "site")
    with pytest.raises(PublishError, match="s3://no-such-bucket-here/x: cannot be read, so nothing was expired"):
        pipeline.expire(project(three_versions), keep=1, older_than=AT_ONCE)
    assert files(three_versions / "site") == before


def test_a_store_in_a_bucket_keeps_what_a_published_catalog_lists(study_folder, three_runs, s3):
    """Published documents lead straight to this store: an older version must leave them before it leaves the store."""
    bucket, client = s3.make_bucket(), s3.client()
    store = f"store: {{url: 's3://{bucket}/store.icechunk', endpoint_url: '{s3.endpoint_url}'}}\n    version:"
    edit(study_folder, "version:", store)
    edit(study_folder, "collections:", "targets: [{type: local, path: www}]\ncollections:")
    build(study_folder)
    change(study_folder, three_runs, "i20", "i5")
    change(study_folder, three_runs, "i20", "i10")
    publish(study_folder)
    www = study_folder / "www"
    trust = {"trust": [s3.endpoint_url]}
    before = collection_of(www)
    older = next(item for item in before.get_items() if item.id == "office-study-1.0.0")
    soon = -timedelta(seconds=2)

    def listed():
        found = client.list_objects_v2(Bucket=bucket, Prefix="store.icechunk/")["Contents"]
        return {each["Key"] for each in found if "/overwritten/" not in each["Key"]}

    objects = listed()
    foretold = pipeline.expire(project(study_folder), keep=1, older_than=soon, dry_run=True)
    first = pipeline.expire(project(study_folder), keep=1, older_than=soon)
    assert first == foretold
    assert expired(first) == []
    assert all("still listed by" in version.kept for version in first[0].expiry.versions[1:])
    assert listed() == objects
    assert pipeline.verify(www, **trust).ok
    with xr.open_dataset(older.assets["icechunk"], engine="simstac", **trust) as ds:
        assert ds.sizes["run"] == 3
    assert not (study_folder / "site" / STUDY / "office-study-1.0.0").exists()
    assert pipeline.build(project(study_folder)).documents == ()
    publish(study_folder, allow_shrink=True)
    foretold = pipeline.expire(project(study_folder), keep=1, older_than=soon, dry_run=True)
    second = pipeline.expire(project(study_folder), keep=1, older_than=soon)
    assert second == foretold
    assert expired(second) == ["1.0.0+2", "1.0.0"]
    assert second[0].expiry.bytes > 0
    assert listed() < objects
    assert pipeline.verify(www, **trust).ok


def test_one_store_that_fails_does_not_stop_the_others(three_versions):
    text = (three_versions / "buildings.yaml").read_text()
    second = text.split("collections:\n")[1].replace(STUDY, "second-study")
    (three_versions / "buildings.yaml").write_text(text + second)
    pipeline.build(project(three_versions))
    shutil.rmtree(three_versions / "site" / "data" / f"{STUDY}.icechunk" / "snapshots")
    first, other = pipeline.expire(project(three_versions), keep=1, older_than=AT_ONCE)
    assert isinstance(first.error, StorageError)
    assert other.error is None
    assert len(other.expiry.versions) == 1


def with_second(folder, config="buildings.yaml"):
    """A second collection of the same runs; returns the configuration without it."""
    text = (folder / config).read_text()
    second = text.split("collections:\n")[1].replace(STUDY, "second-study")
    (folder / config).write_text(text + second)
    assert pipeline.build(project(folder, config)).ok
    return text


def test_a_collection_in_the_configuration_is_not_removed(study_folder):
    build(study_folder)
    before = files(study_folder)
    with pytest.raises(ConfigError, match=r"still in .*; take it out of the configuration first"):
        pipeline.remove_collection(project(study_folder), STUDY, data=True)
    assert files(study_folder) == before


def test_a_collection_leaves_the_site_and_its_store_stays_unless_asked(study_folder):
    (study_folder / "buildings.yaml").write_text(with_second(study_folder))
    site = study_folder / "site"
    store, before = site / "data" / "second-study.icechunk", files(site)
    plan = pipeline.remove_collection(project(study_folder), "second-study", dry_run=True)
    assert files(site) == before
    assert plan.left == (str(store),)
    assert pipeline.remove_collection(project(study_folder), "second-study") == plan
    gone = {change.name for change in plan.changes if change.effect == "-"}
    assert gone == {path for path in before if path.startswith("second-study/")}
    assert not (site / "second-study").exists()
    assert [child.id for child in pystac.Catalog.from_file(str(site / "catalog.json")).get_children()] == [STUDY]
    verified(site)
    planned = pipeline.remove_collection(project(study_folder), "second-study", data=True, dry_run=True)
    assert (store / "repo").exists()
    assert [(change.name, change.bytes) for change in planned.changes] == [
        (str(store), sum(path.stat().st_size for path in store.rglob("*") if path.is_file()))
    ]
    pipeline.remove_collection(project(study_folder), "second-study", data=True)
    assert not store.exists()
    verified(site)
    with pytest.raises(ConfigError, match="is not in the site"):
        pipeline.remove_collection(project(study_folder), "second-study", data=True)


def test_removal_reaches_the_targets_with_the_next_publish(study_folder):
    edit(study_folder, "collections:", "targets: [{type: local, path: www}]\ncollections:")
    (study_folder / "buildings.yaml").write_text(with_second(study_folder))
    publish(study_folder)
    assert (study_folder / "www" / "second-study" / "collection.json").exists()
    pipeline.remove_collection(project(study_folder), "second-study", data=True)
    (refused,) = pipeline.publish(project(study_folder))
    assert "--allow-shrink" in str(refused.error)
    publish(study_folder, allow_shrink=True)
    assert not [path for path in files(study_folder / "www") if "second-study" in path]
    verified(study_folder / "www")


@pytest.mark.parametrize("how", ["remove", "build"])
def test_nothing_is_remembered_of_a_collection_that_is_gone(three_versions, how):
    text = with_second(three_versions)
    memory = three_versions / "site" / ".simstac" / "versions"
    (memory / "second-study.json").write_bytes((memory / f"{STUDY}.json").read_bytes())
    (three_versions / "buildings.yaml").write_text(text)
    if how == "remove":
        pipeline.remove_collection(project(three_versions), "second-study")
    else:
        build(three_versions)
    assert [path.name for path in memory.iterdir()] == [f"{STUDY}.json"]


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("{", r"site/catalog\.json: is not JSON"),
        ("{}", "is the site of the catalog None, not of 'buildings'"),
        (None, r"site/office-study/collection\.json: is not there, and the root catalog .* lists it; build again"),
    ],
    ids=["junk", "empty", "collection"],
)
def test_a_site_that_is_damaged_is_not_published(study_folder, root, said):
    edit(study_folder, "collections:", "targets: [{type: local, path: www}]\ncollections:")
    build(study_folder)
    publish(study_folder)
    before = files(study_folder / "www")
    if root is None:
        shutil.rmtree(study_folder / "site" / STUDY)
    else:
        (study_folder / "site" / "catalog.json").write_text(root)
    with pytest.raises(SimstacError, match=said):
        pipeline.publish(project(study_folder), allow_shrink=True)
    assert files(study_folder / "www") == before


def test_a_collection_leaves_the_targets_though_its_store_stays_in_the_site(study_folder):
    edit(study_folder, "collections:", "targets: [{type: local, path: www}]\ncollections:")
    (study_folder / "buildings.yaml").write_text(with_second(study_folder))
    publish(study_folder)
    build(study_folder)
    publish(study_folder, allow_shrink=True)
    www = study_folder / "www"
    assert [child.id for child in pystac.Catalog.from_file(str(www / "catalog.json")).get_children()] == [STUDY]
    assert (www / "data" / "second-study.icechunk" / "repo").exists()
    verified(www)
    assert not publish(study_folder)[0].changes


def test_a_collection_that_is_renamed_leaves_the_targets_under_its_old_name(study_folder):
    edit(study_folder, "collections:", "targets: [{type: local, path: www}]\ncollections:")
    build(study_folder)
    publish(study_folder)
    edit(study_folder, STUDY, "renamed-study")
    build(study_folder)
    (refused,) = pipeline.publish(project(study_folder))
    assert f"would remove the dataset {STUDY}" in str(refused.error)
    publish(study_folder, allow_shrink=True)
    www = study_folder / "www"
    assert [child.id for child in pystac.Catalog.from_file(str(www / "catalog.json")).get_children()] == [
        "renamed-study"
    ]
    assert not (www / STUDY).exists()
    verified(www)
    assert not publish(study_folder)[0].changes


def test_the_collection_of_another_configuration_is_not_removed(study_folder):
    build(study_folder)
    shutil.copy(study_folder / "buildings.yaml", study_folder / "other.yaml")
    edit(study_folder, STUDY, "other-study", "other.yaml")
    assert pipeline.build(project(study_folder, "other.yaml")).ok
    with pytest.raises(ConfigError, match=r"belongs to .*other\.yaml"):
        pipeline.remove_collection(project(study_folder), "other-study")
    assert (study_folder / "site" / "other-study").is_dir()


def test_a_store_in_use_or_with_other_files_is_not_deleted(study_folder):
    text = with_second(study_folder)
    (study_folder / "buildings.yaml").write_text(text)
    store = study_folder / "site" / "data" / "second-study.icechunk"
    (store / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match=r"holds other files, such as mine\.txt"):
        pipeline.remove_collection(project(study_folder), "second-study", data=True)
    assert (study_folder / "site" / "second-study").is_dir()
    (store / "mine.txt").unlink()
    edit(study_folder, "version:", "store: {url: site/data/second-study.icechunk}\n    version:")
    with pytest.raises(ConfigError, match="is the store of 'office-study' too"):
        pipeline.remove_collection(project(study_folder), "second-study", data=True)
    (study_folder / "buildings.yaml").write_text(text)
    document = study_folder / "site" / STUDY / "collection.json"
    document.write_text(document.read_text().replace("data/office-study", "data/second-study"))
    with pytest.raises(ConfigError, match="is the store of 'office-study' too"):
        pipeline.remove_collection(project(study_folder), "second-study", data=True)
    assert (store / "repo").exists()


@pytest.mark.parametrize("name", ["office-studi", "../runs", "nothing-like-it"])
def test_a_collection_that_is_not_there_is_said_so(study_folder, name):
    build(study_folder)
    before = files(study_folder)
    with pytest.raises(ConfigError, match="is not in the site") as raised:
        pipeline.remove_collection(project(study_folder), name, data=True)
    assert raised.value.remedy == (
        "did you mean 'office-study'?" if name == "office-studi" else "there are office-study"
    )
    assert files(study_folder) == before


def lose(folder, *runs):
    """Delete results and the rows of their parameters."""
    table = folder / "runs" / "params.csv"
    for run in runs:
        shutil.rmtree(folder / "runs" / run)
        table.write_text("".join(line for line in table.read_text().splitlines(True) if not line.startswith(f"{run},")))


def test_a_run_that_is_in_the_source_is_not_removed(study_folder):
    build(study_folder)
    before = files(study_folder / "site")
    with pytest.raises(SourceError, match=r"runs/i5: still holds the results of this run.*; move them away first"):
        pipeline.remove_run(project(study_folder), STUDY, "i5")
    shutil.rmtree(study_folder / "runs" / "i5")
    with pytest.raises(SourceError, match=r"params\.csv: still has a row for 'i5'"):
        pipeline.remove_run(project(study_folder), STUDY, "i5")
    assert files(study_folder / "site") == before


def test_a_vanished_run_is_removed_alone_and_others_are_kept(study_folder):
    build(study_folder)
    lose(study_folder, "i5", "i20")
    site = study_folder / "site"
    before = files(site)
    plan = pipeline.remove_run(project(study_folder), STUDY, "i5", dry_run=True)
    assert [(change.effect, change.kind, change.name) for change in plan.changes] == [("-", "run", "i5")]
    assert files(site) == before
    removal = pipeline.remove_run(project(study_folder), STUDY, "i5")
    assert ("-", f"{STUDY}/i5/i5.json") in [(change.effect, change.name) for change in removal.changes]
    assert sorted(item.id for item in collection_of(site).get_items() if not item.id.startswith(STUDY)) == [
        "i10",
        "i20",
    ]
    assert temperatures(collection_of(site).assets["icechunk"])["run"].values.tolist() == ["i10", "i20"]
    verified(site)
    tag = json.loads((site / STUDY / "collection.json").read_text())["assets"]["icechunk"]["version"]
    assert tag == "1.0.0+2"
    again = pipeline.build(project(study_folder))
    assert not again.collections[0].stored.changed
    assert again.documents == ()


def test_removing_a_run_tells_what_else_the_build_will_do(study_folder, three_runs):
    shutil.move(study_folder / "runs" / "i20", study_folder / "later")
    table = study_folder / "runs" / "params.csv"
    rows = table.read_text()
    table.write_text(rows.replace("i20,20\n", ""))
    build(study_folder)
    shutil.move(study_folder / "later", study_folder / "runs" / "i20")
    shutil.rmtree(study_folder / "runs" / "i10")
    shutil.copytree(three_runs["i5"], study_folder / "runs" / "i10")
    table.write_text(rows)
    lose(study_folder, "i5")
    plan = pipeline.remove_run(project(study_folder), STUDY, "i5", dry_run=True)
    assert [(change.effect, change.name) for change in plan.changes] == [
        ("-", "i5"),
        ("~", "i10"),
        ("+", "i20"),
    ]


def test_an_unknown_run_or_collection_is_said_so(study_folder):
    build(study_folder)
    with pytest.raises(ConfigError, match=r"is no run of the store; did you mean 'i10'\?"):
        pipeline.remove_run(project(study_folder), STUDY, "i1O")
    with pytest.raises(ConfigError, match=r"did you mean 'office-study'\?"):
        pipeline.remove_run(project(study_folder), "office", "i5")
    with pytest.raises(ConfigError, match=r"is no run of the store; there are i10, i20, i5$"):
        pipeline.remove_run(project(study_folder), STUDY, "../../runs")


def test_a_lost_source_removes_no_run(study_folder):
    build(study_folder)
    before = files(study_folder / "site")
    shutil.move(study_folder / "runs", study_folder / "elsewhere")
    with pytest.raises(SourceError, match="does not exist"):
        pipeline.remove_run(project(study_folder), STUDY, "i5")
    assert files(study_folder / "site") == before


def test_doctor_looks_at_each_target_and_at_the_public_address_once(study_folder):
    targets = "targets: [{type: local, path: www}, {type: local, path: other}]"
    edit(study_folder, "collections:", f"{targets}\ncollections:")
    edit(study_folder, "catalog:", "catalog:\n  public_url: http://127.0.0.1:9/stac")
    first, second = pipeline.doctor(project(study_folder))
    assert (first.target, second.target) == (str(study_folder / "www"), str(study_folder / "other"))
    assert [check.name for check in second.checks] == ["write", "space"]
    assert second.ok
    assert [check.name for check in first.checks] == ["write", "space", "public address"]
    assert not first.ok
    assert not Path(study_folder / "www").exists()
