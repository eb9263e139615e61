"""Which characters an href may hold, and URLs of the web in percent-encoding."""

import pytest

from simstac.addresses import not_in_an_href, web_address


@pytest.mark.parametrize(
    ("address", "first"),
    [
        ("s3://bucket/a-b_c.d~e/f+g&h=i,j;k@l!m$n'o(p)q*r:s", ""),
        ("s3://bucket/größe/東京/😀", ""),
        ("s3://bucket/my study", " "),
        ("s3://bucket/50%", "%"),
        ("s3://bucket/50%25", "%"),
        ("s3://bucket/what?", "?"),
        ("s3://bucket/a#b", "#"),
        ("s3://bucket/[x]", "["),
        ("s3://bucket/a\u00a0b", "\u00a0"),
        ("s3://bucket/a\u202eb", "\u202e"),
    ],
)
def test_the_first_character_that_no_href_may_hold(address, first):
    assert not_in_an_href(address) == first


@pytest.mark.parametrize(
    ("url", "encoded"),
    [
        ("https://host:8333/a/b.json", "https://host:8333/a/b.json"),
        ("https://host/my study/größe", "https://host/my%20study/gr%C3%B6%C3%9Fe"),
        ("https://host/my%20study/50%25", "https://host/my%20study/50%25"),
        ("https://host/50%/😀", "https://host/50%25/%F0%9F%98%80"),
        ("https://host/a?q=ü", "https://host/a?q=%C3%BC"),
    ],
)
def test_a_url_is_encoded_once(url, encoded):
    assert web_address(url) == web_address(encoded) == encoded
