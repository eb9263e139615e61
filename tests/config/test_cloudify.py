"""Configurations of cloudify, taken over: what maps is in a configuration that loads, and the rest is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simstac.config import load_project
from simstac.config.cloudify import import_cloudify
from simstac.errors import ConfigError

DEFAULT = {
    "stac_extensions": ["https://stac-extensions.github.io/xarray-assets/v1.0.0/schema.json"],
    "providers": [],
    "collection": {
        "id": "my-collection",
        "title": "My Collection",
        "description": "Cloud-hosted model output",
        "keywords": [],
        "license": "other",
        "parent_catalog": None,
    },
    "item_properties": {},
    "assets": {"data": {"media_type": "application/vnd+zarr", "open_kwargs": {"engine": "zarr"}}},
    "links": [],
}
PROJECT = {
    "providers": [{"name": "DKRZ", "description": "The host", "roles": ["host", "owner"], "url": "https://dkrz.de"}],
    "collection": {
        "id": "EERIE cloud",
        "title": "ESM data",
        "description": "# Items of the cloud\n\nA data server.",
        "keywords": ["EERIE", "ICON"],
        "parent_catalog": "https://example.org/catalog.json",
    },
    "item_properties": {"start_datetime": "1950-01-01T00:00:00Z", "end_datetime": "2050-12-31T00:00:00Z", "mip": "x"},
    "assets": {"dkrz-disk": {"title": "Lustre"}},
    "eerie": {"gridlook_url": "https://gridlook.pages.dev/"},
    "links": [{"rel": "license", "href": "https://example.org/terms"}, {"rel": "about", "href": "https://e.org"}],
}


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "default.json", tmp_path / "eerie.json"]
    for path, value in zip(paths, (DEFAULT, PROJECT), strict=True):
        path.write_text(json.dumps(value))
    return paths


def loaded(text: str, folder: Path) -> Any:
    (folder / "simstac.yaml").write_text(text, encoding="utf-8")
    return load_project(folder / "simstac.yaml")


def test_defaults_alone_are_a_configuration_that_loads(files: list[Path], tmp_path: Path) -> None:
    imported = import_cloudify(files[:1])
    collection = loaded(imported.text, tmp_path).collections[0]
    assert (collection.id, collection.title, collection.license) == ("my-collection", "My Collection", "other")
    assert [line.partition(":")[0] for line in imported.left] == [
        "collection.license 'other'",
        "stores",
        "stac_extensions",
        "assets.data",
    ]


def test_later_files_win_and_what_does_not_map_is_named(files: list[Path], tmp_path: Path) -> None:
    imported = import_cloudify(files, ["s3://bucket/a.icechunk", "https://example.org/b.zarr"])
    project = loaded(imported.text, tmp_path)
    collection = project.collections[0]
    metadata = collection.described()
    assert (project.catalog.id, metadata.id, metadata.name) == ("eerie-cloud", "eerie-cloud", "ESM data")
    assert metadata.description == "Items of the cloud\n\nA data server."
    assert (metadata.keywords, metadata.license_url) == (("EERIE", "ICON"), "https://example.org/terms")
    assert metadata.providers[0].model_dump() == {
        "name": "DKRZ",
        "description": "The host",
        "roles": ("host",),
        "url": "https://dkrz.de",
    }
    assert metadata.end_datetime is not None
    assert metadata.end_datetime.isoformat() == "2050-12-31T00:00:00+00:00"
    assert collection.source.stores == ("s3://bucket/a.icechunk", "https://example.org/b.zarr")
    assert [line.partition(":")[0] for line in imported.left] == [
        "collection.id 'EERIE cloud'",
        "providers",
        "stac_extensions",
        "collection.parent_catalog",
        "assets.data",
        "assets.dkrz-disk",
        "item_properties.mip",
        "links.about",
        "eerie",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is no configuration of cloudify"),
        (b'{"a": 1}', "is no configuration of cloudify"),
        (b'{"collection": []}', "collection is no mapping"),
        (b'{"providers": {}}', "providers is no list"),
        (b"\xff\xfe", "is not JSON"),
    ],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(ConfigError, match=problem):
        import_cloudify([tmp_path / "x.json"])
    with pytest.raises(ConfigError, match="cannot be read"):
        import_cloudify([tmp_path / "nowhere.json"])
