"""The runs of a study's store as a table: where and when each one is, what was varied, what came out."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from simstac.errors import MetadataError
from simstac.stac.document import Document, plain, text
from simstac.stac.geometry import Bbox, Geometry, enclosing_bbox, geometry_bbox, padded, point, rectangle, wrapped
from simstac.stac.metadata import Metadata, identifier

if TYPE_CHECKING:
    import xarray as xr

DIGEST = 8
FILE_SUFFIXES = (".json", ".parquet", ".png")
LONGEST_ID = 200
BLOCK = 1_000
ABSOLUTE_FOLDER = re.compile(r"(?<![\w.:])(?:[A-Za-z]:\\|/)(?:[^\s\\/]+[\\/])+")
SHOWN_FACTS = ("status", "message", "warnings", "severe_errors", "location")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a study.

    Attributes:
        id: The id of its Item.
        name: Its name on the ``run`` dimension.
        properties: Parameters, results and facts as Item properties ``sim:…``.
        software: The program and its version; empty where unknown.
        geometry: Where the building stands; the study's own place where the run does not say.
        bbox: The geometry's box.
        start: When it begins, UTC; the study's own begin where the run does not say.
        end: When it ends, UTC, likewise.
    """

    id: str
    name: str
    properties: Document
    software: str
    geometry: Geometry
    bbox: Bbox
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTable:
    """All runs of a study, made one at a time from the columns of its root group.

    Attributes:
        names: The run names, in the order of the store.
        ids: The Item id of each.
        columns: Every column that Items show, by property name.
        parameters: The names of what was varied.
        labels: What to call each parameter and result in prose, and its unit, by property name.
        software: The program of each run.
        longitude: Degrees east, NaN where unknown.
        latitude: Degrees north, NaN where unknown.
        start: When each begins, ``datetime64[us]`` UTC, NaT where unknown.
        end: When each ends, likewise.
        time_zone: Hours ahead of UTC, NaN where unknown.
        place: Geometry and box of a run that does not say where it is.
        period: Start and end of a run that does not say when it is.
    """

    names: Sequence[str]
    ids: Sequence[str]
    columns: Mapping[str, np.ndarray[Any, Any]]
    parameters: Sequence[str]
    labels: Mapping[str, tuple[str, str]]
    software: np.ndarray[Any, Any]
    longitude: np.ndarray[Any, Any]
    latitude: np.ndarray[Any, Any]
    start: np.ndarray[Any, Any]
    end: np.ndarray[Any, Any]
    time_zone: np.ndarray[Any, Any]
    place: tuple[Geometry, Bbox]
    period: tuple[datetime, datetime]

    def __len__(self) -> int:
        """The number of runs."""
        return len(self.names)

    def __iter__(self) -> Iterator[Run]:
        """Each run in turn, made a block at a time."""
        for begin in range(0, len(self), BLOCK):
            block = slice(begin, begin + BLOCK)
            columns = {key: _plain_list(column[block]) for key, column in self.columns.items()}
            places = zip(self.longitude[block].tolist(), self.latitude[block].tolist(), strict=True)
            spans = zip(self.start[block].tolist(), self.end[block].tolist(), strict=True)
            rows = zip(places, spans, self.software[block].tolist(), strict=True)
            for offset, (place, span, software) in enumerate(rows):
                shown = {key: value for key, column in columns.items() if (value := column[offset]) is not None}
                yield self._run(begin + offset, shown, place, span, str(software))

    def _run(
        self,
        index: int,
        shown: Document,
        place: tuple[float, float],
        span: tuple[datetime | None, datetime | None],
        software: str,
    ) -> Run:
        geometry, bbox = self.place
        if math.isfinite(place[0]) and math.isfinite(place[1]):
            geometry = point(*place)
            bbox = (*geometry["coordinates"], *geometry["coordinates"])
        start, end = self.period if span[0] is None or span[1] is None else (_utc(span[0]), _utc(span[1]))
        if message := shown.get("sim:message"):
            shown["sim:message"] = ABSOLUTE_FOLDER.sub("", message)
        shown["sim:run_id"] = self.names[index]
        return Run(
            id=self.ids[index],
            name=self.names[index],
            properties=shown,
            software=software,
            geometry=geometry,
            bbox=bbox,
            start=start,
            end=end,
        )

    @property
    def bbox(self) -> Bbox:
        """The box around all runs."""
        known = np.isfinite(self.longitude) & np.isfinite(self.latitude)
        places = np.unique(np.stack([self.longitude[known], self.latitude[known]], axis=1), axis=0)
        boxes = [(wrapped(x), y, wrapped(x), y) for x, y in places.tolist()]
        return padded(enclosing_bbox(boxes)) if boxes else self.place[1]

    @property
    def interval(self) -> tuple[datetime, datetime]:
        """From the first start to the last end."""
        known = ~(np.isnat(self.start) | np.isnat(self.end))
        if not known.any():
            return self.period
        return self.start[known].min().item().replace(tzinfo=UTC), self.end[known].max().item().replace(tzinfo=UTC)

    @property
    def utc_offsets(self) -> tuple[float, float]:
        """The smallest and the largest time zone, hours ahead of UTC."""
        known = self.time_zone[np.isfinite(self.time_zone)]
        return (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)


def read_runs(
    root: xr.Dataset, layout: Mapping[str, Sequence[str]], metadata: Metadata, committed: datetime
) -> RunTable:
    """Every run of a study's root group.

    A run that failed before it had a place or a time takes those of the others; where none has a time, all take the
    moment of the commit.

    Raises:
        MetadataError: If no run and no configuration says where the study is, or two columns want one property.
    """
    names = [str(name) for name in root["run"].values]
    count = len(names)
    parameters = list(layout.get("parameters", ()))
    results = [name for name in layout.get("results", ()) if _tells(root[name].values)]
    shown = [*parameters, *results, *(fact for fact in SHOWN_FACTS if fact in root.variables)]
    if "run_id" in shown:
        raise MetadataError("run_id", "is the name of a property that every run has", "rename the column")
    numbers = {name: _numbers(root, name, count) for name in ("longitude", "latitude", "time_zone")}
    offset = np.nan_to_num(numbers["time_zone"]) * 3600e6
    moments = {
        name: _moments(root, name, count) - offset.astype("timedelta64[us]") for name in ("time_start", "time_end")
    }
    software = root["software"].values if "software" in root.variables else np.full(count, "")
    return RunTable(
        names=names,
        ids=run_ids(names),
        columns={f"sim:{name}": root[name].values for name in shown},
        parameters=parameters,
        labels={f"sim:{name}": _label(root[name]) for name in (*parameters, *results)},
        software=software,
        longitude=numbers["longitude"],
        latitude=numbers["latitude"],
        start=moments["time_start"],
        end=moments["time_end"],
        time_zone=numbers["time_zone"],
        place=_study_place(numbers["longitude"], numbers["latitude"], metadata),
        period=_study_period(moments["time_start"], moments["time_end"], metadata, committed),
    )


def run_ids(names: Sequence[str]) -> list[str]:
    """An Item id for each run name, which is the name of its folder too.

    Names that give the same id, none, that of a file beside the Items, or one too long for a file's name, get the
    digest of the name appended.
    """
    plain_ids = [identifier(name) for name in names]
    counts = Counter(plain_ids)
    return [
        short
        if 0 < len(short) <= LONGEST_ID and counts[short] == 1 and not short.endswith(FILE_SUFFIXES)
        else f"{short[:LONGEST_ID] or 'run'}-{hashlib.sha256(name.encode()).hexdigest()[:DIGEST]}"
        for short, name in zip(plain_ids, names, strict=True)
    ]


def _tells(column: np.ndarray[Any, Any]) -> bool:
    """Whether a result is other than zero in any run: the end uses that no run has say nothing."""
    return column.dtype.kind not in "iuf" or bool((np.nan_to_num(column) != 0).any())


def _label(column: xr.DataArray) -> tuple[str, str]:
    name = text(column.attrs.get("long_name")) or str(column.name)
    return name.replace("_", " "), text(column.attrs.get("units"))


def _plain_list(column: np.ndarray[Any, Any]) -> list[Any]:
    """Values as JSON, None where there is none."""
    if column.dtype.kind == "f":
        return [value if math.isfinite(value) else None for value in column.tolist()]
    return [plain(value) for value in column.tolist()]


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)


def _numbers(root: xr.Dataset, name: str, count: int) -> np.ndarray[Any, Any]:
    return root[name].values.astype(np.float64) if name in root.variables else np.full(count, np.nan)


def _moments(root: xr.Dataset, name: str, count: int) -> np.ndarray[Any, Any]:
    if name not in root.variables:
        return np.full(count, np.datetime64("NaT", "us"))
    return root[name].values.astype("datetime64[us]")


def _study_place(
    longitude: np.ndarray[Any, Any], latitude: np.ndarray[Any, Any], metadata: Metadata
) -> tuple[Geometry, Bbox]:
    if metadata.geometry:
        return metadata.geometry, metadata.bbox or geometry_bbox(metadata.geometry)
    if metadata.bbox:
        return rectangle(metadata.bbox), metadata.bbox
    known = np.isfinite(longitude) & np.isfinite(latitude)
    if not known.any():
        raise MetadataError(metadata.id, "no run says where it is", "set metadata: {bbox: [west, south, east, north]}")
    places = np.unique(np.stack([longitude[known], latitude[known]], axis=1), axis=0).tolist()
    box = enclosing_bbox([(wrapped(x), y, wrapped(x), y) for x, y in places])
    return rectangle(box), box


def _study_period(
    start: np.ndarray[Any, Any], end: np.ndarray[Any, Any], metadata: Metadata, committed: datetime
) -> tuple[datetime, datetime]:
    if metadata.start_datetime and metadata.end_datetime:
        return metadata.start_datetime, metadata.end_datetime
    if metadata.datetime:
        return metadata.datetime, metadata.datetime
    known = ~(np.isnat(start) | np.isnat(end))
    if not known.any():
        return committed, committed
    return start[known].min().item().replace(tzinfo=UTC), end[known].max().item().replace(tzinfo=UTC)
