"""The keys of a bucket reach no document, log, message, plan, commit or error of any command."""

import os
import subprocess
import sys

import pytest
from tests.publishing.conftest import git, git_place

TARGETS = """\
targets:
  - {{type: s3, url: "s3://{bucket}/stac", endpoint_url: "{endpoint}"}}
  - {{type: git, clone: "{clone}", prefix: stac, push: true}}
"""


@pytest.fixture
def published(s3, study_folder, tmp_path):
    """A study read from one bucket, stored in it, and published to another and to a clone with a remote."""
    runs, public, client = s3.make_bucket("runs"), s3.make_bucket("public", public=True), s3.client()
    for path in (path for path in (study_folder / "runs").rglob("*") if path.is_file()):
        client.upload_file(str(path), runs, path.relative_to(study_folder).as_posix())
    clone = git_place(tmp_path / "git", push=True).target.clone
    config = study_folder / "buildings.yaml"
    source = f'path: "s3://{runs}/runs/*", endpoint_url: "{s3.endpoint_url}"'
    text = (
        config.read_text()
        .replace('path: "runs/*"', source)
        .replace("runs/params.csv", f'"s3://{runs}/runs/params.csv"')
    )
    text = text.replace("  title: Building", f"  public_url: {s3.endpoint_url}/{public}/stac\n  title: Building")
    config.write_text(text + TARGETS.format(bucket=public, endpoint=s3.endpoint_url, clone=clone))
    return config, public, clone


def said_by(*arguments, environment=None):
    """All that a command says when it is asked to say as much as it can."""
    command = [sys.executable, "-m", "simstac", "-vv", *map(str, arguments)]
    identity = {f"GIT_{who}_{what}": "ada@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = os.environ | identity | (environment or {})
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, done.stdout + done.stderr


def stored_in(server, bucket):
    """The bytes of every object of a bucket."""
    client = server.client()
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [each["Key"] for page in pages for each in page["Contents"]]
    return b"".join(client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys)


def test_no_key_is_told_or_written(s3, published, tmp_path):
    config, public, clone = published
    address = f"{s3.endpoint_url}/{public}/stac/catalog.json"
    commands = {
        ("build", config): 0,
        ("publish", config, "--dry-run"): 0,
        ("publish", config, "--check", "--json"): 1,
        ("publish", config): 0,
        ("verify", address): 0,
        ("validate", address): 0,
        ("open", address): 0,
        ("status", config): 0,
        ("expire", config, "--keep", "1"): 0,
        ("remove", config, "nothing"): 2,
    }
    told = {command: said_by(*command) for command in commands}
    assert {command: code for command, (code, _) in told.items()} == commands, told
    refused = {
        "wrong": {"AWS_SECRET_ACCESS_KEY": "mistyped-secret"},
        "reader": {"AWS_ACCESS_KEY_ID": s3.reader_access_key, "AWS_SECRET_ACCESS_KEY": s3.reader_secret_key},
    }
    (config.parent / "site" / "office-study" / "i5" / "i5.json").write_text("{}")
    for who, keys in refused.items():
        told[who] = said_by("publish", config, environment=keys)
        assert told[who][0] == 1
        assert "error: " in told[who][1]
    told["doctor"] = said_by("doctor", config)
    text = "".join(said for _, said in told.values()) + git(
        clone, "log", "--all", "--patch", "--binary", "--format=full"
    )
    assert "Publish office-study" in git(clone, "log", "--format=%B")
    site = b"".join(path.read_bytes() for path in config.parent.rglob("*") if path.is_file())
    shown = text.encode() + site + stored_in(s3, public)
    secrets = (s3.access_key, s3.secret_key, s3.reader_access_key, s3.reader_secret_key, "mistyped-secret")
    assert not [secret for secret in secrets if secret.encode() in shown]
