"""Words of strangers as CommonMark without tags, and licences that are sure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simstac.sources.existing.prose import licence, linked, prose


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Plain words.", "Plain words."),
        ("# A heading", "A heading"),
        ("<p>One.</p><p>Two <b>bold</b>.</p>", "One.\n\nTwo bold."),
        ('<a href="https://e.org">E</a><br>x', "[E](https://e.org)\n\nx"),
        ('<a href="javascript:alert(1)">E</a>', "E"),
        ("before<script>alert(1)</script>after", "beforeafter"),
        ("a < b and c > d", "a < b and c > d"),
        ("<p>1 &lt; 2</p>", "1 &lt; 2"),
        ("", ""),
    ],
)
def test_html_becomes_markdown(said: str, expected: str) -> None:
    assert prose(said) == expected


@given(st.text(alphabet="<>/apbscript \n=\"'&;#[]()x1", max_size=60))
def test_no_tag_is_left(said: str) -> None:
    assert "<script" not in prose(f"<p>{said}</p>").lower()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/)", "CC-BY-4.0"),
        ("CC-BY-NC-SA-4.0", "CC-BY-NC-SA-4.0"),
        ("cc by-sa 3.0", "CC-BY-SA-3.0"),
        ("CC0", "CC0-1.0"),
        ("Apache-2.0", "Apache-2.0"),
        ("Ask the author, see page-2 of 3", None),
        ("There are no restrictions on the use of this data.", None),
        ("", None),
    ],
)
def test_licences_that_are_sure(said: str, expected: str | None) -> None:
    assert licence(said) == expected


def test_links_in_words() -> None:
    assert linked("[Example  Org](https://example.org)") == ("Example  Org", "https://example.org")
    assert linked("Just  words") == ("Just words", None)
