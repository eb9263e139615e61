"""What the pages print: YAML is a configuration, Python means what is there, commands and their options exist."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import re
import shlex
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import yaml

import simstac
from simstac.cli.main import app
from simstac.config import load_project

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("[beS]*/README.md")])
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w+)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
FLOW = re.compile(r"`((?:catalog|metadata|source|store): \{[^`]*\})`")
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
TARGETS = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
NOT_INSTALLED = {"coiled", "dask_jobqueue", "dask_kubernetes"}
"""Packages of the pages that tests do without."""
SKELETON: Mapping[str, Any] = {
    "catalog": {"id": "docs"},
    "collections": [{"id": "part", "license": "CC-BY-4.0", "source": {"engine": "energyplus", "path": "runs/*"}}],
}


class Block(NamedTuple):
    page: str
    line: int
    text: str


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of all pages in these languages."""
    found = []
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in FENCE.finditer(text):
            if match["language"] in languages:
                line = text.count("\n", 0, match.start()) + 1
                found.append(Block(page.relative_to(ROOT).as_posix(), line, textwrap.dedent(match["text"])))
    return found


def where(block: Block) -> str:
    return f"{block.page}:{block.line}"


def inline(pattern: str | re.Pattern[str]) -> list[Block]:
    """What a pattern finds in the prose of all pages, its first group."""
    found = []
    for page in PAGES:
        lines = FENCE.sub(lambda match: "\n" * match[0].count("\n"), page.read_text("utf-8")).splitlines()
        name = page.relative_to(ROOT).as_posix()
        found += [Block(name, number, m[1]) for number, line in enumerate(lines, 1) for m in re.finditer(pattern, line)]
    return found


def whole(value: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration around a part of one: each key where it belongs."""
    if "collections" in value:
        return {**SKELETON, **value}
    top = {key: each for key, each in value.items() if key in {"catalog", "targets"}}
    collection = {key: each for key, each in value.items() if key not in top}
    top["catalog"] = {**SKELETON["catalog"], **top.get("catalog", {})}
    if "source" in collection:
        path = {} if collection["source"].get("engine") == "icechunk" else {"path": "runs/*"}
        collection["source"] = {**path, **collection["source"]}
    return {**SKELETON, **top, "collections": [{**SKELETON["collections"][0], **collection}]}


def elided(text: str) -> str:
    """A part of a configuration without what ``…`` leaves out, and with an address where it stands for one."""
    return re.sub(r"\w+: …(, )?|…, |, …(?=\})", "", text).replace("://…", "://bucket/prefix")


@pytest.mark.parametrize("block", [*blocks("yaml"), *inline(FLOW)], ids=where)
def test_yaml_is_a_configuration_or_a_part_of_one(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "simstac.yaml"
    part = yaml.safe_load(elided(block.text))
    path.write_text(yaml.safe_dump(whole(part), sort_keys=False), encoding="utf-8")
    assert load_project(path).collections


@pytest.mark.parametrize("block", blocks("json"), ids=where)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", blocks("python"), ids=where)
def test_python_compiles_and_imports_what_is_there(block: Block) -> None:
    if block.page == "docs/reference/python.md":
        return  # signatures, written from the code
    for node in ast.walk(ast.parse(block.text)):
        if isinstance(node, ast.Import):
            assert [name.name for name in node.names if not _is_there(name.name)] == []
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert _is_there(node.module)
            if node.module.partition(".")[0] not in NOT_INSTALLED:
                module = importlib.import_module(node.module)
                assert [name.name for name in node.names if not hasattr(module, name.name)] == []
        elif isinstance(node, ast.Call) and ast.unparse(node.func).startswith("simstac."):
            function = _named(ast.unparse(node.func))
            given = [*(None for _ in node.args)], {word.arg: None for word in node.keywords if word.arg}
            inspect.signature(function).bind_partial(*given[0], **given[1])


def _is_there(module: str) -> bool:
    return module.partition(".")[0] in NOT_INSTALLED or find_spec(module) is not None


def _named(dotted: str) -> Any:
    value: Any = simstac
    for name in dotted.split(".")[1:]:
        value = getattr(value, name)
    return value


@pytest.mark.parametrize("block", inline(r"`(simstac\.[\w.]+)"), ids=where)
def test_python_names_in_the_prose_are_there(block: Block) -> None:
    if not block.text.endswith((".yaml", ".json")):
        assert _named(block.text) is not None


def commands() -> Iterator[Block]:
    """Every command line that a page prints, in a block or in its prose."""
    for block in blocks("console", "sh"):
        joined = block.text.replace("\\\n", " ")
        prompts = "$ " in joined
        for line in joined.splitlines():
            if line.startswith("$ ") or not prompts:
                yield Block(block.page, block.line, line.removeprefix("$ "))
    yield from inline(r"`(?:\.venv/bin/)?((?:simstac|make|pip) [^`]*)`")


def split(line: str) -> list[list[str]]:
    """The simple commands of a line: its words, apart at ``&&``, ``|`` and ``;``, without redirections."""
    parts = re.split(r"&&|\||;", re.sub(r"(?<=\s)>>?\s*\S+", "", line))
    return [words for part in parts if (words := shlex.split(part, comments=True))]


LINES = list(commands())


@pytest.mark.parametrize("block", LINES, ids=lambda block: f"{where(block)}:{block.text[:40]}")
def test_commands_and_their_options_exist(block: Block) -> None:
    for words in split(block.text):
        match words:
            case ["simstac", *arguments]:
                _parse(app, arguments)
            case ["make", *targets]:
                assert [name for name in targets if "=" not in name and name not in TARGETS] == []
            case ["pip", "install", *_]:
                named = {name for word in words for name in re.findall(r"simstac\[([\w,]+)\]", word)}
                assert {extra for names in named for extra in names.split(",")} <= EXTRAS.keys()


def _parse(command: click.Command, arguments: list[str], names: tuple[str, ...] = ("simstac",)) -> None:
    """Parse as the command line would, up to the values themselves; a placeholder may stand for any."""
    if isinstance(command, click.Group):
        own = [word for word in arguments if not word.startswith("-")]
        if own:
            assert own[0] in command.commands, f"{' '.join(names)} {own[0]}"
            rest = arguments[arguments.index(own[0]) + 1 :]
            _parse(command.commands[own[0]], rest, (*names, own[0]))
        return
    context = click.Context(command, info_name=" ".join(names), **app.context_settings)
    values, left, _ = command.make_parser(context).parse_args(list(arguments))
    assert left == []
    if len(names) > 1 and arguments:
        missing = [each.name for each in command.params if each.required and not values.get(each.name or "")]
        assert missing == []


def test_every_command_is_told_in_a_page_that_people_write() -> None:
    told = {words[1] for block in LINES for words in split(block.text) if words[0] == "simstac" and len(words) > 1}
    assert set(app.commands) - told == set()


def cells() -> list[str]:
    """The code of all notebooks."""
    notebooks = [json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "examples").glob("*.ipynb"))]
    return ["".join(cell["source"]) for each in notebooks for cell in each["cells"] if cell["cell_type"] == "code"]


def test_what_pages_and_notebooks_import_is_in_the_reference() -> None:
    told = (ROOT / "docs" / "reference" / "python.md").read_text("utf-8")
    printed = [block.text for block in blocks("python") if block.page != "docs/reference/python.md"]
    imported = {
        f"{node.module.removeprefix('simstac.')}.{name.name}"
        for code in (*printed, *cells())
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("simstac.")
        for name in node.names
    }
    assert {name for name in imported if f"\n## {name}\n" not in told} == set()


def test_every_extra_is_told() -> None:
    told = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs" / "reference" / "README.md").read_text("utf-8"), re.MULTILINE)
    assert told == sorted(EXTRAS.keys() - {"docs", "lint", "test"})


def test_messages_that_are_explained_are_those_of_the_code() -> None:
    code = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    page = (ROOT / "docs" / "how-to" / "find-out-what-is-wrong.md").read_text("utf-8")
    messages = re.findall(r"^\| `([^`]+)` \|", page.partition("## What it says")[2], re.MULTILINE)
    parts = [part for message in messages for part in re.split(r"…|; pip install 'simstac\[|\]'", message)]
    missing = [part for part in parts if len(part.strip()) > 2 and part.strip() not in code]
    assert messages
    assert missing == []
