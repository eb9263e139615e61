"""Rules across documents: link targets and their titles, who lists whom, and version links that are symmetric."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from simstac.stac.document import Document
from simstac.stac.validate.findings import Broken, at

STRUCTURE = frozenset({"root", "parent", "collection", "child", "item"})
VERSIONS = frozenset({"predecessor-version", "successor-version", "latest-version"})
DOCUMENTS = STRUCTURE | VERSIONS | {"self", "version-history"}
MIRRORED = {"predecessor-version": "successor-version", "successor-version": "predecessor-version"}


@dataclass(frozen=True, slots=True)
class Node:
    """What is kept of a document to compare it with others.

    Attributes:
        type: Catalog, Collection or Feature.
        id: Its id.
        title: Its title.
        collection: The id of the Collection that an Item says it belongs to.
        links: Links to other documents: index, rel, path below the root or absolute URL, title.
        hrefs: Relative hrefs of assets, as pointer and path below the root.
    """

    type: str
    id: str
    title: str
    collection: str | None
    links: tuple[tuple[int, str, str, str], ...]
    hrefs: tuple[tuple[str, str], ...]


def node_of(document: Document, path: str, public_url: str | None) -> Node:
    """The node of a document at ``path`` below the root."""
    item = document["type"] == "Feature"
    title = (document["properties"] if item else document).get("title") or ""
    return Node(
        type=document["type"],
        id=document["id"],
        title=title,
        collection=document.get("collection"),
        links=tuple(
            (index, link["rel"], resolved(link["href"], path, public_url), link.get("title") or "")
            for index, link in enumerate(document["links"])
            if link["rel"] in DOCUMENTS
        ),
        hrefs=tuple(
            (at("assets", key, "href"), resolved(asset["href"], path, public_url))
            for key, asset in document.get("assets", {}).items()
            if not urlsplit(asset["href"]).scheme
        ),
    )


def public_url_of(root: Document) -> str | None:
    """The folder URL of a catalog, from the self link of its root document."""
    selfs = [link["href"] for link in root.get("links", ()) if link["rel"] == "self"]
    return selfs[0].rpartition("/")[0] if selfs and selfs[0].startswith("http") else None


def resolved(href: str, path: str, public_url: str | None) -> str:
    """An href in the document at ``path`` as a path below the root; an address elsewhere stays as it is."""
    if public_url and href.startswith(f"{public_url}/"):
        return unquote(href.removeprefix(f"{public_url}/"))
    if urlsplit(href).scheme:
        return href
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), unquote(href.partition("#")[0])))


def tree_problems(
    nodes: Mapping[str, Node], exists: Callable[[str], bool] | None, *, unread: AbstractSet[str], whole: bool
) -> Iterator[tuple[str, Broken]]:
    """Problems between documents, each with the path of its document.

    Args:
        nodes: The documents by path below the root.
        exists: Whether there is a file or folder at a path below the root; None where that cannot be told.
        unread: Paths of documents that are there, and too broken to be compared.
        whole: Whether the documents are a whole catalog, so that what is not among them is not there.
    """
    listed = _listed(nodes)
    for path, node in nodes.items():
        for broken in _link_problems(path, node, nodes, unread if whole else None):
            yield path, broken
        for broken in _version_problems(path, node, nodes):
            yield path, broken
        if whole and path != "catalog.json" and "catalog.json" in nodes and not unread and path not in listed:
            yield path, Broken("", "orphan", "no document lists it", "link it from its parent, or delete it")
        if exists is not None:
            for pointer, target in node.hrefs:
                if not exists(target):
                    yield (
                        path,
                        Broken(pointer, "asset-missing", f"there is no {target}", "build it, or correct the href"),
                    )


def _listed(nodes: Mapping[str, Node]) -> set[str]:
    return {target for node in nodes.values() for _, rel, target, _ in node.links if rel in {"child", "item"}}


def _link_problems(
    path: str, node: Node, nodes: Mapping[str, Node], unread: AbstractSet[str] | None
) -> Iterator[Broken]:
    """What is wrong with a document's links; ``unread`` is None where there may be documents that were not given."""
    for index, rel, target, title in node.links:
        here = at("links", index)
        if rel == "self" and not urlsplit(target).scheme and target != path:
            yield Broken(f"{here}/href", "self-href", f"self is {target}", f"it lies at {path}")
        other = nodes.get(target)
        if other is None:
            if unread is not None and target not in unread and not urlsplit(target).scheme:
                problem = f"the {rel} link leads to {target}, which is not there"
                yield Broken(f"{here}/href", "link-dangling", problem, "correct or remove the link")
            continue
        if title != other.title:
            problem = f"the title {title!r} of the {rel} link is not its target's {other.title!r}"
            yield Broken(f"{here}/title", "link-title", problem, "write the target's title")
        if rel in {"item", "child"} and not _leads(other, "parent", path):
            problem = f"{target} does not name this document as its parent"
            yield Broken(here, "link-parent", problem, "add its parent link")
        if rel == "collection" and node.collection != other.id:
            problem = f"the Item says collection {node.collection!r}, and the link leads to {other.id!r}"
            yield Broken(at("collection"), "collection-id", problem, "make them agree")


def _version_problems(path: str, node: Node, nodes: Mapping[str, Node]) -> Iterator[Broken]:
    successors = [target for _, rel, target, _ in node.links if rel == "successor-version"]
    for index, rel, target, _ in node.links:
        other = nodes.get(target)
        if other is None:
            continue
        here = at("links", index)
        if rel in MIRRORED and not _leads(other, MIRRORED[rel], path):
            problem = f"{target} has no {MIRRORED[rel]} link back"
            yield Broken(here, "version-symmetry", problem, "add it")
        if rel == "latest-version":
            if any(other_rel == "successor-version" for _, other_rel, _, _ in other.links):
                problem = f"{target} is called the latest, and has a successor"
                yield Broken(here, "version-latest", problem, "link the newest version")
            if not successors and target != path:
                problem = f"{target} is called the latest, and no successor leads there"
                yield Broken(here, "version-latest", problem, "add the successor-version link")
    if successors and not any(rel == "latest-version" for _, rel, _, _ in node.links):
        yield Broken(at("links"), "version-latest", "an older version does not link the latest", "add latest-version")


def _leads(node: Node, rel: str, target: str) -> bool:
    return any(other_rel == rel and other == target for _, other_rel, other, _ in node.links)
