"""The raw outputs of runs as assets of their Items: shipped in a folder beside each, or where they lie in a bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, unquote

from simstac.publishing.site import OUTPUTS
from simstac.stac.document import Document, Documents
from simstac.stac.files import SHA2_256, ShippedFile, file_asset
from simstac.storage import StorageScheme

MAX_ITEM_ASSETS = 100


@dataclass(frozen=True, slots=True)
class Output:
    """One raw output of a run.

    Attributes:
        path: Its path in the run's folder, with ``/``.
        size: Bytes.
        sha256: Its digest in hexadecimal; None where it is not known.
        file: Where it lies; None where it is in the site already, and its run is gone from the source.
        href: Its address where it stays in a bucket; empty where it is shipped.
        scheme: Where the bytes of that address live.
    """

    path: str
    size: int
    sha256: str | None = None
    file: ShippedFile | None = None
    href: str = ""
    scheme: StorageScheme | None = None


type Outputs = Mapping[str, Sequence[Output]]


def with_outputs(documents: Documents, outputs: Outputs) -> Documents:
    """The documents of a study with the outputs of its runs, given by the runs' names."""
    if not any(outputs.values()):
        return documents
    items = _Items(documents.items, outputs)
    shipped = {
        f"{item['id']}/{OUTPUTS}/{output.path}": output.file
        for item in documents.items
        for output in outputs.get(item["properties"].get("sim:run_id", ""), ())
        if output.file is not None
    }
    collection = {**documents.collection, "item_assets": _item_assets(documents.collection, items, outputs)}
    return replace(documents, collection=collection, items=items, files={**documents.files, **shipped})


def shipped_outputs(item: Document) -> tuple[Output, ...]:
    """The outputs that an Item of the site has."""
    prefix = f"./{OUTPUTS}/"
    return tuple(
        Output(unquote(asset["href"].removeprefix(prefix)), asset["file:size"], asset["file:checksum"][len(SHA2_256) :])
        for asset in item.get("assets", {}).values()
        if str(asset["href"]).startswith(prefix) and str(asset.get("file:checksum", "")).startswith(SHA2_256)
    )


@dataclass(frozen=True, slots=True)
class _Items:
    """The Items of a study, each with the outputs of its run; made anew whenever they are iterated."""

    items: Iterable[Document]
    outputs: Outputs

    def __iter__(self) -> Iterator[Document]:
        for item in self.items:
            found = self.outputs.get(item["properties"].get("sim:run_id", ""), ())
            yield _with_assets(item, found) if found else item


def _with_assets(item: Document, outputs: Sequence[Output]) -> Document:
    item = {**item, "properties": {**item["properties"]}}
    for output in outputs:
        href = output.href or f"./{OUTPUTS}/{quote(output.path)}"
        key = _key(output.path, item["properties"]["sim:run_id"])
        file_asset(item, key, href, title=output.path, size=output.size, sha256=output.sha256, scheme=output.scheme)
    return item


def _key(path: str, run: str) -> str:
    """The path, with ``run`` for a file that is called as its run: keys are alike in all Items."""
    folder, _, name = path.rpartition("/")
    stem, dot, suffix = name.partition(".")
    name = f"run{dot}{suffix}" if stem == run else name
    return f"{folder}/{name}" if folder else name


def _item_assets(collection: Document, items: Iterable[Document], outputs: Outputs) -> Document:
    """What assets the Items have, with the first few kinds of outputs."""
    known: Document = dict(collection["item_assets"])
    for item in items:
        if len(known) >= MAX_ITEM_ASSETS or not outputs:
            break
        for key, asset in item["assets"].items():
            if "source" in asset["roles"]:
                known.setdefault(key, {name: asset[name] for name in ("title", "type", "roles")})
    return known
