"""The series that a result file declares, with their frequency, and which of them are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simstac.sources.energyplus.series import Frequency, Series


@dataclass(frozen=True, slots=True)
class Entry:
    """One series of a file's dictionary.

    Attributes:
        index: Its number in the file.
        frequency: The group that it belongs to.
        detailed: Whether it is reported at every step of what it is about (``Detailed``, ``Each Call``).
        series: What it is.
    """

    index: int
    frequency: Frequency
    detailed: bool
    series: Series


def without_repeats(entries: Sequence[Entry]) -> dict[Frequency, list[Entry]]:
    """Series by frequency, finest first, those of a variable side by side.

    A zone variable that is reported both ``Detailed`` and ``Timestep`` has the same values twice: the latter is kept.
    """
    chosen: dict[Frequency, dict[Series, Entry]] = {frequency: {} for frequency in Frequency}
    for entry in sorted(entries, key=lambda entry: entry.detailed):
        chosen[entry.frequency].setdefault(entry.series, entry)
    order: dict[str, int] = {}
    for entry in entries:
        order.setdefault(entry.series.name, len(order))
    return {
        frequency: sorted(found.values(), key=lambda entry: (order[entry.series.name], entry.index))
        for frequency, found in chosen.items()
        if found
    }
