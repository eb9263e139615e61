"""Our strict profile of the extensions that we write: which schema stands for which fields, and their rules.

The rules are written from the specifications, and are stricter where readers need it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from simstac.stac.document import SCHEMAS, ZARR, Document
from simstac.stac.metadata import DOI_PATTERN
from simstac.stac.validate.cube import cube_problems
from simstac.stac.validate.findings import Broken, Rule, at
from simstac.storage import AWS_PLATFORM, AZURE_PLATFORM

REMOTE_STORES = frozenset({"s3", "gs", "az"})
PREFIXES = {
    "alternate": "alternate-assets",
    "cube": "datacube",
    "file": "file",
    "proj": "projection",
    "processing": "processing",
    "sci": "scientific",
    "storage": "storage",
    "vrt": "virtual-assets",
    "zarr": "zarr",
}
REQUIRED_FIELDS = {
    "aws-s3": ("bucket", "region"),
    "custom-s3": ("bucket",),
    "gcs": ("bucket",),
    "ms-azure": ("account",),
}
PLATFORMS = {"aws-s3": AWS_PLATFORM, "ms-azure": AZURE_PLATFORM}


def schema_problems(document: Document) -> Iterator[Broken]:
    """Declared schemas that are not known, fields whose schema is not declared, and schemas declared for nothing."""
    declared = document.get("stac_extensions", [])
    for index, uri in enumerate(declared):
        if uri not in SCHEMAS.values():
            problem = f"{uri} is not checked here"
            yield Broken(at("stac_extensions", index), "unknown-schema", problem, "check it with --official")
    used = {
        PREFIXES[prefix]
        for holder in _holders(document)
        for key in holder
        if (prefix := key.partition(":")[0]) in PREFIXES and (":" in key or key == "alternate")
    }
    for name in sorted(used):
        if SCHEMAS[name] not in declared:
            problem = f"fields of {name} are used but not declared"
            yield Broken(at("stac_extensions"), "undeclared-extension", problem, f"declare {SCHEMAS[name]}")
    for name in sorted(set(PREFIXES.values()) - used):
        if SCHEMAS[name] in declared:
            problem = f"{name} is declared but not used"
            yield Broken(at("stac_extensions"), "unused-extension", problem, "take it out of stac_extensions")


def storage_problems(document: Document) -> Iterator[Broken]:
    """Schemes that are whole, and one reference to an existing one on each route that needs it."""
    item = document["type"] == "Feature"
    holder, above = (document["properties"], ("properties",)) if item else (document, ())
    schemes = holder.get("storage:schemes", {})
    if item and document.get("storage:schemes", schemes) != schemes:
        problem = "the schemes at the top level are not those in the properties"
        yield Broken(at("storage:schemes"), "storage-schemes", problem, "write the same in both places")
    for key, scheme in schemes.items():
        yield from _scheme_problems(scheme, at(*above, "storage:schemes", key))
    for pointer, route in _routes(document):
        refs, scheme_of_href = route.get("storage:refs"), urlsplit(str(route.get("href", ""))).scheme
        if refs is None:
            if scheme_of_href in REMOTE_STORES:
                problem = f"{route['href']} has no storage:refs"
                yield Broken(pointer, "storage-refs", problem, "name its scheme in storage:refs")
            continue
        if len(refs) != 1:
            yield Broken(f"{pointer}/storage:refs", "storage-refs", f"there are {len(refs)} references", "write one")
        for ref in refs:
            if ref not in schemes:
                problem = f"{ref!r} is no scheme of this document"
                yield Broken(f"{pointer}/storage:refs", "storage-refs", problem, "add it to storage:schemes")
            elif scheme_of_href == "s3" and schemes[ref].get("bucket") != urlsplit(route["href"]).netloc:
                problem = f"the bucket of {route['href']} is not that of scheme {ref!r}"
                yield Broken(f"{pointer}/href", "storage-bucket", problem, "make them agree")


def asset_problems(document: Document) -> Iterator[Broken]:
    """Assets: a title, a type and roles on each, and the fields of alternate, zarr, version, file and virtual."""
    for key, asset in document.get("assets", {}).items():
        here = at("assets", key)
        for field in ("title", "type", "roles"):
            if not asset.get(field):
                yield Broken(here, f"asset-{field}", f"the asset has no {field}", "give it one")
        yield from _alternate_problems(asset, here)
        yield from _zarr_problems(asset, here)
        yield from _file_problems(asset, here)
        yield from _virtual_problems(asset, here, document)


def field_problems(document: Document) -> Iterator[Broken]:
    """Fields of version, scientific, processing and projection, and summaries that are ranges or values."""
    item = document["type"] == "Feature"
    holder, above = (document["properties"], ("properties",)) if item else (document, ())
    if not isinstance(holder.get("version", ""), str):
        yield Broken(at(*above, "version"), "version", "the version is no text", "write it as text")
    if not isinstance(holder.get("deprecated", False), bool):
        yield Broken(at(*above, "deprecated"), "version", "deprecated is neither true nor false", "write one of them")
    doi = holder.get("sci:doi")
    if doi is not None and not re.match(DOI_PATTERN, str(doi)):
        yield Broken(at(*above, "sci:doi"), "doi", f"{doi} is no DOI", "write it as 10.x/y, without an address")
    for pointer, fields in _holders_at(document):
        software = fields.get("processing:software", {})
        if not isinstance(software, dict) or not all(isinstance(version, str) for version in software.values()):
            problem = "software is not a mapping of names to versions"
            yield Broken(f"{pointer}/processing:software", "software", problem, "write {name: version}, both text")
        yield from _projection_problems(fields, pointer)
    for key, summary in document.get("summaries", {}).items():
        yield from _summary_problems(key, summary)


PROFILE: tuple[Rule, ...] = (schema_problems, storage_problems, asset_problems, field_problems, cube_problems)


def _holders(document: Document) -> Iterator[Document]:
    return (fields for _, fields in _holders_at(document))


def _holders_at(document: Document) -> Iterator[tuple[str, Document]]:
    """Everything that may carry an extension's fields, with its pointer."""
    yield "", document
    for key in ("properties", "summaries"):
        if key in document:
            yield at(key), document[key]
    for key in ("assets", "item_assets"):
        yield from ((at(key, name), asset) for name, asset in document.get(key, {}).items())
    yield from ((at("links", index), link) for index, link in enumerate(document["links"]))


def _routes(document: Document) -> Iterator[tuple[str, Document]]:
    for key, asset in document.get("assets", {}).items():
        yield at("assets", key), asset
        alternates = asset.get("alternate", {})
        yield from ((at("assets", key, "alternate", name), route) for name, route in alternates.items())
    yield from ((at("links", index), link) for index, link in enumerate(document["links"]))


def _scheme_problems(scheme: Document, pointer: str) -> Iterator[Broken]:
    kind, platform = scheme.get("type"), str(scheme.get("platform", ""))
    if kind not in REQUIRED_FIELDS:
        problem = f"{kind!r} is no type of storage"
        yield Broken(f"{pointer}/type", "storage-type", problem, f"write one of {', '.join(REQUIRED_FIELDS)}")
        return
    for field in REQUIRED_FIELDS[kind]:
        if not scheme.get(field):
            yield Broken(pointer, "storage-scheme", f"the scheme has no {field}", "add it")
    if platform != PLATFORMS.get(kind, platform):
        problem = f"the platform of {kind} is {platform!r}"
        remedy = f"write {PLATFORMS[kind]} literally; another S3 service is custom-s3"
        yield Broken(f"{pointer}/platform", "storage-platform", problem, remedy)
    elif urlsplit(platform).scheme not in {"http", "https"}:
        problem = f"the platform {platform!r} is no address"
        yield Broken(f"{pointer}/platform", "storage-platform", problem, "write the endpoint's URL")


def _alternate_problems(asset: Document, here: str) -> Iterator[Broken]:
    alternates = asset.get("alternate")
    if alternates is None:
        return
    if not alternates:
        yield Broken(f"{here}/alternate", "alternate", "there is no alternate in it", "take it out")
    for key, route in alternates.items():
        if not route.get("href"):
            yield Broken(f"{here}{at('alternate', key)}", "alternate", "the alternate has no href", "give it one")
        elif route["href"] == asset.get("href"):
            problem = "the alternate is the asset's own address"
            yield Broken(f"{here}{at('alternate', key)}", "alternate", problem, "take it out")


def _zarr_problems(asset: Document, here: str) -> Iterator[Broken]:
    if str(asset.get("type", "")).startswith(f"{ZARR};"):
        problem = f"the type {asset['type']} has a parameter, which released readers do not open"
        yield Broken(f"{here}/type", "zarr-type", problem, f"write {ZARR}")
    if asset.get("zarr:zarr_format", 3) not in (2, 3):
        yield Broken(f"{here}/zarr:zarr_format", "zarr", "the Zarr format is neither 2 nor 3", "write one of them")
    if asset.get("zarr:node_type", "group") not in {"group", "array"}:
        yield Broken(f"{here}/zarr:node_type", "zarr", "the node is neither group nor array", "write one of them")
    if not isinstance(asset.get("zarr:consolidated", False), bool):
        yield Broken(f"{here}/zarr:consolidated", "zarr", "consolidated is neither true nor false", "write one of them")
    branch, version = asset.get("icechunk:branch"), asset.get("version")
    if branch is not None and version is not None and branch != version:
        problem = f"icechunk:branch says {branch}, and version says {version}"
        yield Broken(f"{here}/icechunk:branch", "icechunk-version", problem, "keep the version")
    if (
        str(asset.get("href", "")).startswith("http")
        and str(asset.get("href")).endswith("/")
        and "zarr" in str(asset.get("type"))
    ):
        yield Broken(f"{here}/href", "trailing-slash", "the store's address ends with a slash", "take it off")


def _file_problems(asset: Document, here: str) -> Iterator[Broken]:
    size, checksum = asset.get("file:size", 0), asset.get("file:checksum", "1220")
    if not isinstance(size, int) or size < 0:
        yield Broken(f"{here}/file:size", "file", f"{size!r} is no size", "write the number of bytes")
    if not re.fullmatch(r"(?:[0-9a-f]{2})+", str(checksum)):
        yield Broken(f"{here}/file:checksum", "file", "the checksum is no multihash in hex", "SHA-256 begins with 1220")


def _virtual_problems(asset: Document, here: str, document: Document) -> Iterator[Broken]:
    sources = asset.get("vrt:hrefs")
    if sources is None:
        if "virtual" in (asset.get("roles") or ()):
            yield Broken(here, "virtual", "a virtual asset has no vrt:hrefs", "name where its chunks lie")
        return
    for index, source in enumerate(sources):
        pointer = f"{here}/vrt:hrefs/{index}"
        if not source.get("key") or not source.get("href"):
            yield Broken(pointer, "virtual", "the source lacks key or href", "write both")
        elif str(source["href"]).startswith("#"):
            problem = "a bare fragment does not pass the extension's own schema"
            yield Broken(f"{pointer}/href", "virtual", problem, "write ./document.json#/assets/key or an absolute URL")
        elif source["key"] not in document["assets"]:
            yield Broken(f"{pointer}/key", "virtual", f"there is no asset {source['key']!r}", "add it")


def _projection_problems(fields: Document, pointer: str) -> Iterator[Broken]:
    for key, lengths in (("proj:bbox", (4, 6)), ("proj:shape", (2,)), ("proj:transform", (6, 9))):
        value = fields.get(key)
        if value is not None and not (_numbers(value) and len(value) in lengths):
            problem = f"{key} is not {' or '.join(map(str, lengths))} numbers"
            yield Broken(f"{pointer}/{key}", "projection", problem, "correct it or leave it out")
    code = fields.get("proj:code")
    if code is not None and not re.fullmatch(r"[A-Za-z][\w.]*:[\w.]+", str(code)):
        yield Broken(f"{pointer}/proj:code", "projection", f"{code!r} is no code", "write AUTHORITY:CODE or null")


def _summary_problems(key: str, summary: Any) -> Iterator[Broken]:
    here = at("summaries", key)
    if key.startswith("cube:"):
        problem = "the cube is mirrored in the summaries, and STAC Browser then shows no variables"
        yield Broken(here, "summary-cube", problem, "take it out")
    elif isinstance(summary, dict) and {"minimum", "maximum"} <= summary.keys():
        low, high = summary["minimum"], summary["maximum"]
        if type(low) in (int, float) and type(high) in (int, float) and low > high:
            yield Broken(here, "summary-range", "the minimum is above the maximum", "swap them")


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(entry) in (int, float) for entry in value)
