"""What an S3 server's error codes mean, in words; its answer may echo a key, so only the code is passed on."""

from __future__ import annotations

import re

_CODE = re.compile(r"<Code>(\w+)</Code>")
_STATUS = re.compile(r"status code: (\d{3})")
_KEYS = "check the keys, the profile and the endpoint"
_REGION = "set region to the bucket's own (simstac doctor names it)"
_AGAIN = "log in again, then run it again: what is published already is not sent twice"
_BUSY = "run it again later: what is published already is not sent twice"
_REASONS = {
    "NoSuchBucket": ("there is no such bucket", "create it, or correct the url"),
    "AccessDenied": ("access is denied", "allow this user to get, list, put and delete there (see simstac doctor)"),
    "AllAccessDisabled": ("the bucket is closed", "ask its owner"),
    "InvalidAccessKeyId": ("the access key is not known", _KEYS),
    "SignatureDoesNotMatch": ("the secret key is wrong", _KEYS),
    "ExpiredToken": ("the credentials have expired", _AGAIN),
    "ExpiredTokenException": ("the credentials have expired", _AGAIN),
    "InvalidToken": ("the session token is not valid", _AGAIN),
    "RequestTimeTooSkewed": ("this machine's clock is wrong", "set the clock"),
    "PermanentRedirect": ("the bucket is in another region", _REGION),
    "AuthorizationHeaderMalformed": ("the bucket is in another region", _REGION),
    "QuotaExceeded": ("the quota is used up", "free some space, then run it again"),
    "XMinioStorageFull": ("the disk is full", "free some space, then run it again"),
    "SlowDown": ("the server asks to slow down", _BUSY),
    "ServiceUnavailable": ("the server is not available", _BUSY),
    "InternalError": ("the server has failed", _BUSY),
}
TRUST_REMEDY = "name the certificate of its authority in SSL_CERT_FILE"
_STATUSES = {"401": "AccessDenied", "403": "AccessDenied", "500": "InternalError", "503": "ServiceUnavailable"}


def code_of(error: Exception) -> str:
    """The S3 error code in an obstore error; empty where no server answered."""
    text = str(error)
    code, status = _CODE.search(text), _STATUS.search(text)
    if code:
        return code[1]
    return _STATUSES.get(status[1], f"HTTP{status[1]}") if status else ""


def is_untrusted(error: Exception) -> bool:
    """Whether the certificate of a server is of nobody that this machine trusts."""
    return "InvalidCertificate" in str(error)


def why_refused(error: Exception, endpoint: str) -> tuple[str, str]:
    """Why a server, or the way to it, failed an obstore request, and what to do about it.

    Args:
        error: What obstore raised.
        endpoint: The service's endpoint; empty for Amazon's.
    """
    code = code_of(error)
    if not code and is_untrusted(error):
        return f"the certificate of {endpoint or 'Amazon S3'} is not trusted", TRUST_REMEDY
    if not code:
        return f"{endpoint or 'Amazon S3'} cannot be reached", "check endpoint_url and the network, then run it again"
    problem, remedy = reason_of(code)
    return f"{problem} ({code})", remedy


def reason_of(code: str) -> tuple[str, str]:
    """What an S3 error code means, and what to do about it."""
    alias = {"403": "AccessDenied", "404": "NoSuchBucket", "301": "PermanentRedirect"}.get(code, code)
    return _REASONS.get(alias, ("the server refuses", "see simstac doctor"))
