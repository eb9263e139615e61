"""Many runs → one ensemble: which runs there are, their parameters, how each ended, and how their shapes unite."""

from simstac.studies.definition import Study, find_study
from simstac.studies.parameters import Parameters, read_parameters
from simstac.studies.results import study
from simstac.studies.runs import Run, find_runs
from simstac.studies.source import EngineSource, Source, State, source_of

__all__ = [
    "EngineSource",
    "Parameters",
    "Run",
    "Source",
    "State",
    "Study",
    "find_runs",
    "find_study",
    "read_parameters",
    "source_of",
    "study",
]
