"""Probing every target of a project, as publishing and reading would use it."""

from __future__ import annotations

from dataclasses import dataclass

from simstac.config.model import LocalTarget, Project
from simstac.pipeline.place import destination
from simstac.publishing.doctor import Check, diagnose


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What probing one target found.

    Attributes:
        target: Its address.
        checks: What was tried, in order.
    """

    target: str
    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is as it should be."""
        return all(check.ok for check in self.checks)


def doctor(project: Project, *, fix_cors: bool = False) -> tuple[Diagnosis, ...]:
    """Try at every target what publishing to it, and reading from it, needs; nothing is left there.

    The catalog's public address is tried with the first target that is not a folder, or else with the first.

    Args:
        project: The configuration.
        fix_cors: Whether a bucket without a CORS rule for browsers is given one.
    """
    away = [number for number, target in enumerate(project.targets) if not isinstance(target, LocalTarget)]
    served = min(away, default=0)
    reports = []
    for number, configured in enumerate(project.targets):
        target = destination(project, configured)
        public_url = project.catalog.public_url if number == served else None
        reports.append(Diagnosis(target.url, diagnose(target, public_url=public_url, fix_cors=fix_cors)))
    return tuple(reports)
