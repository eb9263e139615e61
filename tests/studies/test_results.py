"""Studies from results of idfkit and directories of file systems, over real runs that idfkit's own classes hold."""

import asyncio
import io
import pickle
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import pytest
from idfkit.simulation import (
    AsyncLocalFileSystem,
    AsyncS3FileSystem,
    BatchResult,
    LocalFileSystem,
    S3FileSystem,
    SimulationEvent,
    SimulationResult,
)
from tests.study_folder import three_runs  # noqa: F401  # fixture

import simstac
from simstac.errors import ConfigError, SourceError
from simstac.objects import LocalFiles
from simstac.sources.idfkit import place_of
from simstac.storage import LocalPath
from simstac.studies.read import read_run
from simstac.write import write_study
from simstac.write.workers import Parallel

NAMES = ["i5", "i10", "i20"]


class OwnFileSystem(LocalFileSystem):
    """A user's own: its paths start from a folder of its own, and it holds whole files."""

    def __init__(self, root: Path) -> None:
        self.root, self.read = root, list[str]()

    def read_bytes(self, path):
        self.read.append(str(path))
        return super().read_bytes(self.root / path)

    def glob(self, path, pattern):
        return [str(Path(each).relative_to(self.root)) for each in super().glob(self.root / path, pattern)]


class OwnAsyncFileSystem:
    """The same for ``await``, which knows the event loop that it belongs to."""

    def __init__(self, root: Path) -> None:
        self.sync, self.loops = OwnFileSystem(root), set()

    async def read_bytes(self, path):
        self.loops.add(asyncio.get_running_loop())
        return await asyncio.to_thread(self.sync.read_bytes, path)

    async def glob(self, path, pattern):
        self.loops.add(asyncio.get_running_loop())
        return await asyncio.to_thread(self.sync.glob, path, pattern)


@pytest.fixture
def folder(three_runs, tmp_path, monkeypatch):  # noqa: F811  # the fixture imported above
    for name, run in three_runs.items():
        shutil.copytree(run, tmp_path / "study" / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "study"


def result(run_dir: Path | str, *, success: bool = True, stderr: str = "", **options) -> SimulationResult:
    return SimulationResult(Path(run_dir), success, 0, "", stderr, 1.0, **options)


def facts(study) -> list[tuple[str, str, str]]:
    return [(run.name, run.source, read_run(run, "mark", study.source).status) for run in study.runs]


def completed(prefix: str = "study/") -> list[tuple[str, str, str]]:
    return [(name, f"{prefix}{name}", "completed") for name in NAMES]


def test_results_of_this_machine_are_read_in_their_folders(folder):
    results = [result(folder / name) for name in reversed(NAMES)]
    for given in (results, tuple(results), iter(results), BatchResult(tuple(results), 1.0)):
        assert facts(simstac.study(given)) == completed()
    assert facts(simstac.study((folder / "i5", folder / "i10"))) == completed()[:2]
    one = simstac.study(results[0])
    assert one.runs[0].path == folder / "i20"
    assert facts(one) == completed()[2:]


def test_batches_in_a_list_are_one_study(folder):
    batches = [BatchResult((result(folder / "i20"), result(folder / "i5")), 1.0), BatchResult((result("x"),), 1.0)]
    assert [run.name for run in simstac.study([*batches, {"other": folder / "i10"}]).runs] == [
        "i5",
        "i20",
        "other",
        "x",
    ]


def test_names_are_labels_keys_or_folders(folder):
    first, second = result(folder / "i5"), result(folder / "i10")
    events = [SimulationEvent(0, "first", first, 1, 2), SimulationEvent(1, "", second, 2, 2)]
    assert [run.name for run in simstac.study(events).runs] == ["first", "i10"]
    named = simstac.study({"a": result(folder / "i5"), "b": folder / "i10", "c": (LocalFileSystem(), folder / "i20")})
    assert [(run.name, run.source) for run in named.runs] == [("a", "study/i5"), ("b", "study/i10"), ("c", "study/i20")]
    with pytest.raises(SourceError, match="holds 3 runs, and 'a' is the name of one"):
        simstac.study({"a": folder})
    with pytest.raises(SourceError, match="results: has two runs called 'i5'"):
        simstac.study([result(folder / "i5"), folder / "i5"])


def test_a_run_is_judged_by_its_files_and_without_files_by_what_was_said(folder, tmp_path):
    end = "EnergyPlus Terminated--Fatal Error Detected. 0 Warning; 1 Severe Errors"
    (folder / "i5" / "eplusout.end").write_text(end)
    study = simstac.study(
        [
            result(folder / "i5", success=True),
            result(folder / "i10", success=False, stderr="it was not so bad"),
            result(tmp_path / "none", success=False, stderr="\nWeather file not found: x.epw\nmore"),
            result(tmp_path / "nowhere"),
        ]
    )
    read = {run.name: read_run(run, "mark", study.source) for run in study.runs}
    assert {name: data.status for name, data in read.items()} == {
        "i5": "failed",
        "i10": "completed",
        "none": "missing",
        "nowhere": "missing",
    }
    assert read["none"].message == "Weather file not found: x.epw"
    assert read["nowhere"].message == "its results are not there"


def test_a_temporary_folder_gives_no_name(folder):
    with tempfile.TemporaryDirectory(prefix="idfkit_sim_") as name:
        with pytest.raises(SourceError, match=r"temporary folder.*; set output_dir in its SimulationJob, or give"):
            simstac.study(result(name))
        assert simstac.study({"a": result(name)}).runs[0].path is None


@pytest.mark.parametrize("fs", [LocalFileSystem(), AsyncLocalFileSystem()])
def test_directories_of_local_file_systems_are_folders(folder, fs):
    assert facts(simstac.study((fs, "study"))) == completed()
    assert facts(simstac.study((fs, "study/i1*"))) == completed()[1:2]
    assert facts(simstac.study([(fs, "study/i5"), (fs, folder / "i20")])) == [completed()[0], completed()[2]]


def test_a_file_system_of_ones_own_is_read_by_its_protocol(folder, tmp_path):
    fs = OwnFileSystem(tmp_path)
    for study in (simstac.study((fs, "study")), simstac.study([result(f"study/{name}", fs=fs) for name in NAMES])):
        assert facts(study) == completed()
        assert {Path(path).name for path in fs.read} == {f"eplusout.{kind}" for kind in ("end", "err", "eio", "sql")}
    (tmp_path / ".hidden").symlink_to(folder)
    assert facts(simstac.study((fs, ".hidden"))) == completed(".hidden/")
    with pytest.raises(SourceError, match=r"has a run in a folder without a name; give \{name: result\}"):
        simstac.study((OwnFileSystem(folder / "i5"), ""))
    marks = study.fingerprints()
    assert pickle.loads(pickle.dumps(study)).fingerprints() == marks
    (folder / "i5" / "eplusout.err").write_text("another")
    assert {name for name, mark in study.fingerprints().items() if mark != marks[name]} == {"i5"}
    with pytest.raises(SourceError, match=r"study/x\*: matches no runs"):
        simstac.study((fs, "study/x*"))


def test_an_own_file_system_is_read_again_only_where_it_changed(folder, tmp_path):
    fs, store = OwnFileSystem(tmp_path), str(tmp_path / "store")
    assert write_study(simstac.study((fs, "study")), store, LocalPath())[0].changed
    assert sorted(fs.read) == sorted({*fs.read})
    assert not write_study(simstac.study((fs, "study")), store, LocalPath())[0].changed
    shutil.copy(folder / "i20" / "eplusout.sql", folder / "i5" / "eplusout.sql")
    stored, report = write_study(simstac.study((fs, "study")), store, LocalPath())
    assert (stored.changed, report.rewritten) == (True, ("i5",))


class OpenedInPieces(OwnFileSystem):
    """It opens files too, as those of fsspec do, and notes how much is asked for at once."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked = set[int]()

    def read_bytes(self, path):
        raise AssertionError(path)

    def open(self, path, mode):
        assert mode == "rb"
        self.read.append(str(path))
        file, note = (self.root / path).open("rb"), self.asked.add

        class Noted(io.BufferedReader):
            def read(self, size=-1):
                note(size)
                return super().read(size)

        return Noted(file.detach())


def test_a_file_system_that_opens_files_is_read_in_pieces(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("simstac.sources.idfkit.PIECE", 10_000)
    whole = write_study(simstac.study((OwnFileSystem(tmp_path), "study")), str(tmp_path / "whole"), LocalPath())
    fs = OpenedInPieces(tmp_path)
    stored, report = write_study(simstac.study((fs, "study")), str(tmp_path / "pieces"), LocalPath())
    assert fs.asked == {10_000}
    assert report == whole[1]
    assert stored.fingerprint == whole[0].fingerprint
    assert not write_study(simstac.study((fs, "study")), str(tmp_path / "pieces"), LocalPath())[0].changed
    (folder / "i5" / "eplusout.err").unlink()
    study = simstac.study((fs, "study"))
    (folder / "i5" / "eplusout.sql").unlink()
    _, report = write_study(study, str(tmp_path / "pieces"), LocalPath())
    assert report.unreadable == {"i5": "eplusout.sql: does not exist; check the path"}


def test_a_file_system_that_cannot_be_pickled_is_for_one_process(folder, tmp_path):
    fs, store = OwnFileSystem(tmp_path), str(tmp_path / "store")
    fs.lock = Lock()
    with pytest.raises(
        ConfigError, match=r"jobs: the runs cannot be handed to other processes \(cannot pickle '_thread"
    ):
        write_study(simstac.study((fs, "study")), store, LocalPath(), chunks={"run": 1}, parallel=Parallel(2))
    assert write_study(simstac.study((fs, "study")), store, LocalPath(), chunks={"run": 1})[0].changed


class HeldWhole(OwnFileSystem):
    """It says how many files are being read at once."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.now, self.most = 0, 0

    def read_bytes(self, path):
        self.now += 1
        self.most = max(self.most, self.now)
        time.sleep(0.01)
        content = super().read_bytes(path)
        self.now -= 1
        return content


def test_a_file_system_that_reads_whole_files_holds_one_of_them(folder, tmp_path, monkeypatch):
    fs, store = HeldWhole(tmp_path), str(tmp_path / "store")
    write_study(simstac.study((fs, "study")), store, LocalPath())
    write_study(simstac.study((fs, "study")), store, LocalPath())
    assert (len(fs.read), fs.most) == (24, 1)

    def full(self, path):
        raise MemoryError

    monkeypatch.setattr(HeldWhole, "read_bytes", full)
    with pytest.raises(SourceError, match="reads whole files; give it a method open") as caught:
        place_of(fs, "study").fetch("i5/eplusout.sql", tmp_path / "copy")
    assert caught.value.where == "study/i5/eplusout.sql"


def test_an_asynchronous_file_system_of_ones_own(folder, tmp_path):
    fs = OwnAsyncFileSystem(tmp_path)
    assert facts(simstac.study((fs, "study"))) == completed()
    assert facts(simstac.study([result(f"study/{name}", async_fs=fs) for name in NAMES])) == completed()

    async def inside() -> None:
        assert facts(simstac.study((fs, "study"))) == completed()
        assert facts(await asyncio.to_thread(simstac.study, (fs, "study"))) == completed()

    asyncio.run(inside())


def test_a_stream_gives_the_runs_that_have_ended_so_far(folder, tmp_path):
    fs = OwnAsyncFileSystem(tmp_path)

    async def events():
        for index, name in enumerate(NAMES):
            yield SimulationEvent(index, name, result(f"study/{name}", async_fs=fs), index + 1, 3)
            await asyncio.sleep(0.01)

    async def collect():
        loop, studies = asyncio.get_running_loop(), []
        table = {name: {"x": 1} for name in (*NAMES, "i40")}
        async for study in simstac.study(events(), parameters=table):
            studies.append(study)
            last = await asyncio.to_thread(read_run, study.runs[-1], "mark", study.source)
            assert last.status in {"completed", "missing"}
        assert fs.loops == {loop}
        return studies

    studies = asyncio.run(collect())
    assert [run.name for run in studies[0].runs][:1] == ["i5"]
    assert [len(study.runs) for study in studies] == sorted({len(study.runs) for study in studies})
    assert [(run.name, run.path is None) for run in studies[-1].runs][-2:] == [("i20", False), ("i40", True)]


def test_a_stream_that_fails_or_is_left_stops_what_made_it():
    ended = []

    async def events(*, fail: bool):
        try:
            yield SimulationEvent(0, "a", result("none", success=False, stderr="no"), 1, 2)
            await asyncio.sleep(0 if fail else 60)
            raise RuntimeError("the engine is gone")
        finally:
            ended.append(fail)

    async def take(*, fail: bool) -> list[str]:
        stream = simstac.study(events(fail=fail))
        names = [run.name for run in (await anext(stream)).runs]
        if fail:
            await anext(stream)
        await stream.aclose()
        return names

    with pytest.raises(RuntimeError, match="the engine is gone"):
        asyncio.run(take(fail=True))
    assert asyncio.run(take(fail=False)) == ["a"]
    assert ended == [True, False]

    async def nothing():
        for event in ():
            yield event

    async def first() -> None:
        await anext(simstac.study(nothing()))

    with pytest.raises(SourceError, match="results: has no runs"):
        asyncio.run(first())


def test_places_of_files_are_taken_as_they_are(folder):
    study = simstac.study((LocalFiles(folder), "*"))
    assert [run.name for run in study.runs] == NAMES
    assert all(run.path.place == LocalFiles(folder) for run in study.runs)


@pytest.mark.parametrize("given", [[], {}, 3, [3], ("a", 3)])
def test_what_is_no_result_is_refused(given):
    with pytest.raises(SourceError, match=r"results: (has no runs|holds a int, which is no result)|a: does not"):
        simstac.study(given)


def put(s3, folder: Path) -> str:
    bucket, client = s3.make_bucket(), s3.client()
    for path in folder.rglob("*.*"):
        client.upload_file(str(path), bucket, f"runs/{path.relative_to(folder).as_posix()}")
    return bucket


@dataclass(frozen=True)
class Keys:
    endpoint_url: str
    aws_access_key_id: str
    aws_secret_access_key: str
    region_name: str = "us-east-1"


@pytest.mark.parametrize("kind", [S3FileSystem, AsyncS3FileSystem])
def test_buckets_are_read_with_the_keys_of_their_file_system(seaweedfs, folder, kind, monkeypatch):
    bucket = put(seaweedfs, folder)
    keys = Keys(seaweedfs.endpoint_url, seaweedfs.reader_access_key, seaweedfs.reader_secret_key)
    fs = kind(bucket, "/runs/", **keys.__dict__)
    field = "fs" if kind is S3FileSystem else "async_fs"
    study = simstac.study((fs, ""))
    assert facts(study) == completed(f"s3://{bucket}/runs/")
    assert study.fingerprints() == simstac.study([result(name, **{field: fs}) for name in NAMES]).fingerprints()
    if kind is S3FileSystem:
        two = write_study(study, str(folder / "store"), LocalPath(), chunks={"run": 1}, parallel=Parallel(2))[1]
        assert set(two.statuses.values()) == {"completed"}
    copy = pickle.loads(pickle.dumps(study))
    assert facts(copy) == facts(study)
    assert keys.aws_secret_access_key not in repr(study)
    wrong = kind(bucket, "runs", **(keys.__dict__ | {"aws_secret_access_key": "wrong"}))
    with pytest.raises(SourceError, match=r"the secret key is wrong|access is denied"):
        simstac.study((wrong, ""))
    with pytest.raises(SourceError, match="there is no such bucket"):
        simstac.study((kind("no-such-bucket", **keys.__dict__), "runs"))
