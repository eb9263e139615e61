"""`SimstacPlugin`: the routes. Every answer comes from the served data alone; no text of a request is evaluated."""

# ruff: noqa: B008  # FastAPI reads the annotations and defaults of its routes when they are added

import re
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Annotated, Any

import xarray as xr
from anyio import to_thread
from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field, PrivateAttr
from zarr.abc.store import ByteRequest, OffsetByteRequest, RangeByteRequest, SuffixByteRequest

from simstac.errors import InvalidDocumentError, MetadataError, SimstacError, SourceError, StorageError
from simstac.stac.document import GEOJSON, Document
from simstac.stac.metadata import Metadata
from simstac.xpublish import describe
from simstac.xpublish.chunks import EncodedChunks, encoded_chunks
from simstac.xpublish.numbers import Reduction, grouped
from simstac.xpublish.plot import LARGEST, SMALLEST, plot_png
from simstac.xpublish.select import BadRequestError, selected, variable_of
from simstac.xpublish.served import Served, Shelf
from xpublish import Dependencies, Plugin, hookimpl

AT_ONCE = 2
PATIENCE_SECONDS = 30.0
LONGEST_NAME = 200
BYTES = "application/octet-stream"

type DatasetId = Annotated[str, Path(max_length=LONGEST_NAME, description="Unique ID of dataset")]
type Name = Annotated[str, Path(max_length=LONGEST_NAME)]
type Selection = Annotated[
    Sequence[Annotated[str, Query(max_length=LONGEST_NAME)]],
    Query(max_length=16, description="DIMENSION=LABEL, or DIMENSION=FROM..TO"),
]
type Size = Annotated[int, Query(ge=SMALLEST, le=LARGEST, description="Pixels")]


class SimstacPlugin(Plugin):
    """STAC, chunks, intake, plots and statistics for the datasets of an xpublish server.

    Attributes:
        documents: Datasets to serve besides those of the server: the path or URL of a STAC Item or Collection by id;
            `catalogued` finds all of a catalog. Each is opened when it is first asked for.
        public_url: Where readers reach the server; documents have relative hrefs where None.
        local_url: Where this machine reaches it, for the lines of Python in descriptions where ``public_url`` is None.
        metadata: What is said of datasets that do not say enough themselves, by id.
        trust: Endpoints of S3-compatible services that may see your credentials.
        lazy: Whether arrays are Dask arrays, for those with a Dask client.
    """

    name: str = "simstac"
    documents: dict[str, str] = Field(default_factory=dict)
    public_url: str | None = None
    local_url: str | None = None
    metadata: dict[str, Metadata] = Field(default_factory=dict)
    trust: tuple[str, ...] = ()
    lazy: bool = False
    _items: dict[str, Document] = PrivateAttr(default_factory=dict)
    _encoded: dict[str, EncodedChunks] = PrivateAttr(default_factory=dict)
    _turns: threading.BoundedSemaphore = PrivateAttr(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))

    @cached_property
    def _shelf(self) -> Shelf:
        return Shelf(self.documents, self.trust, self.lazy)

    def __hash__(self) -> int:
        """Plugins are told apart as objects."""
        return id(self)

    @hookimpl
    def get_datasets(self) -> list[str]:
        """The ids of ``documents``."""
        return list(self.documents)

    @hookimpl
    def get_datatree(self, dataset_id: str, group: str) -> xr.DataTree | None:
        """A dataset of ``documents``, or a group of it."""
        with _answered():
            served = self._shelf.get(dataset_id)
        if served is None:
            return None
        tree: Any = served.tree[group] if group else served.tree
        return tree if isinstance(tree, xr.DataTree) else None

    @hookimpl
    def app_router(self, deps: Dependencies) -> APIRouter:
        """``/stac/collection.json``, ``/stac-collection-all.json`` and ``/intake.yaml``."""
        router = APIRouter(tags=["simstac"])

        def all_items(ids: list[str]) -> list[Document]:
            found = []
            for dataset_id in sorted(set(ids)):
                try:
                    found.append(self._item(dataset_id, deps.datatree(dataset_id)))
                except MetadataError:
                    continue
            if not found:
                raise HTTPException(404, "no dataset here says where and when it is: pass metadata= to SimstacPlugin")
            return found

        @router.get("/stac/collection.json")
        def stac_collection(ids: list[str] = Depends(deps.dataset_ids)) -> JSONResponse:
            """A STAC Collection of all datasets that say where and when they are."""
            with _answered():
                return JSONResponse(describe.collection(all_items(ids), "../"))

        @router.get("/stac-collection-all.json")
        def stac_collection_all(ids: list[str] = Depends(deps.dataset_ids)) -> JSONResponse:
            """The same Collection, at the root of the server."""
            with _answered():
                return JSONResponse(describe.collection(all_items(ids), "./"))

        @router.get("/intake.yaml", response_class=Response)
        def intake(ids: list[str] = Depends(deps.dataset_ids)) -> Response:
            """An intake catalog of all datasets."""
            paths = {each: describe.zarr_path(each, self._known(each)) for each in ids}
            titles = {each: str(item["properties"]["title"]) for each, item in self._items.items()}
            return Response(describe.intake_catalog(paths, titles), media_type="application/yaml")

        return router

    @hookimpl
    def dataset_router(self, deps: Dependencies) -> APIRouter:
        """``stac``, ``kerchunk``, ``zarr``, ``plot`` and ``groupby`` of each dataset."""
        router = APIRouter(tags=["simstac"])
        self._add_documents(router, deps)
        self._add_chunks(router, deps)
        self._add_views(router, deps)
        return router

    def _add_documents(self, router: APIRouter, deps: Dependencies) -> None:
        @router.get("/stac")
        def stac(dataset_id: DatasetId, tree: xr.DataTree = Depends(deps.datatree)) -> JSONResponse:
            """The dataset as a STAC Item."""
            with _answered():
                return JSONResponse(self._item(dataset_id, tree), media_type=GEOJSON)

    def _add_chunks(self, router: APIRouter, deps: Dependencies) -> None:
        @router.head("/kerchunk/{key:path}", response_class=Response, include_in_schema=False)
        @router.get("/kerchunk/{key:path}", response_class=Response)
        async def kerchunk(
            dataset_id: DatasetId, key: Name, range_: Annotated[str | None, Header(alias="range")] = None
        ) -> Response:
            """A key of the dataset's store as it is stored, undecoded: a plain Zarr hierarchy."""
            with _answered():
                served = await to_thread.run_sync(self._shelf.get, dataset_id)
                if served is None:
                    raise HTTPException(404, f"{dataset_id} comes from no store: read it below zarr/")
                return await _bytes(key, partial(served.chunks.get, key), range_)

        @router.head("/zarr/{key:path}", response_class=Response, include_in_schema=False)
        @router.get("/zarr/{key:path}", response_class=Response)
        async def zarr(
            dataset_id: DatasetId,
            key: Name,
            range_: Annotated[str | None, Header(alias="range")] = None,
            dataset: xr.Dataset = Depends(deps.dataset),
        ) -> Response:
            """A key of the dataset as a Zarr v3 group, encoded when it is asked for."""
            with _answered():
                if dataset_id not in self._encoded:
                    self._encoded[dataset_id] = await to_thread.run_sync(encoded_chunks, dataset)
                return await _bytes(key, partial(self._encoded[dataset_id].get, key), range_)

    def _add_views(self, router: APIRouter, deps: Dependencies) -> None:
        @router.get("/plot/{variable}.png", response_class=Response)
        def plot(
            variable: Name,
            sel: Selection = (),
            cmap: Annotated[str, Query(max_length=LONGEST_NAME)] = "viridis",
            width: Size = 800,
            height: Size = 500,
            dataset: xr.Dataset = Depends(deps.dataset),
        ) -> Response:
            """A variable as a picture: a line where one dimension is left, a field where two are."""
            with _answered(), self._turn():
                array = selected(variable_of(dataset, variable), sel)
                png = plot_png(array, colours=cmap, width=width, height=height)
            return Response(png, media_type="image/png")

        @router.get("/groupby/{variable}/{coord}/{reduction}")
        def groupby(
            variable: Name,
            coord: Name,
            reduction: Reduction,
            sel: Selection = (),
            dataset: xr.Dataset = Depends(deps.dataset),
        ) -> JSONResponse:
            """A statistic of a variable for each value of a coordinate, or of a part of a time such as time.month."""
            with _answered(), self._turn():
                return JSONResponse(grouped(selected(variable_of(dataset, variable), sel), coord, reduction))

    def _item(self, dataset_id: str, tree: xr.DataTree) -> Document:
        if dataset_id not in self._items:
            said = self.metadata.get(dataset_id)
            served = self._shelf.get(dataset_id)
            item = describe.item(dataset_id, tree, served, self.public_url, said, local_url=self.local_url)
            self._items[dataset_id] = item
        return self._items[dataset_id]

    def _known(self, dataset_id: str) -> Served | None:
        with _answered():
            return self._shelf.get(dataset_id)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for one of the few places for heavy work."""
        if not self._turns.acquire(timeout=PATIENCE_SECONDS):
            raise HTTPException(503, "busy: try again later")
        try:
            yield
        finally:
            self._turns.release()


@contextmanager
def _answered() -> Iterator[None]:
    """Turn errors of ours into answers: what was asked wrongly is 422, a store that fails 502."""
    try:
        yield
    except (BadRequestError, MetadataError, SourceError) as error:
        raise HTTPException(422, str(error)) from error
    except (StorageError, InvalidDocumentError) as error:
        raise HTTPException(502, f"{error.where}: {error.problem}") from error
    except SimstacError as error:
        raise HTTPException(500, str(error)) from error


async def _bytes(key: str, get: Callable[[ByteRequest | None], Awaitable[bytes | None]], said: str | None) -> Response:
    """The bytes of a key, or those that a Range header asks for; how many there are in all is not always known."""
    part = _byte_range(said)
    content = await get(None if isinstance(part, SuffixByteRequest) else part)
    if content is None:
        raise HTTPException(404, "no such key")
    is_document = key.rpartition("/")[2] in {"zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata"}
    media_type = "application/json" if is_document else BYTES
    if part is None:
        return Response(content, media_type=media_type)
    match part:
        case RangeByteRequest(start=start) | OffsetByteRequest(offset=start):
            pass
        case SuffixByteRequest(suffix=suffix):
            start = max(0, len(content) - suffix)
            content = content[start:] if suffix else b""
    if not content:
        raise HTTPException(416, "the key has no such bytes")
    where = {"Content-Range": f"bytes {start}-{start + len(content) - 1}/*"}
    return Response(content, 206, where, media_type=media_type)


def _byte_range(said: str | None) -> ByteRequest | None:
    """One range of a Range header as Zarr has it; others are left out, which HTTP allows."""
    matched = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", said or "", re.ASCII)
    first, last = matched.groups() if matched else ("", "")
    if first and last:
        return RangeByteRequest(int(first), int(last) + 1) if int(first) <= int(last) else None
    if first:
        return OffsetByteRequest(int(first))
    return SuffixByteRequest(int(last)) if last else None
