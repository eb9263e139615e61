"""Rules for any document that no schema states: links, words, places, times, and what must never be published."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from simstac.stac.document import GEOJSON, JSON, Document
from simstac.stac.geometry import MAX_LATITUDE, MAX_LONGITUDE
from simstac.stac.metadata import RETIRED_LICENSES
from simstac.stac.validate.findings import Broken, Rule, at

TARGET_TYPES = {"root": JSON, "parent": JSON, "collection": JSON, "child": JSON, "item": GEOJSON}
SINGLE_RELS = ("root", "parent", "collection", "self", "latest-version", "predecessor-version")
TOLERANCE = 1e-5
CLOSED_RING = 4
SECRETS = tuple(
    re.compile(pattern)
    for pattern in (
        r"AKIA[0-9A-Z]{16}",
        r"ASIA[0-9A-Z]{16}",
        r"gh[pousr]_[A-Za-z0-9]{36}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY",
        r"X-Amz-(?:Signature|Credential|Security-Token)=",
        r"aws_(?:secret_access_key|session_token)",
        r"AWS_(?:SECRET_ACCESS_KEY|SESSION_TOKEN)",
        r"://[^\s/@:\"']+:[^\s/@\"']+@",
    )
)
LOCAL_PATHS = tuple(
    re.compile(pattern)
    for pattern in (
        r"file:/",
        r"/(?<![\w.:/-]/)(?:home|Users|root|tmp|mnt|private|var/folders)/[^\s/]",
        r":\\(?<=[A-Za-z]:\\)(?<!\w[A-Za-z]:\\)\w",
    )
)
BEGINS_ABSOLUTE = (re.compile(r"\n/"), re.compile(r"\n\\"))


def link_problems(document: Document) -> Iterator[Broken]:
    """Links: a type and a title on each, relative but for ``self``, and no second one where one is meant."""
    links = document["links"]
    for index, link in enumerate(links):
        rel, here = link["rel"], at("links", index)
        for key in ("type", "title"):
            if not link.get(key):
                yield Broken(
                    f"{here}/{key}", f"link-{key}", f"the {rel} link has no {key}", f"give it its target's {key}"
                )
        expected = TARGET_TYPES.get(rel)
        if expected and link.get("type") not in (None, expected):
            problem = f"the {rel} link says {link['type']}"
            yield Broken(f"{here}/type", "link-type", problem, f"its target is {expected}")
        if rel == "self" and urlsplit(link["href"]).scheme not in {"http", "https"}:
            yield Broken(
                f"{here}/href", "self-absolute", "self is not an absolute URL", "write the public URL, or no self"
            )
    for rel in SINGLE_RELS:
        if sum(link["rel"] == rel for link in links) > 1:
            yield Broken(at("links"), "link-single", f"there are several {rel} links", "keep one")
    if not any(link["rel"] == "root" for link in links):
        yield Broken(at("links"), "link-root", "there is no root link", "link the catalog's root")


def word_problems(document: Document) -> Iterator[Broken]:
    """Titles, descriptions that begin with prose and end with how to open the data, and the licence."""
    item = document["type"] == "Feature"
    holder, above = (document["properties"], ("properties",)) if item else (document, ())
    if not str(holder.get("title") or "").strip():
        yield Broken(at(*above, "title"), "title", "there is no title", "give it one line for people")
    description = str(holder.get("description") or "").strip()
    if not description:
        yield Broken(at(*above, "description"), "description", "there is no description", "describe it in prose")
    elif description.startswith(("#", "`", "|", "<", "!", "- ", "* ")):
        problem = "the description does not begin with prose"
        yield Broken(at(*above, "description"), "description-prose", problem, "cards show its first 150 characters")
    has_data = any("data" in (asset.get("roles") or ()) for asset in document.get("assets", {}).values())
    if description and has_data and not description.endswith("```"):
        problem = "the description does not end with a snippet"
        yield Broken(
            at(*above, "description"), "description-snippet", problem, "end it with Python that opens the data"
        )
    if str(holder.get("license", "")).lower() in RETIRED_LICENSES:
        problem = f"{holder['license']} is no licence of STAC 1.1"
        yield Broken(
            at(*above, "license"), "license", problem, "write an SPDX identifier, or other with a license link"
        )


def place_problems(document: Document) -> Iterator[Broken]:
    """Geometries and boxes: never null, in ±180 and ±90, closed rings, and each inside the other."""
    if document["type"] == "Collection":
        for index, box in enumerate(document["extent"]["spatial"]["bbox"]):
            yield from _box_problems(box, at("extent", "spatial", "bbox", index))
    if document["type"] != "Feature":
        return
    geometry, bbox = document["geometry"], document.get("bbox")
    if geometry is None or bbox is None:
        yield Broken(at("geometry"), "geometry", "the geometry is null", "give the footprint, or metadata: {bbox: …}")
        return
    yield from _box_problems(bbox, at("bbox"))
    west, south, east, north = _flat(bbox)
    if west > east and geometry["type"] in {"Polygon", "LineString"}:
        problem = "the box crosses the antimeridian, and the geometry is in one part"
        yield Broken(at("geometry"), "antimeridian", problem, "split it at 180° into a multi-part geometry")
    for pointer, positions, ring in _lines(geometry, at("geometry")):
        if ring and (len(positions) < CLOSED_RING or positions[0] != positions[-1]):
            yield Broken(pointer, "ring-closed", "the ring is not closed", "repeat its first position at its end")
        for position in positions:
            if not _inside(position, west, south, east, north):
                problem = f"{position} lies outside of the bbox"
                yield Broken(pointer, "geometry-bbox", problem, "make geometry and bbox agree, longitudes in ±180")
                break


def time_problems(document: Document) -> Iterator[Broken]:
    """Moments in UTC with Z, and intervals in order."""
    if document["type"] == "Feature":
        said = document["properties"]
        known = {key: said[key] for key in ("datetime", "start_datetime", "end_datetime") if said.get(key)}
        yield from _moment_problems(known, "properties")
        start, end = known.get("start_datetime"), known.get("end_datetime")
        if start and end and start[-1:] == end[-1:] == "Z" and _moment(start) > _moment(end):
            yield Broken(at("properties", "end_datetime"), "time-order", "the end is before the start", "swap them")
    elif document["type"] == "Collection":
        for index, (start, end) in enumerate(document["extent"]["temporal"]["interval"]):
            here = ("extent", "temporal", "interval", index)
            yield from _moment_problems({key: value for key, value in enumerate((start, end)) if value}, *here)
            if start and end and start[-1:] == end[-1:] == "Z" and _moment(start) > _moment(end):
                yield Broken(at(*here), "time-order", "the end is before the start", "swap them")


def leak_problems(document: Document) -> Iterator[Broken]:
    """Secrets and paths of somebody's machine, anywhere."""
    words = "\n" + "\n".join(_words(document))
    if not _any_in(words, (*SECRETS, *LOCAL_PATHS, *BEGINS_ABSOLUTE)):
        return
    for pointer, value in _strings(document, ""):
        if _any_in(value, SECRETS):
            yield Broken(pointer, "secret", "holds what looks like a secret", "take it out, and revoke it")
        if _any_in(value, LOCAL_PATHS) or (pointer.endswith("/href") and value.startswith(("/", "\\"))):
            yield Broken(pointer, "local-path", "holds a path of a local machine", "write a relative or public address")


RULES: tuple[Rule, ...] = (link_problems, word_problems, place_problems, time_problems, leak_problems)


def _any_in(text: str, patterns: Iterable[re.Pattern[str]]) -> bool:
    return any(pattern.search(text) for pattern in patterns)


def _words(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    waiting = [value]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, str):
            yield entry
        elif isinstance(entry, dict):
            waiting.extend(entry.values())
        elif isinstance(entry, list):
            waiting.extend(entry)


def _strings(value: Any, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield pointer, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            if isinstance(entry, str | dict | list):
                yield from _strings(entry, f"{pointer}{at(key)}")
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            if isinstance(entry, str | dict | list):
                yield from _strings(entry, f"{pointer}/{index}")


def _box_problems(box: list[float], pointer: str) -> Iterator[Broken]:
    west, south, east, north = _flat(box)
    if max(abs(west), abs(east)) > MAX_LONGITUDE or max(abs(south), abs(north)) > MAX_LATITUDE:
        yield Broken(pointer, "bbox-range", f"{box} leaves ±180 or ±90", "wrap longitudes into ±180")
    elif south > north:
        yield Broken(pointer, "bbox-order", f"{box} has its south above its north", "write west, south, east, north")


def _flat(box: list[float]) -> tuple[float, float, float, float]:
    half = len(box) // 2
    return box[0], box[1], box[half], box[half + 1]


def _inside(position: list[float], west: float, south: float, east: float, north: float) -> bool:
    longitude, latitude = position[:2]
    if abs(longitude) > MAX_LONGITUDE or not south - TOLERANCE <= latitude <= north + TOLERANCE:
        return False
    if west <= east:
        return west - TOLERANCE <= longitude <= east + TOLERANCE
    return longitude >= west - TOLERANCE or longitude <= east + TOLERANCE


def _lines(geometry: Document, pointer: str) -> Iterator[tuple[str, list[list[float]], bool]]:
    """The lists of positions in a geometry, each with its pointer and whether it is a ring."""
    if geometry["type"] == "GeometryCollection":
        for index, part in enumerate(geometry["geometries"]):
            yield from _lines(part, f"{pointer}/geometries/{index}")
        return
    here, coordinates = f"{pointer}/coordinates", geometry["coordinates"]
    match geometry["type"]:
        case "Point":
            yield here, [coordinates], False
        case "MultiPoint" | "LineString":
            yield here, coordinates, False
        case "Polygon" | "MultiLineString":
            for index, line in enumerate(coordinates):
                yield f"{here}/{index}", line, geometry["type"] == "Polygon"
        case "MultiPolygon":
            for index, polygon in enumerate(coordinates):
                for inner, line in enumerate(polygon):
                    yield f"{here}/{index}/{inner}", line, True


def _moment_problems(moments: dict[Any, str], *above: str | int) -> Iterator[Broken]:
    for key, value in moments.items():
        if not value.endswith("Z"):
            yield Broken(at(*above, key), "time-utc", f"{value} is not in UTC", "write it with Z")


def _moment(value: str) -> datetime:
    return datetime.fromisoformat(value)
