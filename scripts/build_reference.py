"""Write the generated pages of docs/reference and the configuration's JSON Schema; a test compares them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any

import click

import simstac
from simstac.cli.main import app
from simstac.config import json_schema

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Written by `make reference`. -->"
LONGEST_SIGNATURE = 90
SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
CONFIGURED = ("Metadata", "Project")
BELOW = {
    "objects": ("Files", "files_at"),
    "pipeline": (
        "doctor",
        "expire",
        "remove_collection",
        "remove_run",
        "status",
        "BuildReport",
        "CollectionReport",
        "Outcome",
        "RunReport",
        "Verified",
    ),
    "pipeline.launches": ("LaunchStatus", "launch_status"),
    "sources.iris": ("cubes",),
    "sources.virtual": ("placed_files",),
    "stac.placement": ("Placement", "Route", "place_store"),
    "stac.validate": ("Checked", "Finding"),
    "write": ("open_stored", "write", "write_virtual"),
    "xpublish": ("SimstacPlugin", "catalogued"),
}
"""What users import from the packages below, besides the names of `simstac` itself."""


def pages() -> dict[str, str]:
    """Every generated file, by its path in the repository."""
    schema = json_schema()
    return {
        "docs/reference/cli.md": cli_page(),
        "docs/reference/configuration.md": configuration_page(schema),
        "docs/reference/python.md": python_page(),
        "configs/simstac.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
    }


def cli_page() -> str:
    """The help of each command."""
    root = click.Context(app, info_name="simstac", terminal_width=100, max_content_width=100, **app.context_settings)
    blocks = [f"# Commands\n\n{NOTE}", _help(root)]
    for name in app.list_commands(root):
        command = app.commands[name]
        context = click.Context(command, info_name=name, parent=root)
        blocks.append(f"## simstac {name}\n\n{_help(context)}")
        for below, each in command.commands.items() if isinstance(command, click.Group) else ():
            blocks.append(f"## simstac {name} {below}\n\n{_help(click.Context(each, info_name=below, parent=context))}")
    return "\n\n".join(blocks) + "\n"


def _help(context: click.Context) -> str:
    return f"```text\n{context.get_help().rstrip()}\n```"


def configuration_page(schema: Mapping[str, Any]) -> str:
    """A table of keys for each part of the configuration."""
    parts = [("Top level", schema), *schema["$defs"].items()]
    example = (ROOT / "configs" / "buildings.yaml").read_text("utf-8").rstrip()
    blocks = [
        f"# Configuration\n\n{NOTE}\n\n```yaml\n{example}\n```",
        "`${VAR}` in a value stands for the environment variable, `~` at the beginning of a path for the home folder.",
    ]
    for name, part in parts:
        if part.get("type") == "object":
            blocks.append(
                f"## {name}\n\n{_first_sentence(part.get('description', ''))}\n\n{_keys(part, schema['$defs'])}"
            )
    return "\n\n".join(blocks) + "\n"


def _keys(part: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    required = set(part.get("required", ()))
    rows = ["| key | type | default | |", "|---|---|---|---|"]
    for key, value in part["properties"].items():
        default = "required" if key in required else _default(value.get("default"))
        description = " ".join(value.get("description", "").split()).replace("|", "\\|")
        rows.append(f"| `{key}` | {_type_name(value, parts)} | {default} | {description} |")
    return "\n".join(rows)


def _default(value: Any) -> str:
    """A default as YAML would have it; a part of the configuration without anything set is empty."""
    if isinstance(value, dict):
        value = {key: item for key, item in value.items() if item}
    return "" if value in (None, "") else f"`{json.dumps(value)}`"


def _type_name(value: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    """A JSON Schema type in words; a part of the configuration is linked."""
    if "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})" if "properties" in parts[name] else _type_name(parts[name], parts)
    if "const" in value or "enum" in value:
        return ", ".join(f"`{item}`" for item in value.get("enum", [value.get("const")]))
    alternatives = value.get("anyOf") or value.get("oneOf")
    if alternatives:
        return " or ".join(_type_name(each, parts) for each in alternatives if each.get("type") != "null")
    if value.get("type") == "array":
        items = value.get("items") or {"type": f"{value.get('maxItems', 'any')} numbers"}
        return f"list of {_type_name(items, parts)}"
    if value.get("type") == "object" and isinstance(value.get("additionalProperties"), dict):
        return f"mapping to {_type_name(value['additionalProperties'], parts)}"
    return str(value.get("type", "any"))


def python_page() -> str:
    """Signature and docstring of each public name."""
    about = (
        "Everything in `simstac`, then what is imported from its packages; [errors](#errors) are drawn at the end. "
        "Names that are not on this page may change in any version."
    )
    blocks = [f"# Python\n\n{NOTE}\n\n{about}"]
    public = {name: getattr(simstac, name) for name in simstac.__all__}
    blocks += [_entry(name, each) for name, each in sorted(public.items(), key=_order) if callable(each)]
    for module in simstac.MODULES:
        blocks.append(_entry(f"{module}.publish", getattr(simstac, module).publish))
    for module, names in BELOW.items():
        package = import_module(f"simstac.{module}")
        blocks += [_entry(f"{module}.{name}", getattr(package, name)) for name in names]
    blocks.append(f"## Errors\n\n{_docstring(inspect.getmodule(simstac.SimstacError))}")
    return "\n\n".join(blocks) + "\n"


def _order(entry: tuple[str, Any]) -> tuple[bool, str]:
    return inspect.isclass(entry[1]), entry[0].lower()


def _entry(name: str, each: Any) -> str:
    """The section of one name; the fields of a model are told in the page on the configuration."""
    if name in CONFIGURED:
        return f"## {name}\n\n{_docstring(each)} Its fields are those of the [configuration](configuration.md)."
    if getattr(each, "_is_protocol", False):
        return f"## {name}\n\n{_docstring(each)} Its methods:\n\n{_methods(each)}"
    if inspect.isclass(each) and not is_dataclass(each):
        return f"## {name}\n\n{_docstring(each)}"
    properties = _methods(each, property) if inspect.isclass(each) else ""
    also = f"\n\n**Properties**\n\n{properties}" if properties else ""
    return f"## {name}\n\n```python\n{name}{_signature(each)}\n```\n\n{_docstring(each)}{also}"


def _methods(owner: type, kinds: type | tuple[type, ...] = (property, FunctionType)) -> str:
    """The methods and properties of a class, a line each."""
    lines = []
    for name, each in vars(owner).items():
        if not name.startswith("_") and isinstance(each, kinds):
            signature = inspect.signature(each.fget if isinstance(each, property) else each)
            parameters = list(signature.parameters.values())[1:]
            arguments = [str(one.replace(annotation=_AsWritten(one.annotation))) for one in parameters]
            given = ":" if isinstance(each, property) else f"({', '.join(arguments)}) ->"
            shown = f"{name}{given} {signature.return_annotation}"
            lines.append(f"- `{shown}`: {_first_sentence(inspect.getdoc(each) or '')}")
    return "\n".join(lines)


class _AsWritten(str):
    """Text in a signature that is shown as it stands in the source."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _signature(each: Any) -> str:
    """A signature as in the source, one parameter a line where it is long."""
    signature = inspect.signature(each)
    parameters = []
    for parameter in signature.parameters.values():
        default = parameter.default
        if inspect.isfunction(default):
            shown = _AsWritten(default.__name__)
        else:
            shown = _AsWritten(f"{type(default).__name__}()") if is_dataclass(default) else default
        parameters.append(parameter.replace(annotation=_AsWritten(parameter.annotation), default=shown))
    result = "" if inspect.isclass(each) else f" -> {signature.return_annotation}"
    text = str(signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    return _folded(text[1:-1], result) if len(text) > LONGEST_SIGNATURE else text + result


def _folded(arguments: str, result: str) -> str:
    parts = re.split(r", (?![^\[(]*[\])])", arguments)
    return "(\n" + "".join(f"    {part},\n" for part in parts) + f"){result}"


def _docstring(each: Any) -> str:
    """A Google-style docstring as Markdown."""
    return "\n".join(_markdown_lines((inspect.getdoc(each) or "").splitlines())).strip()


def _markdown_lines(lines: list[str]) -> Iterator[str]:
    section = ""
    for line in lines:
        header = line.removesuffix(":")
        if line.endswith(":") and header in SECTIONS:
            section = header
            yield from (f"**{section}**", "")
        elif section and re.match(r"    \*{0,2}\w+: ", line) and section not in {"Returns", "Yields"}:
            name, _, text = line.strip().partition(": ")
            yield f"- `{name}`: {text}"
        elif section and line.startswith("    "):
            yield f"  {line.strip()}" if section not in {"Returns", "Yields"} else line.strip()
        else:
            yield line


def _first_sentence(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())


def main() -> None:
    """Write the pages that differ."""
    for path, text in pages().items():
        target = ROOT / path
        if not target.exists() or target.read_text("utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
