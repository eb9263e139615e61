"""Existing stores of every kind, catalogued where they are: found, described, kept, and never dropped by mistake."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import icechunk
import pandas as pd
import pystac
import pytest
import xarray as xr
from tests.existing_stores import TITLE, analysis, append_icechunk, upload, write_dozen, write_icechunk, write_zarr
from tests.publishing.proxy import Proxy, proxied

import simstac
from simstac.errors import SourceError
from simstac.pipeline import BuildReport
from simstac.storage import CustomS3

CONFIG = """\
catalog: {{id: weather, title: Weather}}
collections:
  - id: stores
    title: Weather stores
    license: CC-BY-4.0
    source: {{engine: icechunk, {source}}}
"""


@pytest.fixture(scope="session")
def dozen(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder of twelve stores, and their ids by path; copy it, change nothing."""
    folder = tmp_path_factory.mktemp("existing") / "archive"
    return folder, write_dozen(folder)


@pytest.fixture
def archive(dozen: tuple[Path, dict[str, str]], tmp_path: Path) -> Path:
    shutil.copytree(dozen[0], tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture(scope="session")
def bucket(dozen: tuple[Path, dict[str, str]], seaweedfs: Any) -> str:
    """The twelve stores in a public bucket; change nothing."""
    name = seaweedfs.make_bucket("existing", public=True)
    upload(seaweedfs, dozen[0], name, "data")
    return str(name)


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., BuildReport]:
    def build(source: str, *, drop_vanished: bool = False) -> BuildReport:
        (tmp_path / "weather.yaml").write_text(CONFIG.format(source=source), encoding="utf-8")
        return simstac.build(simstac.load_project(tmp_path / "weather.yaml"), drop_vanished=drop_vanished)

    return build


@pytest.fixture
def proxy(s3: Any) -> Iterator[Proxy]:
    with proxied(s3.endpoint_url) as proxy:
        yield proxy


def item_at(folder: Path, name: str) -> dict[str, Any]:
    return json.loads((folder / "site" / "stores" / name / f"{name}.json").read_text())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_kind_of_store_becomes_an_item_that_is_valid_and_opens(
    dozen: tuple[Path, dict[str, str]], archive: Path, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    before = contents(archive)
    report = build("under: archive")
    assert report.ok
    assert report.collections[0].summary == "12 stores (12 described)"
    site = tmp_path / "site"
    assert {path.parent.name for path in site.glob("stores/*/*.json")} == set(dozen[1].values())
    assert simstac.validate_tree(site).findings == ()
    verified = simstac.verify(site)
    assert (verified.findings, len(verified.opened)) == ((), 12)
    assert contents(archive) == before

    analysis_item = item_at(tmp_path, "gfs-analysis-v0.1.0")
    assert analysis_item["properties"]["title"] == TITLE
    assert analysis_item["properties"]["description"].startswith("Daily means of two metre temperature.\n")
    asset = analysis_item["assets"]["icechunk"]
    assert (asset["version"], asset["type"]) == ("v0.1.0", "application/vnd.zarr+icechunk")
    untagged = item_at(tmp_path, "gfs-forecast-v0.2.7")
    pinned = untagged["assets"]["icechunk"]
    assert pinned["version"] == pinned["icechunk:snapshot_id"] == untagged["properties"]["version"]
    assert untagged["properties"]["title"] == "Global forecast, version 0.2.7"
    assert untagged["properties"]["end_datetime"] == "2024-01-02T12:00:00Z"
    assert item_at(tmp_path, "pacific")["bbox"] == [155.0, -15.0, -165.0, 15.0]
    assert item_at(tmp_path, "noleap")["properties"]["end_datetime"] == "2024-03-01T00:00:00Z"
    assert "surface/t2m" in item_at(tmp_path, "groups")["properties"]["cube:variables"]

    formats = {name: item_at(tmp_path, f"zarr-{name}")["assets"]["zarr"] for name in ("v2", "v2-open", "v3", "v3-open")}
    assert {asset["type"] for asset in formats.values()} == {"application/vnd.zarr"}
    assert {name: (each["zarr:zarr_format"], each["zarr:consolidated"]) for name, each in formats.items()} == {
        "v2": (2, True),
        "v2-open": (2, False),
        "v3": (3, True),
        "v3-open": (3, False),
    }
    collection = pystac.read_file(str(site / "stores" / "collection.json"))
    assert collection.assets.keys() == {"items"}
    assert collection.extent.temporal.to_dict() == {"interval": [["2024-01-01T00:00:00Z", "2024-03-01T00:00:00Z"]]}


def test_an_unchanged_bucket_costs_a_request_a_folder_and_changes_nothing(
    proxy: Proxy, bucket: str, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    source = f'under: "s3://{bucket}/data", endpoint_url: "{proxy.url}", anonymous: true'
    assert build(source).collections[0].summary == "12 stores (12 described)"
    before = contents(tmp_path / "site")
    proxy.seen.clear()
    report = build(source)
    assert report.collections[0].summary == "12 stores (12 unchanged)"
    assert (report.documents, contents(tmp_path / "site")) == ((), before)
    assert proxy.writes == []
    listed = [path for method, path in proxy.seen if method == "GET"]
    assert len(listed) <= 8  # the prefix, the folders that are no stores, and stores whose format may change
    assert len(proxy.seen) - len(listed) <= 14  # HEAD: one a store, one more where the marker does not tell of growth
    asset = item_at(tmp_path, "gfs-analysis-v0.1.0")["assets"]["icechunk"]
    assert asset["href"] == f"s3://{bucket}/data/gfs-analysis/v0.1.0.icechunk"
    scheme = item_at(tmp_path, "gfs-analysis-v0.1.0")["storage:schemes"][asset["storage:refs"][0]]
    assert (scheme["type"], scheme["platform"], scheme["anonymous"]) == ("custom-s3", proxy.url, True)
    links = item_at(tmp_path, "zarr-v3")["links"]
    store = next(link for link in links if link["rel"] == "store")
    assert (store["type"], store["storage:refs"]) == ("application/vnd.zarr; version=3", ["s3"])
    assert simstac.validate_tree(tmp_path / "site").findings == ()


def test_a_folder_for_each_store_costs_one_listing_each(
    proxy: Proxy, s3: Any, build: Callable[..., BuildReport]
) -> None:
    bucket = s3.make_bucket()
    for number in range(12):
        scheme = CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url)
        write_icechunk(analysis(), f"s3://{bucket}/data/model-{number}/v1.icechunk", scheme)
    source = f'under: "s3://{bucket}/data", endpoint_url: "{proxy.url}"'
    assert build(source).collections[0].summary == "12 stores (12 described)"
    proxy.seen.clear()
    assert build(source).collections[0].summary == "12 stores (12 unchanged)"
    assert Counter(method for method, _ in proxy.seen) == {"GET": 13, "HEAD": 12}
    s3.client().delete_object(Bucket=bucket, Key="data/model-3/v1.icechunk/repo")
    write_icechunk(analysis(), f"s3://{bucket}/data/model-3/v2.icechunk", scheme)
    report = build(source)
    assert report.collections[0].summary == "13 stores (1 described, 1 kept, 11 unchanged)"


def test_two_builds_from_nothing_are_identical_by_listing_and_by_name(
    s3: Any, bucket: str, dozen: tuple[Path, dict[str, str]], build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    reach = f'endpoint_url: "{s3.endpoint_url}", anonymous: true'
    build(f'under: "s3://{bucket}/data", {reach}')
    listed = contents(tmp_path / "site")
    shutil.rmtree(tmp_path / "site")
    build(f'under: "s3://{bucket}/data", {reach}')
    assert contents(tmp_path / "site") == listed
    shutil.rmtree(tmp_path / "site")
    names = [path for path in dozen[1] if "/" not in path]
    build(f"stores: {json.dumps([f's3://{bucket}/data/{path}' for path in names])}, {reach}")
    for path in names:
        where = str(tmp_path / "site" / "stores" / dozen[1][path] / f"{dozen[1][path]}.json")
        assert json.loads(contents(tmp_path / "site")[where]) == json.loads(listed[where])


def test_named_stores_cost_one_request_each_even_without_the_right_to_list(
    proxy: Proxy, bucket: str, build: Callable[..., BuildReport]
) -> None:
    def deny_listing(_method: str, path: str, _number: int) -> Any:
        from tests.publishing.proxy import Fault

        return Fault.DENY if "list-type" in path or "/.z" in path else None  # as Amazon denies what is not there

    proxy.fault = deny_listing
    names = ["gfs-analysis/v0.1.0.icechunk", "zarr/v3.zarr", "pacific.icechunk"]
    stores = json.dumps([f"s3://{bucket}/data/{name}" for name in names])
    source = f'stores: {stores}, endpoint_url: "{proxy.url}", anonymous: true'
    report = build(source)
    assert report.collections[0].summary == "3 stores (3 described)", report.collections[0].problems
    proxy.seen.clear()
    assert build(source).collections[0].summary == "3 stores (3 unchanged)"
    assert [method for method, _ in proxy.seen] == ["HEAD"] * 3


def test_new_stores_appear_and_changed_ones_are_described_anew(
    archive: Path, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    build("under: archive")
    more = analysis().assign_coords(time=pd.date_range("2024-01-04", periods=3))
    append_icechunk(more, str(archive / "pacific.icechunk"))
    append_icechunk(more, str(archive / "old" / "format-1.icechunk"))
    for name in ("v2", "v2-open", "v3", "v3-open"):
        write_zarr(
            analysis(6), archive / "zarr" / f"{name}.zarr", zarr_format=int(name[1]), consolidated="open" not in name
        )
    write_icechunk(analysis(), str(archive / "new" / "one.icechunk"))
    report = build("under: archive")
    assert report.collections[0].summary == "13 stores (7 described, 6 unchanged)"
    for name in ("pacific", "old-format-1", "zarr-v2", "zarr-v2-open", "zarr-v3", "zarr-v3-open"):
        assert item_at(tmp_path, name)["properties"]["end_datetime"] == "2024-01-06T00:00:00Z"
    assert item_at(tmp_path, "new-one")["properties"]["title"] == TITLE


def test_growth_without_consolidated_metadata_is_seen_by_the_time_coordinate(
    archive: Path, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    build("under: archive/zarr")
    more = analysis().assign_coords(time=pd.date_range("2024-01-04", periods=3))
    root = (archive / "zarr" / "v3-open.zarr" / "zarr.json").read_bytes()
    for name in ("v2-open", "v3-open"):
        more.to_zarr(archive / "zarr" / f"{name}.zarr", append_dim="time", consolidated=False)
    assert (archive / "zarr" / "v3-open.zarr" / "zarr.json").read_bytes() == root
    assert build("under: archive/zarr").collections[0].summary == "4 stores (2 described, 2 unchanged)"
    assert item_at(tmp_path, "v3-open")["properties"]["end_datetime"] == "2024-01-06T00:00:00Z"


def test_a_store_that_cannot_be_opened_stays_as_it_was(
    archive: Path, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    build("under: archive")
    before = contents(tmp_path / "site")
    (archive / "pacific.icechunk" / "repo").write_bytes(b"broken")
    (archive / "zarr" / "v3.zarr" / "zarr.json").write_text("{")
    shutil.rmtree(archive / "old" / "format-1.icechunk" / "snapshots")
    (archive / "old" / "format-1.icechunk" / "snapshots").mkdir()
    (archive / "old" / "format-1.icechunk" / "refs" / "branch.main" / "ref.json").write_text('{"snapshot":"ABC"}')
    report = build("under: archive")
    assert not report.ok
    collection = report.collections[0]
    assert collection.summary == "12 stores (3 failed, 9 unchanged)"
    assert [problem.partition(":")[0] for problem in collection.problems] == ["old-format-1", "pacific", "zarr-v3"]
    assert all("its Item stays as it was" in problem for problem in collection.problems)
    assert (report.documents, contents(tmp_path / "site")) == ((), before)


def test_a_new_store_that_cannot_be_described_does_not_stop_the_others(
    tmp_path: Path, build: Callable[..., BuildReport]
) -> None:
    write_icechunk(analysis(), str(tmp_path / "archive" / "good.icechunk"))
    write_icechunk(xr.Dataset({"v": ("x", [1.0])}), str(tmp_path / "archive" / "timeless.icechunk"))
    secret = analysis().assign_attrs(description="made in /home/someone/secret/folder")
    write_icechunk(secret, str(tmp_path / "archive" / "leaky.icechunk"))
    report = build("under: archive")
    collection = report.collections[0]
    assert collection.summary == "3 stores (1 described, 2 failed)"
    assert "leaky: /properties/description: holds a path of a local machine" in collection.problems[0]
    assert collection.problems[1].startswith("timeless: dataset: ")
    assert [path.name for path in (tmp_path / "site" / "stores").iterdir() if path.is_dir()] == ["good"]
    notes = "items: {timeless: {title: A row, metadata: {bbox: [0, 0, 1, 1], datetime: 2024-01-01}}}"
    assert build(f"under: archive, {notes}").collections[0].summary == "3 stores (1 described, 1 failed, 1 unchanged)"
    assert item_at(tmp_path, "timeless")["properties"]["title"] == "A row"


def test_a_vanished_store_is_kept_until_it_may_be_dropped(
    archive: Path, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    build("under: archive")
    shutil.rmtree(archive / "noleap")
    report = build("under: archive")
    assert report.ok
    assert report.collections[0].summary == "12 stores (1 kept, 11 unchanged)"
    assert report.collections[0].differences == ("noleap is gone from the source and kept; --drop-vanished drops it",)
    assert item_at(tmp_path, "noleap")
    report = build("under: archive", drop_vanished=True)
    assert report.collections[0].summary == "11 stores (11 unchanged)"
    assert not (tmp_path / "site" / "stores" / "noleap").exists()


def test_a_place_that_cannot_be_listed_or_is_empty_stops_pruning(
    s3: Any, archive: Path, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    two = f'under: [archive, "s3://{s3.make_bucket()}/x"], endpoint_url: "{s3.endpoint_url}"'
    report = build(two)
    assert not report.ok
    assert report.collections[0].summary == "12 stores (12 described)"
    assert "holds no Icechunk and no Zarr store" in report.collections[0].problems[0]
    before = contents(tmp_path / "site")
    shutil.rmtree(archive / "noleap")
    report = build(two.replace(s3.endpoint_url, "http://127.0.0.1:9"), drop_vanished=True)
    assert not report.ok
    assert (tmp_path / "site" / "stores" / "noleap").exists()
    shutil.rmtree(archive)
    archive.mkdir()
    for drop in (False, True):
        report = build("under: archive", drop_vanished=drop)
        assert isinstance(report.errors[0], SourceError)
        assert contents(tmp_path / "site") == before


def test_a_forbidden_bucket_is_an_error(s3: Any, build: Callable[..., BuildReport]) -> None:
    report = build(f'under: "s3://{s3.make_bucket()}", endpoint_url: "{s3.endpoint_url}", anonymous: true')
    assert "access is denied" in str(report.errors[0])
    report = build(f'under: "s3://no-such-bucket-at-all", endpoint_url: "{s3.endpoint_url}"')
    assert "there is no such bucket" in str(report.errors[0])


def test_virtual_stores_name_where_their_chunks_lie(s3: Any, build: Callable[..., BuildReport], tmp_path: Path) -> None:
    bucket = s3.make_bucket("virtual", public=True)
    raw = analysis()["t2m"].values
    s3.client().put_object(Bucket=bucket, Key="source/raw.bin", Body=raw.tobytes())
    config = icechunk.RepositoryConfig.default()
    options = {"region": s3.region, "endpoint_url": s3.endpoint_url, "allow_http": True, "force_path_style": True}
    store = icechunk.s3_store(**options, s3_compatible=True, anonymous=True)
    config.set_virtual_chunk_container(icechunk.VirtualChunkContainer(f"s3://{bucket}/source/", store))
    from tests.existing_stores import scheme_of

    href = f"s3://{bucket}/virtual.icechunk"
    write_icechunk(analysis(), href, scheme_of(s3, bucket), config=config)
    access = icechunk.containers_credentials({f"s3://{bucket}/source/": icechunk.s3_anonymous_credentials()})
    from simstac.storage import icechunk_storage

    repository = icechunk.Repository.open(
        icechunk_storage(href, scheme_of(s3, bucket)), authorize_virtual_chunk_access=access
    )
    session = repository.writable_session("main")
    session.store.set_virtual_ref(
        "t2m/c/0/0/0", f"s3://{bucket}/source/raw.bin", offset=0, length=raw.nbytes, validate_container=True
    )
    session.commit("virtual")
    report = build(f'under: "s3://{bucket}", endpoint_url: "{s3.endpoint_url}", anonymous: true')
    assert report.ok, report.collections or report.errors
    item = item_at(tmp_path, "virtual")
    asset = item["assets"]["icechunk"]
    assert asset["vrt:hrefs"] == [{"key": "source", "href": "./virtual.json#/assets/source"}]
    assert item["assets"]["source"]["href"] == f"s3://{bucket}/source/"
    assert "virtual" in asset["roles"]
    assert simstac.validate_tree(tmp_path / "site").findings == ()
    path = tmp_path / "site" / "stores" / "virtual" / "virtual.json"
    opened = simstac.open(path, trust=s3.endpoint_url)
    assert opened["t2m"].dtype == raw.dtype


def test_stores_on_the_web_are_named_and_asked_for_once(
    s3: Any, bucket: str, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    with proxied(s3.endpoint_url) as web:
        names = ["pacific.icechunk", "zarr/v3.zarr", "zarr/v2.zarr", "zarr/v3-open.zarr", "nowhere.zarr"]
        source = f"stores: {json.dumps([f'{web.url}/{bucket}/data/{name}' for name in names])}"
        report = build(source)
        assert report.collections[0].summary == "5 stores (3 described, 2 failed)"
        problems = report.collections[0].problems
        assert "nowhere.zarr: is neither an Icechunk nor a Zarr store" in problems[0]
        assert "v3-open.zarr: has no consolidated metadata, and the web lists nothing" in problems[1]
        web.seen.clear()
        assert build(source).collections[0].summary == "5 stores (2 failed, 3 unchanged)"
        named = [path for method, path in web.seen if "nowhere" not in path and "v3-open" not in path]
        assert len(named) == 3
        item = item_at(tmp_path, "pacific")
        assert item["assets"]["icechunk"]["href"] == f"{web.url}/{bucket}/data/pacific.icechunk"
        assert "storage:schemes" not in item
        assert simstac.validate_tree(tmp_path / "site").findings == ()
        opened = simstac.open(tmp_path / "site" / "stores" / "v2" / "v2.json")
        assert opened.equals(analysis())
        assert simstac.open(tmp_path / "site" / "stores" / "pacific" / "pacific.json").equals(analysis(west=160.0))


def test_a_bucket_with_a_public_address_has_it_first_and_itself_as_the_alternate(
    s3: Any, bucket: str, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    public = f"{s3.endpoint_url}/{bucket}/data"
    source = f'under: "s3://{bucket}/data", endpoint_url: "{s3.endpoint_url}", public_url: "{public}"'
    assert build(source).ok
    asset = item_at(tmp_path, "pacific")["assets"]["icechunk"]
    assert asset["href"] == f"{public}/pacific.icechunk"
    assert asset["alternate"]["s3"]["href"] == f"s3://{bucket}/data/pacific.icechunk"
    assert asset["alternate"]["s3"]["storage:refs"] == ["s3"]
    assert simstac.validate_tree(tmp_path / "site").findings == ()
    opened = simstac.open(tmp_path / "site" / "stores" / "pacific" / "pacific.json")
    assert opened.encoding["source"] == f"{public}/pacific.icechunk"
    assert build(source).collections[0].summary == "12 stores (12 unchanged)"


def test_a_private_bucket_is_read_with_the_keys_of_a_profile(
    s3: Any, build: Callable[..., BuildReport], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archive: Path
) -> None:
    name = s3.make_bucket("private")
    upload(s3, archive / "zarr", name, "zarr")
    upload(s3, archive / "noleap", name, "noleap")
    for variable in s3.env:
        monkeypatch.delenv(variable)
    keys = f"aws_access_key_id={s3.reader_access_key}\naws_secret_access_key={s3.reader_secret_key}\n"
    (tmp_path / "credentials").write_text(f"[reader]\n{keys}")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    source = f'under: "s3://{name}", endpoint_url: "{s3.endpoint_url}"'
    assert not build(source).ok
    report = build(f"{source}, profile: reader")
    assert report.collections[0].summary == "5 stores (5 described)"
    assert report.ok


def test_a_local_store_outside_the_site_is_not_published(
    archive: Path, build: Callable[..., BuildReport], tmp_path: Path
) -> None:
    public = CONFIG.replace("title: Weather}}", "title: Weather, public_url: 'https://example.org/stac'}}")
    (tmp_path / "weather.yaml").write_text(public.format(source="under: archive"), encoding="utf-8")
    report = simstac.build(simstac.load_project(tmp_path / "weather.yaml"))
    assert "lies outside the site, where nobody else can read it; set public_url" in str(report.errors[0])
    (tmp_path / "site").mkdir(exist_ok=True)
    shutil.copytree(archive, tmp_path / "site" / "data")
    (tmp_path / "weather.yaml").write_text(public.format(source="under: site/data"), encoding="utf-8")
    assert simstac.build(simstac.load_project(tmp_path / "weather.yaml")).ok
    assert item_at(tmp_path, "pacific")["assets"]["icechunk"]["href"] == "../../data/pacific.icechunk"


def test_stores_of_one_name_get_ids_that_differ_and_stay(tmp_path: Path, build: Callable[..., BuildReport]) -> None:
    for folder in ("a", "b"):
        write_icechunk(analysis(), str(tmp_path / folder / "x.icechunk"))
    build("under: [a, b]")
    names = sorted(path.name for path in (tmp_path / "site" / "stores").iterdir() if path.is_dir())
    assert len(names) == 2
    assert all(name.startswith("x-") for name in names)
    assert build("under: [b, a]").collections[0].summary == "2 stores (2 unchanged)"


def test_a_name_that_no_address_can_hold_is_a_problem_of_its_store_alone(
    s3: Any, tmp_path: Path, build: Callable[..., BuildReport]
) -> None:
    for name in ("good", "two words", "Ünïcode"):
        write_icechunk(analysis(), str(tmp_path / "archive" / f"{name}.icechunk"))
    report = build("under: archive")
    assert report.collections[0].summary == "3 stores (1 described, 2 failed)"
    assert all("holds a character that no address may hold" in each for each in report.collections[0].problems)
    bucket = s3.make_bucket("words", public=True)
    upload(s3, tmp_path / "archive", bucket)
    reach = f'under: "s3://{bucket}", endpoint_url: "{s3.endpoint_url}", anonymous: true'
    assert build(reach, drop_vanished=True).collections[0].summary == "3 stores (1 described, 2 failed)"
    assert simstac.validate_tree(tmp_path / "site").findings == ()


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("depth: 2", "names no stores: give stores, under or registry"),
        ("under: https://example.org/x", "the web cannot be listed"),
        ('under: ["s3://a/b", c], public_url: "https://example.org"', "public_url is the address of one prefix"),
        ('stores: ["s3://bucket/a b"]', "holds ' ', which no href may hold"),
        ("under: a, stores_: b", "unknown key"),
        ("under: a}\n    store: {url: b", "these stores are there already"),
    ],
)
def test_what_a_source_cannot_mean_is_said_with_its_line(
    build: Callable[..., BuildReport], source: str, problem: str
) -> None:
    with pytest.raises(simstac.ConfigError, match=problem) as caught:
        build(source)
    assert caught.value.where.endswith(("yaml:6", "yaml:3", "yaml:4"))
