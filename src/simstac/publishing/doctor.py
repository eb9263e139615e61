"""Probing a target before anything is published to it; what is put there for that is deleted again."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from simstac.errors import PublishError
from simstac.publishing.git.target import GitTarget
from simstac.publishing.local import LocalTarget
from simstac.publishing.s3.target import S3Target
from simstac.publishing.target import Target
from simstac.publishing.verify import served
from simstac.publishing.web import Answer, fetch


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Attributes:
        name: What.
        ok: Whether it is as it should be.
        detail: What was found.
        remedy: What mends it; empty if nothing needs to be mended.
    """

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        """One line."""
        return f"{'ok ' if self.ok else 'NO '} {self.name}: {self.detail}" + (f"; {self.remedy}" if self.remedy else "")


def diagnose(target: Target, *, public_url: str | None = None, fix_cors: bool = False) -> tuple[Check, ...]:
    """Try everything that publishing to a target, and reading from it, needs.

    Args:
        target: Where to publish to.
        public_url: Where strangers will read it.
        fix_cors: Whether a bucket without a CORS rule for browsers is given one.
    """
    checks: Iterable[Check]
    match target:
        case S3Target():
            from simstac.publishing.s3.doctor import diagnose_bucket  # noqa: PLC0415  # imports boto3

            checks = (Check(*each) for each in diagnose_bucket(target, public_url, fix_cors=fix_cors))
        case GitTarget():
            checks = _diagnose_clone(target, public_url)
        case LocalTarget():
            checks = _diagnose_folder(target, public_url)
        case _:
            raise TypeError(target)
    return tuple(checks)


def _diagnose_folder(target: LocalTarget, public_url: str | None) -> Iterator[Check]:
    place = next(path for path in (target.path, *target.path.absolute().parents) if path.exists())
    writable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
    remedy = "" if writable else f"give this user the right to write to {place}"
    yield Check("write", writable, f"{place} is {'' if writable else 'not '}writable", remedy)
    free = shutil.disk_usage(place).free
    yield Check("space", free > 0, f"{free / 1e9:.1f} GB are free", "" if free else "free some space")
    yield from _diagnose_web(public_url)


def _diagnose_clone(target: GitTarget, public_url: str | None) -> Iterator[Check]:
    try:
        snapshot = target.snapshot()
    except PublishError as error:
        yield Check("clone", ok=False, detail=f"{error.where} {error.problem}", remedy=error.remedy)
        return
    tip = snapshot.base[:10] or "no commit yet"
    yield Check("clone", ok=True, detail=f"{target.clone} is clean, at {tip}")
    if target.push:
        refused = snapshot.clone.refused_push(target.remote, snapshot.base)
        remedy = "give this user the right to push, or set push: false" if refused else ""
        taken = f"{target.remote} takes pushes" if snapshot.base else "cannot be tried before there is a commit"
        yield Check("push", not refused, refused or taken, remedy)
    yield from _diagnose_web(public_url)


def _diagnose_web(public_url: str | None) -> Iterator[Check]:
    """How the public address answers, where something is published there already."""
    if public_url is None:
        return
    address = f"{public_url.rstrip('/')}/catalog.json"
    answer: Answer = fetch(address, one_byte=True)
    if answer.status == 404:  # noqa: PLR2004  # nothing is published yet
        yield Check("public address", ok=True, detail=f"{address} holds nothing yet")
        return
    yield Check("public address", answer.ok, f"{address} {'answers' if answer.ok else answer.problem}")
    for finding in served(address, answer, ()) if answer.ok else ():
        yield Check("CORS", ok=False, detail=finding.problem, remedy=finding.remedy)
