"""Catalogues of stores that exist already: twelve in a bucket 40 ms away, described at first, and later unchanged.

The bucket is that of a real S3 server on loopback; a proxy counts requests and makes each one wait. The peer opens the
stores one after another with xarray and describes each with pystac, as a script would.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import Measured, measure, write_section

sys.path.insert(0, str(Path(__file__).parents[1]))
STORES = 12
LATENCY = 0.04
CONFIG = """\
catalog: {{id: weather}}
collections:
  - id: stores
    license: CC-BY-4.0
    source: {{engine: icechunk, under: "s3://{bucket}/data", endpoint_url: "{endpoint}"}}
"""


def build_catalog(config: str) -> Callable[[], Callable[[], int]]:
    """Our side, imports included; the result is how many Items there are."""

    def run() -> Callable[[], int]:
        import simstac  # noqa: PLC0415  # measured, as a command pays for it

        report = simstac.build(simstac.load_project(config))
        if not report.ok:
            raise SystemExit(str(report))
        return lambda: len(report.collections[0].statuses)

    return run


def open_in_turn(bucket: str, endpoint: str, names: list[str]) -> Callable[[], int]:
    """The peer: each store opened by Icechunk and xarray, its extent read, an Item made."""

    def run() -> int:
        import icechunk  # noqa: PLC0415  # measured, as above
        import pandas as pd  # noqa: PLC0415
        import pystac  # noqa: PLC0415
        import xarray as xr  # noqa: PLC0415

        items = []
        for name in names:
            storage = icechunk.s3_storage(
                bucket=bucket,
                prefix=f"data/{name}",
                endpoint_url=endpoint,
                allow_http=True,
                force_path_style=True,
                from_env=True,
            )
            session = icechunk.Repository.open(storage).readonly_session("main")
            data = xr.open_zarr(session.store, consolidated=False, chunks=None)
            box = [float(data[each].min()) for each in ("longitude", "latitude")]
            start = pd.Timestamp(data["time"].values.min()).to_pydatetime()
            items.append(pystac.Item(name, None, box * 2, start, {}).to_dict())
        return len(items)

    return run


def main() -> None:
    """Measure both and write the section."""
    from tests.existing_stores import analysis, scheme_of, write_icechunk  # noqa: PLC0415  # as the tests write them
    from tests.publishing.proxy import proxied  # noqa: PLC0415

    from publish import s3_server  # noqa: PLC0415  # the tests' server

    with s3_server() as server, proxied(server.endpoint_url) as proxy, tempfile.TemporaryDirectory() as folder:
        bucket = server.make_bucket("existing")
        names = [f"store-{number}.icechunk" for number in range(STORES)]
        for name in names:
            write_icechunk(analysis(), f"s3://{bucket}/data/{name}", scheme_of(server, bucket), tag="1.0.0")
        config = Path(folder) / "weather.yaml"
        config.write_text(CONFIG.format(bucket=bucket, endpoint=proxy.url), encoding="utf-8")
        proxy.latency = LATENCY
        loop = _counted(proxy, open_in_turn, bucket, proxy.url, names)
        first = _counted(proxy, build_catalog, str(config))
        again = _counted(proxy, build_catalog, str(config))
    rows = ["| what | time | GET | HEAD | PUT | target |", "|---|---|---|---|---|---|"]
    rows.append(_row(f"{STORES} stores, the first time", first, ""))
    rows.append(_row(f"{STORES} stores, unchanged", again, "≤ 24 GET, 0 PUT"))
    rows.append(_row("peer: opened in turn, each time", loop, ""))
    said = f"A bucket {LATENCY * 1000:.0f} ms away; the catalogue costs one request a store, and one for the prefix."
    write_section("existing", "Stores that exist already", "\n".join([*rows, "", said]))


def _counted(proxy: Any, side: Any, *arguments: Any) -> tuple[Measured, Counter[str]]:
    proxy.seen.clear()
    measured = measure(side, *arguments)
    if measured.result != STORES:
        raise SystemExit(f"{side.__name__} found {measured.result} stores, not {STORES}")
    return measured, Counter(method for method, _ in proxy.seen)


def _row(what: str, counted: tuple[Measured, Counter[str]], target: str) -> str:
    measured, requests = counted
    numbers = " | ".join(str(requests[method]) for method in ("GET", "HEAD", "PUT"))
    return f"| {what} | {measured.seconds:.2f} s, {measured.megabytes:.0f} MB | {numbers} | {target} |"


if __name__ == "__main__":
    main()
