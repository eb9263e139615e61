"""The time stamps of ESO and MTR files: in which environment each is, and the interval that it ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from simstac.errors import SourceError
from simstac.sources.energyplus.eio import Eio, Period
from simstac.sources.energyplus.records import Records
from simstac.sources.energyplus.series import Environment, EnvironmentKind
from simstac.sources.energyplus.times import (
    UNKNOWN,
    Span,
    Times,
    moments,
    month_bounds,
    nominal_year,
    period_span,
    year_bounds,
)

ENVIRONMENT, STEP, DAY, MONTH, RUN_PERIOD, YEAR = range(1, 7)

_NUMBERS = {STEP: 8, DAY: 5, MONTH: 3, RUN_PERIOD: 2, YEAR: 2}
"""How many numbers begin a stamp of each kind, its own included; a day type may follow."""

_WARMUP = re.compile(r"Warmup \{\d+\} ")
_NONE = -1
_NO_TIME = np.datetime64("NaT", "ms")


@dataclass(frozen=True, slots=True, eq=False)
class Stamps:
    """The time stamps of one file, in their order.

    Attributes:
        kind: 1 the begin of an environment, 2 a step or an hour, 3 a day, 4 a month, 5 the run period, 6 a year.
        environment: Index of the environment; -1 for warmup days.
        start: Start of the interval, ``datetime64[ms]``, local standard time.
        end: Its end.
        minutes: How long steps and hours are, those of warmup days too; NaN for the other kinds.
    """

    kind: NDArray[np.int8]
    environment: NDArray[np.int64]
    start: Times
    end: Times
    minutes: NDArray[np.float64]


def read_stamps(files: Sequence[Records], eio: Eio) -> tuple[tuple[Environment, ...], list[Stamps]]:
    """The environments of a run, and the time stamps of each of its files.

    Raises:
        SourceError: If a stamp is damaged, or a weather run is not in the ``.eio`` file, which alone tells its year.
    """
    titles = [_titles(records) for records in files]
    keys = list(dict.fromkeys(key for found in titles for key in found if key is not None))
    periods = {period.name: period for period in eio.periods}
    environments: dict[tuple[str, int], Environment] = {}
    stamps = []
    for records, found in zip(files, titles, strict=True):
        kind = np.fromiter((line[0] - ord("0") for line in records.stamps), np.int8, len(records.stamps))
        numbers = np.array([_NONE if key is None else keys.index(key) for key in found], dtype=np.int64)
        environment = numbers[np.cumsum(kind == ENVIRONMENT) - 1] if len(numbers) else np.full(len(kind), _NONE)
        for key in filter(None, found):
            lines = _lines_of(records, environment, keys.index(key))
            environments.setdefault(key, _environment(records.path, key[0], periods.get(key[0]), lines))
        fields = {of_kind: _fields(records, np.flatnonzero(kind == of_kind), of_kind) for of_kind in _NUMBERS}
        start, end = _bounds(fields, kind, environment, keys, eio)
        minutes = np.full(len(kind), np.nan)
        minutes[kind == STEP] = fields[STEP][:, 7] - fields[STEP][:, 6]
        stamps.append(Stamps(kind, environment, start, end, minutes))
    return tuple(environments[key] for key in keys), stamps


def _titles(records: Records) -> list[tuple[str, int] | None]:
    """Every environment by its name and how often that has come before; None for warmup days."""
    seen: Counter[str] = Counter()
    titles: list[tuple[str, int] | None] = []
    for line in records.stamps:
        if line[0] == ord("0") + ENVIRONMENT:
            name = line.decode("utf-8", errors="replace").partition(",")[2].rsplit(",", 4)[0]
            titles.append(None if _WARMUP.match(name) else (name, seen[name]))
            seen[name] += 1
    return titles


def _lines_of(records: Records, environment: NDArray[np.int64], index: int) -> list[bytes]:
    """The first stamps of an environment."""
    return [records.stamps[number] for number in np.flatnonzero(environment == index)[:3].tolist()]


def _environment(path: Path, name: str, period: Period | None, lines: Sequence[bytes]) -> Environment:
    if period is not None:
        return Environment(name, period.kind)
    if any(line.endswith(b"DesignDay") for line in lines):
        return Environment(name, EnvironmentKind.DESIGN_DAY)
    raise SourceError(path, f"does not tell the year of {name!r}", "put the run's .eio file, which does, beside it")


def _bounds(
    fields: Mapping[int, NDArray[np.float64]],
    kind: NDArray[np.int8],
    environment: NDArray[np.int64],
    keys: Sequence[tuple[str, int]],
    eio: Eio,
) -> tuple[Times, Times]:
    """Start and end of the interval of every stamp; not-a-time for those that end none, and for warmup days."""
    start, end = np.full(len(kind), _NO_TIME), np.full(len(kind), _NO_TIME)
    nominal = nominal_year(period.first.year or 0 for period in eio.periods)
    first_years = {period.name: period.first.year or nominal for period in eio.periods}
    for index, (name, _) in enumerate(keys):
        year = first_years.get(name, nominal)
        span = period_span(eio, name, nominal)
        for of_kind, all_fields in fields.items():
            of_environment = environment[kind == of_kind] == index
            if of_environment.any():
                own = all_fields[of_environment]
                span = span or _span(own, of_kind, year)
                rows = np.flatnonzero(kind == of_kind)[of_environment]
                start[rows], end[rows] = _intervals(own, of_kind, year, span)
    return start, end


def _fields(records: Records, rows: NDArray[np.int64], kind: int) -> NDArray[np.float64]:
    """The numbers of stamps of one kind, a column each."""
    width = _NUMBERS[kind]
    if not len(rows):
        return np.empty((0, width))
    lines = (b",".join(records.stamps[row].split(b",", width)[:width]) for row in rows.tolist())
    try:
        numbers = np.array(orjson.loads(b"[[" + b"],[".join(lines) + b"]]"), dtype=np.float64)
    except (orjson.JSONDecodeError, ValueError, TypeError) as error:
        raise SourceError(records.path, "holds a damaged time stamp", "run the simulation again") from error
    if numbers.shape[1:] != (width,):
        raise SourceError(records.path, "holds a damaged time stamp", "run the simulation again")
    return numbers


def _span(fields: NDArray[np.float64], kind: int, year: int) -> Span:
    """The span of an environment that no other file tells, by its stamps."""
    if kind not in {STEP, DAY}:
        return UNKNOWN
    start, end = _intervals(fields, kind, year, UNKNOWN)
    return Span(start.min(), end.max())


def _intervals(fields: NDArray[np.float64], kind: int, first_year: int, span: Span) -> tuple[Times, Times]:
    """Start and end of the intervals that stamps of one kind and environment end."""
    integers = fields.astype(np.int64).T
    match kind:
        case k if k == STEP:
            _, _, month, day, _, hour, _, _ = integers
            year = _years(100 * month + day, first_year)
            minute = (hour - 1) * 60
            return moments(year, month, day, minute + fields[:, 6]), moments(year, month, day, minute + fields[:, 7])
        case k if k == DAY:
            _, _, month, day, _ = integers
            year, none = _years(100 * month + day, first_year), np.zeros_like(day)
            return moments(year, month, day, none), moments(year, month, day, none + 24 * 60)
        case k if k == MONTH:
            return month_bounds(_years(integers[2], first_year), integers[2], span)
        case k if k == YEAR:
            return year_bounds(integers[1], span)
        case _:
            return np.full(len(fields), span.start), np.full(len(fields), span.end)


def _years(dates: NDArray[np.int64], first_year: int) -> NDArray[np.int64]:
    """The year of dates (numbers that grow within a year) in their order; where they fall back, a year begins."""
    return first_year + np.concatenate(([0], np.cumsum(np.diff(dates) < 0)))
