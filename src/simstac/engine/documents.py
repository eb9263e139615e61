"""STAC documents by path or URL, and one item found by its id; data is not opened here.

Documents come over plain HTTP(S) or from the local disk. One that was read over the network may lead to no local
path, and no redirect is followed.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator
from os import PathLike, fspath
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pystac

from simstac.addresses import web_address
from simstac.engine import fetch
from simstac.engine.routes import is_remote
from simstac.errors import InvalidDocumentError, StorageError
from simstac.storage import local_path

_MAX_DOCUMENTS = 2_000
_FOLDER_DOCUMENTS = ("catalog.json", "collection.json")
_NAME_ONE = "name a catalog, a collection or an item, or the folder of one"


def read_document(address: str | PathLike[str]) -> pystac.STACObject:
    """The Catalog, Collection or Item at a path or an ``http(s)://`` URL.

    Its self link is the address it was read from, whatever the document says, so that its relative links lead to
    its neighbours. A folder stands for the ``catalog.json`` or ``collection.json`` in it.

    Raises:
        StorageError: If nothing can be read there.
        InvalidDocumentError: If it is not a STAC document.
    """
    href = str(fspath(address))
    href = web_address(href) if is_remote(href) else href
    content = _local_bytes(href) if not is_remote(href) else fetch.read(_http_only(href))
    href = href if is_remote(href) else str(_document_path(href))
    try:
        document = json.loads(content)
        return pystac.read_dict(document, href=href)
    except (ValueError, LookupError, TypeError, AttributeError, pystac.STACError, pystac.STACTypeError) as error:
        raise InvalidDocumentError(href, f"is not a STAC document: {error}", _NAME_ONE) from error


def find_item(container: pystac.Catalog, item_id: str) -> pystac.Item:
    """The item of an id, anywhere below a Catalog or Collection.

    Items are found by the name of their document, ``…/<id>.json``, so that only documents on the way are read.

    Raises:
        StorageError: If there is no such item, or several, or more than 2,000 collections to look through.
    """
    where = container.get_self_href() or container.id
    names: list[str] = []
    found: list[pystac.Link] = []
    for link in _item_links(container):
        name = _item_name(link)
        names.append(name)
        found += [link] if name == item_id else []
    if len(found) == 1:
        item = follow(found[0])
        if isinstance(item, pystac.Item):
            return item
        raise InvalidDocumentError(item.get_self_href() or item_id, "an item link leads to something else")
    if found:
        parents = ", ".join(sorted(str(link.owner.id) for link in found if link.owner is not None))
        raise StorageError(where, f"has several items {item_id!r}", f"open one of the collections {parents} instead")
    near = difflib.get_close_matches(item_id, names, n=3, cutoff=0.5) or sorted(names)[:3]
    remedy = f"the nearest are {', '.join(near)}" if near else "it has no items"
    raise StorageError(where, f"has no item {item_id!r}", remedy)


def only_child(catalog: pystac.Catalog) -> pystac.STACObject:
    """The one child of a Catalog.

    Raises:
        StorageError: If it has none or several.
    """
    links = [*catalog.get_child_links(), *catalog.get_item_links()]
    if len(links) == 1:
        return follow(links[0])
    names = ", ".join(sorted(str(link.title or link.target) for link in links)[:5])
    remedy = f"open one of them, or name a run with item=: {names}" if links else ""
    raise StorageError(catalog.get_self_href() or catalog.id, f"is a catalog of {len(links)} documents", remedy)


def follow(link: pystac.Link) -> pystac.STACObject:
    """The document that a link leads to.

    Raises:
        StorageError: If it cannot be read, or is a local path that a remote document names.
    """
    if isinstance(link.target, pystac.STACObject):
        return link.target
    owner = link.owner.get_self_href() if link.owner is not None else None
    href = link.get_absolute_href()
    if href is None or (is_remote(owner) and not is_remote(href)):
        raise StorageError(owner or str(link.target), f"leads to the local path {href}, which is refused")
    return read_document(href)


def _item_links(container: pystac.Catalog) -> Iterator[pystac.Link]:
    waiting: list[pystac.STACObject] = [container]
    seen: set[str] = set()
    while waiting:
        here = waiting.pop()
        if not isinstance(here, pystac.Catalog):
            continue
        yield from here.get_item_links()
        for link in here.get_child_links():
            address = link.get_absolute_href() or str(id(link.target))
            if address in seen:
                continue
            seen.add(address)
            if len(seen) > _MAX_DOCUMENTS:
                raise StorageError(
                    container.get_self_href() or container.id,
                    f"has more than {_MAX_DOCUMENTS:,} collections",
                    "open the item's collection instead",
                )
            waiting.append(follow(link))


def _item_name(link: pystac.Link) -> str:
    if isinstance(link.target, pystac.Item):
        return link.target.id
    return PurePosixPath(unquote(urlsplit(str(link.target)).path)).stem


def _document_path(href: str) -> Path:
    path = local_path(href).absolute()
    if path.is_dir():
        return next((path / name for name in _FOLDER_DOCUMENTS if (path / name).is_file()), path)
    return path


def _local_bytes(href: str) -> bytes:
    path = _document_path(href)
    try:
        return path.read_bytes()
    except IsADirectoryError as error:
        raise StorageError(path, "holds no catalog.json and no collection.json", _NAME_ONE) from error
    except OSError as error:
        raise StorageError(path, f"cannot be read: {error.strerror}") from error


def _http_only(href: str) -> str:
    if urlsplit(href).scheme not in {"http", "https"}:
        raise StorageError(href, "is not an address of a STAC document", "give a path or an http(s):// URL")
    return href
