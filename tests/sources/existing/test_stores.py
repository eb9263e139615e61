"""Stores told apart by what lies at their root, found level by level, and seen to change."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.existing_stores import analysis, append_icechunk, write_icechunk, write_zarr

from simstac.errors import SourceError
from simstac.objects import Files, files_at
from simstac.sources.existing.discover import stores_under
from simstac.sources.existing.stores import Found, probe


def under(folder: Path, depth: int = 3) -> dict[str, Found]:
    def at(address: str) -> Files:
        return files_at(address)

    with ThreadPoolExecutor(4) as pool:
        return dict(stores_under(files_at(folder), at, depth=depth, pool=pool))


def test_stores_are_told_by_their_roots_and_not_looked_into(tmp_path: Path) -> None:
    write_icechunk(analysis(), str(tmp_path / "a" / "two"))
    write_icechunk(analysis(), str(tmp_path / "a" / "one"), spec=1)
    write_zarr(analysis(), tmp_path / "b" / "c" / "d", zarr_format=2, consolidated=True)
    (tmp_path / "notes" / "repo").mkdir(parents=True)
    (tmp_path / "git").mkdir()
    (tmp_path / "git" / "repo").write_text("no store")
    write_zarr(analysis(), tmp_path / "array", zarr_format=2, consolidated=False)
    shutil.move(tmp_path / "array" / "t2m", tmp_path / "t2m")
    shutil.rmtree(tmp_path / "array")
    found = under(tmp_path)
    assert {path: (each.marker, each.format) for path, each in found.items()} == {
        "a/one": ("refs/branch.main/ref.json", "icechunk"),
        "a/two": ("repo", "icechunk"),
        "b/c/d": (".zmetadata", "zarr"),
    }
    assert under(tmp_path, depth=2).keys() == {"a/one", "a/two"}
    assert under(tmp_path / "a" / "two").keys() == {""}
    assert {path: probe(files_at(tmp_path / path)) for path in found} == found


@pytest.mark.parametrize("spec", [1, 2])
def test_a_commit_changes_what_is_watched_and_a_copy_does_not(tmp_path: Path, spec: int) -> None:
    write_icechunk(analysis(), str(tmp_path / "store"), spec=spec)
    before = probe(files_at(tmp_path / "store"))
    shutil.copytree(tmp_path / "store", tmp_path / "copy")
    assert probe(files_at(tmp_path / "copy")).watched == before.watched
    append_icechunk(analysis(), str(tmp_path / "store"))
    assert probe(files_at(tmp_path / "store")).watched != before.watched


def test_what_is_no_store_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "nowhere"):
        with pytest.raises(SourceError, match="is neither an Icechunk nor a Zarr store"):
            probe(files_at(tmp_path / name))
    with pytest.raises(SourceError, match="does not exist"):
        under(tmp_path / "nowhere")


def test_what_is_watched_besides_is_asked_for_once(tmp_path: Path) -> None:
    write_zarr(analysis(), tmp_path / "z", zarr_format=3, consolidated=False)
    found = probe(files_at(tmp_path / "z")).watching(["zarr.json", "time/zarr.json", "gone/zarr.json"])
    assert found.watched.keys() == {"zarr.json", "time/zarr.json"}
