"""What people say about a dataset and a catalog: names, licence, credit, and answers where the data is ambiguous."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from simstac.stac.geometry import MAX_LATITUDE, MAX_LONGITUDE

ID_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"
DOI_PATTERN = r"^10\.[0-9a-zA-Z]{4,}/[^\s]+$"
LICENSE_PATTERN = r"^[\w\-.+]+$"
RETIRED_LICENSES = frozenset({"proprietary", "various"})

type Role = Literal["licensor", "producer", "processor", "host"]


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _spdx(value: str) -> str:
    if value.lower() in RETIRED_LICENSES:
        raise ValueError(f"{value!r} is no licence of STAC 1.1: write an SPDX identifier, or 'other' with license_url")
    return value


def _bbox(value: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = value
    inside = max(abs(west), abs(east)) <= MAX_LONGITUDE and max(abs(south), abs(north)) <= MAX_LATITUDE
    if not inside or south > north:
        raise ValueError("is not [west, south, east, north] in degrees with longitudes in ±180 and south ≤ north")
    return value


UtcDatetime = Annotated[datetime, AfterValidator(_utc)]
Bbox = Annotated[tuple[float, float, float, float], AfterValidator(_bbox)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Provider(_Strict):
    """An organisation that made, processed, licensed or hosts the data."""

    name: str = Field(min_length=1)
    """What it is called."""
    description: str | None = None
    """More about it, or about its part (CommonMark)."""
    roles: tuple[Role, ...] = ()
    """What it did for the data."""
    url: str | None = None
    """Its home page."""


class Overrides(_Strict):
    """Answers that settle what a dataset leaves open; each one wins over what the data say."""

    bbox: Bbox | None = None
    """West, south, east, north in degrees (WGS 84); west > east crosses the antimeridian."""
    geometry: dict[str, Any] | None = None
    """The footprint as GeoJSON, longitudes in ±180."""
    datetime: UtcDatetime | None = None
    """The one moment that the data are about; without a zone it is UTC."""
    start_datetime: UtcDatetime | None = None
    """When the data begin."""
    end_datetime: UtcDatetime | None = None
    """When the data end."""
    x: str | None = None
    """The variable that holds the horizontal x coordinate or longitude."""
    y: str | None = None
    """The variable that holds the horizontal y coordinate or latitude."""
    z: str | None = None
    """The variable that holds the vertical coordinate."""
    time: str | None = None
    """The variable that holds the time coordinate."""
    crs: str | None = None
    """The coordinate reference system of x and y, as pyproj reads it (``EPSG:3413``, WKT, PROJ string)."""
    calendar: str | None = None
    """The CF calendar of a time coordinate that names none."""

    @model_validator(mode="after")
    def _interval_is_whole(self) -> Overrides:
        if (self.start_datetime is None) != (self.end_datetime is None):
            raise ValueError("start_datetime and end_datetime go together")
        if self.start_datetime and self.end_datetime and self.start_datetime > self.end_datetime:
            raise ValueError("start_datetime is after end_datetime")
        return self


class About(_Strict):
    """What people say about one dataset or study."""

    id: str = Field(pattern=ID_PATTERN)
    """The identifier, also the folder of its documents."""
    title: str = ""
    """One line for people; the id where left empty."""
    description: str = ""
    """Prose (CommonMark); the title where left empty, with the variables of a dataset."""
    license: Annotated[str, AfterValidator(_spdx)] = Field(pattern=LICENSE_PATTERN)
    """An SPDX identifier, or ``other`` with ``license_url``."""
    license_url: str | None = None
    """Where the licence's text is."""
    keywords: tuple[str, ...] = ()
    """Words to find it by."""
    providers: tuple[Provider, ...] = ()
    """Who made, processed, licensed or hosts it."""
    citation: str | None = None
    """How to cite it."""
    doi: str | None = Field(default=None, pattern=DOI_PATTERN)
    """The data's DOI, such as ``10.5281/zenodo.1234``."""
    version: str | None = None
    """The declared version, which names the next release."""
    deprecated: bool = False
    """Whether its use is discouraged."""

    @property
    def name(self) -> str:
        """The title, or the id where there is none."""
        return self.title.strip() or self.id


class Metadata(About, Overrides):
    """Everything said about one dataset or study; the rest of its description comes from the data."""


class CatalogMetadata(_Strict):
    """What is said about the root catalog."""

    id: str = Field(pattern=ID_PATTERN)
    """The identifier."""
    title: str = ""
    """One line for people; the id where left empty."""
    description: str = ""
    """Prose (CommonMark); the title where left empty."""
    public_url: str | None = Field(default=None, pattern=r"^https?://[^?#]+$")
    """The folder URL at which the catalog is read; left out while it is local."""

    @property
    def name(self) -> str:
        """The title, or the id where there is none."""
        return self.title.strip() or self.id


def identifier(name: str) -> str:
    """A name in any alphabet as an id of ``[a-z0-9._-]``; empty where nothing of it is left."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._")
