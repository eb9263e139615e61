"""Processing extension 1.2.0: the programs that made the data."""

from __future__ import annotations

import re

from simstac.stac.document import Document, Subject, data_asset, declare, text


def apply(document: Document, subject: Subject) -> None:
    """Add the software to an Item's properties, or to the store's asset of a Collection."""
    software = software_of(subject)
    if software:
        holder = document["properties"] if document["type"] == "Feature" else data_asset(document)
        holder["processing:software"] = software
        declare(document, "processing")


def software_of(subject: Subject) -> dict[str, str]:
    """Program names and versions, from the ``software`` fact of each run or the CF ``source`` attribute."""
    root = subject.groups[""]
    if "software" in root.variables:
        said = {str(value) for value in root["software"].values.flat if value}
        merged: dict[str, list[str]] = {}
        for entry in sorted(said):
            for name, version in parse_software(entry).items():
                merged.setdefault(name, []).append(version)
        return {name: ", ".join(versions) for name, versions in merged.items()}
    return parse_software(text(root.attrs.get("software")))


def parse_software(said: str) -> dict[str, str]:
    """``"EnergyPlus 25.2.0"`` as ``{"EnergyPlus": "25.2.0"}``; empty where nothing is said."""
    said = said.strip()
    if not said:
        return {}
    found = re.fullmatch(r"(.+?)[ ,]+(?:[Vv]ersion[ ,]*)?v?(\d[\w.+-]*)", said)
    return {found[1]: found[2]} if found else {said: ""}
