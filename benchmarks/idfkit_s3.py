"""Runs that idfkit left in a bucket, read beside idfkit itself; and how many bytes that takes, counted by a proxy.

The bucket is SeaweedFS's on loopback; the runs are copies of one annual run of the real engine, uploaded whole.
"""
# ruff: noqa: PLC0415  # each side imports what it needs, so that its memory is its own

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from energyplus_model import ZONE_VARIABLES, boxes, run_engine
from harness import Row, compare, table, write_section
from publish import s3_server

sys.path.insert(0, str(Path(__file__).parents[1]))
RUNS, ZONES = 3, 10
PREFIX = "study-001"

type Digest = list[int]


def digest(arrays: Any) -> Digest:
    """How many numbers there are, and the exclusive or of their bits, in whatever order they are."""
    count, bits = 0, np.int64(0)
    for array in arrays:
        values = np.ascontiguousarray(array, dtype=np.float64).reshape(-1) + 0.0
        count += values.size
        bits ^= np.bitwise_xor.reduce(values.view(np.int64))
    return [count, int(bits)]


def ours(bucket: str, endpoint: str) -> Callable[[], Digest]:
    """All series of all runs, through the copy that is fetched and removed."""
    import xarray as xr

    from simstac.objects import files_at
    from simstac.studies import find_study
    from simstac.studies.fetch import at_hand

    xr.backends.list_engines()

    def read() -> Digest:
        study = find_study(f"s3://{bucket}/{PREFIX}/case-*", open_files=partial(files_at, endpoint_url=endpoint))
        found: list[np.ndarray] = []
        for run in study.runs:
            with at_hand(run.path, study.source) as here, here.open() as tree:
                series = tree["hourly"].to_dataset(inherit=False).data_vars.values()
                found += [each.to_numpy() for each in series if each.dtype.kind == "f"]
        return digest(found)

    return read


def idfkit(bucket: str, endpoint: str) -> Callable[[], Digest]:
    """The same by idfkit: a result from its directory, its SQL, and each series that its index lists."""
    from idfkit.simulation import S3FileSystem, SimulationResult

    def read() -> Digest:
        fs = S3FileSystem(bucket, PREFIX, endpoint_url=endpoint)
        found: list[np.ndarray] = []
        for run in range(RUNS):
            with SimulationResult.from_directory(f"case-{run}", fs=fs) as result:
                sql = result.sql
                assert sql is not None
                for variable in sql.list_variables():
                    series = sql.get_timeseries(variable.name, _key(variable.key_value), variable.frequency)
                    found.append(np.array(series.values))
        return digest(found)

    return read


def _key(key: str | None) -> str:
    """A key as idfkit takes it; it names that of a meter, which has none, ``None``."""
    return "*" if key in {None, "", "None"} else str(key)


def upload(server: Any, folder: Path) -> str:
    """A bucket with the runs, each of all the files that idfkit uploads."""
    bucket, client = server.make_bucket("bench"), server.client()
    for run in range(RUNS):
        for path in folder.iterdir():
            if path.is_file():
                client.upload_file(str(path), bucket, f"{PREFIX}/case-{run}/{path.name}")
    return bucket


def bytes_of_builds(server: Any, bucket: str, sql: int) -> str:
    """What a first and an unchanged build request and receive."""
    from tests.publishing.proxy import proxied

    from simstac.objects import files_at
    from simstac.storage import LocalPath
    from simstac.studies import find_study
    from simstac.write import write_study

    lines = []
    with proxied(server.endpoint_url) as proxy, tempfile.TemporaryDirectory() as store:
        for step in ("first", "unchanged"):
            proxy.seen.clear()
            proxy.sent.clear()
            study = find_study(f"s3://{bucket}/{PREFIX}/case-*", open_files=partial(files_at, endpoint_url=proxy.url))
            write_study(study, store, LocalPath())
            objects = sum(size for path, size in proxy.sent.items() if "list-type" not in path)
            lines.append(
                f"{step}: {len(proxy.seen)} requests, {objects / 1e6:.1f} MB of objects, "
                f"{objects / (RUNS * sql):.4f} x the sql files"
            )
    return "; ".join(lines)


def main() -> None:
    """Measure, and write the section."""
    folder = run_engine(boxes(ZONES, variables=ZONE_VARIABLES[:8]))
    sql = (folder / "eplusout.sql").stat().st_size
    with s3_server() as server:
        bucket = upload(server, folder)
        arguments = [bucket, server.endpoint_url]
        mine, theirs = compare((ours, arguments), (idfkit, arguments), repeats=3)
        counted = bytes_of_builds(server, bucket, sql)
    what = f"{RUNS} runs of {sql / 1e6:.0f} MB of SQL in a bucket → arrays"
    text = table([Row(what, mine, "`SimulationResult.from_directory(…, fs=S3FileSystem)`, `get_timeseries`", theirs)])
    text += f"\n\nA build, {counted} (target ≤ 1.01 x, unchanged 0)."
    write_section("idfkit-s3", "Runs of idfkit in a bucket", text)


if __name__ == "__main__":
    main()
