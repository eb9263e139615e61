"""The whole of it: build, publish, and look at what was published as a stranger would."""

from __future__ import annotations

from dataclasses import dataclass

from simstac.catalog import ROOT
from simstac.config.model import Project
from simstac.pipeline.build import BuildReport, build
from simstac.pipeline.place import trusted_endpoints
from simstac.pipeline.publish import Outcome, publish
from simstac.pipeline.verify import Verified, verify
from simstac.progress import OnProgress, silent


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run of the pipeline did.

    Attributes:
        build: What was built.
        outcomes: What came of each target; empty where a collection could not be built.
        verified: What a stranger found, in the site and at its public address.
    """

    build: BuildReport
    outcomes: tuple[Outcome, ...]
    verified: tuple[Verified, ...]

    @property
    def ok(self) -> bool:
        """Whether everything is built, published and readable."""
        published = all(outcome.error is None for outcome in self.outcomes)
        return self.build.ok and published and all(report.ok for report in self.verified)


def run(
    project: Project,
    *,
    drop_vanished: bool = False,
    allow_shrink: bool = False,
    jobs: int | None = None,
    dask: str | None = None,
    on_progress: OnProgress = silent,
) -> RunReport:
    """Build, publish and verify a project; repeated, it does only what is new.

    A collection that could not be built stops the pipeline there: nothing is published.

    Args:
        project: The configuration.
        drop_vanished: See `build`.
        allow_shrink: See `publish`.
        jobs: See `build`.
        dask: See `build`.
        on_progress: Hears of every step.
    """
    built = build(project, drop_vanished=drop_vanished, jobs=jobs, dask=dask, on_progress=on_progress)
    if built.errors:
        return RunReport(built, (), ())
    outcomes = publish(project, allow_shrink=allow_shrink, on_progress=on_progress)
    trust = trusted_endpoints(project)
    verified = [verify(project.site, trust=trust, on_progress=on_progress)]
    if project.catalog.public_url and outcomes and all(outcome.error is None for outcome in outcomes):
        location = f"{project.catalog.public_url}/{ROOT}"
        verified.append(verify(location, site=project.site, trust=trust, on_progress=on_progress))
    return RunReport(built, outcomes, tuple(verified))
