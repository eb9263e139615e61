"""What the parts of a configuration share: the strict base model, and addresses that hold no secret."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

_FOREIGN = re.compile(r"[^A-Za-z0-9._~!$&'()*+,;=:@/-]")


class Model(BaseModel):
    """A part of a configuration: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _without_secret(url: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("holds a user name or password: leave it out, credentials come from the usual AWS chain")
    return url


def _web_address(url: str) -> str:
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
        raise ValueError("is not an http(s) address")
    return _without_secret(url).rstrip("/")


def bucket_address(url: str) -> str:
    """An ``s3://bucket/prefix`` address without a slash at its end.

    Raises:
        ValueError: If it is none, or holds a secret or a character that no address may hold as it is.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError("is not of the form s3://bucket/prefix")
    if foreign := _FOREIGN.search(_without_secret(url)):
        raise ValueError(f"holds {foreign[0]!r}, which no address may hold as it is: choose another prefix")
    return url.rstrip("/")


type WebUrl = Annotated[str, AfterValidator(_web_address)]
type BucketUrl = Annotated[str, AfterValidator(bucket_address)]
