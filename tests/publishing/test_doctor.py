"""The doctor on real targets: each line is ok or says what to do, and nothing is left behind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simstac.publishing import GitTarget, LocalTarget, S3Target
from simstac.publishing.doctor import Check, diagnose
from simstac.publishing.s3.doctor import CORS_RULE

from .conftest import git, git_place
from .proxy import Fault, proxied


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    return {check.name: check for check in checks}


@pytest.fixture
def target(s3: Any) -> S3Target:
    return S3Target(f"s3://{s3.make_bucket(public=True)}/some/prefix", endpoint_url=s3.endpoint_url)


def test_a_good_bucket(target: S3Target, s3: Any) -> None:
    bucket = target.url.split("/")[2]
    public_url = f"{s3.endpoint_url}/{bucket}/some/prefix"
    checks = diagnose(target, public_url=public_url)
    assert [check.name for check in checks] == [
        "credentials",
        "bucket",
        "put",
        "list",
        "If-None-Match",
        "If-Match",
        "headers",
        "checksum",
        "range",
        "anonymous read",
        "CORS",
        "delete",
    ]
    assert [str(check) for check in checks if not check.ok] == []
    assert "Contents" not in s3.client().list_objects_v2(Bucket=bucket)
    assert all(s3.secret_key not in str(check) for check in checks)


def test_a_closed_bucket_is_given_a_cors_rule(s3: Any) -> None:
    bucket = s3.make_bucket()
    target = S3Target(f"s3://{bucket}", endpoint_url=s3.endpoint_url)
    checks = by_name(diagnose(target))
    assert not checks["anonymous read"].ok
    assert '"Action": "s3:GetObject"' in checks["anonymous read"].remedy
    assert not checks["CORS"].ok
    assert "--fix-cors" in checks["CORS"].remedy
    assert by_name(diagnose(target, fix_cors=True))["CORS"].detail == "a rule for browsers was set"
    assert by_name(diagnose(target))["CORS"].ok
    assert "Contents" not in s3.client().list_objects_v2(Bucket=bucket)


def test_rules_that_cannot_be_read_are_not_replaced(s3: Any) -> None:
    bucket, client = s3.make_bucket(), s3.client()
    rule = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://lab.example.org"], "AllowedHeaders": ["*"]}
    client.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    with proxied(s3.endpoint_url) as proxy:
        proxy.fault = lambda method, path, _n: Fault.DENY if method == "GET" and "cors" in path else None
        check = by_name(diagnose(S3Target(f"s3://{bucket}", endpoint_url=proxy.url), fix_cors=True))["CORS"]
    assert (check.ok, check.detail) == (False, "no browser may read it from another site")
    assert check.remedy.startswith("allow s3:GetBucketCORS and s3:PutBucketCORS and run simstac doctor --fix-cors, or")
    (kept,) = client.get_bucket_cors(Bucket=bucket)["CORSRules"]
    assert kept["AllowedMethods"] == ["PUT"]
    diagnose(S3Target(f"s3://{bucket}", endpoint_url=s3.endpoint_url), fix_cors=True)
    assert [each["AllowedMethods"] for each in client.get_bucket_cors(Bucket=bucket)["CORSRules"]] == [
        ["PUT"],
        ["GET", "HEAD"],
    ]


def test_a_rule_whose_header_is_lost_on_the_way_is_no_rule(target: S3Target, s3: Any) -> None:
    bucket = target.url.split("/")[2]
    s3.client().put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [CORS_RULE]})
    with proxied(s3.endpoint_url) as proxy:
        proxy.hidden = frozenset({"access-control-allow-origin"})
        address = f"{proxy.url}/{bucket}/some/prefix"
        check = by_name(diagnose(target, public_url=address))["CORS"]
    assert not check.ok
    assert check.detail.startswith(f"the bucket has a rule for browsers, but {address}/.simstac-doctor/")
    assert check.detail.endswith(".json answers without its header")


def test_a_public_address_that_leads_elsewhere_is_told(target: S3Target, s3: Any) -> None:
    bucket = target.url.split("/")[2]
    check = by_name(diagnose(target, public_url=f"{s3.endpoint_url}/{bucket}/another"))["anonymous read"]
    assert check.detail.endswith(".json answers 404")
    assert check.remedy == "set catalog.public_url to the address at which this folder of the bucket is read"


def test_a_service_that_ignores_conditions(target: S3Target, s3: Any) -> None:
    """A proxy that answers 200 where the server refuses makes SeaweedFS look like such a service."""
    with proxied(s3.endpoint_url) as proxy:
        proxy.disguise = {412: 200, 206: 200}
        checks = by_name(diagnose(replace(target, endpoint_url=proxy.url)))
    assert (checks["If-Match"].ok, checks["If-Match"].detail) == (False, "is ignored")
    assert (checks["If-None-Match"].ok, checks["range"].ok) == (False, False)


def test_refusals(target: S3Target, s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = by_name(diagnose(replace(target, url="s3://not-there-at-all/x")))
    assert (missing["bucket"].ok, missing["bucket"].remedy) == (False, "create it, or correct the url")
    away = by_name(diagnose(replace(target, endpoint_url="http://127.0.0.1:9")))
    assert away["bucket"].remedy == "check endpoint_url and the network"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.reader_access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.reader_secret_key)
    assert by_name(diagnose(target))["put"].remedy == "allow s3:PutObject"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert [check.name for check in diagnose(target)] == ["credentials"]


def test_a_folder(tmp_path: Path) -> None:
    assert all(check.ok for check in diagnose(LocalTarget(tmp_path / "new" / "www")))
    assert not (tmp_path / "new").exists()
    (tmp_path / "file").touch()
    assert not diagnose(LocalTarget(tmp_path / "file" / "www"))[0].ok


def test_a_clone_without_commits_is_not_said_to_be_pushed(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "bare.git")
    git(tmp_path, "clone", "-q", "bare.git", "clone")
    details = [check.detail for check in diagnose(GitTarget(tmp_path / "clone", push=True))]
    assert details == [f"{tmp_path / 'clone'} is clean, at no commit yet", "cannot be tried before there is a commit"]


def test_a_clone(tmp_path: Path) -> None:
    place = git_place(tmp_path / "git", push=True)
    assert all(check.ok for check in diagnose(place.target))
    (tmp_path / "git" / "origin.git").rename(tmp_path / "git" / "moved.git")
    checks = diagnose(place.target)
    assert (checks[0].name, checks[0].ok) == ("clone", False)
    (place.target.clone / "notes.txt").write_text("mine")
    check = diagnose(replace(place.target, push=False))[0]
    assert check.detail.endswith("the clone has changes of yours (notes.txt)")
    assert diagnose(GitTarget(tmp_path))[0].remedy == "clone the repository to this path first"
    assert git(place.target.clone, "status", "--porcelain") == "?? notes.txt"
