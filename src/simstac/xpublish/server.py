"""A server of the datasets of a catalog: xpublish with our plugin, on this machine unless told otherwise."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import uvicorn
from fastapi.middleware.cors import CORSMiddleware
from xpublish.plugins import load_default_plugins

import xpublish
from simstac.errors import StorageError
from simstac.xpublish.plugin import SimstacPlugin
from simstac.xpublish.served import catalogued

LOOPBACK = "127.0.0.1"

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from os import PathLike

    from fastapi import FastAPI


def application(
    address: str | PathLike[str],
    *,
    public_url: str | None = None,
    local_url: str | None = None,
    trust: Iterable[str] = (),
    lazy: bool = False,
) -> FastAPI:
    """The application that serves a catalog; browsers of any origin may read it.

    Args:
        address: The path or URL of a Catalog, Collection or Item, or a folder of one.
        public_url: Where readers reach the server; documents have relative hrefs where None.
        local_url: Where this machine reaches it, for the lines of Python in descriptions.
        trust: Endpoints of S3-compatible services that may see your credentials.
        lazy: Whether arrays are Dask arrays.

    Raises:
        StorageError: If a document cannot be read, or none of them has a store.
        InvalidDocumentError: If a document is not STAC.
    """
    documents = catalogued(address)
    if not documents:
        raise StorageError(str(address), "leads to no Icechunk or Zarr store", "build the catalog first")
    plugin = SimstacPlugin(
        documents=documents, public_url=public_url, local_url=local_url, trust=tuple(trust), lazy=lazy
    )
    rest = xpublish.Rest({}, plugins={**load_default_plugins(), plugin.name: plugin})
    rest.app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "HEAD"])
    return rest.app


def serve(app: FastAPI, *, host: str = LOOPBACK, port: int = 9000) -> None:
    """Answer requests until interrupted."""
    uvicorn.Server(uvicorn.Config(app, host=host, port=port, log_level="warning", server_header=False)).run()


@contextmanager
def dask_client(address: str | None) -> Iterator[str]:
    """A Dask client for the block, whose dashboard's address is given; none where ``address`` is None.

    Args:
        address: A scheduler's address, or ``local`` for workers of this machine.

    Raises:
        StorageError: If no scheduler answers there.
    """
    if address is None:
        yield ""
        return
    from distributed import Client  # noqa: PLC0415  # an extra

    try:
        here = {"host": LOOPBACK, "dashboard_address": f"{LOOPBACK}:0"} if address == "local" else {"address": address}
        client: Any = Client(timeout="10s", **here)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        problem = f"no Dask scheduler answers ({json.dumps(str(error))})"
        raise StorageError(address, problem, "start one with dask scheduler") from error
    with client:
        yield str(client.dashboard_link)
