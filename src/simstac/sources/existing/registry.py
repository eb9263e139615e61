"""The Registry of Open Data on AWS: its YAML files, from a folder, a URL or the GitHub API, as places of buckets."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import yaml

from simstac.errors import SourceError
from simstac.sources.existing.prose import licence, linked, prose

TOKENS = ("GITHUB_TOKEN", "GH_TOKEN")
SUFFIXES = (".yaml", ".yml")
FULL_LISTING = 1_000
_TIMEOUT_SECONDS = 60
_MAX_BYTES = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketPlace:
    """A bucket, or a prefix of one, that an entry names.

    Attributes:
        address: ``s3://bucket/prefix``, no slash at its end.
        region: Its region.
        anonymous: Whether anyone may read it without keys.
        requester_pays: Whether who reads it pays for it.
    """

    address: str
    region: str
    anonymous: bool = True
    requester_pays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One dataset of the registry.

    Attributes:
        name: Its name.
        description: Prose (CommonMark).
        license: An SPDX identifier, where the entry's words say one for sure.
        keywords: Its tags.
        manager: Who manages it: name and address.
        places: The buckets and prefixes that hold it.
    """

    name: str
    description: str = ""
    license: str | None = None
    keywords: tuple[str, ...] = ()
    manager: tuple[str, str | None] | None = None
    places: tuple[BucketPlace, ...] = ()


def read_registry(
    at: str, *, base: Path, name: str = "*", keyword: str = "", pool: Executor, environment: Mapping[str, str]
) -> tuple[Entry, ...]:
    """The entries of a registry that have a bucket, in the order of their files' names.

    Args:
        at: A folder of YAML files, a YAML file, the URL of one, or a folder of a repository as the GitHub API lists it.
        base: What a relative path is relative to.
        name: A glob that the name of a file matches.
        keyword: A word that the name, the description or a tag of an entry holds; empty for all.
        pool: Where requests wait.
        environment: Variables, of which ``GITHUB_TOKEN`` or ``GH_TOKEN`` is sent to the API and nowhere else.

    Raises:
        SourceError: If it cannot be read, or no entry is left.
    """
    sources = _files(at, base, name, next((environment[each] for each in TOKENS if environment.get(each)), None))
    entries = [parse_entry(text, where) for where, text in pool.map(_read, sources)]
    wanted = keyword.casefold()
    chosen = [entry for entry in entries if entry.places and wanted in _words(entry)]
    if not chosen:
        problem = f"has no entry with a bucket among {len(entries)} files of name {name!r}"
        raise SourceError(at, problem + (f" and keyword {keyword!r}" if keyword else ""), "check name and keyword")
    return tuple(chosen)


def parse_entry(text: str | bytes, where: str) -> Entry:
    """One YAML file of the registry.

    Raises:
        SourceError: If it is not YAML, or not a mapping with a name.
    """
    try:
        said = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise SourceError(where, f"is not YAML: {reason}", "leave it out by name, or mend it") from error
    if not isinstance(said, dict) or not said.get("Name"):
        raise SourceError(where, "is no entry of the registry: it has no Name", "leave it out by name")
    tags = said.get("Tags")
    manager = linked(str(said["ManagedBy"])) if said.get("ManagedBy") else None
    return Entry(
        name=" ".join(str(said["Name"]).split()),
        description=prose(str(said.get("Description") or "")),
        license=licence(str(said.get("License") or "")),
        keywords=tuple(dict.fromkeys(str(tag) for tag in tags)) if isinstance(tags, list) else (),
        manager=manager if manager and manager[0] else None,
        places=tuple(dict.fromkeys(_places(said.get("Resources")))),
    )


def _places(resources: Any) -> Iterator[BucketPlace]:
    for resource in resources if isinstance(resources, list) else ():
        arn = str(resource.get("ARN", "")) if isinstance(resource, dict) else ""
        if not arn.startswith("arn:") or ":s3:::" not in arn or resource.get("Type") != "S3 Bucket":
            continue
        pays = bool(resource.get("RequesterPays", False))
        closed = pays or bool(resource.get("AccountRequired", False)) or bool(resource.get("ControlledAccess"))
        yield BucketPlace(
            address=f"s3://{arn.partition(':::')[2].rstrip('/*')}",
            region=str(resource.get("Region") or "us-east-1"),
            anonymous=not closed,
            requester_pays=pays,
        )


def _words(entry: Entry) -> str:
    return " ".join((entry.name, entry.description, *entry.keywords)).casefold()


type _Where = tuple[str, str | None]


def _files(at: str, base: Path, name: str, token: str | None) -> list[_Where]:
    """Addresses of YAML files, and the token to send with each."""
    if urlsplit(at).scheme in {"http", "https"}:
        return [(at, None)] if urlsplit(at).path.endswith(SUFFIXES) else _listed(at, name, token)
    if "://" in at:
        raise SourceError(at, "is no address of a registry", "give a folder, a URL of a YAML file or a GitHub API URL")
    path = base / at
    if path.is_file():
        return [(str(path), None)]
    if not path.is_dir():
        raise SourceError(path, "does not exist", "clone the registry, or leave `at` out to ask GitHub")
    return [(str(path / each), None) for each in sorted(os.listdir(path)) if _is_wanted(each, name)]  # noqa: PTH208


def _listed(at: str, name: str, token: str | None) -> list[_Where]:
    """The files that the GitHub API lists in a folder, each at the same host: only there goes the token."""
    content = _get(at, token, "application/vnd.github+json")
    try:
        rows = json.loads(content)
        named = sorted((str(row["name"]), str(row["url"])) for row in rows if row.get("type", "file") == "file")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SourceError(
            at, "does not answer as the GitHub API does", "give the URL of a folder's contents"
        ) from error
    if len(rows) >= FULL_LISTING:
        remedy = "clone the repository and give its folder"
        raise SourceError(at, f"lists {len(rows):,} files, which may not be all of them", remedy)
    wanted = [url for each, url in named if _is_wanted(each, name)]
    elsewhere = [url for url in wanted if urlsplit(url)[:2] != urlsplit(at)[:2]]
    if elsewhere:
        raise SourceError(at, f"leads to another server: {elsewhere[0]}", "give the URL of a folder in the GitHub API")
    return [(url, token) for url in wanted]


def _is_wanted(file: str, name: str) -> bool:
    return file.endswith(SUFFIXES) and (fnmatchcase(file, name) or fnmatchcase(file.rpartition(".")[0], name))


def _read(source: _Where) -> tuple[str, bytes]:
    where, token = source
    if urlsplit(where).scheme in {"http", "https"}:
        return where, _get(where, token, "application/vnd.github.raw+json")
    try:
        return where, Path(where).read_bytes()
    except OSError as error:
        raise SourceError(where, f"cannot be read: {error.strerror}", "check its rights") from error


def _get(url: str, token: str | None, accept: str) -> bytes:
    request = Request(url, headers={"Accept": accept, "User-Agent": "simstac"})  # noqa: S310  # http(s) alone gets here
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310  # as above
            content: bytes = response.read(_MAX_BYTES + 1)
    except HTTPError as error:
        with error:
            limited = error.code in {403, 429} and not token
            remedy = f"set {TOKENS[0]}: without one GitHub answers 60 requests an hour" if limited else "check the URL"
            raise SourceError(url, f"the server answers {error.code}", remedy) from error
    except (URLError, OSError, HTTPException) as error:
        raise SourceError(url, f"cannot be reached: {getattr(error, 'reason', error)}", "check the network") from error
    if len(content) > _MAX_BYTES:
        raise SourceError(url, "is larger than any file of the registry", "check the URL")
    return content
