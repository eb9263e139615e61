"""What of a catalog may be believed: names that are safe to address, and endpoints that may see credentials.

A catalog is untrusted input. Credentials of the environment go to Amazon, Google and Azure themselves and to the
endpoints that the user named, never to one that only a document names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import assert_never
from urllib.parse import urlsplit

from simstac.errors import StorageError
from simstac.storage import AwsS3, Azure, CustomS3, Gcs, Http, LocalPath, StorageScheme

TRUST_VARIABLE = "SIMSTAC_TRUST"
ENDPOINT_VARIABLES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_REGION = re.compile(r"[a-z0-9-]{1,32}")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")


def trusted_endpoints(trust: str | Iterable[str] = (), environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """The origins that the user named: by ``trust``, ``SIMSTAC_TRUST`` or the AWS endpoint variables.

    Args:
        trust: One endpoint URL or several.
        environment: The environment variables; ``SIMSTAC_TRUST`` separates several endpoints by spaces or commas.

    Raises:
        StorageError: If an endpoint is not an ``http(s)://`` URL.
    """
    named = [trust] if isinstance(trust, str) else list(trust)
    named += re.split(r"[\s,]+", environment.get(TRUST_VARIABLE, ""))
    named += [environment.get(variable, "") for variable in ENDPOINT_VARIABLES]
    return frozenset(origin(endpoint) for endpoint in named if endpoint)


def ambient_allowed(scheme: StorageScheme, trusted: frozenset[str]) -> bool:
    """Whether credentials of the environment may go where the scheme points.

    Raises:
        StorageError: If a name in the scheme could lead a request away from the service that it claims.
    """
    match scheme:
        case AwsS3():
            _require(_BUCKET, scheme.bucket, "bucket")
            _require(_REGION, scheme.region, "region")
            return True
        case CustomS3():
            _require(_BUCKET, scheme.bucket, "bucket")
            return origin(scheme.endpoint_url) in trusted
        case Gcs():
            _require(_BUCKET, scheme.bucket, "bucket")
            return True
        case Azure():
            _require(_ACCOUNT, scheme.account, "account")
            _require(_BUCKET, scheme.container, "container")
            return True
        case Http() | LocalPath():
            return False
        case _:
            assert_never(scheme)


def origin(url: str) -> str:
    """The scheme, host and port of an ``http(s)://`` URL, in lower case, the default port left out.

    Raises:
        StorageError: If it is not such a URL, or holds a user name or password.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        raise StorageError(url, "is not the address of an endpoint", "write https://host or http://host:port")
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{parts.scheme}://{parts.hostname}{port}"


def _require(pattern: re.Pattern[str], name: str, kind: str) -> None:
    if not pattern.fullmatch(str(name)):
        raise StorageError("storage:schemes", f"{name!r} is not the name of a {kind}", "the catalog's publisher errs")
