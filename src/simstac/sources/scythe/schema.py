"""Units and descriptions of an experiment's inputs and outputs, from the JSON Schema that Scythe keeps beside a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from simstac.errors import SourceError

type Node = Mapping[str, Any]

UNITS = {"-": "1", "C": "degC", "deg.C": "degC", "deg C": "degC", "°C": "degC", "deg": "degree", "m²": "m2", "m³": "m3"}
"""Spellings of units that UDUNITS does not read, or reads as another unit."""

DEEPEST = 20
"""How many references are followed; a model may refer to itself."""

_UNIT_AT_END = re.compile(r"^(?P<prose>.*?)[\s,]*\[(?P<unit>[^\[\]]+)\]\s*\.?$", re.DOTALL)
_REFERENCE = "#/$defs/"


@dataclass(frozen=True, slots=True)
class Schema:
    """What is said about an experiment's fields.

    Attributes:
        inputs: The schema of each input, by name.
        outputs: The schema of each output, by name.
        definitions: The schemas that they refer to.
    """

    inputs: Node = field(default_factory=dict)
    outputs: Node = field(default_factory=dict)
    definitions: Node = field(default_factory=dict)

    def node(self, said: object, *, depth: int = 0) -> Node:
        """A schema with its reference followed and its null left out; empty where nothing is said."""
        if not isinstance(said, Mapping) or depth > DEEPEST:
            return {}
        options = [each for each in said.get("anyOf") or () if isinstance(each, Mapping) and each.get("type") != "null"]
        if len(options) == 1:
            own = {key: value for key, value in said.items() if key != "anyOf"}
            return {**self.node(options[0], depth=depth + 1), **own}
        reference = str(said.get("$ref", ""))
        if reference.startswith(_REFERENCE):
            named = self.definitions.get(reference.removeprefix(_REFERENCE))
            own = {key: value for key, value in said.items() if key != "$ref"}
            return {**self.node(named, depth=depth + 1), **own}
        return said


def parse_schema(text: bytes, where: str) -> Schema:
    """The schema in an ``experiment_io_spec.yml``.

    Raises:
        SourceError: If it is no YAML.
    """
    try:
        said = yaml.safe_load(text)
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        raise SourceError(where, f"is no YAML: {reason}", "restore it, or leave it out") from error
    if not isinstance(said, Mapping):
        return Schema()
    definitions = said.get("$defs") or {}
    whole, sides = Schema(definitions=definitions), said.get("properties") or {}
    inputs, outputs = (whole.node(sides.get(side)).get("properties") or {} for side in ("input", "output"))
    return Schema(inputs, outputs, definitions)


def attrs_of(said: Node, name: str) -> dict[str, str]:
    """The attributes that a field's schema gives its variable: ``long_name``, and ``units`` where it tells them.

    Units stand in brackets at the end of a description, as in ``Heating energy [kWh/m2]``, or under ``units``.
    """
    description = " ".join(str(said.get("description") or "").split())
    unit = str(said.get("units") or said.get("unit") or "")
    matched = _UNIT_AT_END.match(description)
    if matched and not matched["unit"].startswith("."):
        description, unit = matched["prose"], unit or matched["unit"].strip()
    attrs = {"long_name": description or str(said.get("title") or "") or name}
    return attrs | ({"units": UNITS.get(unit, unit)} if unit else {})
