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

    ``${VAR}`` in a value stands for the environment variable.

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
    value = _with_environment(_constructed(root, path), root, path)
    if not isinstance(value, dict) or "file" in value:
        remedy = "start from configs/buildings.yaml or `simstac init`"
        raise ConfigError(path, "is not a mapping with the keys catalog, collections and targets", remedy)
    try:
        project = Project.model_validate({**value, "file": path})
    except ValidationError as error:
        raise _config_error(path, root, error) from None
    refuse_overlaps(project, lambda *loc: f"{path}:{_line(root, loc)}")
    return project


def _composed(path: Path, text: str) -> yaml.Node:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}", f"is not YAML: {error.problem}", "mend this line") from error
    except yaml.YAMLError as error:
        reason = str(error).partition("\n")[0]
        raise ConfigError(path, f"is not YAML: {reason}", "save it as plain UTF-8 text") from error
    if root is None:
        raise ConfigError(path, "is empty", "start from configs/buildings.yaml or `simstac init`")
    _refuse_repeated_keys(path, root)
    return root


def _constructed(root: yaml.Node, path: Path) -> Any:
    loader = yaml.SafeLoader("")
    try:
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}", f"cannot be understood: {error.problem}", "quote this value") from error
    finally:
        loader.dispose()


def _refuse_repeated_keys(path: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, child in node.value:
            line = key.start_mark.line + 1
            if key.value in seen:
                first = f"keep one of them; the first is in line {seen[key.value]}"
                raise ConfigError(f"{path}:{line}", f"key {key.value!r} is there twice", first)
            seen[key.value] = line
            _refuse_repeated_keys(path, child)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(path, child)


def _with_environment(value: Any, node: yaml.Node, path: Path) -> Any:
    if isinstance(value, dict) and isinstance(node, yaml.MappingNode):
        children = {key.value: child for key, child in node.value}
        return {key: _with_environment(item, children.get(str(key), node), path) for key, item in value.items()}
    if isinstance(value, list) and isinstance(node, yaml.SequenceNode):
        return [_with_environment(item, child, path) for item, child in zip(value, node.value, strict=True)]
    if not isinstance(value, str):
        return value
    missing = [name for name in _VARIABLE.findall(value) if name not in os.environ]
    if missing:
        where = f"{path}:{node.start_mark.line + 1}"
        remedy = f"export {missing[0]}=… and run again"
        raise ConfigError(where, f"environment variable {missing[0]} is not set", remedy)
    return _VARIABLE.sub(lambda match: os.environ[match[1]], value)


def _config_error(path: Path, root: yaml.Node, error: ValidationError) -> ConfigError:
    found = error.errors(include_url=False)
    within = {problem["loc"][:depth] for problem in found for depth in range(len(problem["loc"]))}
    problems = [problem for problem in found if problem["loc"] not in within] or found
    first = min(problems, key=lambda problem: (problem["type"] != "extra_forbidden", _line(root, problem["loc"])))
    where = f"{path}:{_line(root, first['loc'])}"
    key = _key(root, first["loc"])
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


def _key(root: yaml.Node, loc: Sequence[str | int]) -> str:
    """The key as it stands in the file: ``loc`` without the union tags on the way, which name no node."""
    node, parts = root, []
    for depth, part in enumerate(loc, start=1):
        child = _child(node, part)
        if child is not None or depth == len(loc):
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
