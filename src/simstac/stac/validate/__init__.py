"""Validation of STAC documents without a network: core, our profile of the extensions, and rules across documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from simstac.errors import StorageError
from simstac.progress import OnProgress, Progress, silent
from simstac.stac.document import Document
from simstac.stac.validate.crawl import read_folder, read_url
from simstac.stac.validate.findings import Broken, Checked, Finding
from simstac.stac.validate.profile import PROFILE
from simstac.stac.validate.rules import RULES
from simstac.stac.validate.schemas import OfficialSchemas, core_problems
from simstac.stac.validate.tree import Node, node_of, public_url_of, tree_problems

__all__ = ["Checked", "Finding", "validate_documents", "validate_tree"]

REPORT_EVERY = 200


def validate_tree(
    location: str | Path, *, official: str | Path | None = None, on_progress: OnProgress = silent
) -> Checked:
    """Check every STAC document of a catalog.

    Args:
        location: A folder, one document in it, or the URL of a document, from which links are followed.
        official: A folder of official schemas laid out by host and path, or ``"network"``: checked too.
        on_progress: Told of every two hundred documents.

    Raises:
        StorageError: If there is nothing to be read, or no folder of official schemas.
    """
    if str(location).startswith(("http://", "https://")):
        documents, whole = read_url(str(location))
        return validate_documents(documents, official=official, whole=whole, on_progress=on_progress)
    path = Path(location)
    if not path.exists():
        raise StorageError(path, "does not exist", "name a site's folder, a document or a URL")
    root, documents, whole = read_folder(path)
    return validate_documents(
        documents, official=official, whole=whole, exists=lambda name: (root / name).exists(), on_progress=on_progress
    )


def validate_documents(
    documents: Iterable[tuple[str, bytes | Document]],
    *,
    official: str | Path | None = None,
    whole: bool = True,
    exists: Callable[[str], bool] | None = None,
    on_progress: OnProgress = silent,
) -> Checked:
    """Check documents given by their path below the catalog's root; what is no STAC document is passed over.

    Args:
        documents: Path and content of each; the root catalog should come first, its self link says the public URL.
        official: As in `validate_tree`.
        whole: Whether they are a whole catalog: then a link to what is not among them is dangling.
        exists: Whether a file or folder is at a path below the root; without it assets are not looked for.
        on_progress: Told of every two hundred documents.
    """
    schemas = OfficialSchemas(official) if official is not None else None
    nodes: dict[str, Node] = {}
    unread: set[str] = set()
    findings: list[Finding] = []
    public_url: str | None = None
    count = 0
    for path, content in documents:
        document, problem = _parsed(content)
        if problem is not None:
            findings.append(Finding(path, *problem))
            unread.add(path)
            continue
        if document is None:
            continue
        count += 1
        core = list(core_problems(document))
        if path == "catalog.json" and not core:
            public_url = public_url_of(document)
        broken = [
            *core,
            *(schemas.problems(document) if schemas else ()),
            *(() if core else _our_problems(document, schemas)),
        ]
        findings += [Finding(path, *entry) for entry in broken]
        if core:
            unread.add(path)
        else:
            nodes[path] = node_of(document, path, public_url)
        if count % REPORT_EVERY == 0:
            on_progress(Progress("validate", count, detail=path))
    findings += [Finding(path, *entry) for path, entry in tree_problems(nodes, exists, unread=unread, whole=whole)]
    return Checked(
        count, tuple(sorted(findings, key=lambda finding: (finding.document, finding.pointer, finding.rule)))
    )


def _parsed(content: bytes | Document) -> tuple[Document | None, Broken | None]:
    if isinstance(content, dict):
        return content, None
    try:
        document: Any = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return None, Broken("", "json", f"is not strict JSON ({error})", "write no NaN or Infinity, and UTF-8")
    return (document, None) if isinstance(document, dict) and "stac_version" in document else (None, None)


def _our_problems(document: Document, schemas: OfficialSchemas | None) -> Iterator[Broken]:
    """What breaks our rules, which take a document for granted that the core schema accepts.

    What that schema says nothing of, such as fields of extensions, may be of any kind: a list in place of an object.
    """
    for rule in (*RULES, *PROFILE):
        try:
            for problem in rule(document):
                if schemas is None or problem.rule != "unknown-schema":
                    yield problem
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            said = f"what {rule.__name__} looks at is of another kind than its extension says ({error})"
            yield Broken("", "malformed", said, "check it with --official, which names the field")
