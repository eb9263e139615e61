"""Where bytes live: one frozen value that renders both to STAC ``storage:schemes`` and to an ``icechunk.Storage``.

The writer and the reader share it, so what is published is what opens. A scheme never holds a secret: credentials
come from the usual AWS, Google and Azure chains, or from a callback handed over beside the scheme.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import urlsplit
from urllib.request import url2pathname

from simstac.errors import StorageError

if TYPE_CHECKING:
    import icechunk

AWS_PLATFORM = "https://{bucket}.s3.{region}.amazonaws.com"
R2_HOST = ".r2.cloudflarestorage.com"
GCS_PLATFORM = "https://storage.googleapis.com"
LOG_VARIABLE = "ICECHUNK_LOG"
AZURE_PLATFORM = "https://{account}.blob.core.windows.net"
GOOGLE_ENDPOINT_VARIABLE = "GOOGLE_BASE_URL"
AZURE_ENDPOINT_VARIABLE = "AZURE_STORAGE_ENDPOINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsS3:
    """A bucket of Amazon S3."""

    bucket: str
    region: str
    anonymous: bool = False
    requester_pays: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomS3:
    """A bucket of an S3-compatible service: Cloudflare R2, MinIO, SeaweedFS, Ceph and others."""

    bucket: str
    endpoint_url: str
    region: str = "us-east-1"
    anonymous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gcs:
    """A bucket of Google Cloud Storage."""

    bucket: str
    anonymous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Azure:
    """A container of Azure Blob Storage."""

    account: str
    container: str
    anonymous: bool = False


@dataclass(frozen=True, slots=True)
class Http:
    """A store read over plain HTTP(S); STAC has no storage scheme for it, and needs none."""


@dataclass(frozen=True, slots=True)
class LocalPath:
    """A folder on this machine; never published."""


type StorageScheme = AwsS3 | CustomS3 | Gcs | Azure | Http | LocalPath


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Keys:
    """Keys for one S3 account, for as long as they last; no representation shows them.

    Attributes:
        access_key_id: The key's name.
        secret_access_key: The secret.
        session_token: The token of temporary keys.
        expires_after: When temporary keys end, UTC.
    """

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)
    expires_after: datetime | None = None


type KeySource = Callable[[], S3Keys]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What writing returns, and all that the STAC side learns about storage.

    Attributes:
        href: The store's address: a path or an ``s3://``, ``gs://``, ``az://``, ``https://`` URL, no trailing slash.
        scheme: Where the bytes live.
        snapshot_id: The Icechunk snapshot that was written, or that already held the same data; empty for plain Zarr.
        tag: The Icechunk tag that names the snapshot, or its id where none does; empty for plain Zarr.
        written_at: When the snapshot was committed, UTC.
        fingerprint: SHA-256 over the sources, reader and options that the snapshot was made from.
        changed: Whether this call committed anything.
    """

    href: str
    scheme: StorageScheme
    snapshot_id: str
    tag: str
    written_at: datetime
    fingerprint: str
    changed: bool


def is_address(path: object) -> bool:
    """Whether something is an address, such as one in a bucket or on the web, and no path of this machine."""
    return isinstance(path, str) and "://" in path


def scheme_from_url(
    url: str, *, endpoint_url: str | None = None, region: str | None = None, anonymous: bool = False
) -> StorageScheme:
    """The scheme of a store's address.

    Args:
        url: A path, ``file:``, ``http(s):``, ``s3:``, ``gs:`` or ``az://account/container/…`` URL.
        endpoint_url: The S3 endpoint, where it is not Amazon's.
        region: The S3 region; ``us-east-1`` where none is given.
        anonymous: Whether the store is read without credentials.

    Raises:
        StorageError: If the URL's scheme is unknown or it names no bucket.
    """
    parts = urlsplit(url)
    match parts.scheme:
        case "s3" if parts.netloc and endpoint_url:
            return CustomS3(
                bucket=parts.netloc, endpoint_url=endpoint_url, region=region or "us-east-1", anonymous=anonymous
            )
        case "s3" if parts.netloc:
            return AwsS3(bucket=parts.netloc, region=region or "us-east-1", anonymous=anonymous)
        case "gs" if parts.netloc:
            return Gcs(bucket=parts.netloc, anonymous=anonymous)
        case "az" if parts.netloc and parts.path.strip("/"):
            container = parts.path.strip("/").split("/")[0]
            return Azure(account=parts.netloc, container=container, anonymous=anonymous)
        case "http" | "https":
            return Http()
        case "" | "file":
            return LocalPath()
        case _:
            raise StorageError(
                url, "is not an address of a store", "write a path, or s3://bucket/prefix, gs://, az:// or https://"
            )


def scheme_to_stac(scheme: StorageScheme) -> dict[str, Any] | None:
    """The scheme as one value of ``storage:schemes`` (storage extension 2.0.0), or None where STAC needs none."""
    match scheme:
        case AwsS3():
            return {
                "type": "aws-s3",
                "platform": AWS_PLATFORM,
                "bucket": scheme.bucket,
                "region": scheme.region,
                "requester_pays": scheme.requester_pays,
                "anonymous": scheme.anonymous,
                "title": f"Amazon S3 ({scheme.region})",
            }
        case CustomS3():
            return {
                "type": "custom-s3",
                "platform": scheme.endpoint_url,
                "bucket": scheme.bucket,
                "region": scheme.region,
                "requester_pays": False,
                "anonymous": scheme.anonymous,
                "title": f"S3-compatible storage at {urlsplit(scheme.endpoint_url).netloc}",
            }
        case Gcs():
            return {
                "type": "gcs",
                "platform": GCS_PLATFORM,
                "bucket": scheme.bucket,
                "requester_pays": False,
                "anonymous": scheme.anonymous,
                "title": "Google Cloud Storage",
            }
        case Azure():
            return {
                "type": "ms-azure",
                "platform": AZURE_PLATFORM,
                "account": scheme.account,
                "container": scheme.container,
                "requester_pays": False,
                "anonymous": scheme.anonymous,
                "title": "Azure Blob Storage",
            }
        case Http() | LocalPath():
            return None
        case _:
            assert_never(scheme)


def scheme_from_stac(entry: Mapping[str, Any]) -> StorageScheme:
    """The scheme that one value of ``storage:schemes`` describes.

    Raises:
        StorageError: If the type is unknown or a field that it needs is missing.
    """
    anonymous = bool(entry.get("anonymous", False))
    try:
        match entry.get("type"):
            case "aws-s3":
                requester_pays = bool(entry.get("requester_pays", False))
                region = entry.get("region", "us-east-1")
                return AwsS3(bucket=entry["bucket"], region=region, anonymous=anonymous, requester_pays=requester_pays)
            case "custom-s3":
                region = entry.get("region", "us-east-1")
                return CustomS3(
                    bucket=entry["bucket"], endpoint_url=entry["platform"], region=region, anonymous=anonymous
                )
            case "gcs":
                return Gcs(bucket=entry["bucket"], anonymous=anonymous)
            case "ms-azure":
                return Azure(account=entry["account"], container=entry["container"], anonymous=anonymous)
            case kind:
                raise StorageError(
                    "storage:schemes", f"type {kind!r} is not known", "use aws-s3, custom-s3, gcs or ms-azure"
                )
    except KeyError as error:
        problem = f"a scheme of type {entry.get('type')} lacks {error.args[0]!r}"
        raise StorageError("storage:schemes", problem, "ask the catalog's publisher to add it") from error


def quiet_logs() -> None:
    """Keep Icechunk's log off the terminal, unless the environment asks for it: its errors are raised too."""
    import icechunk  # noqa: PLC0415  # 0.9 s that listing and validating need not pay

    if LOG_VARIABLE not in os.environ:
        icechunk.set_logs_filter("off")


def icechunk_storage(
    href: str, scheme: StorageScheme, *, ambient: bool = True, credentials: KeySource | None = None
) -> icechunk.Storage:
    """The store at ``href`` as an ``icechunk.Storage``.

    Args:
        href: The store's address, as in `Stored`.
        scheme: Where the bytes live; one that is ``anonymous`` is opened without credentials, and so cannot be written.
        ambient: Whether credentials of the environment may be used; without them access is anonymous.
        credentials: A picklable callback that yields S3 keys, used instead of the environment's.
    """
    import icechunk  # noqa: PLC0415  # 0.9 s that listing and validating need not pay

    quiet_logs()
    match scheme:
        case LocalPath():
            return icechunk.local_filesystem_storage(str(local_path(href).absolute()))
        case Http():
            return icechunk.http_storage(href.rstrip("/"))
        case AwsS3() | CustomS3():
            return _s3_storage(href, scheme, ambient, credentials)
        case Gcs():
            anonymous = scheme.anonymous or not ambient
            return icechunk.gcs_storage(
                bucket=scheme.bucket,
                prefix=object_key(href),
                anonymous=anonymous,
                from_env=not anonymous,
                config=endpoint_settings(scheme),
            )
        case Azure():
            anonymous = scheme.anonymous or not ambient
            prefix = object_key(href).partition("/")[2]
            return icechunk.azure_storage(
                account=scheme.account,
                container=scheme.container,
                prefix=prefix,
                anonymous=anonymous,
                from_env=not anonymous,
                config=endpoint_settings(scheme),
            )
        case _:
            assert_never(scheme)


def endpoint_settings(scheme: Gcs | Azure) -> dict[str, str]:
    """What leads Icechunk and obstore to the endpoint that the environment names instead of Google's or Azure's.

    Such as a private link, a sovereign cloud or an emulator. Both read these variables themselves, but only where
    they look for credentials too.
    """
    variable = GOOGLE_ENDPOINT_VARIABLE if isinstance(scheme, Gcs) else AZURE_ENDPOINT_VARIABLE
    endpoint = os.environ.get(variable, "").rstrip("/")
    if not endpoint:
        return {}
    if isinstance(scheme, Gcs):
        return {"google_base_url": endpoint}
    return {"azure_storage_endpoint": endpoint, "azure_allow_http": str(endpoint.startswith("http://")).lower()}


def icechunk_store(href: str, scheme: StorageScheme) -> Any:
    """The Zarr store at the tip of ``main`` of an Icechunk repository, to read."""
    import icechunk  # noqa: PLC0415  # as above

    return icechunk.Repository.open(icechunk_storage(href, scheme)).readonly_session("main").store


def local_path(href: str) -> Path:
    """The folder that a path or a ``file:`` URL names."""
    parts = urlsplit(href)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else Path(href)


def object_key(href: str) -> str:
    """The key or prefix in an ``s3://bucket/key`` URL, without slashes at its ends."""
    return href.partition("://")[2].partition("/")[2].strip("/")


def _s3_storage(href: str, scheme: AwsS3 | CustomS3, ambient: bool, credentials: KeySource | None) -> icechunk.Storage:
    import icechunk  # noqa: PLC0415  # as above

    anonymous = scheme.anonymous or not (ambient or credentials)
    keys = None if anonymous or credentials is None else IcechunkKeys(credentials)
    endpoint_url = scheme.endpoint_url if isinstance(scheme, CustomS3) else None
    return icechunk.s3_storage(
        bucket=scheme.bucket,
        prefix=object_key(href),
        region=scheme.region,
        endpoint_url=endpoint_url,
        allow_http=endpoint_url is not None and endpoint_url.startswith("http://"),
        force_path_style=endpoint_url is not None,
        anonymous=anonymous,
        from_env=not anonymous and keys is None,
        get_credentials=keys,
        requester_pays=isinstance(scheme, AwsS3) and scheme.requester_pays,
    )


@dataclass(frozen=True, slots=True)
class IcechunkKeys:
    """A key source as Icechunk calls one; picklable, so that worker processes renew keys themselves."""

    source: KeySource

    def __call__(self) -> icechunk.S3StaticCredentials:
        """The keys as they are now."""
        import icechunk  # noqa: PLC0415  # as above

        keys = self.source()
        return icechunk.S3StaticCredentials(
            access_key_id=keys.access_key_id,
            secret_access_key=keys.secret_access_key,
            session_token=keys.session_token,
            expires_after=keys.expires_after,
        )
