"""Probing a bucket: credentials, region, writing under conditions, headers, Range, CORS, and reading as a stranger."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import md5
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from simstac.addresses import not_in_an_href
from simstac.errors import StorageError
from simstac.publishing.s3.target import S3Target
from simstac.publishing.web import ORIGIN, fetch
from simstac.s3.answers import reason_of
from simstac.s3.credentials import credentials_of, session_of
from simstac.storage import object_key

CORS_RULE = {
    "AllowedMethods": ["GET", "HEAD"],
    "AllowedOrigins": ["*"],
    "AllowedHeaders": ["*"],
    "ExposeHeaders": ["ETag", "Content-Range", "Content-Length"],
    "MaxAgeSeconds": 3600,
}
_BODY = b'{"probe": true}'
_TYPE = "application/geo+json"

type Row = tuple[str, bool, str, str]


def diagnose_bucket(target: S3Target, public_url: str | None, *, fix_cors: bool = False) -> Iterator[Row]:
    """Try everything that publishing to a bucket, and reading from it, needs.

    Args:
        target: The bucket and prefix.
        public_url: Where strangers will read it; the bucket's own address where none is given.
        fix_cors: Whether a CORS rule for browsers is set if there is none.

    Yields:
        What was tried, whether it is right, what was found, and what mends it.
    """
    probe = _open(target)
    if isinstance(probe, StorageError):
        yield "credentials", False, f"{probe.where} {probe.problem}", probe.remedy
        return
    yield "credentials", True, f"found ({probe.method})", ""
    yield (row := _attempt("bucket", probe.bucket_region, "s3:ListBucket"))
    if not row[1]:
        return
    yield (row := _attempt("put", probe.put, "s3:PutObject"))
    if not row[1]:
        return
    try:
        yield _attempt("list", probe.listed, "s3:ListBucket")
        yield probe.refuses("If-None-Match", IfNoneMatch="*")
        yield probe.refuses("If-Match", IfMatch='"00000000000000000000000000000000"')
        yield _attempt("headers", probe.headers, "s3:GetObject")
        yield _attempt("checksum", probe.checksum, "s3:GetObject")
        yield _attempt("range", probe.part, "s3:GetObject")
        yield from probe.stranger(public_url, fix_cors=fix_cors)
        yield from probe.address()
    finally:
        row = _attempt("delete", probe.delete, "s3:DeleteObject")
    yield row


class _WrongError(Exception):
    """A probe found something wrong: the detail and the remedy."""


@dataclass(frozen=True)
class _Probe:
    """One object of a bucket, to try things with."""

    target: S3Target
    client: Any
    method: str
    bucket: str
    key: str

    def bucket_region(self) -> str:
        """Reach the bucket, in the region that is configured."""
        answer = self.client.head_bucket(Bucket=self.bucket)
        actual = answer.get("BucketRegion") or answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        used = self.client.meta.region_name
        if actual and actual != used and not self.target.endpoint_url:
            raise _WrongError(f"is in {actual}, not in {used}", f"set region: {actual}")
        return f"{self.bucket} is there, region {actual or used}"

    def put(self) -> str:
        self.client.put_object(Bucket=self.bucket, Key=self.key, Body=_BODY, ContentType=_TYPE, CacheControl="no-cache")
        return "an object can be put"

    def listed(self) -> str:
        page = self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.key)
        if [each["Key"] for each in page.get("Contents", [])] != [self.key]:
            raise _WrongError("the listing does not show what was put", "wait and try again, or change the service")
        return "the listing shows it"

    def refuses(self, name: str, **condition: str) -> Row:
        """A write whose condition does not hold must be refused, or publishers would overwrite each other."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            self.client.put_object(Bucket=self.bucket, Key=self.key, Body=_BODY, **condition)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == HTTPStatus.PRECONDITION_FAILED:
                return name, True, "a write whose condition does not hold is refused", ""
            problem, remedy = reason_of(error.response["Error"]["Code"])
            return name, False, problem, remedy
        remedy = "let only one publisher write here at a time, or use a service with conditional writes"
        return name, False, "is ignored", remedy

    def headers(self) -> str:
        self.put()
        found = self.client.head_object(Bucket=self.bucket, Key=self.key)
        shown = (found.get("ContentType"), found.get("CacheControl"))
        if shown != (_TYPE, "no-cache"):
            raise _WrongError(f"Content-Type and Cache-Control come back as {shown}", "check the service's settings")
        return "Content-Type and Cache-Control are kept"

    def checksum(self) -> str:
        etag = self.client.head_object(Bucket=self.bucket, Key=self.key)["ETag"].strip('"')
        if etag != md5(_BODY, usedforsecurity=False).hexdigest():
            return "the ETag is no MD5 (encrypted by a key of its own?): the published tables are read each time"
        return "the ETag is the MD5 of the bytes"

    def part(self) -> str:
        answer = self.client.get_object(Bucket=self.bucket, Key=self.key, Range="bytes=0-0")
        if answer["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.PARTIAL_CONTENT or answer["Body"].read() != b"{":
            raise _WrongError("is ignored", "stores cannot be read in parts: use a service that honours Range")
        return "a part of an object can be read"

    def delete(self) -> str:
        self.client.delete_object(Bucket=self.bucket, Key=self.key)
        if self.client.list_objects_v2(Bucket=self.bucket, Prefix=self.key).get("Contents"):
            raise _WrongError("what was put is still there", f"delete s3://{self.bucket}/{self.key}")
        return "what was put is gone again"

    def stranger(self, public_url: str | None, *, fix_cors: bool) -> Iterator[Row]:
        """Read the object without credentials, from a browser's origin."""
        prefix = object_key(self.target.url)
        below = self.key.removeprefix(f"{prefix}/") if prefix else self.key
        own = f"{self.client.meta.endpoint_url}/{self.bucket}/{quote(prefix)}".rstrip("/")
        address = f"{(public_url or own).rstrip('/')}/{below}"
        answer = fetch(address)
        if not answer.ok or answer.content != _BODY:
            wrong = answer.problem if not answer.ok else "answers something else than was put"
            remedy = f"let everybody read it, for example with this bucket policy: {self._policy(prefix)}"
            if public_url and answer.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
                remedy = "set catalog.public_url to the address at which this folder of the bucket is read"
            yield "anonymous read", False, f"{address} {wrong}", remedy
            yield self._cors(fix=fix_cors)
            return
        yield "anonymous read", True, f"{address} can be read", ""
        if answer.headers.get("access-control-allow-origin") in {"*", ORIGIN}:
            yield "CORS", True, "a browser may read it from another site", ""
            return
        yield self._cors(fix=fix_cors, address=address)

    def address(self) -> Iterator[Row]:
        """Whether documents can name the bucket as a route of its own."""
        if foreign := not_in_an_href(self.target.url):
            detail = f"{self.target.url} holds {foreign!r}, which no href may hold: documents name no s3:// route there"
            yield "address", True, detail, "choose another prefix if readers are to come by s3://"

    def _cors(self, *, fix: bool, address: str = "") -> Row:
        """The bucket's own rule, where a request could not show it or ``address`` answered without its header."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            rules = self._cors_rules()
        except ClientError:
            return self._no_cors("allow s3:GetBucketCORS and s3:PutBucketCORS and run simstac doctor --fix-cors")
        if any("*" in rule["AllowedOrigins"] and "GET" in rule["AllowedMethods"] for rule in rules):
            remedy = "let what lies between, such as a cache, pass on Origin and that header, and empty it"
            detail = f"the bucket has a rule for browsers, but {address} answers without its header"
            return (
                ("CORS", False, detail, remedy) if address else ("CORS", True, "the bucket has a rule for browsers", "")
            )
        if fix:
            configuration = {"CORSRules": [*rules, CORS_RULE]}
            return _attempt("CORS", lambda: self._set_cors(configuration), "s3:PutBucketCORS")
        return self._no_cors("run simstac doctor --fix-cors")

    def _cors_rules(self) -> list[dict[str, Any]]:
        """The rules of the bucket; a refusal to tell them is raised, since setting one replaces them all."""
        from botocore.exceptions import ClientError  # noqa: PLC0415

        try:
            return list(self.client.get_bucket_cors(Bucket=self.bucket)["CORSRules"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchCORSConfiguration":
                raise
            return []

    def _no_cors(self, remedy: str) -> Row:
        problem = "no browser may read it from another site"
        return "CORS", False, problem, f"{remedy}, or set this rule: {json.dumps(CORS_RULE)}"

    def _set_cors(self, configuration: dict[str, Any]) -> str:
        self.client.put_bucket_cors(Bucket=self.bucket, CORSConfiguration=configuration)
        return "a rule for browsers was set"

    def _policy(self, prefix: str) -> str:
        resource = f"arn:aws:s3:::{self.bucket}/{prefix + '/' if prefix else ''}*"
        statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": resource}
        return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _open(target: S3Target) -> _Probe | StorageError:
    from botocore.config import Config  # noqa: PLC0415

    try:
        session = session_of(target.profile)
        found = credentials_of(session)
    except StorageError as error:
        return error
    config = Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if target.endpoint_url else "auto"},
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=10,
    )
    region = target.region or session.region_name or "us-east-1"
    client = session.client("s3", endpoint_url=target.endpoint_url, region_name=region, config=config)
    prefix = object_key(target.url)
    key = f"{prefix}/" if prefix else ""
    bucket = target.url.removeprefix("s3://").partition("/")[0]
    return _Probe(target, client, found.method, bucket, f"{key}.simstac-doctor/{uuid.uuid4().hex}.json")


def _attempt(name: str, action: Callable[[], str], permission: str) -> Row:
    """Try something; a refusal names the permission that it needs."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

    try:
        return name, True, action(), ""
    except _WrongError as error:
        detail, remedy = error.args
        return name, False, detail, remedy
    except ClientError as error:
        code = error.response["Error"]["Code"]
        problem, remedy = reason_of(code)
        return name, False, f"{problem} ({code})", f"allow {permission}" if "denied" in problem else remedy
    except BotoCoreError as error:
        return name, False, f"failed ({type(error).__name__})", "check endpoint_url and the network"
