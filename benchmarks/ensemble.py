"""Writing a study of real runs, beside xarray's own append; and what the chunk shape costs writers and readers."""
# ruff: noqa: PLC0415  # each side imports what it needs, so that its memory is its own

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness import Measured, Row, cache_folder, compare, table, write_section

if TYPE_CHECKING:
    import xarray as xr

RUNS = 64
SHAPES = (
    {"run": 1, "zone": 5},
    {"run": 4, "zone": 4},
    {"run": 16, "zone": 1},
    {"run": 16, "zone": 5},
    {"run": 64, "zone": 1},
)

type Digest = list[int]


def build_ours(folder: str) -> Callable[[], Callable[[], Digest]]:
    _import_all()
    target = tempfile.mkdtemp()

    def build() -> Callable[[], Digest]:
        _write(folder, target)
        return partial(_stored_digest, target)

    return build


def rebuild_ours(folder: str) -> Callable[[], Callable[[], Digest]]:
    _import_all()
    target = tempfile.mkdtemp()
    _write(folder, target)

    def rebuild() -> Callable[[], Digest]:
        assert not _write(folder, target)
        return partial(_stored_digest, target)

    return rebuild


def build_xarray(folder: str) -> Callable[[], Callable[[], Digest]]:
    """The same reader, and a run after the other appended by ``to_icechunk``."""
    import icechunk
    import xarray as xr
    from icechunk.xarray import to_icechunk

    _import_all()
    target = tempfile.mkdtemp()

    def build() -> Callable[[], Digest]:
        repository = icechunk.Repository.create(icechunk.local_filesystem_storage(target))
        for number, path in enumerate(sorted(Path(folder, "runs").glob("u*"))):
            session = repository.writable_session("main")
            tree = xr.open_datatree(path, engine="energyplus")
            for name in ("hourly", "monthly"):
                group = tree[name].to_dataset().drop_vars("time_bounds").expand_dims(run=[path.name])
                mode: dict[str, Any] = {"append_dim": "run"} if number else {"mode": "a"}
                to_icechunk(group, session, group=None if name == "hourly" else name, **mode)
            session.commit(path.name)
        return partial(_stored_digest, target)

    return build


def chunks_build(chunks: dict[str, int]) -> Callable[[], Callable[[], Digest]]:
    _import_all()
    target = tempfile.mkdtemp()

    def build() -> Callable[[], Digest]:
        _write_scaled(target, chunks)
        return lambda: [sum(path.stat().st_size for path in Path(target).rglob("*")) >> 20, shutil.rmtree(target) or 0]

    return build


def chunks_series(chunks: dict[str, int]) -> Callable[[], float]:
    """One series over all runs."""
    dataset = _opened_scaled(chunks)
    return lambda: float(dataset["zone_mean_air_temperature"].isel(zone=2).values.sum())


def chunks_run(chunks: dict[str, int]) -> Callable[[], float]:
    """All series of one run."""
    dataset = _opened_scaled(chunks)
    names = [name for name, variable in dataset.data_vars.items() if "zone" in variable.dims]
    return lambda: sum(float(dataset[name].isel(run=40).values.sum()) for name in names)


@dataclass(frozen=True)
class Scaled:
    """Many runs made from one real run, its values scaled by the number in a file."""

    origin: str
    reader: str = "scaled/1"

    def is_run(self, path: Path) -> bool:
        return path.is_file()

    def state(self, path: Path) -> Any:
        from simstac.studies import State

        return State("completed", files=(path,))

    def open(self, path: Path) -> xr.DataTree:
        import xarray as xr

        if self.origin not in _opened:
            _opened[self.origin] = xr.open_datatree(self.origin, engine="energyplus")["hourly"].to_dataset().load()
        return xr.DataTree.from_dict({"/hourly": _opened[self.origin] * float(path.read_text())})


_opened: dict[str, xr.Dataset] = {}


def demo_folder() -> str:
    from simstac.demo import make_demo

    folder = cache_folder() / "demo"
    make_demo(folder)
    return str(folder)


def _write(folder: str, target: str) -> bool:
    from simstac.storage import LocalPath
    from simstac.studies import find_study
    from simstac.write import write_study

    study = find_study("runs/*", parameters="runs/params.csv", base=Path(folder))
    return write_study(study, target, LocalPath())[0].changed


def _write_scaled(target: str, chunks: dict[str, int]) -> None:
    from simstac.storage import LocalPath
    from simstac.studies import Parameters, Run, Study
    from simstac.write import write_study

    with tempfile.TemporaryDirectory() as folder:
        runs = []
        for number in range(RUNS):
            path = Path(folder, f"run-{number:03}")
            path.write_text(str(1 + number / 1000))
            runs.append(Run(path.name, path, path.name))
        source = Scaled(str(min(Path(demo_folder(), "runs").glob("u*"))))
        write_study(Study(tuple(runs), Parameters(), source), target, LocalPath(), chunks=chunks)


def _opened_scaled(chunks: dict[str, int]) -> xr.Dataset:
    import icechunk
    import xarray as xr

    _import_all()
    target = cache_folder() / "chunks" / "-".join(f"{name}{length}" for name, length in chunks.items())
    if not (target / "repo").exists():
        _write_scaled(str(target), chunks)
    repository = icechunk.Repository.open(icechunk.local_filesystem_storage(str(target)))
    return xr.open_zarr(repository.readonly_session("main").store, consolidated=False, chunks=None)


def _import_all() -> None:
    import icechunk
    import xarray as xr

    import simstac.write  # noqa: F401

    icechunk.set_logs_filter("error")
    xr.backends.list_engines()


def _stored_digest(target: str) -> Digest:
    """How many numbers the series have, and the exclusive or of their bits; the store is removed."""
    import icechunk
    import xarray as xr

    store = icechunk.Repository.open(icechunk.local_filesystem_storage(target)).readonly_session("main").store
    count, bits = 0, np.int64(0)
    for group in (None, "monthly"):
        dataset = xr.open_zarr(store, group=group, consolidated=False, chunks=None)
        for variable in dataset.data_vars.values():
            if "run" in variable.dims and any(dim.startswith("time") for dim in variable.dims):
                values = np.ascontiguousarray(variable.to_numpy()).reshape(-1) + 0.0
                count += values.size
                bits ^= np.bitwise_xor.reduce(values.view(np.int64))
    shutil.rmtree(target)
    return [count, int(bits)]


def _chunk_line(chunks: dict[str, int]) -> str:
    build, series, run = ([side, [chunks]] for side in (chunks_build, chunks_series, chunks_run))
    (built,), (one_series,), (one_run,) = (compare(side, repeats=3) for side in (build, series, run))
    shape = " x ".join(f"{length} {name}" for name, length in chunks.items())
    cost = f"{built.seconds:.2f} s, {built.result[0]} MB"
    return f"| {shape} | {cost} | {_milliseconds(one_series)} | {_milliseconds(one_run)} |"


def _milliseconds(measured: Measured) -> str:
    return f"{measured.seconds * 1000:.0f} ms"


def main() -> None:
    folder = demo_folder()
    ours, again, peer = compare((build_ours, [folder]), (rebuild_ours, [folder]), (build_xarray, [folder]))
    name = "`to_icechunk(append_dim)`, same reader"
    rows = [
        Row("18 runs → committed store", ours, name, peer, "≤ 5 s"),
        Row("18 runs, nothing changed", again, name, peer, "≤ 1 s"),
    ]
    lines = [
        "| chunk (whole year) | build 64 runs, size | one series over all runs | all zone series of one run |",
        "|---|---|---|---|",
        *map(_chunk_line, SHAPES),
    ]
    text = f"{table(rows)}\n\nChunk shapes, 64 runs, 20 zone series, 8760 hours:\n\n" + "\n".join(lines)
    write_section("ensemble", "Writing a study", text)


if __name__ == "__main__":
    main()
