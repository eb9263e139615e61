"""The places that a virtual store refers to: recorded in its configuration, told in its snapshots, and opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from simstac.errors import StorageError
from simstac.storage import (
    AwsS3,
    Azure,
    CustomS3,
    Gcs,
    Http,
    IcechunkKeys,
    KeySource,
    LocalPath,
    StorageScheme,
    local_path,
    scheme_from_stac,
    scheme_to_stac,
)

if TYPE_CHECKING:
    import icechunk


@dataclass(frozen=True, slots=True)
class Container:
    """Where the files of a virtual store are.

    Attributes:
        name: What the store and its documents call it.
        prefix: What the files' addresses begin with, a slash at its end.
        scheme: Where the bytes live.
    """

    name: str
    prefix: str
    scheme: StorageScheme


def containers_of(metadata: Mapping[str, Any]) -> tuple[Container, ...]:
    """The containers that a snapshot's metadata tell of; none where it is not virtual."""
    return tuple(
        Container(each["name"], each["prefix"], _scheme(each["scheme"])) for each in metadata.get("containers", ())
    )


def access(
    containers: Sequence[Container], keys: KeySource | None = None
) -> dict[str, icechunk.AnyCredential | None] | None:
    """What lets Icechunk read the files of some containers; None where there are none."""
    import icechunk  # noqa: PLC0415  # 0.9 s that --help need not pay

    if not containers:
        return None
    return icechunk.containers_credentials({each.prefix: _credentials(each.scheme, keys) for each in containers})


def with_containers(
    repository: icechunk.Repository, containers: Sequence[Container], keys: KeySource | None
) -> icechunk.Repository:
    """The repository with these containers recorded, and with access to them.

    Raises:
        StorageError: If Icechunk reads no chunks from where one of them is.
    """
    import icechunk  # noqa: PLC0415  # as above

    config = repository.config
    known = config.virtual_chunk_containers or {}
    wished = {
        each.prefix: icechunk.VirtualChunkContainer(each.prefix, _object_store(each), name=each.name)
        for each in containers
    }
    new = {prefix: each for prefix, each in wished.items() if known.get(prefix) != each}
    for each in new.values():
        config.set_virtual_chunk_container(each)
    opened = repository.reopen(config=config, authorize_virtual_chunk_access=access(containers, keys))
    if new:
        opened.save_config()
    return opened


def container_metadata(container: Container) -> dict[str, Any]:
    """What a snapshot's metadata tell of a container."""
    kind = scheme_to_stac(container.scheme) or {"type": "http" if isinstance(container.scheme, Http) else "file"}
    return {"name": container.name, "prefix": container.prefix, "scheme": kind}


def _scheme(said: Mapping[str, Any]) -> StorageScheme:
    match said["type"]:
        case "http":
            return Http()
        case "file":
            return LocalPath()
        case _:
            return scheme_from_stac(said)


def _object_store(container: Container) -> Any:
    """Where Icechunk fetches the chunks from."""
    import icechunk  # noqa: PLC0415  # as above

    match container.scheme:
        case AwsS3(region=region):
            return icechunk.s3_store(region=region)
        case CustomS3(endpoint_url=endpoint, region=region):
            return icechunk.s3_store(
                region=region,
                endpoint_url=endpoint,
                allow_http=endpoint.startswith("http://"),
                s3_compatible=True,
                force_path_style=True,
            )
        case Http():
            return icechunk.http_store()
        case LocalPath():
            return icechunk.local_filesystem_store(local_path(container.prefix).as_posix())
        case Gcs() | Azure():
            raise StorageError(container.prefix, "is where no references lead", "use S3, https or a folder")
        case _:
            assert_never(container.scheme)


def _credentials(scheme: StorageScheme, keys: KeySource | None) -> Any:
    import icechunk  # noqa: PLC0415  # as above

    match scheme:
        case LocalPath():
            return icechunk.Credentials.LocalFileSystemAccess()
        case AwsS3(anonymous=False) | CustomS3(anonymous=False):
            return (
                icechunk.s3_refreshable_credentials(IcechunkKeys(keys)) if keys else icechunk.s3_from_env_credentials()
            )
        case AwsS3() | CustomS3():
            return icechunk.s3_anonymous_credentials()
        case _:
            return icechunk.Credentials.HttpAccess()
