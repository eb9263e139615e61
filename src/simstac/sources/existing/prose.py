"""What strangers wrote about their data, as plain CommonMark: HTML becomes Markdown, and no tag is left."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

_BREAKS = frozenset({"p", "div", "ul", "ol", "br", "h1", "h2", "h3", "h4", "h5", "h6", "table", "tr"})
_SILENT = frozenset({"script", "style", "iframe"})
_LINK = re.compile(r"\[([^\]]+)\]\((https?://[^)\s]+)\)")
_TAG = re.compile(r"</?[A-Za-z][^>]*>")
_MARKUP = "#`|<!*-> "
_CREATIVE_COMMONS = re.compile(r"\bCC[ -](BY(?:-(?:NC|SA|ND))*)[ -](\d\.\d)\b", re.IGNORECASE)
_ZERO = re.compile(r"\bCC0(?:[ -]1\.0)?\b", re.IGNORECASE)
_SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*-\d+(?:\.\d+)*")


def prose(text: str) -> str:
    """A description that begins with prose, as CommonMark."""
    if _TAG.search(text):
        reader = _Markdown()
        reader.feed(text)
        reader.close()
        text = "".join(reader.parts)
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    joined = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    return joined.lstrip(_MARKUP) if joined.startswith(tuple(_MARKUP)) else joined


def linked(text: str) -> tuple[str, str | None]:
    """The words and the address of a text such as ``[Example](https://example.org)``; None where it is no link."""
    found = _LINK.search(text)
    return (found[1].strip(), found[2]) if found else (" ".join(text.split()), None)


def licence(text: str) -> str | None:
    """The SPDX identifier of a licence that is named in a few words; None where it is not sure."""
    words, _ = linked(text)
    if found := _CREATIVE_COMMONS.search(words):
        return f"CC-{found[1].upper()}-{found[2]}"
    if _ZERO.search(words):
        return "CC0-1.0"
    return words if _SPDX.fullmatch(words) else None


class _Markdown(HTMLParser):
    """Paragraphs, lists and links of HTML; what is between other tags stays as words."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._href = ""
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        if tag in _BREAKS:
            self.parts.append("\n\n")
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag == "a":
            href = (dict(attrs).get("href") or "").strip()
            self._href = href if urlsplit(href).scheme in {"http", "https"} and not set(" ()<>") & set(href) else ""
            self.parts.append("[" if self._href else "")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT and self._silent > 0
        if tag in _BREAKS:
            self.parts.append("\n\n")
        elif tag == "a" and self._href:
            self.parts.append(f"]({self._href})")
            self._href = ""

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(" ".join(data.split(" ")).replace("\n", " ").replace("<", "&lt;"))
