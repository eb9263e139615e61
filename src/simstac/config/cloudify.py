"""JSON configurations of cloudify → a simstac configuration with what maps, and a list of what does not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml

from simstac.errors import ConfigError
from simstac.sources.existing.prose import licence, prose
from simstac.stac.metadata import DOI_PATTERN, ID_PATTERN, Role, identifier

DEFAULTS: Mapping[str, Any] = {
    "collection": {
        "id": "my-collection",
        "title": "My Collection",
        "description": "Cloud-hosted model output",
        "license": "other",
    }
}
"""What cloudify's own ``default.json`` says."""

EXAMPLE_STORE = "s3://bucket/store.icechunk"
_MOMENTS = ("datetime", "start_datetime", "end_datetime")
_SAID_OF_ITEMS = {"sci:citation": "citation", "sci:doi": "doi", "version": "version", "deprecated": "deprecated"}
_REASONS = {
    "stac_extensions": "each is declared where its fields are used",
    "collection.parent_catalog": "the root is this catalog; link to it from there",
    "assets": "key, media type, roles and options of an asset come from its store",
}


@dataclass(frozen=True, slots=True)
class Imported:
    """What was made of configurations of cloudify.

    Attributes:
        text: The configuration, YAML.
        left: What does not map, a line each with the reason.
    """

    text: str
    left: tuple[str, ...]


def import_cloudify(files: Sequence[Path], stores: Sequence[str] = ()) -> Imported:
    """A configuration from JSON files of cloudify, merged in their order over its defaults.

    Args:
        files: The files.
        stores: Addresses of the stores, which cloudify is given in code.

    Raises:
        ConfigError: If a file cannot be read or is no such configuration.
    """
    said: dict[str, Any] = _merged({}, DEFAULTS)
    for file in files:
        said = _merged(said, _read(file))
    left: list[str] = []
    collection = dict(_collection(said, left))
    collection["source"] = {"engine": "icechunk", "stores": list(stores) or [EXAMPLE_STORE]}
    if not stores:
        left.append(f"stores: cloudify is given them in code: write their addresses for {EXAMPLE_STORE}")
    left += _unmapped(said)
    catalog = {"id": collection["id"], "title": collection["title"], "description": collection["description"]}
    value = {"catalog": catalog, "collections": [collection]}
    return Imported(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=100), tuple(left))


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigError(file, f"cannot be read: {error.strerror}", "name a JSON file") from error
    except ValueError as error:
        raise ConfigError(file, f"is not JSON: {error}", "name a configuration of cloudify") from error
    known = {"collection", "providers", "assets", "item_properties", "stac_extensions", "links"}
    if not isinstance(value, dict) or not known & value.keys():
        problem = "is no configuration of cloudify: it has neither collection nor providers, assets or item_properties"
        raise ConfigError(file, problem, "name one like its default.json")
    for key, kind in (("collection", dict), ("item_properties", dict), ("assets", dict), ("providers", list)):
        if not isinstance(value.get(key, kind()), kind):
            raise ConfigError(file, f"{key} is no {'mapping' if kind is dict else 'list'}", "correct it")
    return value


def _merged(base: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in other.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _collection(said: Mapping[str, Any], left: list[str]) -> Iterator[tuple[str, Any]]:
    about, properties = said["collection"], said.get("item_properties", {})
    name = str(about["id"])
    good = name if re.match(ID_PATTERN, name) else identifier(name) or "collection"
    if good != name:
        left.append(f"collection.id {name!r}: ids are made of a-z, 0-9, '.', '_' and '-': {good} now")
    yield "id", good
    yield "title", str(about.get("title") or name)
    yield "description", prose(str(about.get("description") or "")) or str(about.get("title") or name)
    yield "license", _license(said, left)
    links = [link for link in said.get("links") or () if isinstance(link, dict)]
    if address := next((link.get("href") for link in links if link.get("rel") == "license"), None):
        yield "license_url", str(address)
    if keywords := [str(word) for word in about.get("keywords") or ()]:
        yield "keywords", keywords
    if providers := list(_providers(said.get("providers", ()), left)):
        yield "providers", providers
    for key, ours in _SAID_OF_ITEMS.items():
        if properties.get(key) and (key != "sci:doi" or re.match(DOI_PATTERN, str(properties[key]))):
            yield ours, properties[key] if key == "deprecated" else str(properties[key])
    moments = {key: str(properties[key]) for key in _MOMENTS if properties.get(key)}
    if ("start_datetime" in moments) != ("end_datetime" in moments):
        moments.pop("start_datetime", None)
        moments.pop("end_datetime", None)
        left.append("item_properties: start_datetime and end_datetime go together")
    if moments:
        yield "metadata", moments


def _license(said: Mapping[str, Any], left: list[str]) -> str:
    words = str(said.get("item_properties", {}).get("license") or said["collection"].get("license") or "other")
    known = licence(words)
    if known is None and not any(link.get("rel") == "license" for link in said.get("links") or ()):
        left.append(f"collection.license {words!r}: write an SPDX identifier, or license_url beside 'other'")
    return known or "other"


def _providers(providers: Sequence[Any], left: list[str]) -> Iterator[dict[str, Any]]:
    roles = get_args(Role.__value__)
    for provider in providers:
        if not isinstance(provider, dict) or not provider.get("name"):
            left.append(f"providers: {provider!r} has no name")
            continue
        name = str(provider["name"])
        kept = {key: str(provider[key]) for key in ("name", "description", "url") if provider.get(key)}
        good = [role for role in provider.get("roles") or () if role in roles]
        left += [f"providers: {name} is no {role!r}" for role in provider.get("roles") or () if role not in roles]
        yield kept | ({"roles": good} if good else {})


def _unmapped(said: Mapping[str, Any]) -> Iterator[str]:
    """What has no place in a configuration of ours, with the reason."""
    known = {"collection", "providers", "item_properties", "links", "assets", "stac_extensions"}
    if said.get("stac_extensions"):
        yield f"stac_extensions: {_REASONS['stac_extensions']}"
    if said["collection"].get("parent_catalog"):
        yield f"collection.parent_catalog: {_REASONS['collection.parent_catalog']}"
    yield from (f"assets.{name}: {_REASONS['assets']}" for name in said.get("assets", {}))
    mapped = {*_MOMENTS, *_SAID_OF_ITEMS, "license"}
    for key in said.get("item_properties", {}):
        if key in {"title", "description"}:
            yield f"item_properties.{key}: stores say it, or source.items does, by the id of the Item"
        elif key not in mapped:
            yield f"item_properties.{key}: no key of the configuration means it"
    for link in said.get("links") or ():
        if not isinstance(link, dict) or link.get("rel") != "license":
            rel = link.get("rel") if isinstance(link, dict) else link
            yield f"links.{rel}: links are made from what they lead to"
    about = {"id", "title", "description", "license", "keywords", "parent_catalog"}
    yield from (f"collection.{key}: no key of the configuration means it" for key in said["collection"].keys() - about)
    yield from (f"{key}: no key of the configuration means it" for key in sorted(said.keys() - known))
