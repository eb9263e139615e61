"""JSON Schemas, compiled once: STAC's core as pystac carries it, and official extension schemas on request."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import fastjsonschema

from simstac.errors import StorageError
from simstac.stac.document import STAC_VERSION, Document
from simstac.stac.validate.findings import Broken, at

KINDS = {"Feature": "item", "Collection": "collection", "Catalog": "catalog"}
CORE = f"https://schemas.stacspec.org/v{STAC_VERSION}/{{folder}}-spec/json-schema/{{name}}.json"
DRAFT_07 = "http://json-schema.org/draft-07/schema"

type Load = Callable[[str], Any]
type Validator = Callable[[Any], Any]


def core_problems(document: Document) -> Iterator[Broken]:
    """What breaks the core specification; the first problem only, as schemas are checked in order."""
    kind = KINDS.get(str(document.get("type")))
    if kind is None:
        yield Broken(at("type"), "stac-type", "is no type of STAC", "use Catalog, Collection or Feature")
    elif document.get("stac_version") != STAC_VERSION:
        problem = f"STAC {document.get('stac_version')} is not checked here"
        yield Broken(at("stac_version"), "unknown-schema", problem, f"migrate the document to STAC {STAC_VERSION}")
    else:
        uri = core_uri(kind)
        yield from _problems(_core_validator(uri), uri, document)


def core_uri(kind: str) -> str:
    """The URI of the schema of an ``item``, a ``collection`` or a ``catalog``."""
    return CORE.format(folder=kind, name=kind)


class OfficialSchemas:
    """The published schemas of the extensions, from a folder laid out by host and path, or from the network."""

    def __init__(self, source: str | Path) -> None:
        """Take schemas from the folder ``source``, or from where they are published if it is ``"network"``.

        Those of the core that the folder lacks, and those of the core on the network, are the official ones in pystac.

        Raises:
            StorageError: If there is no such folder.
        """
        if source != "network" and not Path(source).is_dir():
            raise StorageError(str(source), "is no folder of schemas", "name one, or say network")
        self._load: Load = cache(_carried_or_fetched if source == "network" else _Folder(Path(source)))
        self._compiled: dict[str, Validator | None] = {}

    def problems(self, document: Document) -> Iterator[Broken]:
        """What breaks any schema that the document declares, core included; one that is not to be had is told once."""
        kind = KINDS.get(str(document.get("type")), "item")
        version = document.get("stac_version")
        core = f"https://schemas.stacspec.org/v{version}/{kind}-spec/json-schema/{kind}.json"
        for index, uri in enumerate((core, *document.get("stac_extensions", ()))):
            if uri not in self._compiled:
                self._compiled[uri] = None
                try:
                    self._compiled[uri] = _compiled(self._load(uri), self._load)
                except (StorageError, fastjsonschema.JsonSchemaDefinitionException) as error:
                    pointer = at("stac_extensions", index - 1) if index else at("stac_version")
                    problem = f"no schema to be had for {uri} ({_why(error, uri)})"
                    remedy = getattr(error, "remedy", "") or "correct the URI, or add the schema"
                    yield Broken(pointer, "unknown-schema", problem, remedy)
            validator = self._compiled[uri]
            if validator is not None:
                yield from _problems(validator, uri, document)


class _Folder:
    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, uri: str) -> Any:
        parts = urlsplit(uri)
        path = self.root / parts.netloc / parts.path.lstrip("/")
        if not path.is_file() and uri in _carried():
            return _carried()[uri]
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StorageError(path, f"is no schema that can be read ({error})", "add it to the folder") from error


def _carried_or_fetched(uri: str) -> Any:
    if uri in _carried():
        return _carried()[uri]
    from simstac.engine.fetch import read  # noqa: PLC0415  # brings xarray, which checking by our profile need not pay

    try:
        return json.loads(read(uri))
    except ValueError as error:
        raise StorageError(uri, "is not JSON") from error


@cache
def _core_validator(uri: str) -> Validator:
    return _compiled(_carried()[uri], _carried().__getitem__)


@cache
def _carried() -> dict[str, Any]:
    """The schemas in pystac's wheel by their published URIs, which some of the files misspell."""
    folder = files("pystac") / "validation" / "jsonschemas"
    schemas: dict[str, Any] = {DRAFT_07: {"type": ["object", "boolean"]}}
    for entry in (folder / "stac-spec" / f"v{STAC_VERSION}").iterdir():
        name = entry.name.removesuffix(".json")
        kind = name if name in {"catalog", "collection"} else "item"
        schemas[CORE.format(folder=kind, name=name)] = json.loads(entry.read_bytes())
    for entry in (folder / "geojson").iterdir():
        schemas[f"https://geojson.org/schema/{entry.name}"] = json.loads(entry.read_bytes())
    return schemas


def _compiled(schema: Any, load: Load) -> Validator:
    def resolve(uri: str) -> Any:
        return load(uri.partition("#")[0])

    handlers = {"http": resolve, "https": resolve}
    compiled: Validator = fastjsonschema.compile(schema, handlers=handlers, use_default=False)
    return compiled


def _problems(validator: Validator, uri: str, document: Document) -> Iterator[Broken]:
    try:
        validator(document)
    except fastjsonschema.JsonSchemaValueException as error:
        yield Broken(at(*error.path[1:]), uri, _said(error), "see the specification of the field")


def _why(error: StorageError | fastjsonschema.JsonSchemaDefinitionException, uri: str) -> str:
    if not isinstance(error, StorageError):
        return str(error)
    return error.problem if error.where == uri else f"{error.where}: {error.problem}"


def _said(error: fastjsonschema.JsonSchemaValueException) -> str:
    return str(error.message).removeprefix(str(error.name)).strip()
