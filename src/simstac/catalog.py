"""The catalog as edits over documents: where each one lies, its links, and what to put or delete to change it.

An edit reads the documents that are there through ``read(path)`` and yields ``(path, bytes)``, ``(path, ShippedFile)``
for a file to be copied, or ``(path, None)`` for what must go: children before parents, deletions last. Nothing here
does I/O.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from urllib.parse import unquote

import orjson

from simstac.errors import InvalidDocumentError, PublishError
from simstac.stac.document import GEOJSON, JSON, STAC_VERSION, CanonicalWriter, Document, Documents, canonical_json
from simstac.stac.extensions import file
from simstac.stac.files import ShippedFile
from simstac.stac.metadata import CatalogMetadata
from simstac.stac.parquet import ASSET, FILE_NAME
from simstac.stac.placement import is_absolute

ROOT = "catalog.json"
_SHIPS = b'"file:checksum"'
_STRUCTURE = frozenset({"root", "parent", "collection", "self"})

type Read = Callable[[str], bytes | None]
type Content = bytes | ShippedFile | None
type Edit = tuple[str, Content]
type Table = Callable[[Iterable[Document]], bytes]


def upsert_collection(
    read: Read, catalog: CatalogMetadata, documents: Documents, *, table: Table | None = None
) -> Iterator[Edit]:
    """Put a Collection, its Items and its files, delete what it no longer has, and list it in the root.

    The root keeps the children that other configurations put there.

    Args:
        read: The bytes of a document that is there, or None.
        catalog: What is said about the root.
        documents: The Collection as `simstac.stac` describes it, without links between documents.
        table: What makes the table of all Items, such as `simstac.stac.parquet.items_parquet`; it is not called
            where no Item has changed. None makes no table.

    Raises:
        InvalidDocumentError: If a document that is there is not JSON, or a new one is not strict JSON.
    """
    path = collection_path(documents.collection["id"])
    folder = path.rpartition("/")[0]
    before = _paths_of(_linked_at(read, path), folder)
    files: dict[str, Content] = {f"{folder}/{name}": data for name, data in documents.files.items()}
    yield from ((where, files[where]) for where in sorted(files))
    listed: list[Document] = []
    changed = False
    stale: set[str] = set()
    writer = CanonicalWriter()
    for item in _linked_items(documents, catalog):
        data, where = writer.bytes(item), item_path(item["collection"], item["id"])
        old = read(where)
        if old != data:
            changed = True
            stale |= _shipped_by(old, where) - _shipped_by(data, where)
        listed.append(_item_link(item))
        yield where, data
    listed.sort(key=lambda link: link["href"])
    kept = {f"{folder}/{link['href'].removeprefix('./')}" for link in listed} | files.keys()
    collection = _with_collection_links(documents.collection, listed, catalog)
    if table is not None and listed:
        where = f"{folder}/{FILE_NAME}"
        fresh = read(where) if not changed and before <= kept | {where} else None
        content = table(_linked_items(documents, catalog)) if fresh is None else fresh
        collection["assets"] = dict(collection["assets"])
        file.ship(collection, "items", ASSET, content)
        kept.add(where)
        yield where, content
    yield path, canonical_json(collection)
    yield from _upsert_root(read, catalog, collection)
    yield from ((gone, None) for gone in sorted(_with_shipped(read, before - kept) | stale))


def merge_root(read: Read, root: bytes, gone: frozenset[str]) -> Iterator[tuple[str, bytes]]:
    """The root for a place that others publish to as well: ours, with the children that they put there.

    Args:
        read: The bytes of a document that is there, or None.
        root: Our root catalog.
        gone: The Collections that we published there before and no longer have; they lose their link.

    Raises:
        InvalidDocumentError: If the root that is there is not JSON.
        PublishError: If it is another catalog's.
    """
    ours: Document = orjson.loads(root)
    there = _linked_at(read, ROOT) or {"id": ours["id"], "links": []}
    if there.get("id") != ours["id"]:
        problem = f"is the catalog {there.get('id')!r} there, not {ours['id']!r}"
        raise PublishError(ROOT, problem, "publish to a place of its own, or give both the same catalog id")
    listed = {link["href"] for link in ours["links"] if link["rel"] == "child"}
    lost = {f"./{collection_path(name)}" for name in gone}
    others = [link for link in there["links"] if link["rel"] == "child" and link["href"] not in listed | lost]
    children = [link for link in ours["links"] if link["rel"] == "child"]
    above = [link for link in ours["links"] if link["rel"] != "child"]
    links = [*above, *sorted([*others, *children], key=lambda link: str(link["href"]))]
    yield ROOT, canonical_json({**ours, "links": links})


def remove_collection(read: Read, collection_id: str) -> Iterator[Edit]:
    """Take a Collection with its Items and files out of the catalog; the store stays.

    Raises:
        InvalidDocumentError: If the root or the Collection is not JSON.
    """
    path = collection_path(collection_id)
    root = _linked_at(read, ROOT)
    if root is not None:
        root["links"] = [link for link in root["links"] if not (link["rel"] == "child" and link["href"] == f"./{path}")]
        yield ROOT, canonical_json(root)
    old = _linked_at(read, path)
    if old is not None:
        yield path, None
        yield from ((gone, None) for gone in sorted(_with_shipped(read, _paths_of(old, path.rpartition("/")[0]))))


def collection_path(collection_id: str) -> str:
    """Where a Collection lies below the root."""
    return f"{collection_id}/collection.json"


def item_path(collection_id: str, item_id: str) -> str:
    """Where an Item lies below the root."""
    return f"{collection_id}/{item_id}/{item_id}.json"


def collection_ids(read: Read) -> list[str]:
    """The ids of the Collections that the root lists.

    Raises:
        InvalidDocumentError: If the root is not JSON.
    """
    root = _linked_at(read, ROOT) or {"links": []}
    children = (link["href"].removeprefix("./") for link in root["links"] if link["rel"] == "child")
    return sorted(href.rpartition("/")[0] for href in children)


def without_catalog_links(item: Document) -> Document:
    """An Item as it was before `upsert_collection` put it into its Collection."""
    links = [link for link in item["links"] if link["rel"] not in _STRUCTURE]
    return {key: value for key, value in item.items() if key != "collection"} | {"links": links}


def document_at(read: Read, path: str, where: str | PathLike[str] = "") -> Document | None:
    """A document that is there; None where there is none.

    Args:
        read: The bytes of a document that is there, or None.
        path: Where it lies below the root.
        where: What to call it in messages; its path where left out.

    Raises:
        InvalidDocumentError: If it is not a JSON object.
    """
    data = read(path)
    if data is None:
        return None
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        problem = f"is not JSON ({error})"
        raise InvalidDocumentError(where or path, problem, "repair or remove it, then build again") from error
    if not isinstance(document, dict):
        raise InvalidDocumentError(where or path, "is not a JSON object", "repair or remove it, then build again")
    return document


def _linked_at(read: Read, path: str) -> Document | None:
    """A document that is there, with links that can be followed."""
    document = document_at(read, path)
    if document is None:
        return None
    links = document.get("links")
    if not isinstance(links, list) or not all(
        isinstance(each, dict) and {"rel", "href"} <= each.keys() for each in links
    ):
        raise InvalidDocumentError(path, "has no list of links", "repair or remove it, then build again")
    return document


def _upsert_root(read: Read, catalog: CatalogMetadata, collection: Document) -> Iterator[Edit]:
    old = _linked_at(read, ROOT)
    child = _link("child", f"./{collection_path(collection['id'])}", JSON, collection["title"])
    others = [
        link for link in (old or {"links": []})["links"] if link["rel"] == "child" and link["href"] != child["href"]
    ]
    root: Document = {
        "type": "Catalog",
        "stac_version": STAC_VERSION,
        "id": catalog.id,
        "title": catalog.name,
        "description": catalog.description.strip() or catalog.name,
        "links": [
            _link("root", f"./{ROOT}", JSON, catalog.name),
            *_self(catalog, ROOT, JSON, catalog.name),
            *sorted([*others, child], key=lambda link: link["href"]),
        ],
    }
    if old is not None and old.get("title") != catalog.name:
        for other in others:
            yield from _retitled(read, other["href"].removeprefix("./"), catalog.name)
    yield ROOT, canonical_json(root)


def _retitled(read: Read, path: str, title: str) -> Iterator[Edit]:
    """Another Collection and its Items, whose links name the root by its title."""
    collection = _linked_at(read, path)
    if collection is None:
        return
    folder = path.rpartition("/")[0]
    items = [f"{folder}/{link['href'].removeprefix('./')}" for link in collection["links"] if link["rel"] == "item"]
    for below in (*items, path):
        document = _linked_at(read, below)
        if document is not None:
            above_root = {"root"} if below != path else {"root", "parent"}
            links = [link | {"title": title} if link["rel"] in above_root else link for link in document["links"]]
            yield below, canonical_json(document | {"links": links})


def _linked_items(documents: Documents, catalog: CatalogMetadata) -> Iterator[Document]:
    collection = documents.collection
    for item in documents.items:
        links = [
            _link("root", f"../../{ROOT}", JSON, catalog.name),
            _link("parent", "../collection.json", JSON, collection["title"]),
            _link("collection", "../collection.json", JSON, collection["title"]),
            *_self(catalog, item_path(collection["id"], item["id"]), GEOJSON, item["properties"]["title"]),
            *item["links"],
        ]
        yield {**item, "collection": collection["id"], "links": links}


def _with_collection_links(collection: Document, items: Iterable[Document], catalog: CatalogMetadata) -> Document:
    path = collection_path(collection["id"])
    links = [
        _link("root", f"../{ROOT}", JSON, catalog.name),
        _link("parent", f"../{ROOT}", JSON, catalog.name),
        *_self(catalog, path, JSON, collection["title"]),
        *collection["links"],
        *items,
    ]
    return {**collection, "links": links}


def _item_link(item: Document) -> Document:
    return _link("item", f"./{item['id']}/{item['id']}.json", GEOJSON, item["properties"]["title"])


def _self(catalog: CatalogMetadata, path: str, media_type: str, title: str) -> list[Document]:
    if catalog.public_url is None:
        return []
    return [_link("self", f"{catalog.public_url.rstrip('/')}/{path}", media_type, title)]


def _link(rel: str, href: str, media_type: str, title: str) -> Document:
    return {"rel": rel, "href": href, "type": media_type, "title": title}


def _paths_of(collection: Document | None, folder: str) -> set[str]:
    """The Items and files below the root that a Collection that is there names."""
    if collection is None:
        return set()
    items = {link["href"] for link in collection["links"] if link["rel"] == "item"}
    files = {asset["href"] for asset in collection.get("assets", {}).values()}
    paths = (posixpath.normpath(posixpath.join(folder, href)) for href in items | files if not is_absolute(href))
    return {path for path in paths if path.startswith(f"{folder}/")}


def _with_shipped(read: Read, paths: set[str]) -> set[str]:
    """Paths that go, and with each Item the files that are shipped beside it."""
    items = (path for path in paths if path.endswith(".json"))
    return paths.union(*(_shipped_by(read(path), path) for path in items))


def _shipped_by(content: bytes | None, path: str) -> set[str]:
    """The files in the folder of a document that it ships; those of one that is no JSON are not known."""
    if content is None or _SHIPS not in content:
        return set()
    try:
        document: Document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return set()
    folder = path.rpartition("/")[0]
    hrefs = (asset["href"] for asset in document.get("assets", {}).values() if "file:checksum" in asset)
    paths = {posixpath.normpath(posixpath.join(folder, unquote(href))) for href in hrefs if not is_absolute(href)}
    return {shipped for shipped in paths if shipped.startswith(f"{folder}/")}
