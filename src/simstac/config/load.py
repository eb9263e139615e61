"""YAML → `Project`, with errors that name file, line and the nearest known key."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAliasType, get_args

import yaml
from pydantic import BaseModel, ValidationError

from simstac.config.model import Project
from simstac.config.overlaps import refuse_overlaps
from simstac.errors import ConfigError

_TEXT = "tag:yaml.org,2002:str"
_NO_TEXT = re.compile("[\0\ud800-\udfff]")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_IN_YAML = {
    "tuple_type": "should be a list",
    "dict_type": "should be a mapping of keys to values",
    "model_type": "should be a mapping of keys to values",
    "model_attributes_type": "should be a mapping of keys to values",
}
_SECRET = re.compile(r"secret|password|token|access_key|credential", re.IGNORECASE)


def load_project(path: str | os.PathLike[str]) -> Project:
    """The project that a YAML file describes; relative paths in it start from the file's folder.

    ``${VAR}`` in a value stands for the environment variable, ``~`` at the beginning of a path for the home folder.

    Raises:
        ConfigError: If the file cannot be read, is not YAML, or says something that a project does not have;
            ``where`` is ``file:line``.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read: {error.strerror}" if isinstance(error, OSError) else "is not UTF-8 text"
        raise ConfigError(path, problem, "name a YAML file, or write one with `simstac init`") from error
    root = _composed(path, text)
    _check_nodes(path, root, set(), frozenset())
    value = _constructed(path, root)
    if not isinstance(value, dict):
        remedy = "start from configs/buildings.yaml or `simstac init`"
        raise ConfigError(path, "is not a mapping with the keys catalog, collections and targets", remedy)
    if "file" in value:
        raise ConfigError(f"{path}:{_line(root, ('file',))}", "unknown key 'file'", _nearest(("file",)))
    try:
        project = Project.model_validate({**value, "file": path})
    except ValidationError as error:
        raise _config_error(path, root, error) from None
    refuse_overlaps(project, lambda *loc: f"{path}:{_line(root, loc)}")
    return project


def validated[M: BaseModel](model: type[M], value: Mapping[str, Any], remedy: str) -> M:
    """A configuration, or a part of one, from its keys as Python has them.

    Args:
        model: What it shall be.
        value: Its keys.
        remedy: What to do where it is none.

    Raises:
        ConfigError: If a key is unknown or missing, or holds what it may not; ``where`` is the key, and no value is
            told, which may be secret.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
        raise ConfigError(key or model.__name__, str(first["msg"]).removeprefix("Value error, "), remedy) from None


class _Loader(yaml.SafeLoader):
    """PyYAML's loader, which tells the line of a date or a number that there is not."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from error


def _composed(path: Path, text: str) -> yaml.Node:
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}", f"is not YAML: {error.problem}", "mend this line") from error
    except yaml.YAMLError as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(path, f"is not YAML: {reason}", "save it as plain UTF-8 text") from error
    except RecursionError as error:
        raise ConfigError(path, "is nested too deeply", "close the brackets that are open") from error
    if root is None:
        raise ConfigError(path, "is empty", "start from configs/buildings.yaml or `simstac init`")
    return root


def _constructed(path: Path, root: yaml.Node) -> Any:
    loader = _Loader("")
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = f"cannot be understood: {error.problem}"
        raise ConfigError(f"{path}:{line}", problem, "correct this value, or quote it") from error
    finally:
        loader.dispose()


def _check_nodes(path: Path, node: yaml.Node, seen: set[int], above: frozenset[int]) -> None:
    """Refuse what no configuration may hold, and put environment variables in their places, in each node once."""
    where = f"{path}:{node.start_mark.line + 1}"
    if id(node) in above:
        raise ConfigError(where, "is an anchor that holds itself", "write out what is meant")
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        _refuse_keys(path, node)
        for _, child in node.value:
            _check_nodes(path, child, seen, above | {id(node)})
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _check_nodes(path, child, seen, above | {id(node)})
    elif node.tag == _TEXT:
        node.value = _with_environment(node.value, where)
        if _NO_TEXT.search(node.value):
            raise ConfigError(where, "holds a character that no text has", "write it without escapes such as \\0")


def _refuse_keys(path: Path, mapping: yaml.MappingNode) -> None:
    """Refuse keys that are there twice, and those that are no words."""
    lines: dict[str, int] = {}
    for key, _ in mapping.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{path}:{line}", "a key is a list or a mapping", "write keys as plain words")
        if key.value in lines:
            first = f"keep one of them; the first is in line {lines[key.value]}"
            raise ConfigError(f"{path}:{line}", f"key {key.value!r} is there twice", first)
        lines[key.value] = line


def _with_environment(text: str, where: str) -> str:
    missing = [name for name in _VARIABLE.findall(text) if name not in os.environ]
    if missing:
        remedy = f"export {missing[0]}=… and run again"
        raise ConfigError(where, f"environment variable {missing[0]} is not set", remedy)
    return _VARIABLE.sub(lambda match: os.environ[match[1]], text)


def _config_error(path: Path, root: yaml.Node, error: ValidationError) -> ConfigError:
    found = error.errors(include_url=False)
    within = {problem["loc"][:depth] for problem in found for depth in range(len(problem["loc"]))}
    problems = [problem for problem in found if problem["loc"] not in within] or found
    first = min(problems, key=lambda problem: (problem["type"] != "extra_forbidden", _line(root, problem["loc"])))
    where = f"{path}:{_line(root, first['loc'])}"
    key = _key(root, first["loc"], is_there=first["type"] not in {"missing", "extra_forbidden"})
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "extra_forbidden":
        return ConfigError(where, f"unknown key {key!r}{more}", _nearest(first["loc"]))
    if first["type"] == "missing":
        return ConfigError(where, f"key {key!r} is missing{more}", "add it; `simstac schema` lists what each key means")
    remedy = "`simstac schema` lists what each key may hold"
    if first["type"] == "string_type" and isinstance(first["input"], int | float):
        remedy = f'write it in quotes: "{first["input"]}"'
    return ConfigError(where, f"{key}: {_message(first)}{more}", remedy)


def _message(problem: Mapping[str, Any]) -> str:
    """What pydantic found, in words of YAML."""
    facts = problem.get("ctx", {})
    match problem["type"]:
        case "union_tag_invalid":
            return f"type {facts['tag']!r} is none of {facts['expected_tags']}"
        case "union_tag_not_found":
            return "key 'type' is missing"
        case "value_error":
            return str(problem["msg"]).removeprefix("Value error, ")
    message = _IN_YAML.get(problem["type"], str(problem["msg"]))
    return message + (f", not {problem['input']!r}" if isinstance(problem["input"], str | int | float | bool) else "")


def _nearest(loc: Sequence[str | int]) -> str:
    key = str(loc[-1])
    if _SECRET.search(key):
        return "secrets never stand in a configuration: they come from the usual AWS chain (environment, profile, role)"
    known = sorted({name for model in _models_at(loc[:-1]) for name in model.model_fields if name != "file"})
    close = get_close_matches(key, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"


def _models_at(loc: Sequence[str | int]) -> list[type[BaseModel]]:
    models: list[type[BaseModel]] = [Project]
    for part in loc:
        fields = [model.model_fields[part].annotation for model in models if part in model.model_fields]
        if fields:
            models = [model for annotation in fields for model in _models_in(annotation)]
        elif isinstance(part, str):
            models = [model for model in models if part in _tags(model)] or [each for each in models if not _tags(each)]
    return models


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    keys = [key for key in ("type", "engine") if key in model.model_fields]
    return tuple(tag for key in keys for tag in get_args(model.model_fields[key].annotation))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, TypeAliasType):
        annotation = annotation.__value__
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _key(root: yaml.Node, loc: Sequence[str | int], *, is_there: bool) -> str:
    """The key as it stands in the file, or would: ``loc`` without the union tags, which name no node."""
    node, parts = root, []
    for depth, part in enumerate(loc, start=1):
        child = _child(node, part)
        if child is not None or (depth == len(loc) and not is_there):
            parts.append(str(part))
        node = node if child is None else child
    return ".".join(parts)


def _child(node: yaml.Node, part: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((child for key, child in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        child: yaml.Node = node.value[part]
        return child
    return None


def _line(root: yaml.Node, loc: Sequence[str | int]) -> int:
    """The line of the deepest node on the way to ``loc``; parts that are union tags name no node."""
    node, line = root, root.start_mark.line + 1
    for part in loc:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, child) for key, child in node.value if key.value == str(part)), None)
            if found is None:
                continue
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
