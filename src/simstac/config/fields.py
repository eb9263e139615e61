"""What the parts of a configuration share: the strict base model, and addresses that hold no secret."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from simstac.addresses import not_in_an_href, web_address
from simstac.storage import R2_HOST


class Model(BaseModel):
    """A part of a configuration: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _without_secret(url: str) -> str:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ValueError("holds a user name or password: leave it out, credentials come from the usual AWS chain")
    return url


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("is not an http(s) address")
    if "?" in url or "#" in url:
        raise ValueError("holds '?' or '#', below which nothing can lie: write the address of a folder")
    return web_address(_without_secret(url)).rstrip("/")


def bucket_address(url: str) -> str:
    """An ``s3://bucket/prefix`` address without a slash at its end, for documents to hold.

    Raises:
        ValueError: If it is none, or holds a secret or a character that no href may hold as it is.
    """
    address = _bucket_prefix(url)
    if foreign := not_in_an_href(address):
        raise ValueError(f"holds {foreign!r}, which no href may hold as it is: choose another prefix")
    return address


def refuse_anonymous_r2(endpoint_url: str | None, *, anonymous: bool) -> None:
    """Refuse to promise readers what Cloudflare R2 does not give.

    Raises:
        ValueError: If readers without keys would be sent to its S3 endpoint.
    """
    if anonymous and endpoint_url and endpoint_url.endswith(R2_HOST):
        raise ValueError(
            "anonymous: Cloudflare R2 lets nobody read by S3 without keys: leave it out, and set catalog.public_url"
        )


def _bucket_prefix(url: str) -> str:
    """An ``s3://bucket/prefix`` address without a slash at its end, whatever characters its prefix has."""
    bucket, _, prefix = url.removeprefix("s3://").rstrip("/").partition("/")
    if not url.startswith("s3://") or not bucket or not_in_an_href(bucket):
        raise ValueError("is not of the form s3://bucket/prefix")
    _without_secret(url)
    parts = prefix.split("/") if prefix else []
    if any(part in {"", ".", ".."} for part in parts):
        raise ValueError("has a part that is empty, '.' or '..': write it without")
    if any(ord(each) < ord(" ") for each in prefix):
        raise ValueError("holds a control character: choose another prefix")
    return f"s3://{bucket}/{prefix}" if prefix else f"s3://{bucket}"


def _folder_of_a_clone(path: str) -> str:
    """A folder in a Git clone, with no slash at its ends."""
    parts = [part for part in path.split("/") if part]
    if any(part in {".", ".."} or part.casefold() == ".git" for part in parts):
        raise ValueError("is not a folder in the clone: write it without '.', '..' and '.git'")
    if any(ord(each) < ord(" ") for each in path):
        raise ValueError("holds a control character: choose another folder")
    return "/".join(parts)


def _from_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path} begins with a user whom this machine does not know") from error


type HomePath = Annotated[Path, AfterValidator(_from_home)]
type PathOrUrl = Annotated[str, AfterValidator(os.path.expanduser)]
"""A path, from the user's home where it begins with ``~``, or an address."""
type WebUrl = Annotated[str, AfterValidator(_web_address)]
type BucketUrl = Annotated[str, AfterValidator(bucket_address)]
type BucketPrefix = Annotated[str, AfterValidator(_bucket_prefix)]
type ClonePrefix = Annotated[str, AfterValidator(_folder_of_a_clone)]
