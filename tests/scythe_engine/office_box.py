"""Scythe's own code at work, in the environment that ``environment.py`` makes: never imported by simstac or its tests.

``python office_box.py DONE.json STEP…``: each step allocates a run of the experiment ``office_box``, or tells what
Scythe sees: ``bumpmajor:6`` and ``keep:6`` run six specs, ``bumpminor-later:6`` only queues them, ``work:RUN`` works
a queue off, ``versions`` lists; ``experiment:NAME`` turns to another experiment. What Hatchet's server would do, the
SDK's own ``mock_run`` does: nothing else is replaced. The results of all steps are written as JSON.
"""

import asyncio
import base64
import json
import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

claims = {"sub": "tenant", "server_url": "http://127.0.0.1:1", "grpc_broadcast_address": "127.0.0.1:1"}
os.environ["HATCHET_CLIENT_TOKEN"] = "ey." + base64.urlsafe_b64encode(json.dumps(claims).encode()).decode() + ".x"

import pandas as pd  # noqa: E402
from pydantic import Field  # noqa: E402
from scythe.base import ExperimentInputSpec, ExperimentOutputSpec  # noqa: E402
from scythe.experiments import BaseExperiment  # noqa: E402
from scythe.registry import ExperimentRegistry  # noqa: E402
from scythe.scatter_gather import RecursionMap, ScatterGatherInput, scatter_gather  # noqa: E402
from scythe.utils.filesys import FileReference  # noqa: E402

HOURS = 48
GRID = RecursionMap(path=None, factor=2, max_depth=1)


class OfficeBoxInput(ExperimentInputSpec):
    """One office box."""

    r_value: float = Field(description="Thermal resistance of the wall [m2 K/W]", ge=0)
    wwr: float = Field(description="Window-to-wall ratio [-]")
    orientation: Literal["north", "south"] = Field(description="Where the window looks to")
    built: datetime = Field(description="When it was built")
    setpoint: float | None = Field(default=None, description="Heating setpoint [degC]")
    schedule: list[float] = Field(description="Occupancy by the hour [1]")
    weather: FileReference = Field(description="Weather file [.epw]")

    @property
    def computed_features(self) -> dict[str, float]:
        return {"glazed": self.wwr > 0.3, "u_value": 1 / self.r_value}


class OfficeBoxOutput(ExperimentOutputSpec):
    """What is known of it."""

    heating: float = Field(description="Heating energy of a year [kWh/m2]", title="Heating")
    unmet_hours: int = Field(description="Hours below the setpoint [h]")
    meters: dict[str, float] = Field(description="Meters of a year [kWh]")
    monthly_heating: list[float] = Field(description="Heating by the month [kWh]")
    temperatures: FileReference = Field(description="Zone temperatures by the hour [degC]")
    report: FileReference = Field(description="A page to read")


@ExperimentRegistry.Register(name="office_box")
def office_box(input_spec: OfficeBoxInput, tempdir: Path) -> OfficeBoxOutput:
    """An office box in a few formulae."""
    if input_spec.sort_index == 2:
        raise RuntimeError("the third box never converges")
    heating = 100 / input_spec.r_value + 10 * input_spec.wwr
    hours = pd.date_range("2023-01-01", periods=HOURS, freq="h", name="time")
    table = pd.DataFrame({"core": 20.0, "perimeter": 18 + input_spec.wwr}, index=hours)
    table["core"] += range(HOURS)
    table.to_csv(tempdir / "temperatures.csv")
    (tempdir / "report.html").write_text(f"<p>{heating}</p>")
    by_month = pd.DataFrame(
        {
            "month": [1, 2, 3],
            "Electricity:Facility": [heating * month for month in (1, 2, 3)],
            "DistrictHeatingWater:Facility": [heating + month for month in (1, 2, 3)],
        },
        index=input_spec.make_multiindex(n_rows=3, additional_index_data={"source": "meters"}),
    ).set_index("month", append=True)
    surfaces = pd.DataFrame({"surface": ["wall", "roof"], "area": [12.0, 40.0]})
    return OfficeBoxOutput(
        heating=heating,
        unmet_hours=input_spec.sort_index * 3,
        meters={"Electricity:Facility": 2 * heating, "DistrictHeatingWater:Facility": 3 * heating},
        monthly_heating=[heating / 12 + month for month in range(12)],
        temperatures=tempdir / "temperatures.csv",
        report=tempdir / "report.html",
        dataframes={"by_month": by_month, "surfaces": surfaces},
    )


def specs(count: int, weather: Path) -> list[OfficeBoxInput]:
    return [
        OfficeBoxInput(
            experiment_id="",
            sort_index=0,
            r_value=1.0 + index,
            wwr=0.1 * (index + 1),
            orientation="north" if index % 2 else "south",
            built=datetime(1980 + index, 5, 1),  # noqa: DTZ001  # as users write it
            setpoint=None if index == 1 else 20.0 + index,
            schedule=[0.0, 1.0, float(index)],
            weather=weather,
        )
        for index in range(count)
    ]


def run_in_this_process() -> None:
    """Let the queue's clients run their task here, by the SDK's own ``mock_run``."""

    async def each(inputs: list, **_: object) -> list:
        return [attempted(one) for one in inputs]

    def attempted(one: OfficeBoxInput) -> object:
        try:
            answer = office_box.mock_run(one).model_dump_json()  # a queue carries JSON
            return OfficeBoxOutput.model_validate_json(answer)
        except RuntimeError as error:
            return error

    office_box.create_bulk_run_item = lambda input, **_: input  # noqa: A006  # the SDK's name
    office_box.aio_run_many = each
    scatter_gather.create_bulk_run_item = lambda input, **_: input  # noqa: A006  # as above

    async def branches(inputs: list, **_: object) -> list:
        return [await scatter_gather.aio_mock_run(one) for one in inputs]

    scatter_gather.aio_run_many = branches

    def now(payload: object, **_: object) -> SimpleNamespace:
        asyncio.run(scatter_gather.aio_mock_run(payload))
        return SimpleNamespace(workflow_run_id="root-workflow")

    scatter_gather.run_no_wait = now


def main() -> None:
    done, told = Path(sys.argv[1]), []
    experiment = BaseExperiment(runnable=office_box)
    weather = Path(tempfile.mkdtemp()) / "denver.epw"
    weather.write_text("LOCATION,Denver")
    for step in sys.argv[2:]:
        if step.startswith("experiment:"):
            experiment = BaseExperiment(runnable=office_box, run_name=step.removeprefix("experiment:"))
            continue
        if step == "versions":
            versions = experiment.list_versions()
            told.append({str(each.version): [run.experiment_id for run in each.list_runs()] for each in versions})
            continue
        if step.startswith("work:"):
            run_in_this_process()
            run = step.removeprefix("work:")
            settings = experiment.storage_settings
            at = f"s3://{settings.BUCKET}/{settings.BUCKET_PREFIX}/{run}/specs.pq"
            scatter_gather.run_no_wait(
                ScatterGatherInput(experiment_id=run, task_name="office_box", specs_uri=at, recursion_map=GRID)
            )
            told.append(run)
            continue
        version, _, count = step.partition(":")
        version, later, _ = version.partition("-later")
        if later:
            scatter_gather.run_no_wait = lambda *_, **__: SimpleNamespace(workflow_run_id="queued")
        else:
            run_in_this_process()
        experiment.latest_version(from_cache=False)
        run, _ = experiment.allocate(specs(int(count), weather), version=version, recursion_map=GRID)
        told.append(run.experiment_id)
        time.sleep(1.01 - time.time() % 1)  # Scythe names a run by the second
    done.write_text(json.dumps(told))


main()
