"""Entries of the Registry of Open Data on AWS: from a folder, a file, a URL and an API, with and without a token."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.existing_stores import GitHub, entry

from simstac.errors import SourceError
from simstac.sources.existing.registry import BucketPlace, Entry, parse_entry, read_registry

FILES = {
    "dynamical-gfs.yaml": yaml.safe_dump(entry("GFS forecast", "gfs-bucket")),
    "dynamical-gefs.yaml": yaml.safe_dump(entry("GEFS", "gefs-bucket", Tags=["ensemble"])),
    "other.yaml": yaml.safe_dump(entry("Buildings", "buildings-bucket")),
    "README.md": "# no entry",
}


def read(at: str, base: Path, **options: Any) -> tuple[Entry, ...]:
    with ThreadPoolExecutor(4) as pool:
        return read_registry(at, base=base, pool=pool, **{"environment": {}, **options})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "datasets").mkdir()
    for name, text in FILES.items():
        (tmp_path / "datasets" / name).write_text(text)
    return tmp_path


def test_a_folder_a_file_a_url_and_an_api_give_the_same_entries(folder: Path) -> None:
    expected = read("datasets", folder, name="dynamical-*")
    assert [each.name for each in expected] == ["GEFS", "GFS forecast"]
    assert expected[0].places == (BucketPlace(address="s3://gefs-bucket", region="us-east-1"),)
    with GitHub(FILES) as github:
        assert read(github.url, folder, name="dynamical-*") == expected
        assert len(github.seen) == 3
    assert read("datasets/dynamical-gefs.yaml", folder) == expected[:1]


def test_an_entry_is_chosen_by_a_word_of_its_name_description_or_tags(folder: Path) -> None:
    assert [each.name for each in read("datasets", folder, keyword="ENSEMBLE")] == ["GEFS"]
    assert [each.name for each in read("datasets", folder, keyword="gfs")] == ["GFS forecast"]
    with pytest.raises(SourceError, match="no entry with a bucket among 3 files of name '\\*' and keyword 'moon'"):
        read("datasets", folder, keyword="moon")


def test_the_token_goes_to_the_api_alone(folder: Path) -> None:
    with GitHub(FILES) as github:
        read(github.url, folder, name="other", environment={"GITHUB_TOKEN": "secret"})
        assert github.seen == [
            ("/contents/datasets", "Bearer secret"),
            ("/contents/datasets/other.yaml", "Bearer secret"),
        ]
        github.seen.clear()
        read(f"{github.url}/other.yaml", folder, environment={"GITHUB_TOKEN": "secret"})
        assert github.seen == [("/contents/datasets/other.yaml", None)]


def test_what_an_entry_says_becomes_words_and_places() -> None:
    resources = [
        {"ARN": "arn:aws:s3:::open/data/", "Region": "eu-west-1", "Type": "S3 Bucket"},
        {"ARN": "arn:aws:s3:::paid", "Region": "us-west-2", "Type": "S3 Bucket", "RequesterPays": True},
        {"ARN": "arn:aws:s3:::account", "Region": "us-west-2", "Type": "S3 Bucket", "AccountRequired": "True"},
        {"ARN": "arn:aws:sns:us-west-2:1:news", "Region": "us-west-2", "Type": "SNS Topic"},
        "nonsense",
    ]
    said = parse_entry(yaml.safe_dump(entry("Weather", "x", Resources=resources)), "weather.yaml")
    assert said.places == (
        BucketPlace(address="s3://open/data", region="eu-west-1"),
        BucketPlace(address="s3://paid", region="us-west-2", anonymous=False, requester_pays=True),
        BucketPlace(address="s3://account", region="us-west-2", anonymous=False),
    )
    assert said.description == "Weather, by [Example](https://example.org).\n\n- often"
    assert (said.license, said.manager) == ("CC-BY-4.0", ("Example", "https://example.org"))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not YAML"),
        ("- a", "has no Name"),
        ("Description: no name", "has no Name"),
        ("Name: [unclosed", "is not YAML"),
    ],
)
def test_a_file_that_is_no_entry_is_named(text: str, problem: str) -> None:
    with pytest.raises(SourceError, match=problem) as caught:
        parse_entry(text, "datasets/bad.yaml")
    assert caught.value.where == "datasets/bad.yaml"


def test_a_registry_that_cannot_be_read_says_so(folder: Path) -> None:
    with GitHub(FILES) as github:
        github.fails.add("/contents/datasets")
        with pytest.raises(SourceError, match="answers 403; set GITHUB_TOKEN"):
            read(github.url, folder)
        github.fails.clear()
        github.is_odd = True
        with pytest.raises(SourceError, match="does not answer as the GitHub API does"):
            read(github.url, folder)
    with pytest.raises(SourceError, match="cannot be reached"):
        read(github.url, folder)
    with pytest.raises(SourceError, match="does not exist"):
        read("nowhere", folder)
    with pytest.raises(SourceError, match="is no address of a registry"):
        read("s3://bucket/registry", folder)


def test_a_listing_that_leads_elsewhere_is_refused(folder: Path) -> None:
    with GitHub(FILES) as github:
        for elsewhere in ("file:///etc/passwd", "https://example.org/x.yaml", "/etc/passwd"):
            github.url_of_files = elsewhere
            with pytest.raises(SourceError, match="leads to another server"):
                read(github.url, folder, environment={"GITHUB_TOKEN": "secret"})


def test_a_listing_that_may_be_cut_off_is_refused(folder: Path) -> None:
    with GitHub({f"{number}.yaml": "" for number in range(1000)}) as github, pytest.raises(SourceError, match="1,000"):
        read(github.url, folder)
