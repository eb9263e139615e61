"""The Items of older versions: kept where they are known, as they would be described anew, and no more than wished."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import orjson
import pytest
from tests.virtual_files import write_steps

import simstac
from simstac import write
from simstac.errors import ConfigError
from simstac.stac.validate import validate_tree

CONFIGURATION = """\
catalog: {{id: climate, description: Climate model output.}}
collections:
  - id: model
    title: {title}
    license: CC-BY-4.0
    version: 1.0.0
    source: {{engine: cf, path: out/*.nc, virtual: {virtual}}}
    {more}
"""


@pytest.fixture(autouse=True)
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the extra ``plot`` is not installed: each build would draw one."""
    monkeypatch.setattr("simstac.pipeline.extras.find_spec", lambda _: None)


def build(folder: Path, *, title: str = "Model", virtual: str = "false", more: str = "") -> tuple[str, ...]:
    (folder / "climate.yaml").write_text(CONFIGURATION.format(title=title, virtual=virtual, more=more))
    report = simstac.build(simstac.load_project(folder / "climate.yaml"))
    assert report.errors == ()
    return report.documents


@pytest.fixture
def grown(tmp_path: Path) -> Path:
    """A site with four versions, each a day longer."""
    for number in range(4):
        write_steps(tmp_path / "out" / f"{number}.nc", [number], seed=number)
        build(tmp_path)
    return tmp_path


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tags of the versions that are opened to be described."""
    tags: list[str] = []

    def open_stored(stored, **options):
        tags.append(stored.tag)
        return real(stored, **options)

    real = write.open_stored
    monkeypatch.setattr(write, "open_stored", open_stored)
    return tags


def documents(folder: Path) -> dict[str, bytes]:
    site = folder / "site"
    return {str(path.relative_to(site)): path.read_bytes() for path in site.rglob("*.json")}


def items(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "site" / "model").iterdir() if path.is_dir())


def test_known_versions_are_not_opened_again(grown: Path, opened: list[str]) -> None:
    assert build(grown) == ()
    assert opened == ["1.0.0+4"]
    write_steps(grown / "out" / "4.nc", [4])
    changed = build(grown)
    assert opened == ["1.0.0+4", "1.0.0+5", "1.0.0+4"]  # the last but one is no longer the latest
    assert "model/model-1.0.0/model-1.0.0.json" in changed  # it links the latest
    assert validate_tree(grown / "site").findings == ()


@pytest.mark.parametrize("virtual", ["false", "true"])
def test_kept_items_are_what_describing_anew_gives(tmp_path: Path, virtual: str) -> None:
    for number in range(3):
        write_steps(tmp_path / "out" / f"{number}.nc", [number], seed=number)
        build(tmp_path, virtual=virtual)
    before = documents(tmp_path)
    assert ".simstac/versions/model.json" in before
    for path in (".simstac", "model", "catalog.json"):
        each = tmp_path / "site" / path
        shutil.rmtree(each) if each.is_dir() else each.unlink()
    build(tmp_path, virtual=virtual)
    assert documents(tmp_path) == before


def test_what_is_said_anew_or_was_changed_by_hand_is_described_anew(grown: Path, opened: list[str]) -> None:
    before = documents(grown)
    path = next((grown / "site" / "model").glob("*2/*.json"))
    item = json.loads(path.read_bytes())
    item["properties"]["title"] = "Mine"
    path.write_bytes(orjson.dumps(item))
    build(grown)
    assert opened == ["1.0.0+4", "1.0.0+2"]
    assert documents(grown) == before
    opened.clear()
    build(grown, title="Another title")
    assert opened == ["1.0.0+4", "1.0.0", "1.0.0+2", "1.0.0+3"]
    assert "Another title, version 1.0.0+2" in path.read_text()
    (grown / "site" / ".simstac" / "versions" / "model.json").write_text("{")
    before = documents(grown)
    build(grown, title="Another title")
    assert {**documents(grown), ".simstac/versions/model.json": b""} == {**before, ".simstac/versions/model.json": b""}


def test_the_catalog_lists_as_many_versions_as_are_wished(grown: Path) -> None:
    assert items(grown) == ["model-1.0.0", "model-1.0.0-2", "model-1.0.0-3", "model-1.0.0-4"]
    build(grown, more="versions: {keep: 2}")
    assert items(grown) == ["model-1.0.0-3", "model-1.0.0-4"]
    (link,) = [
        link
        for link in json.loads((grown / "site/model/model-1.0.0-4/model-1.0.0-4.json").read_bytes())["links"]
        if link["rel"].endswith("-version")
    ]
    assert link["href"] == "../model-1.0.0-3/model-1.0.0-3.json"
    assert validate_tree(grown / "site").findings == ()
    build(grown, more="versions: {keep: 1}")
    assert items(grown) == ["model-1.0.0-4"]
    build(grown, more="versions: {keep: 9}")
    assert items(grown) == ["model-1.0.0", "model-1.0.0-2", "model-1.0.0-3", "model-1.0.0-4"]


def test_versions_are_those_of_one_store(tmp_path: Path) -> None:
    text = CONFIGURATION.format(title="Model", virtual="false", more="versions: {keep: 2}")
    text = text.replace("{engine: cf, path: out/*.nc, virtual: false}", "{engine: icechunk, under: out}")
    (tmp_path / "climate.yaml").write_text(text)
    with pytest.raises(ConfigError, match="versions: each Item is another store"):
        simstac.load_project(tmp_path / "climate.yaml")
