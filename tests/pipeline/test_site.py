import resource
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from simstac.errors import PublishError
from simstac.pipeline.site import SiteFolder
from simstac.publishing import read_site


@pytest.fixture
def site(tmp_path):
    folder = SiteFolder(tmp_path / "site")
    folder.apply([("catalog.json", b"root"), ("study/collection.json", b"one")])
    return folder


def shown(site):
    return {path.relative_to(site.root).as_posix() for path in site.root.rglob("*") if not path.is_dir()}


def folders(site):
    return {path.relative_to(site.root).as_posix() for path in site.root.rglob("*") if path.is_dir()}


def test_only_what_differs_is_written_and_told(site):
    before = (site.root / "catalog.json").stat()
    changed = site.apply([("catalog.json", b"root"), ("study/collection.json", b"two"), ("gone.json", None)])
    assert changed == ("study/collection.json",)
    assert site.read("study/collection.json") == b"two"
    assert (site.root / "catalog.json").stat().st_mtime_ns == before.st_mtime_ns
    assert shown(site) == {"catalog.json", "study/collection.json"}


def test_a_deleted_document_takes_its_empty_folders_along(site):
    assert site.apply([("study/collection.json", None)]) == ("study/collection.json",)
    assert folders(site) == {".simstac"}


def test_a_full_disk_leaves_every_document_as_it_was(site):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(PublishError, match=r"new/item\.json: cannot be written: File too large; check the disk"):
            site.apply([("study/collection.json", b"two"), ("new/item.json", b"x" * 2000), ("catalog.json", None)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert site.read("study/collection.json") == b"one"
    assert shown(site) == {"catalog.json", "study/collection.json"}
    assert folders(site) == {".simstac", "study"}


def test_a_file_in_the_way_of_a_folder_leaves_every_document_as_it_was(site):
    with pytest.raises(PublishError, match=r"catalog\.json/item\.json: cannot be written"):
        site.apply([("study/collection.json", b"two"), ("catalog.json/item.json", b"three")])
    assert site.read("study/collection.json") == b"one"
    assert shown(site) == {"catalog.json", "study/collection.json"}


def test_what_a_killed_build_left_is_no_document_and_goes(site):
    (site.root / ".simstac" / "new").mkdir()
    (site.root / ".simstac" / "new" / "0").write_bytes(b"half")
    site.apply([("study/collection.json", b"two")])
    assert shown(site) == {"catalog.json", "study/collection.json"}


def test_builds_at_the_same_time_do_not_lose_what_the_others_wrote(site):
    def count(_number):
        def edits():
            yield "count", str(int(site.read("count") or b"0") + 1).encode()

        return site.apply(edits())

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(count, range(40)))
    assert site.read("count") == b"40"


def test_a_site_is_read_for_publishing_as_a_build_leaves_it(site):
    begun, end = Event(), Event()

    def edits():
        yield "study/run/run.json", b"new"
        begun.set()
        end.wait(10)
        yield "study/collection.json", b"with a new run"

    with ThreadPoolExecutor(2) as pool:
        pool.submit(site.apply, edits())
        assert begun.wait(10)
        reading = pool.submit(read_site, site.root)
        with pytest.raises(TimeoutError):
            reading.result(0.3)
        end.set()
        files = reading.result(10).files
    assert {path: file.size for path, file in files.items()} == {"study/collection.json": 14, "study/run/run.json": 3}
