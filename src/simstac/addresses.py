"""Addresses as documents hold them: which characters an href may hold, and URLs of the web in percent-encoding."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

_IN_A_PATH = "/:@!$&'()*+,;=~"
_ASCII_IN_AN_HREF = frozenset(f"{_IN_A_PATH}-._ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_LONE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def not_in_an_href(address: str) -> str:
    """The first character of a bucket's address that no href may hold as it is; empty where there is none.

    Keys are written into hrefs as they are, for that is how AWS, Icechunk and xpystac read them. An href is an IRI
    reference (RFC 3987): letters of any alphabet are part of one, a space is not, and whether ``%``, ``?`` and ``#``
    stand for themselves is something on which readers differ.
    """
    return next((each for each in address if not _is_in_an_href(each)), "")


def web_address(url: str) -> str:
    """A URL of the web with what its path and query cannot hold percent-encoded; what is encoded already stays."""
    parts = urlsplit(url)
    return parts._replace(path=_encoded(parts.path), query=_encoded(parts.query)).geturl()


def _encoded(part: str) -> str:
    return quote(_LONE_PERCENT.sub("%25", part), safe=f"{_IN_A_PATH}?%")


def _is_in_an_href(character: str) -> bool:
    return character in _ASCII_IN_AN_HREF if character.isascii() else character.isprintable()
