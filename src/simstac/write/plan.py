"""What a study changes in a store that may hold some of its runs already, decided before anything is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from simstac.studies import Run, Study
from simstac.write.previous import STUDY_LAYOUT
from simstac.write.table import RunTable

type Dropped = bool | AbstractSet[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of each run.

    Attributes:
        runs: The runs of the store as it shall be, in order: those that stay, then those that are added.
        added: Runs that are not in the store.
        rewritten: Runs whose source changed, or could not be read last time.
        vanished: Runs in the store whose results are gone, and that are kept.
        dropped: Such runs that are removed.
    """

    runs: tuple[str, ...]
    added: tuple[str, ...]
    rewritten: tuple[str, ...]
    vanished: tuple[str, ...]
    dropped: tuple[str, ...]

    def message(self) -> str:
        """The plan as a commit message."""
        counts = {"added": self.added, "rewritten": self.rewritten, "dropped": self.dropped}
        changes = [f"{len(runs)} {what}" for what, runs in counts.items() if runs]
        return f"{len(self.runs)} runs: " + (", ".join(changes) or "parameters changed")


def plan_update(study: Study, marks: Mapping[str, str], table: RunTable, *, drop_vanished: Dropped) -> Plan:
    """Compare a study with the run table of its store, or with that of an interrupted build, where runs are unread.

    Args:
        study: The runs.
        marks: Their fingerprints by name.
        table: What the store holds.
        drop_vanished: Whether runs whose results are gone are removed, or which of them; a row of the parameter table
            stays, as missing.
    """
    stored, statuses = table.texts("fingerprint"), table.texts("status")
    there, known = {run.name: run for run in study.runs}, set(table.runs)
    unread = {name for name in table.runs if not statuses.get(name)}
    gone = [
        name
        for name in table.runs
        if name not in there or (there[name].path is None and statuses.get(name, "") not in {"missing", ""})
    ]
    let_go = {
        name for name in gone if name in unread or drop_vanished is True or (drop_vanished and name in drop_vanished)
    }
    dropped = [name for name in gone if name in let_go and name not in there]
    emptied = let_go & there.keys()
    added = tuple(name for name in there if name not in known)
    return Plan(
        runs=(*(name for name in table.runs if name not in dropped), *added),
        added=added,
        rewritten=tuple(
            name
            for name in table.runs
            if name in emptied
            or (name in unread and name in there)
            or _is_changed(there.get(name), marks, stored.get(name, ""))
        ),
        vanished=tuple(name for name in gone if name not in let_go),
        dropped=tuple(dropped),
    )


def study_fingerprint(
    study: Study, marks: Mapping[str, str], chunks: Mapping[str, int], *, drop_vanished: Dropped
) -> str:
    """SHA-256 in hexadecimal over all that a study's store is made from."""
    parameters = [
        (column.name, dict(column.attrs), [repr(value) for value in column.values.tolist()])
        for column in study.parameters.columns
    ]
    made_from = {
        "layout": STUDY_LAYOUT,
        "runs": sorted((run.name, run.source, marks[run.name]) for run in study.runs),
        "parameters": [study.parameters.runs, parameters],
        "chunks": dict(chunks),
        "drop_vanished": drop_vanished if isinstance(drop_vanished, bool) else sorted(drop_vanished),
    }
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _is_changed(run: Run | None, marks: Mapping[str, str], stored: str) -> bool:
    return run is not None and run.path is not None and (not stored or marks[run.name] != stored)
