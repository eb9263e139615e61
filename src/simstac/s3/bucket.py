"""A prefix of a bucket as an obstore store, opened with keys of the AWS chain that are renewed while it is used."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from simstac.s3.credentials import ProfileKeys
from simstac.storage import KeySource, object_key

if TYPE_CHECKING:
    from obstore.store import S3Credential, S3Store

ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
RETRY: Any = {"max_retries": 6, "retry_timeout": timedelta(seconds=90)}
TIMEOUTS: Any = {"timeout": timedelta(minutes=5), "connect_timeout": timedelta(seconds=10)}


def open_prefix(
    url: str,
    *,
    endpoint_url: str | None = None,
    region: str | None = None,
    profile: str | None = None,
    anonymous: bool = False,
    keys: KeySource | None = None,
) -> S3Store:
    """A prefix of a bucket; nothing is requested yet.

    Args:
        url: ``s3://bucket/prefix``.
        endpoint_url: The service's endpoint, where it is not Amazon's; else that of the environment or the profile.
        region: The bucket's region; the profile's or ``us-east-1`` where none is given.
        profile: The profile of the AWS configuration whose credentials are used.
        anonymous: Whether requests are not signed.
        keys: Yields the keys, instead of the profile.

    Raises:
        StorageError: If the chain has no keys.
    """
    from obstore.store import S3Store  # noqa: PLC0415  # the native module loads where S3 is used

    bucket = url.removeprefix("s3://").partition("/")[0]
    said = ProfileKeys(profile)
    config: dict[str, Any] = {"region": region or said.region or "us-east-1"}
    keys = keys or said
    if anonymous:
        config["skip_signature"] = True
    else:
        keys()
        config["credential_provider"] = obstore_keys(keys)
    endpoint = endpoint_of(endpoint_url) or said.endpoint_url or ""
    if endpoint:
        config["endpoint"] = endpoint
    return S3Store(
        bucket,
        prefix=object_key(url) or None,
        virtual_hosted_style_request=not endpoint and "." not in bucket,
        client_options=TIMEOUTS | {"allow_http": endpoint.startswith("http://")},
        retry_config=RETRY,
        **config,
    )


def endpoint_of(named: str | None) -> str:
    """The endpoint named, or that of the environment, as icechunk and boto3 take it; empty for Amazon's."""
    return next((url for url in (named, *(os.environ.get(name) for name in ENDPOINT_VARIABLES)) if url), "")


def obstore_keys(keys: KeySource) -> Callable[[], S3Credential]:
    """A source of keys as obstore calls one, again whenever they are about to end."""

    def provide() -> S3Credential:
        found = keys()
        return {
            "access_key_id": found.access_key_id,
            "secret_access_key": found.secret_access_key,
            "token": found.session_token,
            "expires_at": found.expires_after,
        }

    return provide
