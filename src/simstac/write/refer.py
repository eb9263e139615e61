"""CF files → a store that refers to them: all of them at first, then those that are new or changed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import accumulate

from simstac.errors import SourceError
from simstac.progress import OnProgress, silent
from simstac.sources.cf.calendars import note_of
from simstac.sources.cf.options import CfOptions
from simstac.sources.cf.times import calendar_of
from simstac.sources.virtual.combine import OtherAxisError, combine
from simstac.sources.virtual.index import EVERYTHING
from simstac.sources.virtual.places import PlacedFile, container_folders
from simstac.sources.virtual.read import index_files, stored_values
from simstac.sources.virtual.references import IndexedFile, Kept, References
from simstac.storage import KeySource, StorageScheme, Stored
from simstac.write.commit import VIRTUAL_LAYOUT
from simstac.write.containers import Container
from simstac.write.referred import read_kept, released_references
from simstac.write.virtual import OutdatedError, Sample, refuse_taken_name, write_references

SAMPLE_BYTES = 64 << 20

type Index = Callable[[Sequence[PlacedFile], CfOptions], list[IndexedFile]]


def write_virtual(  # noqa: PLR0913  # all but three are options
    files: Sequence[PlacedFile],
    href: str,
    scheme: StorageScheme,
    *,
    options: CfOptions = EVERYTHING,
    version: str | None = None,
    drop_vanished: bool = False,
    credentials: KeySource | None = None,
    source_keys: KeySource | None = None,
    on_progress: OnProgress = silent,
    on_note: Callable[[str], None] | None = None,
) -> Stored:
    """Write a store that refers to files where they are, joined along the dimension in which they continue each other.

    Files that are as they were are not opened again. A store that refers to these files already makes no commit.

    Args:
        files: The files.
        href: The store's address, as in `Stored`.
        scheme: Where the store's bytes live.
        options: What to read of the files, and whether steps may be missing between them.
        version: The version that the tag names; ``1``, ``2`` … where None.
        drop_vanished: Whether files that are gone leave the dataset; else they are an error.
        credentials: A picklable callback that yields S3 keys for the store, used instead of the environment's.
        source_keys: One that yields those for the files.
        on_progress: Listens to the progress.
        on_note: Hears what is worth knowing of the files that were read, a line each.

    Raises:
        UnfitError: If the files cannot be referred to as one dataset; the store is untouched.
        SourceError: If a file cannot be read or is gone.
        StorageError: If the store cannot be read or written, or holds something else.
        ConflictError: If others keep committing to the same store meanwhile.
    """
    indexed = partial(_indexed, on_progress=on_progress, on_note=on_note)
    mark = _fingerprint(files, options)
    if (same := released_references(href, scheme, mark, version=version, credentials=credentials)) is not None:
        return same
    kept = _refused_vanished(read_kept(href, scheme, credentials=credentials), files, may=drop_vanished)

    def written(references: References) -> Stored:
        return write_references(
            references,
            href,
            scheme,
            containers=_containers(files),
            fingerprint=mark,
            options=options,
            version=version,
            samples=list(_samples(files, references, options)),
            credentials=credentials,
            source_keys=source_keys,
            on_progress=on_progress,
        )

    with suppress(OutdatedError):
        if (grown := _grown(files, kept, options, indexed)) is not None:
            return written(grown)
    return written(_combined(files, Kept(), files, options, indexed))


def _indexed(
    files: Sequence[PlacedFile], options: CfOptions, *, on_progress: OnProgress, on_note: Callable[[str], None] | None
) -> list[IndexedFile]:
    found = index_files(files, on_progress, options=options)
    for name in sorted({name for each in found for name in each.index.assumed}):
        if on_note is not None:
            on_note(note_of(name))
    return found


def _combined(
    fresh: Sequence[PlacedFile], held: Kept, files: Sequence[PlacedFile], options: CfOptions, indexed: Index
) -> References:
    """The dataset of files to index and of files that the store holds; indexed along what they turn out to continue.

    Raises:
        OutdatedError: If the store dates its files by another calendar than these are to be.
    """
    places = {file.url: file for file in files}
    found = indexed(fresh, options)
    said = {name: each.attrs["calendar"] for name, each in found[0].index.variables.items() if "calendar" in each.attrs}
    if any(calendar_of(said[name]) != before for name, before in held.calendars.items() if name in said):
        raise OutdatedError
    try:
        references = combine(found, held, places, options)
    except OtherAxisError as other:
        along = replace(options, along=(other.along,))
        references = combine(indexed(fresh, along), held, places, options)
    refuse_taken_name(references)
    return references


def _grown(files: Sequence[PlacedFile], kept: Kept | None, options: CfOptions, indexed: Index) -> References | None:
    """The dataset with new and changed files alone indexed; None if those that are as they were do not stay there.

    The first of these that the store refers to is indexed too: it says how all are structured, and the others are
    compared with it.
    """
    if kept is None or kept.reading != repr(options):
        return None
    before = dict(zip(kept.urls, kept.versions, strict=True))
    known = {file.url: file for file in files if before.get(file.url) == file.version}
    referred = (url for url, reason in zip(kept.urls, kept.copied, strict=True) if not reason and url in known)
    model = next(referred, "")
    same = known.keys() - {model}
    if not model or not same:
        return None
    fresh = [known[model], *(file for file in files if file.url not in known)]
    starts = dict(zip(kept.urls, accumulate(kept.lengths, initial=0), strict=False))
    references = _combined(fresh, kept.only(same), files, options, indexed)
    stay = all(
        starts[url] == start for url, start in zip(references.urls, references.starts, strict=True) if url in same
    )
    return references if stay else None


def _refused_vanished(kept: Kept | None, files: Sequence[PlacedFile], *, may: bool) -> Kept | None:
    """What a store holds; an error where a file of it is gone that may not go."""
    there = {file.url for file in files}
    gone = [url for url in kept.urls if url not in there] if kept and not may else []
    if gone:
        more = f" (and {len(gone) - 1} more)" if len(gone) > 1 else ""
        problem = f"is gone{more}, and the store refers to it"
        raise SourceError(gone[0], problem, "bring it back, or let it go with --drop-vanished")
    return kept


def _containers(files: Sequence[PlacedFile]) -> tuple[Container, ...]:
    folders = container_folders(files)
    names = ["files"] if len(folders) == 1 else [f"files-{number + 1}" for number in range(len(folders))]
    return tuple(Container(name, folder, scheme) for name, (folder, scheme) in zip(names, folders, strict=True))


def _fingerprint(files: Sequence[PlacedFile], options: CfOptions) -> str:
    about = [VIRTUAL_LAYOUT, repr(options), *(f"{file.url} {file.version}" for file in files)]
    return hashlib.sha256("\n".join(about).encode()).hexdigest()


def _samples(files: Sequence[PlacedFile], references: References, options: CfOptions) -> Iterator[Sample]:
    """The first chunk of each array in the first and in the last file that is new, read by the files' own library."""
    by_url = {file.url: file for file in files}
    for name, array in references.arrays.items():
        for block in {id(each): each for each in (*array.blocks[:1], *array.blocks[-1:])}.values():
            if math.prod(array.chunks) * array.dtype.itemsize > SAMPLE_BYTES:
                continue
            corner = [start * length for start, length in zip(block.origin, array.chunks, strict=True)]
            inside = tuple(slice(0, min(length, size)) for length, size in zip(array.chunks, block.shape, strict=True))
            at = tuple(slice(start, start + part.stop) for start, part in zip(corner, inside, strict=True))
            yield Sample(name, at, stored_values(by_url[block.url], name, inside, group=options.group))
