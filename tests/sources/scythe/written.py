"""Runs of an experiment written with pyarrow as Scythe lays them out, for what its own code would not do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

TIME = "2025-07-23_12-59-51"
SPECS = {"experiment_id": ["x"] * 3, "sort_index": [0, 1, 2], "r_value": [1.0, 2.0, 3.0]}
SCALARS = {"heating": [30.0, 10.0], "sort_index": [2, 0], "r_value": [3.0, 1.0]}


def frame(path: Path, columns: Mapping[str, Any], index: Sequence[str] = ()) -> None:
    """A Parquet file as pandas writes one with these columns as its index."""
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table(dict(columns))
    said = {b"pandas": json.dumps({"index_columns": list(index)}).encode()}
    pq.write_table(table.replace_schema_metadata(said), path)


def schema(path: Path, inputs: Mapping[str, Any], outputs: Mapping[str, Any], **definitions: Any) -> None:
    sides = {"input": {"$ref": "#/$defs/In"}, "output": {"$ref": "#/$defs/Out"}}
    models = {"In": {"properties": dict(inputs)}, "Out": {"properties": dict(outputs)}, **definitions}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({"$defs": models, "properties": sides}))


def run(
    experiment: Path,
    version: str = "v1.0.0",
    time: str = TIME,
    *,
    specs: Mapping[str, Any] | None = SPECS,
    scalars: Mapping[str, Any] | None = SCALARS,
    frames: Mapping[str, tuple[Mapping[str, Any], Sequence[str]]] | None = None,
) -> Path:
    """A complete run in the newer layout; its folder."""
    folder = experiment / version / time
    folder.mkdir(parents=True)
    (folder / "manifest.yml").write_text(yaml.safe_dump({"workflow_run_id": "w-1", "experiment_name": "x"}))
    if specs is not None:
        frame(folder / "specs.pq", specs)
    gathered = dict(frames or {})
    if scalars is not None:
        index = [name for name in scalars if name in {"sort_index", *(specs or {})}]
        gathered["scalars"] = (scalars, index)
    for name, (columns, index) in gathered.items():
        frame(folder / "final" / f"{name}.pq", columns, index)
        frame(folder / "scatter-gather" / "output" / "root" / "w-1" / f"{name}.pq", columns, index)
    return folder
