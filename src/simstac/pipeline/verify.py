"""Looking at a catalog as a stranger: every link followed, every asset opened, a sample of it read and compared."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from simstac.addresses import web_address
from simstac.catalog import ROOT
from simstac.errors import StorageError
from simstac.progress import OnProgress, silent
from simstac.publishing.verify import Verified
from simstac.publishing.verify import verify as crawl
from simstac.publishing.web import is_web

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Verified", "verify"]

MAX_BYTES = 64 << 20
RECHECK = "publish again with --recheck"


def verify(
    location: str | Path,
    *,
    site: Path | None = None,
    sample: int = 3,
    items: int | None = None,
    trust: Iterable[str] = (),
    on_progress: OnProgress = silent,
) -> Verified:
    """Go through a catalog: follow its links, open its stores, and read a sample of every variable.

    Args:
        location: Address of the root catalog or of its folder.
        site: The built site that was published there; documents and samples must be the same.
        sample: At how many places along its first dimension each variable is read; 0 opens no store.
        items: How many Items of each Collection are read, spread evenly; all where None.
        trust: S3 endpoints that may see credentials of the environment.
        on_progress: Hears of every document and store.
    """
    opener = _Sampler(str(location), site, sample, tuple(trust)) if sample else None
    return crawl(location, site=site, items=items, open_asset=opener, on_progress=on_progress)


@dataclass(frozen=True, slots=True)
class _Sampler:
    """Opens an asset, reads a sample, and compares it with the same asset of the built site."""

    location: str
    site: Path | None
    places: int
    trust: tuple[str, ...]

    def __call__(self, document: str, key: str) -> str:
        """What was read, in words.

        Raises:
            StorageError: If the store cannot be opened or read, or differs from the site's.
        """
        published, twin = self._tree(document, key), self._twin(document)
        built = self._tree(twin, key) if twin else {}
        count = 0
        for path, dataset in published.items():
            for name, variable in dataset.variables.items():
                where = f"#{key}:{path.rstrip('/')}/{name}"
                other = built[path].variables.get(name) if path in built else None
                for at in _spread(variable, self.places):
                    values = _loaded(f"{document}{where}", variable, at)
                    if other is not None and not values.identical(_loaded(f"{twin}{where}", other, at)):  # type: ignore[no-untyped-call]  # xarray's
                        raise StorageError(f"{document}{where}", "is not what was built", RECHECK)
                count += 1
        places = "one place" if self.places == 1 else f"up to {self.places} places"
        return f"{count} variables, {places} of each" + (", equal to the site's" if twin else "")

    def _tree(self, document: str, key: str) -> dict[str, xr.Dataset]:
        import xarray as xr  # noqa: PLC0415  # a check of links alone does not need it

        from simstac.engine import SimstacBackend  # noqa: PLC0415
        from simstac.engine.documents import read_document  # noqa: PLC0415

        owner = read_document(document)
        with _readable(f"{document}#{key}"):
            tree = xr.open_datatree(owner, engine=SimstacBackend, asset=key, trust=self.trust)  # type: ignore[arg-type]  # not a path
        return tree.to_dict()

    def _twin(self, document: str) -> str | None:
        location = web_address(self.location) if is_web(self.location) else self.location
        root = location.removesuffix(ROOT).rstrip("/")
        if self.site is None or not document.startswith(f"{root}/"):
            return None
        path = document.removeprefix(f"{root}/")
        twin = self.site / (unquote(path) if is_web(document) else path)
        return str(twin) if twin.is_file() and str(twin) != document else None


def _loaded(where: str, variable: xr.Variable, at: Mapping[Hashable, int]) -> xr.Variable:
    with _readable(where):
        return variable.isel(at).load()


@contextmanager
def _readable(where: str) -> Iterator[None]:
    """Turn whatever keeps values from being read into an error that says where they are."""
    from simstac.write.repository import store_errors  # noqa: PLC0415  # as above

    try:
        with store_errors(where):
            yield
    except StorageError as error:
        if error.where != where:
            raise
        raise StorageError(where, error.problem, RECHECK) from error
    except (RuntimeError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise StorageError(where, f"cannot be read: {reason}", RECHECK) from error


def _spread(variable: xr.Variable, places: int) -> list[dict[Hashable, int]]:
    """Places along the first dimension, evenly spread, the first and the last among them.

    A place of more than `MAX_BYTES` is the first value of it alone, so that one chunk is read.
    """
    if not variable.ndim:
        return [{}]
    first, *others = variable.dims
    last = variable.shape[0] - 1
    indexes = {index * last // max(places - 1, 1) for index in range(places)} if last >= 0 else set()
    is_large = variable.nbytes > MAX_BYTES * variable.shape[0]
    rest: dict[Hashable, int] = dict.fromkeys(others, 0) if is_large else {}
    return [{first: index, **rest} for index in sorted(indexes)]
