"""Rules of the data cube extension: dimensions whole by their type, variables on dimensions that exist."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from simstac.stac.document import Document
from simstac.stac.validate.findings import Broken, at

DATA_TYPES = frozenset({
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    *(f"float{bits}" for bits in (16, 32, 64)),
    *("cint16", "cint32", "cfloat32", "cfloat64", "other"),
})  # fmt: skip
VARIABLE_TYPES = frozenset({"data", "auxiliary"})
EXTENT = 2
BOX = (4, 6)


def cube_problems(document: Document) -> Iterator[Broken]:
    """Every problem of ``cube:dimensions`` and ``cube:variables``, wherever the document has them."""
    holders: list[tuple[str, Document]] = [("", document)]
    if "properties" in document:
        holders.append((at("properties"), document["properties"]))
    holders += [(at("assets", key), asset) for key, asset in document.get("assets", {}).items()]
    for pointer, holder in holders:
        dimensions, variables = holder.get("cube:dimensions", {}), holder.get("cube:variables", {})
        for name, dimension in dimensions.items():
            yield from _dimension_problems(dimension, f"{pointer}{at('cube:dimensions', name)}")
        for name, variable in variables.items():
            here = f"{pointer}{at('cube:variables', name)}"
            if name in dimensions:
                yield Broken(here, "cube-disjoint", f"{name} is a dimension and a variable", "keep the dimension")
            yield from _variable_problems(variable, dimensions, here)


def _dimension_problems(dimension: Document, here: str) -> Iterator[Broken]:
    extent, values, kind = dimension.get("extent"), dimension.get("values"), dimension.get("type")
    if values is not None and not (_all(values, int, float, str) and values):
        yield Broken(
            f"{here}/values", "cube-values", "values are empty, or neither numbers nor text", "write some or none"
        )
    match kind:
        case "spatial" if dimension.get("axis") in {"x", "y"}:
            sound = _all(extent, int, float, length=EXTENT)
        case "spatial" if dimension.get("axis") == "z":
            sound = values is not None or _all(extent, int, float, type(None), length=EXTENT)
        case "geometry":
            sound = _all(dimension.get("bbox"), int, float) and len(dimension["bbox"]) in BOX
        case "temporal":
            sound = _is_temporal(dimension)
        case str() if kind != "spatial":
            sound = values is not None or _all(extent, int, float, type(None), length=EXTENT)
        case _:
            sound = False
    if not sound:
        problem = f"a dimension of type {kind!r} lacks what it needs"
        yield Broken(here, "cube-dimension", problem, "see axis, extent, values and bbox of the data cube extension")
    if "axis" in dimension and kind != "spatial":
        yield Broken(f"{here}/axis", "cube-axis", "only a spatial dimension has an axis", "take it out")
    if "unit" in dimension and not isinstance(dimension["unit"], str):
        yield Broken(f"{here}/unit", "cube-unit", "the unit is no text", "leave it out where there is none")


def _is_temporal(dimension: Document) -> bool:
    """Dates of a real calendar are text; those of an unreal one are numbers with a unit and the calendar's name."""
    extent = dimension.get("extent")
    if _all(extent, str, type(None), length=EXTENT):
        return isinstance(dimension.get("step"), str | None)
    return (
        _all(extent, int, float, length=EXTENT)
        and " since " in str(dimension.get("unit", ""))
        and isinstance(dimension.get("reference_system"), str)
    )


def _variable_problems(variable: Document, dimensions: Document, here: str) -> Iterator[Broken]:
    names = variable.get("dimensions")
    if not isinstance(names, list):
        yield Broken(here, "cube-variable", "the variable has no list of dimensions", "write [] where it has none")
        return
    for name in names:
        if name not in dimensions:
            problem = f"{name!r} is no dimension of this cube"
            yield Broken(f"{here}/dimensions", "cube-dangling", problem, "add it to cube:dimensions")
    if variable.get("type", "data") not in VARIABLE_TYPES:
        yield Broken(f"{here}/type", "cube-variable", "the type is neither data nor auxiliary", "write one of them")
    if "unit" in variable and not isinstance(variable["unit"], str):
        yield Broken(f"{here}/unit", "cube-unit", "the unit is no text", "leave it out where there is none")
    if variable.get("data_type", "other") not in DATA_TYPES:
        yield Broken(f"{here}/data_type", "cube-data-type", f"{variable['data_type']} is no data type", "write other")
    nodata = variable.get("nodata", 0)
    if type(nodata) not in (int, float) and nodata not in ("nan", "inf", "-inf"):
        yield Broken(f"{here}/nodata", "cube-nodata", f"{nodata!r} is no number", "write a number, nan, inf or -inf")
    for key in ("shape", "chunks", "cf:cell_methods"):
        if key in variable and len(variable[key]) != len(names):
            problem = f"{key} has {len(variable[key])} entries for {len(names)} dimensions"
            yield Broken(f"{here}/{key}", "cube-shape", problem, "write one for each dimension")
    sizes = [dimensions.get(name, {}).get("size") for name in names]
    for name, size, length in zip(names, sizes, variable.get("shape", sizes), strict=False):
        if size is not None and size != length:
            problem = f"the variable has {length} along {name}, which has {size}"
            yield Broken(f"{here}/shape", "cube-shape", problem, "make them agree")


def _all(value: Any, *types: type, length: int | None = None) -> bool:
    if not isinstance(value, list) or (length is not None and len(value) != length):
        return False
    return all(type(entry) in types for entry in value)
