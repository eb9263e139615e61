"""Measure the sides of a benchmark, each in fresh processes that take turns, and write the medians into README.md.

A side is a function of a benchmark script: it imports what it needs and returns a callable, and only that callable is
measured. Its result is small and serialisable as JSON, or a further callable that returns such a thing, unmeasured.
The sides of a comparison must return the same one.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import platform
import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

type Side = Callable[..., Callable[[], Any]]

README = Path(__file__).with_name("README.md")


@dataclass(frozen=True, slots=True)
class Measured:
    """Medians of one side: wall time in seconds and peak memory in MB of the process that ran it, and its result."""

    seconds: float
    megabytes: float
    result: Any


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: what was done, by us and by a peer, and what we had promised."""

    what: str
    ours: Measured
    peer_name: str
    peer: Measured
    target: str = ""


def compare(*sides: tuple[Side, Sequence[Any]], repeats: int = 5, tolerance: float = 0.0) -> list[Measured]:
    """Medians of the sides, run alternately, each time in a fresh process.

    Args:
        sides: Functions of benchmark scripts with their arguments (serialisable as JSON).
        repeats: Fresh processes a side.
        tolerance: By how much the numbers of the results may differ, relatively.

    Raises:
        SystemExit: If a side fails or the sides return different results.
    """
    samples: list[list[Measured]] = [[] for _ in sides]
    for _ in range(repeats):
        for taken, (side, arguments) in zip(samples, sides, strict=True):
            taken.append(measure(side, *arguments))
    first = samples[0][0].result
    for taken, (side, _) in zip(samples, sides, strict=True):
        for sample in taken:
            if not _same(sample.result, first, tolerance):
                raise SystemExit(f"{side.__name__} returned {sample.result}, {sides[0][0].__name__} {first}")
    return [
        Measured(median(sample.seconds for sample in taken), median(sample.megabytes for sample in taken), first)
        for taken in samples
    ]


def measure(side: Side, *arguments: Any) -> Measured:
    """One run of a side in a fresh process."""
    script = side.__code__.co_filename
    command = [sys.executable, __file__, script, side.__name__, json.dumps(arguments)]
    child = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if child.returncode != 0:
        raise SystemExit(f"{side.__name__}{arguments} failed")
    return Measured(**json.loads(child.stdout.splitlines()[-1]))


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| what | simstac | peer | faster | less memory | target |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        faster, less = row.peer.seconds / row.ours.seconds, row.peer.megabytes / row.ours.megabytes
        peer = f"{row.peer_name}: {_cost(row.peer)}"
        lines.append(f"| {row.what} | {_cost(row.ours)} | {peer} | {faster:.3g}x | {less:.2g}x | {row.target} |")
    return "\n".join(lines)


def write_section(name: str, title: str, text: str) -> None:
    """Put a section into README.md, in the place of the section of that name."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    machine = f"Python {platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"
    section = f"{begin}\n## {title}\n\n{text}\n\n_{machine}; medians of fresh processes that took turns._\n{end}"
    old = README.read_text(encoding="utf-8") if README.exists() else "# Benchmarks\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    new = pattern.sub(lambda _: section, old) if pattern.search(old) else f"{old.rstrip()}\n\n{section}\n"
    README.write_text(new, encoding="utf-8")
    print(section)


def cache_folder() -> Path:
    """Where inputs that take long to make are kept between runs; it may be deleted at any time."""
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "simstac" / "benchmarks"


def _cost(measured: Measured) -> str:
    seconds = measured.seconds
    wall = f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"
    memory = measured.megabytes
    return f"{wall}, {memory:.0f} MB" if memory < 1000 else f"{wall}, {memory / 1000:.2g} GB"


def _same(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=tolerance) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_same(a, b, tolerance) for a, b in zip(one, other, strict=True))
    return bool(one == other)


def _peak_megabytes() -> float:
    """The largest resident set of this process; ``ru_maxrss`` would include that of the parent before ``exec``."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status.read_text())[0]) / 1000
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak / 1e3


def _run(script: str, name: str, arguments: str) -> None:
    """The child's part: prepare a side, time its callable, print the sample as JSON."""
    sys.path.insert(0, str(Path(script).parent))
    spec = importlib.util.spec_from_file_location(Path(script).stem, script)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{script} is not a Python script")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    timed = getattr(module, name)(*json.loads(arguments))
    begin = time.perf_counter()
    result = timed()
    sample = {"seconds": time.perf_counter() - begin, "megabytes": _peak_megabytes()}
    print(json.dumps({**sample, "result": result() if callable(result) else result}))


if __name__ == "__main__":
    _run(*sys.argv[1:])
