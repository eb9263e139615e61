"""Going through a published catalog as a stranger: every link followed, every asset reached and opened."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from simstac.addresses import web_address
from simstac.errors import SimstacError
from simstac.progress import OnProgress, Progress, silent
from simstac.publishing.site import CATALOG
from simstac.publishing.web import ORIGIN, Answer, fetch, is_web

POINTERS = {
    "application/vnd.zarr+icechunk": ("repo", "refs/branch.main/ref.json"),
    "application/vnd.zarr": ("zarr.json", ".zmetadata", ".zgroup"),
}
"""What lies at the root of a store, one of them: it stands for the store where that is a folder."""
WORKERS = 16
SNAPSHOTS = 5
"""How many versions of a store are opened: all of most, not the thousand runs of an experiment."""
OLD_COPY = "publish again, or wait for the cache to expire"
PUBLISH_AGAIN = "publish again (--recheck compares every file)"
NO_ROOT = "name a catalog.json or its folder, or publish it first"
REMEDIES: Mapping[int, str] = dict.fromkeys(
    (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN), "let everybody read it: simstac doctor says how"
)
"""What can be done about an answer, where publishing again does not help."""
_JSON_TYPES = frozenset({"application/json", "application/geo+json"})

type OpenAsset = Callable[[str, str], str]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong.

    Attributes:
        where: The first address at which it was found.
        problem: What is wrong.
        remedy: What can be done about it.
        count: At how many addresses it was found.
    """

    where: str
    problem: str
    remedy: str = ""
    count: int = 1

    def __str__(self) -> str:
        """One line."""
        more = f" (and {self.count - 1} more)" if self.count > 1 else ""
        return f"{self.where}: {self.problem}{more}" + (f"; {self.remedy}" if self.remedy else "")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a stranger found.

    Attributes:
        location: The catalog's address.
        documents: How many documents were read.
        skipped: How many items were left out, by ``items``.
        links: How many links were followed.
        assets: How many assets and alternates were reached.
        opened: What was read of each dataset that was opened, by its address.
        findings: What is wrong.
    """

    location: str
    documents: int
    skipped: int
    links: int
    assets: int
    opened: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def totals(self) -> dict[str, Any]:
        """What was read, for machines."""
        names = ("location", "documents", "skipped", "links", "assets")
        counts = {name: getattr(self, name) for name in names}
        return counts | {"opened": dict(self.opened), "problems": len(self.findings)}

    @property
    def summary(self) -> str:
        """What was read, in one line."""
        skipped = f" ({self.skipped} of the items left out)" if self.skipped else ""
        count = len(self.findings)
        problems = "no problems" if self.ok else f"{count} problem{'' if count == 1 else 's'}"
        return (
            f"{self.location}: {self.documents} documents{skipped}, {self.links} links, {self.assets} assets, "
            f"{len(self.opened)} opened: {problems}"
        )


def verify(
    location: str | Path,
    *,
    site: Path | None = None,
    items: int | None = None,
    open_asset: OpenAsset | None = None,
    on_progress: OnProgress = silent,
) -> Verified:
    """Read a catalog from its root: links, media types, CORS, Range, and what the assets hold.

    Args:
        location: The address of the root catalog or of its folder: an ``http(s)`` URL or a path.
        site: The folder that was published; every document must be the one there.
        items: How many items of each collection are read, spread evenly; None for all.
        open_asset: Opens an asset, by the address of its document and its key, reads a sample, and says what it read.
            Of each store the version that its collection names is opened, and up to four others.
        on_progress: Hears of every document.
    """
    root = _root_of(str(location))
    walk = _Walk(root, site, items, on_progress)
    with ThreadPoolExecutor(WORKERS) as pool:
        level: Sequence[str] = [root]
        while level:
            pages = list(pool.map(walk.visit, level))
            level = [each for address, page in zip(level, pages, strict=True) for each in walk.below(address, page)]
        walk.reach_all(pool)
    opened = walk.open_all(open_asset) if open_asset else {}
    return Verified(
        root, len(walk.documents), walk.skipped, len(walk.links), len(walk.assets), opened, _merged(walk.findings)
    )


@dataclass
class _Walk:
    """The state of one walk: what was read, what is still to be reached, and what is wrong."""

    root: str
    site: Path | None
    items: int | None
    on_progress: OnProgress
    documents: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)
    links: dict[str, str] = field(default_factory=dict)
    assets: dict[str, tuple[str, str]] = field(default_factory=dict)
    stores: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    skipped: int = 0

    def visit(self, address: str) -> Mapping[str, Any] | None:
        """Read one document and check how it is served."""
        answer = fetch(address)
        if not answer.ok:
            self.unread.add(address)
            otherwise = NO_ROOT if address == self.root else PUBLISH_AGAIN
            self.findings.append(Finding(address, answer.problem, REMEDIES.get(answer.status, otherwise)))
            return None
        self.findings += served(address, answer, _JSON_TYPES)
        self.findings += self._compared(address, answer.content)
        document = _document(answer.content)
        if document is None:
            self.unread.add(address)
            self.findings.append(Finding(address, "is not a STAC document", PUBLISH_AGAIN))
            return None
        self.documents[address] = document
        self.on_progress(Progress("verify", len(self.documents), None, address))
        return document

    def below(self, address: str, document: Mapping[str, Any] | None) -> list[str]:
        """The documents to visit next; the other links and the assets are noted."""
        if document is None:
            return []
        children: list[str] = []
        items: list[str] = []
        for link in document.get("links", []):
            target = join(address, link["href"])
            if link["rel"] in {"child", "item"}:
                (items if link["rel"] == "item" else children).append(target)
            elif self._is_ours(target) or not urlsplit(link["href"]).scheme:
                self.links.setdefault(target, address)
        for key, asset in document.get("assets", {}).items():
            for each in (asset, *asset.get("alternate", {}).values()):
                kind = each.get("type") or asset.get("type") or ""
                if each["href"].endswith("/"):
                    continue  # a folder of source files, which no server answers for
                target = join(address, each["href"])
                self.assets.setdefault(target, (address, kind))
                if each is asset and kind.startswith("application/vnd.zarr"):
                    snapshot = str(asset.get("icechunk:snapshot_id", ""))
                    self.stores.setdefault(target, {}).setdefault(snapshot, (address, key))
        chosen = _spread(items, self.items)
        self.skipped += len(items) - len(chosen)
        self.links |= dict.fromkeys((*children, *chosen), address)
        return [each for each in dict.fromkeys((*children, *chosen)) if each not in self.documents]

    def reach_all(self, pool: ThreadPoolExecutor) -> None:
        """Reach every link and asset that was not read as a document."""
        known = {*self.documents, *self.unread}
        others = [(address, source, "", False) for address, source in self.links.items() if address not in known]
        noted = [
            (address, source, kind, True)
            for address, (source, kind) in self.assets.items()
            if is_web(self.root) or not is_web(address)
        ]
        self.findings += [finding for found in pool.map(_reached, others + noted) for finding in found]

    def open_all(self, open_asset: OpenAsset) -> dict[str, str]:
        """Open some of the snapshots of each store, the one first named among them, by the document that names it."""
        opened = {}
        for address, snapshots in self.stores.items():
            for number, (snapshot, (source, key)) in enumerate(_spread([*snapshots.items()], SNAPSHOTS)):
                where = f"{address} at {snapshot}" if number else address
                try:
                    opened[where] = open_asset(source, key)
                except SimstacError as error:
                    self.findings.append(Finding(error.where, error.problem, error.remedy))
                self.on_progress(Progress("open", len(opened), None, where))
        return opened

    def _is_ours(self, address: str) -> bool:
        return address.startswith(self.root.removesuffix(CATALOG))

    def _compared(self, address: str, content: bytes) -> Iterator[Finding]:
        """Compare a document with the site's; the root is merged with others', and must list what the site's does."""
        if self.site is None or not self._is_ours(address):
            return
        path = address.removeprefix(self.root.removesuffix(CATALOG))
        built = self.site / (unquote(path) if is_web(address) else path)
        if not built.is_file():
            return
        if path != CATALOG and built.read_bytes() != content:
            yield Finding(address, "is not the document that was built", OLD_COPY)
        if path == CATALOG and (lost := _children(built.read_bytes()) - _children(content)):
            yield Finding(address, f"does not list {', '.join(sorted(lost))}", OLD_COPY)


def served(address: str, answer: Answer, types: Iterable[str]) -> Iterator[Finding]:
    """What is wrong with the headers of an answer, for a reader in a browser."""
    if not is_web(address):
        return
    found = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if types and found not in types:
        remedy = f"serve it as {' or '.join(sorted(types))} (in a bucket: delete it, then publish with --recheck)"
        yield Finding(address, f"is served as {found or 'nothing'}", remedy)
    if answer.headers.get("access-control-allow-origin") not in {"*", ORIGIN}:
        yield Finding(address, "no browser may read it from another site (CORS)", "allow GET and HEAD from any origin")


def join(address: str, href: str) -> str:
    """The address that a link of a document leads to."""
    if urlsplit(href).scheme or href.startswith("/"):
        return href
    return (
        urljoin(address, href)
        if is_web(address)
        else posixpath.normpath(posixpath.join(posixpath.dirname(address), unquote(href)))
    )


def _document(content: bytes) -> Mapping[str, Any] | None:
    """A document whose links and assets can be followed; None of anything else."""
    try:
        document = json.loads(content)
        links, assets = document.get("links", []), document.get("assets", {})
        hrefs = [link["href"] for link in links if isinstance(link["rel"], str)]
        for asset in assets.values():
            hrefs += [each["href"] for each in (asset, *asset.get("alternate", {}).values())]
        is_whole = all(isinstance(href, str) and urlsplit(href) for href in hrefs)
    except (ValueError, TypeError, AttributeError, LookupError):
        return None
    return document if is_whole else None


def _children(content: bytes) -> set[str]:
    """The hrefs of the Collections that a root lists."""
    return {link["href"] for link in (_document(content) or {}).get("links", []) if link["rel"] == "child"}


def _reached(task: tuple[str, str, str, bool]) -> list[Finding]:
    """What is wrong with a link or an asset: it is not there, or its store cannot be read in parts."""
    address, source, kind, is_asset = task
    if urlsplit(address).scheme not in {"", "http", "https", "file"}:
        return []
    pointers = POINTERS.get(kind, ())
    answers = (fetch(f"{address}/{name}", one_byte=True) for name in pointers)
    answer = next((each for each in answers if each.ok), None) or fetch(
        f"{address}/{pointers[0]}" if pointers else address, one_byte=True
    )
    if not answer.ok:
        what = "its asset" if is_asset else "its link"
        return [Finding(source, f"{what} {address} {answer.problem}", REMEDIES.get(answer.status, PUBLISH_AGAIN))]
    found = list(served(address, answer, ())) if is_asset else []
    if pointers and is_web(address) and answer.status != HTTPStatus.PARTIAL_CONTENT:
        found.append(Finding(address, "its host ignores Range", "serve the data from a host that honours it"))
    return found


def _root_of(location: str) -> str:
    location = web_address(location) if is_web(location) else location
    return location if location.endswith(".json") else f"{location.rstrip('/')}/{CATALOG}"


def _spread[T](items: list[T], count: int | None) -> list[T]:
    """So many of the items, evenly spread, the first and the last among them."""
    if count is None or len(items) <= count:
        return items
    if count <= 1:
        return items[:count]
    return [items[index * (len(items) - 1) // (count - 1)] for index in range(count)]


def _merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The same problem of many addresses said once."""
    merged: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        key = (finding.problem, finding.remedy)
        first = merged.get(key)
        merged[key] = (
            Finding(first.where, first.problem, first.remedy, first.count + finding.count) if first else finding
        )
    return tuple(merged.values())
