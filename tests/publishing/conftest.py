"""Small sites, an edit of the root catalog like the real one's, a crawler, and a target of each kind."""

from __future__ import annotations

import json
import posixpath
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from simstac.publishing import Edit, GitTarget, LocalTarget, Read, S3Target, Target

type Fetch = Callable[[str], bytes | None]


def dump(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True).encode()


def write_site(
    root: Path, collections: Mapping[str, Mapping[str, Any]], *, data: Mapping[str, str] | None = None
) -> Path:
    """Write a site: per collection an item for each name with its content, and a store if ``data`` has a version."""
    files = {"catalog.json": b"{}"}
    for name, items in collections.items():
        links = [{"rel": "item", "href": f"./{item}/{item}.json"} for item in items]
        if data and name in data:
            version = data[name]
            store = f"data/{name}.icechunk"
            links.append({"rel": "store", "href": f"../{store}/repo"})
            files[f"{store}/repo"] = dump({"snapshot": version})
            files[f"{store}/snapshots/{version}"] = f"snapshot {version}".encode()
            files[f"{store}/chunks/{version}"] = b"chunk" * 100
            files[f"{store}/overwritten/repo.1"] = b"backup"
        files[f"{name}/collection.json"] = dump({"id": name, "links": links})
        for item, value in items.items():
            files[f"{name}/{item}/{item}.json"] = dump({"id": item, "value": value, "links": []})
    for path in (path for path in root.rglob("*") if path.is_file()) if root.exists() else ():
        if path.relative_to(root).as_posix() not in files:
            path.unlink()
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return root


def link(*collections: str) -> Edit:
    """An edit of the root: these collections are its children, and whatever others put there stays."""

    def edit(read: Read, gone: frozenset[str]) -> dict[str, bytes | None]:
        before = read("catalog.json")
        links = json.loads(before)["links"] if before else []
        ours = {f"./{name}/collection.json" for name in (*collections, *gone)}
        kept = [each for each in links if each["href"] not in ours]
        kept += [{"rel": "child", "href": f"./{name}/collection.json"} for name in collections]
        return {"catalog.json": dump({"id": "root", "links": sorted(kept, key=lambda each: each["href"])})}

    return edit


def links(path: str, content: bytes | None) -> list[str]:
    """Where the links of a document lead, and the snapshot that a store's pointer names."""
    document = json.loads(content) if content else {}
    folder = path.rpartition("/")[0]
    hrefs = [each["href"] for each in document.get("links", [])]
    if "snapshot" in document:
        hrefs.append(f"snapshots/{document['snapshot']}")
    return [posixpath.normpath(posixpath.join(folder, href)) for href in hrefs]


def crawl(fetch: Fetch) -> dict[str, Any]:
    """Every document linked from the root; a link to nothing fails."""
    found: dict[str, Any] = {}
    queue = ["catalog.json"]
    while queue:
        path = queue.pop()
        content = fetch(path)
        assert content is not None, f"a link leads to {path}, which is not there"
        if "/snapshots/" not in path:
            found[path] = json.loads(content)
            queue += links(path, content)
    return found


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@dataclass(frozen=True)
class Place:
    """A target with a way to read it that does not go through it."""

    target: Target
    fetch: Fetch
    listing: Callable[[], set[str]]

    def crawl(self) -> dict[str, Any]:
        return crawl(self.fetch)


def local_place(folder: Path) -> Place:
    def fetch(path: str) -> bytes | None:
        try:
            return (folder / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def listing() -> set[str]:
        return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}

    return Place(LocalTarget(folder), fetch, listing)


def s3_place(server: Any, prefix: str = "stac") -> Place:
    bucket, client = server.make_bucket(), server.client()

    def fetch(path: str) -> bytes | None:
        try:
            return client.get_object(Bucket=bucket, Key=f"{prefix}/{path}")["Body"].read()
        except client.exceptions.NoSuchKey:
            return None

    def listing() -> set[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/")
        return {each["Key"].removeprefix(f"{prefix}/") for page in pages for each in page.get("Contents", [])}

    return Place(S3Target(f"s3://{bucket}/{prefix}", endpoint_url=server.endpoint_url), fetch, listing)


def git_place(folder: Path, *, push: bool, prefix: str = "stac") -> Place:
    bare = folder / "origin.git"
    if not bare.exists():
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "--bare", "--initial-branch=main", "origin.git")
        git(folder, "clone", "--quiet", "origin.git", "first")
        (folder / "first" / "README.md").write_text("mine\n")
        git(folder / "first", "add", ".")
        git(folder / "first", "commit", "-m", "begin")
        git(folder / "first", "push", "origin", "main")
    clone = folder / f"clone-{len(list(folder.iterdir()))}"
    git(folder, "clone", "--quiet", "origin.git", clone.name)
    where, ref = (bare, "main") if push else (clone, "main")

    def fetch(path: str) -> bytes | None:
        result = subprocess.run(
            ["git", "cat-file", "blob", f"{ref}:{prefix}/{path}"], check=False, cwd=where, capture_output=True
        )
        return result.stdout if result.returncode == 0 else None

    def listing() -> set[str]:
        names = git(where, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", ref, "--", f"{prefix}/")
        return {name.removeprefix(f"{prefix}/") for name in names.splitlines()}

    return Place(GitTarget(clone, prefix=prefix, push=push), fetch, listing)


@pytest.fixture(params=["local", "s3", "git", "git-push"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    match request.param:
        case "local":
            return local_place(tmp_path / "www")
        case "s3":
            return s3_place(request.getfixturevalue("s3"))
        case kind:
            return git_place(tmp_path / "git", push=kind == "git-push")
