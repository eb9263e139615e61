"""Building STAC Browser: from the cache where it is there, and plain words where it cannot be built."""

from __future__ import annotations

from pathlib import Path

import pytest

from simstac.browse import built_browser, serve
from simstac.browse.stac_browser import VERSION, cache_folder
from simstac.errors import SimstacError
from simstac.progress import Progress


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIMSTAC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def programs(folder: Path, monkeypatch: pytest.MonkeyPatch, **scripts: str) -> None:
    """A PATH with these programs and no others."""
    folder.mkdir()
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SIMSTAC_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "simstac"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "simstac"


def test_a_build_in_the_cache_needs_no_npm(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(tmp_path / "bin", monkeypatch)
    build = cache / f"stac-browser-{VERSION}"
    build.mkdir(parents=True)
    (build / "index.html").write_text("<head></head>")
    assert built_browser() == build
    (tmp_path / "catalog.json").write_text("{}")
    with serve(tmp_path, browser=True) as server:
        assert server.browser == build


def test_without_npm_it_says_what_to_install(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    programs(tmp_path / "bin", monkeypatch)
    with pytest.raises(SimstacError, match=r"npm: is not installed; install Node\.js"):
        built_browser()
    assert not cache.exists()


def test_a_failed_build_names_its_log_and_leaves_nothing(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs(tmp_path / "bin", monkeypatch, npm="echo no such package; exit 1", node="exit 0")
    events: list[Progress] = []
    with pytest.raises(SimstacError, match=r"could not be built \(pack --silent failed\); read this log") as caught:
        built_browser(events.append)
    assert Path(caught.value.where).read_text() == "no such package\n"
    assert [path.name for path in cache.iterdir()] == ["stac-browser.log"]
    assert events == [Progress("build STAC Browser", 0, 3, "download")]


@pytest.mark.requires("npm")
@pytest.mark.timeout(900)
def test_the_real_build_is_complete_and_stays(request: pytest.FixtureRequest) -> None:
    build = request.getfixturevalue("stac_browser")
    assert build == cache_folder() / f"stac-browser-{VERSION}"
    page = (build / "index.html").read_text()
    assert "<head>" in page
    assert 'src="/browser/js/app.' in page
    stamp = (build / "index.html").stat().st_mtime_ns
    assert built_browser() == build
    assert (build / "index.html").stat().st_mtime_ns == stamp
