"""A store as its documents, whatever its layout: with the older versions, and a picture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from simstac.config.model import Collection, Project
from simstac.pipeline.extras import with_picture
from simstac.pipeline.known_versions import known_versions, remember_versions
from simstac.pipeline.outputs import with_raw_outputs
from simstac.pipeline.place import container_route, placement, source_keys, store_place
from simstac.pipeline.site import SiteFolder
from simstac.sources.attributes import said_in

if TYPE_CHECKING:
    import xarray as xr

    from simstac.stac.document import Documents
    from simstac.storage import Stored


def describe_store(project: Project, collection: Collection, stored: Stored) -> Documents:
    """The documents of a store that we wrote.

    Raises:
        SimstacError: If it cannot be described.
    """
    from simstac.stac.dataset import describe_dataset  # noqa: PLC0415  # xarray, which an unbuilt site does not need
    from simstac.stac.experiment import describe_experiment  # noqa: PLC0415  # as above
    from simstac.stac.releases import Release  # noqa: PLC0415  # as above
    from simstac.stac.study import describe_study  # noqa: PLC0415  # as above
    from simstac.write import (  # noqa: PLC0415  # as above
        older_versions,
        open_stored,
        released_versions,
        stored_containers,
        tables_of_files,
    )

    credentials = store_place(project, collection).credentials

    def read(each: Stored) -> xr.DataTree:
        opened = open_stored(each, credentials=credentials, source_keys=source_keys(collection))
        return opened.drop_nodes(tables_of_files(opened))

    site, metadata, where = SiteFolder(project.site), collection.described(), placement(project, collection)
    data = read(stored)
    if _layout(data).startswith("experiment/"):
        runs = released_versions(stored.href, stored.scheme, credentials=credentials)
        return describe_experiment([Release(each, read(each)) for each in runs], metadata, where)
    older = older_versions(stored, credentials=credentials)
    listed = collection.versions.keep or len(older) + 1
    older = older[max(0, len(older) + 1 - listed) :]
    containers = stored_containers(stored, credentials=credentials)
    where = replace(where, containers=tuple(container_route(project, each) for each in containers))
    known = known_versions(site, metadata, where, older)
    releases = [known.get(each.tag) or Release(each, read(each)) for each in older]
    describe = describe_study if _layout(data).startswith("study/") else describe_dataset
    documents = describe(data, stored, metadata, where, releases=releases)
    remember_versions(site, metadata, where, documents.versions)
    documents = with_raw_outputs(project, collection, documents)
    return with_picture(site, documents, data, metadata)


def _layout(data: xr.DataTree) -> str:
    return str(said_in(data.attrs).get("layout", ""))
