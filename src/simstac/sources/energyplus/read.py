"""A run read whole: its state, its results, and all of it as xarray groups; what a study is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from simstac.errors import SourceError
from simstac.sources.attributes import SAID, said_as_text
from simstac.sources.energyplus.assemble import datasets
from simstac.sources.energyplus.cf import CONVENTIONS, utc_offset
from simstac.sources.energyplus.eso import read_eso
from simstac.sources.energyplus.files import RunFiles, refuse_unfinished_write
from simstac.sources.energyplus.series import EnvironmentKind, Location, Results
from simstac.sources.energyplus.sql import read_sql
from simstac.sources.energyplus.state import RunState, Status, state_of
from simstac.sources.energyplus.totals import run_totals

READER = "energyplus/1"
"""The reader and the layout of what it gives, as a run names it."""

_REMEDIES = {
    Status.FAILED: "see its .err file, mend the model and run it again",
    Status.INCOMPLETE: "it has no .end file: wait until it ends, or read what there is with allow_incomplete=True",
    Status.MISSING: "give the folder of a run, or its eplusout.sql",
}


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """A run and all that it reported."""

    state: RunState
    results: Results


def read_run(files: RunFiles, *, allow_incomplete: bool = False) -> Run:
    """Read a run from its SQL file, or from ESO and MTR where there is none.

    Raises:
        SourceError: If the run failed, was killed (unless ``allow_incomplete``), or left nothing to read.
    """
    if files.sql:
        refuse_unfinished_write(files.sql)
    state = state_of(files)
    readable = state.status == Status.COMPLETED or (allow_incomplete and state.status == Status.INCOMPLETE)
    if not readable:
        problem = f"the run is {state.status}" + (f": {state.message}" if state.message else "")
        raise SourceError(files.directory, problem, _REMEDIES[state.status])
    if not files.has_results:
        problem = "there is neither .sql nor .eso"
        raise SourceError(files.directory, problem, "add Output:SQLite,SimpleAndTabular to the model and run it again")
    return Run(state, read_sql(files) if files.sql else read_eso(files))


def run_groups(run: Run) -> dict[str, xr.Dataset]:
    """The groups of a run by absolute path; the root, ``/``, is first and has scalar results and facts."""
    return {"/": _root(run)} | {f"/{path}": dataset for path, dataset in datasets(run.results).items()}


def _root(run: Run) -> xr.Dataset:
    complete = run.state.status == Status.COMPLETED
    totals = run_totals(run.results) if complete else {}
    facts = _facts(run)
    variables = {
        name: ((), total.value, {"long_name": total.long_name, "units": total.units}) for name, total in totals.items()
    }
    said = {"layout": "run/1", "results": list(totals), "facts": list(facts), "reader": READER}
    attributes: dict[str, Any] = {"Conventions": CONVENTIONS, "source": run.state.software, SAID: said_as_text(said)}
    if run.results.location:
        attributes["time_reference"] = f"local standard time ({utc_offset(run.results.location.time_zone)})"
    return xr.Dataset(variables | facts, attrs=attributes)


def _facts(run: Run) -> dict[str, tuple[tuple[()], Any, Mapping[str, str]]]:
    """How the run ended, where and when it was, as scalar variables."""
    state, where = run.state, run.results.location or Location("", np.nan, np.nan, np.nan, np.nan)
    start, end = _covered(run.results)
    reference = "local standard time"
    return {
        "status": ((), str(state.status), {"long_name": "How the run ended"}),
        "message": ((), state.message, {"long_name": "First severe or fatal message"}),
        "warnings": ((), state.warnings, {"long_name": "Number of warnings", "units": "1"}),
        "severe_errors": ((), state.severe_errors, {"long_name": "Number of severe errors", "units": "1"}),
        "software": ((), state.software, {"long_name": "Simulation engine"}),
        "location": ((), where.name, {"long_name": "Location of the weather data"}),
        "latitude": ((), where.latitude, {"standard_name": "latitude", "units": "degrees_north"}),
        "longitude": ((), where.longitude, {"standard_name": "longitude", "units": "degrees_east"}),
        "elevation": ((), where.elevation, {"long_name": "Elevation above sea level", "units": "m"}),
        "time_zone": ((), where.time_zone, {"long_name": "Hours east of UTC", "units": "h"}),
        "time_start": ((), start, {"long_name": f"Begin of the weather runs, {reference}"}),
        "time_end": ((), end, {"long_name": f"End of the weather runs, {reference}"}),
    }


def _covered(results: Results) -> tuple[np.datetime64, np.datetime64]:
    """First and last moment of the weather runs; not-a-time where there is none."""
    blocks = [block for block in results.blocks if block.environment.kind == EnvironmentKind.WEATHER]
    starts = [block.start.min() for block in blocks if not np.isnat(block.start).any()]
    ends = [block.end.max() for block in blocks if not np.isnat(block.end).any()]
    nothing = np.datetime64("NaT", "ns")
    return min(starts, default=nothing).astype("M8[ns]"), max(ends, default=nothing).astype("M8[ns]")
