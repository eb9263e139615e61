"""A Scythe experiment of 24 specs in a bucket: what its first build costs, and what a build costs that knows it."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from harness import measure, write_section

sys.path.insert(0, str(Path(__file__).parents[1]))
SPECS = 24
HOURS = 8760
MOST_REQUESTS = 5
CONFIGURATION = """
catalog: {{id: boxes}}
collections:
  - id: office-box
    license: CC-BY-4.0
    metadata: {{bbox: [-105.0, 39.7, -105.0, 39.7]}}
    source: {{engine: scythe, path: "s3://{bucket}/scythe/office_box", endpoint_url: "{endpoint}"}}
"""


def build(folder: str, bucket: str, endpoint: str) -> Callable[[], Any]:
    """Our side: as the command does it, imports included."""
    path = Path(folder) / "boxes.yaml"
    path.write_text(CONFIGURATION.format(bucket=bucket, endpoint=endpoint))

    def run() -> Any:
        import simstac  # noqa: PLC0415  # measured, as a command pays for it

        report = simstac.build(simstac.load_project(path))
        if not report.ok:
            raise SystemExit(f"{report.errors or report.collections[0].problems}")
        return list(report.collections[0].statuses)

    return run


def write_experiment(folder: Path) -> Path:
    """A run in the layout that Scythe leaves, with a CSV of a year for each spec."""
    from tests.sources.scythe.written import TIME, run  # noqa: PLC0415  # needs pyarrow

    index, address = list(range(SPECS)), f"s3://bucket/scythe/office_box/v1.0.0/{TIME}/results/temperature"
    specs = {"sort_index": index, "r_value": [1.0 + each for each in index]}
    refs = {"temperature": [f"{address}/{each}.csv" for each in index], "sort_index": index}
    scalars = {**specs, "heating": [100.0 / (1 + each) for each in index]}
    experiment = folder / "scythe" / "office_box"
    made = run(experiment, specs=specs, scalars=scalars, frames={"result_file_refs": (refs, ["sort_index"])})
    (made / "results" / "temperature").mkdir(parents=True)
    moments = (np.datetime64("2023-01-01T00", "m") + np.arange(HOURS) * 60).astype(str).tolist()
    for each in index:
        lines = "".join(f"{moment}:00,{20 + each + hour % 24 / 10}\n" for hour, moment in enumerate(moments))
        (made / "results" / "temperature" / f"{each}.csv").write_text(f"time,temperature\n{lines}")
    return experiment


def main() -> None:
    from tests.publishing.proxy import proxied  # noqa: PLC0415  # as above

    from publish import s3_server  # noqa: PLC0415  # the server that the tests start

    with tempfile.TemporaryDirectory() as scratch, s3_server() as server:
        folder, bucket, client = Path(scratch), server.make_bucket("scythe"), server.client()
        experiment = write_experiment(folder)
        for path in (each for each in experiment.rglob("*") if each.is_file()):
            client.upload_file(str(path), bucket, path.relative_to(folder).as_posix())
        with proxied(server.endpoint_url) as proxy:
            first = measure(build, scratch, bucket, proxy.url)
            read = len(proxy.seen)
            proxy.seen.clear()
            again = measure(build, scratch, bucket, proxy.url)
            known = [f"{method} {path}" for method, path in proxy.seen]
    if len(known) > MOST_REQUESTS or any("list-type=2" not in each for each in known):
        raise SystemExit(f"a known experiment cost {len(known)} requests: {known}")
    cost = [f"{each.seconds:.2f} s, {each.megabytes:.0f} MB" for each in (first, again)]
    lines = [
        "| what | requests to the bucket | wall time, memory | target |",
        "|---|---|---|---|",
        f"| {SPECS} specs with a CSV of a year each, first build | {read} | {cost[0]} | |",
        f"| known complete | {len(known)}, all of them listings | {cost[1]} | ≤ {MOST_REQUESTS} requests |",
    ]
    write_section("scythe", "A Scythe experiment in a bucket", "\n".join(lines))


if __name__ == "__main__":
    main()
