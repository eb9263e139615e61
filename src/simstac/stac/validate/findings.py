"""What validation finds: a rule that a document breaks, where, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from simstac.stac.document import Document


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule.

    Attributes:
        document: The path below the root, or the URL, of the document.
        pointer: JSON pointer (RFC 6901) to what is wrong; empty for the whole document.
        rule: The rule's name, in kebab case; a schema's URI for one that a schema states.
        problem: What is wrong.
        remedy: What to do.
    """

    document: str
    pointer: str
    rule: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        """The finding in one line."""
        return f"{self.document}#{self.pointer}: {self.problem} ({self.rule}); {self.remedy}"


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of a validation.

    Attributes:
        documents: How many STAC documents were read.
        findings: Every broken rule, by document.
    """

    documents: int
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether there were documents and none breaks a rule."""
        return self.documents > 0 and not self.findings


class Broken(NamedTuple):
    """A broken rule before its document is named."""

    pointer: str
    rule: str
    problem: str
    remedy: str


type Rule = Callable[[Document], Iterator[Broken]]


def at(*keys: str | int) -> str:
    """The JSON pointer to nested keys."""
    return "".join(f"/{str(key).replace('~', '~0').replace('/', '~1')}" for key in keys)
