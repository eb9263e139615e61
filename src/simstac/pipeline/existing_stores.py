"""The existing stores that a configuration means: each with its address in documents and the id of its Item."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from simstac.config.model import Project
from simstac.config.sources import IcechunkSource
from simstac.errors import SimstacError, SourceError
from simstac.objects import Files, files_at
from simstac.pipeline.source_files import files_of
from simstac.sources.existing.discover import stores_under
from simstac.sources.existing.registry import BucketPlace, Entry, read_registry
from simstac.sources.existing.stores import Found, probe
from simstac.stac.metadata import identifier
from simstac.stac.placement import Placement, Route
from simstac.storage import AwsS3, CustomS3, LocalPath, StorageScheme, scheme_from_url
from simstac.web_files import WebFiles

SUFFIXES = (".icechunk", ".zarr")
HASH_LENGTH = 8
_SAFE = "/:@!$&'()*+,;=~%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A store that the configuration names or that a listing shows.

    Attributes:
        identifier: The id of its Item.
        address: Where it is read.
        scheme: Where its bytes live.
        placement: How documents address it.
        found: What is there.
        error: Why that is not known.
        entry: The registry's entry that leads to it.
    """

    identifier: str
    address: str
    scheme: StorageScheme
    placement: Placement
    found: Found | None = None
    error: SimstacError | None = None
    entry: Entry | None = None

    @property
    def href(self) -> str:
        """Its address in the document of an Item."""
        return self.placement.primary.relative_to(2)

    @property
    def is_anonymous(self) -> bool:
        """Whether it is read without keys."""
        return isinstance(self.scheme, AwsS3 | CustomS3) and self.scheme.anonymous


@dataclass(frozen=True, slots=True)
class Search:
    """What a search has found.

    Attributes:
        stores: The stores, by id.
        failures: Why some places could not be searched; nothing may be missed then.
    """

    stores: tuple[Candidate, ...]
    failures: tuple[SimstacError, ...]


def find_stores(project: Project, source: IcechunkSource, markers: Mapping[str, str], pool: Executor) -> Search:
    """Look for the stores of a source: one request a folder, and one for each that is named.

    Args:
        project: The configuration.
        source: The source.
        markers: The markers of stores that are known, by their address in documents.
        pool: Where requests wait.
    """
    search = _Searcher(project, source, markers, pool)
    found: dict[str, tuple[str, Candidate]] = {}
    failures: list[SimstacError] = []
    steps: list[Callable[[], Iterable[tuple[str, Candidate]]]] = [search.named]
    steps += [partial(search.below, address) for address in source.prefixes]
    try:
        entries = search.entries()
    except SimstacError as error:
        failures.append(error)
        entries = ()
    steps += [partial(search.in_bucket, place, entry) for entry in entries for place in entry.places]
    for step in steps:
        try:
            for path, candidate in step():
                found.setdefault(candidate.href, (path, candidate))
        except SimstacError as error:
            failures.append(error)
    return Search(tuple(_identified(found.values())), tuple(failures))


def inside_site(project: Project, folder: Path) -> str:
    """A folder as an address relative to the site; outside of it only for a catalog that stays on this machine.

    Raises:
        SourceError: If it lies outside of the site and the catalog is published.
    """
    href = Path(os.path.relpath(folder.resolve(), project.site.resolve())).as_posix()
    if href.startswith("../") and (project.catalog.public_url or project.targets):
        remedy = "set public_url to where it is read, give its bucket, or move it into the site's data folder"
        raise SourceError(folder, "lies outside the site, where nobody else can read it", remedy)
    return href


@dataclass(frozen=True, slots=True)
class _Searcher:
    project: Project
    source: IcechunkSource
    markers: Mapping[str, str]
    pool: Executor

    def named(self) -> Iterator[tuple[str, Candidate]]:
        """The stores in the list, asked for by name."""
        return iter(list(self.pool.map(self._named, self.source.stores)))

    def below(self, address: str) -> Iterator[tuple[str, Candidate]]:
        """The stores below a prefix or a folder."""
        top, public = self._files(address), self.source.public_url

        def at(path: str, where: str) -> Candidate:
            href = f"{public}/{quote(path)}".rstrip("/") if public else ""
            return self._candidate(where, self._scheme(where), href)

        return self._listed(top, self._files, at)

    def entries(self) -> tuple[Entry, ...]:
        """The entries of the registry."""
        registry = self.source.registry
        if registry is None:
            return ()
        given = {"name": registry.name, "keyword": registry.keyword}
        return read_registry(registry.at, base=self.project.folder, pool=self.pool, environment=os.environ, **given)

    def in_bucket(self, place: BucketPlace, entry: Entry) -> Iterator[tuple[str, Candidate]]:
        """The stores in a bucket that an entry of the registry names."""
        endpoint, profile = self.source.endpoint_url, self.source.profile

        def files(address: str) -> Files:
            keys = None if place.anonymous else profile
            return files_at(
                address, endpoint_url=endpoint, region=place.region, profile=keys, anonymous=place.anonymous
            )

        def at(_: str, where: str) -> Candidate:
            scheme = scheme_from_url(where, endpoint_url=endpoint, region=place.region, anonymous=place.anonymous)
            if place.requester_pays and isinstance(scheme, AwsS3):
                scheme = replace(scheme, requester_pays=True)
            return replace(self._candidate(where, scheme, ""), entry=entry)

        return self._listed(files(place.address), files, at)

    def _named(self, address: str) -> tuple[str, Candidate]:
        files = WebFiles(address.rstrip("/")) if _is_web(address) else self._files(address)
        scheme = self._scheme(files.address)
        path = _last(unquote(files.address))
        try:
            candidate = self._candidate(files.address, scheme, "")
        except SourceError as error:
            placement = Placement(primary=Route(files.address, scheme))
            return path, Candidate(
                identifier="", address=files.address, scheme=scheme, placement=placement, error=error
            )
        if candidate.error is not None:
            return path, candidate
        try:
            return path, replace(candidate, found=probe(files, known=self.markers.get(candidate.href)))
        except SourceError as error:
            return path, replace(candidate, error=error)

    def _listed(
        self, top: Files, files: Callable[[str], Files], at: Callable[[str, str], Candidate]
    ) -> Iterator[tuple[str, Candidate]]:
        """The stores below an address, as candidates; none where there were some is a failure."""

        def known(path: str) -> str | None:
            return self.markers.get(at(path, top.url(path) if path else top.address).href) if self.markers else None

        found = stores_under(top, files, depth=self.source.depth, pool=self.pool, known=known)
        if not found:
            remedy = "check the prefix and depth; simstac remove takes the collection out"
            raise SourceError(top.address, "holds no Icechunk and no Zarr store", remedy)
        for path, each in found:
            candidate = at(path, each.address)
            yield path or _last(top.address), candidate if candidate.error else replace(candidate, found=each)

    def _candidate(self, address: str, scheme: StorageScheme, public: str) -> Candidate:
        route = Route(
            inside_site(self.project, Path(address)) if isinstance(scheme, LocalPath) and not public else address,
            scheme,
        )
        alternates = (route,) if public and not isinstance(scheme, LocalPath) else ()
        primary = Route(public) if public else route
        placement = Placement(primary=primary, alternates=alternates, public_url=self.project.catalog.public_url)
        if any(quote(each.href, safe=_SAFE) != each.href for each in placement.routes):
            problem = "holds a character that no address may hold as it is"
            error = SourceError(address, problem, "name it in letters, digits, '-', '_' and '.'")
            return Candidate(identifier="", address=address, scheme=scheme, placement=placement, error=error)
        return Candidate(identifier="", address=address, scheme=scheme, placement=placement)

    def _files(self, address: str) -> Files:
        return files_of(self.source, self.project.folder)(address)

    def _scheme(self, address: str) -> StorageScheme:
        source = self.source
        return scheme_from_url(
            address, endpoint_url=source.endpoint_url, region=source.region, anonymous=source.anonymous
        )


def _identified(found: Iterable[tuple[str, Candidate]]) -> Iterator[Candidate]:
    """Stores with the ids that their paths give; where two give the same, with a mark of their addresses."""
    pairs = [(_id_of(path), candidate) for path, candidate in found]
    counts = Counter(name for name, _ in pairs)
    marked = [
        replace(candidate, identifier=name if counts[name] == 1 else f"{name}-{_mark(candidate.href)}")
        for name, candidate in pairs
    ]
    return iter(sorted(marked, key=lambda candidate: candidate.identifier))


def _id_of(path: str) -> str:
    plain = path.strip("/")
    for suffix in SUFFIXES:
        plain = plain.removesuffix(suffix)
    return identifier(plain.replace("/", "-")) or f"store-{_mark(path)}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:HASH_LENGTH]


def _last(address: str) -> str:
    parts = urlsplit(address)
    return PurePosixPath(parts.path).name or parts.netloc


def _is_web(address: str) -> bool:
    return address.startswith(("http://", "https://"))
