"""`publish`: a Scythe experiment, or one run of it, to a catalog, as the last line of the script that allocated it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from simstac.config.load import validated
from simstac.config.sources import ScytheSource
from simstac.errors import SourceError
from simstac.pipeline.given import About, Destination, destined, publish_collection, refuse_results_in_site
from simstac.pipeline.whole import RunReport
from simstac.progress import OnProgress, silent
from simstac.sources.scythe.layout import split_address
from simstac.stac.metadata import identifier
from simstac.storage import is_address


class HasPrefix(Protocol):
    """What ``BaseExperiment``, ``VersionedExperiment`` and ``ExperimentRun`` of Scythe have in common."""

    @property
    def prefix(self) -> str:
        """The prefix of its keys in the bucket."""


def publish(
    run_or_uri: HasPrefix | str | Path | Mapping[str, Any],
    to: Destination,
    *,
    collection: About = None,
    catalog: Mapping[str, Any] | None = None,
    drop_vanished: bool = False,
    on_progress: OnProgress = silent,
) -> RunReport:
    """Publish a Scythe experiment; called again, it reads and writes only what is new.

    Nothing is written below the experiment. Runs that are known cost a listing; incomplete ones are told in
    ``report.build`` and picked up by a later call. Runs that an earlier call published stay.

    Args:
        run_or_uri: An experiment, one of its versions or one of its runs: the object of Scythe; the address, such as
            ``s3://bucket/scythe/office_box``; a copy in a folder; or a source as a configuration has it, such as
            ``{"path": "s3://…", "endpoint_url": …}``.
        to: A folder, ``s3://bucket/prefix``, such a target as a configuration has (``{url: …, endpoint_url: …}``), or a
            configuration, whose collection then has this experiment as its source.
        collection: With a configuration the id of the collection, where it has several; else the keys of one, at least
            its ``license``: ``{"license": "CC-BY-4.0", "metadata": {"bbox": […]}}``. It is called like the experiment.
        catalog: The keys of the catalog, where it is not there yet: ``{"title": …, "public_url": …}``.
        drop_vanished: Whether runs that are gone from the bucket leave the catalog.
        on_progress: Hears of every run read and written.

    Returns:
        What was built and published; ``report.ok`` tells whether every run is there.

    Raises:
        SourceError: If there is no such experiment, or no run of it is complete; what is published stays as it is.
        MetadataError: If neither the experiment nor ``collection`` says where it is.
        ConfigError: If a configuration could not say what is said here.
        PublishError: If the destination refuses.
    """
    source = _source(run_or_uri)
    about = collection
    if isinstance(collection, Mapping):
        name = split_address(source.path)[0].rpartition("/")[2]
        about = {"id": identifier(name), "title": name, **collection}
    with destined(to, about, catalog, source=source) as destination:
        project = destination.project
        refuse_results_in_site(project, (project.folder / path for path in source.local_paths))
        return publish_collection(destination, drop_vanished=drop_vanished, on_progress=on_progress)


def _source(given: HasPrefix | str | Path | Mapping[str, Any]) -> ScytheSource:
    if not isinstance(given, Mapping):
        return ScytheSource(engine="scythe", path=experiment_address(given))
    return validated(ScytheSource, {"engine": "scythe", **given}, 'for example {"path": "s3://bucket/scythe/NAME"}')


def experiment_address(given: HasPrefix | str | Path) -> str:
    """The address of an experiment, a version or a run, as a string or as the object of Scythe.

    Raises:
        SourceError: If it is neither.
    """
    if isinstance(given, str | Path):
        return str(given) if is_address(str(given)) else str(Path(given).absolute())
    experiment: Any = getattr(given, "versioned_experiment", given)
    experiment = getattr(experiment, "base_experiment", experiment)
    bucket = getattr(getattr(experiment, "storage_settings", None), "BUCKET", None)
    prefix = getattr(given, "prefix", None)
    if not isinstance(bucket, str) or not isinstance(prefix, str):
        remedy = "give an address such as s3://bucket/scythe/NAME, or an ExperimentRun of Scythe"
        raise SourceError(type(given).__name__, "is no experiment of Scythe", remedy)
    return f"s3://{bucket}/{prefix.strip('/')}"
