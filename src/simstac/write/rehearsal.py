"""A copy of a store in which forgetting can be tried: what tells the references is copied, the rest stood in for."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from simstac.storage import LocalPath, local_path
from simstac.write.repository import Place, open_repository

if TYPE_CHECKING:
    import icechunk

REPO = "repo"
RECORDS = frozenset({"manifests", "snapshots"})
STOOD_IN = frozenset({"chunks", "transactions"})
READERS = 16

type ReadObject = Callable[[str], bytes | None]


@contextmanager
def rehearsed(
    place: Place, repository: icechunk.Repository, read_object: ReadObject | None
) -> Iterator[icechunk.Repository | None]:
    """A repository like the one at a place, whose references may be changed; never collect its garbage but dry.

    Args:
        place: The store.
        repository: The store, opened.
        read_object: Reads an object of a store that is not local.

    Yields:
        The copy, or None where there can be none.
    """
    with TemporaryDirectory(prefix="simstac-expire-") as name:
        if isinstance(place.scheme, LocalPath) and os.name == "posix":
            _link(local_path(place.href), Path(name))
        elif read_object is not None:
            _stand_in(repository, read_object, Path(name))
        else:
            yield None
            return
        yield open_repository(Place(name, LocalPath()))


def _link(store: Path, folder: Path) -> None:
    """Copy the mutable record, and link the folders of immutable objects."""
    shutil.copyfile(store / REPO, folder / REPO)
    for name in RECORDS | STOOD_IN:
        if (store / name).is_dir():
            (folder / name).symlink_to((store / name).absolute(), target_is_directory=True)


def _stand_in(repository: icechunk.Repository, read_object: ReadObject, folder: Path) -> None:
    """Fetch the records, and make for each other object a file with a hole of its size and with its time."""

    def make(key: str, size: int, time: float) -> None:
        path, kind = folder / key, key.partition("/")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"" if kind in STOOD_IN else read_object(key) or b"")
        if kind in STOOD_IN:
            os.truncate(path, size)
        os.utime(path, (time, time))

    kinds = {REPO} | RECORDS | STOOD_IN
    objects = repository.storage.list_objects_metadata()
    facts = [(each.key, each.size_bytes, each.created_at.timestamp()) for each in objects]
    with ThreadPoolExecutor(READERS) as pool:
        for made in [pool.submit(make, *fact) for fact in facts if fact[0].partition("/")[0] in kinds]:
            made.result()
