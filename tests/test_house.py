"""The rules of the house, over the whole repository: sizes, names, pins, links, silence."""

from __future__ import annotations

import ast
import importlib.util
import logging
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TEXT = {".py", ".md", ".toml", ".txt", ".yaml", ".yml", ".json", ".cff", ".sh", ".ipynb", ".js", ".css", ".html", ""}
MACHINE_PATHS = re.compile(r"(?<![\w.$}])/(?:work|root|home/(?!someone\b)\w+|Users/(?!someone\b)\w+|opt/\w+)/")
LOCK_FILES = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "package-lock.json", "yarn.lock", "pnpm-lock.yaml"}
LONGEST_FILE, LONGEST_FUNCTION, PUBLIC_NAMES = 400, 60, 20


def committed_files() -> Iterator[Path]:
    """Files that are committed, or would be: not those that .gitignore names."""
    command = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return (ROOT / name for name in names if name and (ROOT / name).is_file())


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_files_are_short() -> None:
    lengths = {relative(path): len(path.read_text("utf-8").splitlines()) for path in SOURCES}
    assert {path: length for path, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_are_short() -> None:
    too_long = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    too_long.append(f"{relative(path)}:{node.lineno} {node.name}: {length} lines")
    assert too_long == []


def test_modules_say_what_lives_in_them() -> None:
    silent = [relative(path) for path in SOURCES if not ast.get_docstring(ast.parse(path.read_text("utf-8")))]
    assert silent == []


def test_no_module_is_named_for_nothing() -> None:
    assert [relative(path) for path in SOURCES if path.stem in {"utils", "util", "helpers", "common", "misc"}] == []


def test_no_path_of_a_machine() -> None:
    found = []
    for path in committed_files():
        if path.suffix in TEXT and path.name != Path(__file__).name:
            lines = path.read_text("utf-8", errors="replace").splitlines()
            found += [
                f"{relative(path)}:{number}" for number, line in enumerate(lines, 1) if MACHINE_PATHS.search(line)
            ]
    assert found == []


def test_no_lock_files_and_no_large_files() -> None:
    files = list(committed_files())
    assert [relative(path) for path in files if path.name in LOCK_FILES] == []
    assert [relative(path) for path in files if path.stat().st_size > 1_000_000] == []


def test_no_print_no_breakpoint_no_unfinished_work_in_the_library() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK|breakpoint\(|pdb)\b")
    assert [relative(path) for path in SOURCES if words.search(path.read_text("utf-8"))] == []


def test_few_public_names() -> None:
    import simstac

    assert 0 < len(simstac.__all__) <= PUBLIC_NAMES
    assert all(getattr(simstac, name).__doc__ for name in simstac.__all__ if callable(getattr(simstac, name)))
    assert list(simstac.__all__) == sorted(simstac.__all__, key=str) or list(simstac.__all__) == sorted(
        simstac.__all__, key=str.lower
    )


def test_importing_is_silent_and_light() -> None:
    script = (
        "import simstac, sys; print(sorted({'xarray', 'icechunk', 'boto3', 'pandas', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("[]\n", "")


def test_logging_is_silent_by_default() -> None:
    for path in SOURCES:
        text = path.read_text("utf-8")
        if "getLogger" in text and "cli" not in path.parts:
            assert "logging.getLogger(__name__)" in text, f"{relative(path)}: a module logs by its own name"
        if "cli" not in path.parts:
            assert not re.search(r"basicConfig|\.setLevel\(|addHandler\((?!.*NullHandler)", text), relative(path)
    assert not logging.getLogger("simstac").handlers or all(
        isinstance(handler, logging.NullHandler) for handler in logging.getLogger("simstac").handlers
    )


def pinned() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [line for line in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+", line)] == []
    return {_canonical(name): version for name, _, version in (line.partition("==") for line in pins)}


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _requirements() -> set[str]:
    extras = PROJECT["project"]["optional-dependencies"]
    lines = [*PROJECT["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]
    names = {_canonical(re.match(r"[A-Za-z0-9._-]+", line)[0]) for line in lines}  # type: ignore[index]
    return names - {"simstac"}


def test_constraints_pin_everything_exactly() -> None:
    missing = _requirements() - set(pinned())
    assert missing == set(), "make constraints resolves them"


def test_constraints_satisfy_the_project() -> None:
    from packaging.requirements import Requirement

    versions = pinned()
    extras = PROJECT["project"]["optional-dependencies"]
    for line in [*PROJECT["project"]["dependencies"], *(line for extra in extras.values() for line in extra)]:
        requirement = Requirement(line)
        if requirement.name != "simstac":
            assert requirement.specifier.contains(versions[_canonical(requirement.name)], prereleases=True), line


def test_versions_agree() -> None:
    import simstac

    version = PROJECT["project"]["version"]
    assert simstac.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert re.search(rf"^## {re.escape(version)}\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)


def test_imports_of_the_library_are_declared() -> None:
    names = {"yaml": "pyyaml", "iris": "scitools-iris"}
    optional = _requirements()
    used = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                used.add(node.module.partition(".")[0])
    third_party = used - set(sys.stdlib_module_names) - {"simstac"}
    transitive = {"botocore": "boto3", "jsonschema": "stac-geoparquet"}
    undeclared = {
        name for name in third_party if names.get(name, transitive.get(name, _canonical(name))) not in optional
    }
    assert undeclared == set()


MARKDOWN = [path for path in committed_files() if path.suffix == ".md"]


@pytest.mark.parametrize("page", MARKDOWN, ids=relative)
def test_links_between_pages_hold(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        linked = page if not path else page.parent / path
        if not linked.exists() or (anchor and linked.suffix == ".md" and anchor not in _anchors(linked)):
            broken.append(target)
    assert broken == []


def test_pages_of_the_site_link_to_pages_of_the_site() -> None:
    docs = ROOT / "docs"
    outside = [
        f"{relative(page)}: {target}"
        for page in docs.rglob("*.md")
        for target in re.findall(r"\]\(([^)\s:#]+)", page.read_text("utf-8"))
        if "://" not in target and not (page.parent / target).resolve().is_relative_to(docs)
    ]
    assert outside == [], "the built site has no such page; name the path as code instead"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")]
    assert [page for page in pages if page not in navigation] == []


@pytest.mark.parametrize("section", ["adr", "explanation", "how-to", "reference"])
def test_a_section_lists_its_pages_as_the_navigation_does(section: str) -> None:
    folder = ROOT / "docs" / section
    contents = (folder / "README.md").read_text("utf-8").partition("\n## ")[0]
    listed = re.findall(r"\]\(([\w-]+\.md)\)", contents)
    navigation = re.findall(rf"\b{section}/([\w-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert ["README.md", *listed] == navigation
    assert sorted(navigation) == sorted(path.name for path in folder.glob("*.md"))


def test_the_design_shows_the_layers_of_the_import_contract() -> None:
    contracts = PROJECT["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    _, _, section = (ROOT / "docs" / "explanation" / "design.md").read_text("utf-8").partition("## Layers")
    rows = re.findall(r"^\| (`.*?`) \|", section.partition("\n## ")[0], re.MULTILINE)
    assert re.findall(r"`(\w+)`", " ".join(rows)) == re.findall(r"\w+", " ".join(layers))


def test_decisions_are_numbered_once() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
    assert [path.name[:4] for path in records] == [f"{number:04d}" for number in range(1, len(records) + 1)]
    for path in records:
        assert re.match(rf"# {path.name[:4]} .+\n\n\*\*Status:\*\* ", path.read_text("utf-8")), path.name


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_pages_are_those_of_the_code() -> None:
    pages = script("build_reference").pages()
    stale = [
        path for path, text in pages.items() if not (ROOT / path).exists() or (ROOT / path).read_text("utf-8") != text
    ]
    assert stale == [], "make reference writes them"


def test_example_configuration_is_valid() -> None:
    from simstac.config import load_project

    assert load_project(ROOT / "configs" / "buildings.yaml").collections[0].id == "office-study"


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with a shell and nothing to install with."""
    for name in ("bash", "id"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    return str(tmp_path)


def test_without_python_make_says_so(bare_path: str, tmp_path: Path) -> None:
    command = [str(ROOT / "scripts" / "make_venv.sh"), str(tmp_path / "venv")]
    result = subprocess.run(["bash", *command], env={"PATH": bare_path}, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith("simstac needs Python 3.12 or newer")
    assert not (tmp_path / "venv").exists()


def test_missing_system_packages_are_named_with_the_command(bare_path: str) -> None:
    command = ["bash", str(ROOT / "scripts" / "system_packages.sh"), "git", "npm"]
    result = subprocess.run(command, env={"PATH": bare_path}, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        "git is missing, and the tests that need it are skipped: sudo apt-get install git",
        "npm is missing, and the tests that need it are skipped: sudo apt-get install nodejs npm",
    ]
