"""What all tests rest on: skips that count, a closed network, an S3 server that refuses strangers."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

SAMPLE = """
import pytest

def test_missing_module():
    pytest.importorskip("a_module_that_is_nowhere")

@pytest.mark.requires("git")
def test_missing_program():
    pass

@pytest.mark.xfail(strict=True)
def test_expected_failure():
    assert False
"""


@pytest.mark.parametrize(("options", "closing"), [([], "2 skipped, 1 xfailed"), (["--require-all"], "1 failed")])
def test_a_skip_is_a_failure_where_all_is_required(options: list[str], closing: str, tmp_path: Path) -> None:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_sample.py").write_text(SAMPLE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, "test_sample.py"]
    environment = {**os.environ, "PATH": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # seconds, and none of them is needed
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert closing in result.stdout.splitlines()[-1]
    assert "1 xfailed" in result.stdout.splitlines()[-1]
    assert ("git is not installed: apt-get install git" in result.stdout) or options == []
    assert result.returncode == (1 if options else 0)


def test_sockets_stay_on_this_machine() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"tried to reach example\.org"):
        urlopen("http://example.org/")
    with pytest.raises(pytest.fail.Exception, match=r"tried to reach 192\.0\.2\.1"):
        socket.create_connection(("192.0.2.1", 80))
    assert not {name for name in os.environ if name.startswith("AWS_") and ("KEY" in name or "PROFILE" in name)}


def test_seaweedfs_obeys_keys_policies_and_preconditions(s3: Any) -> None:
    private, public, client = (
        s3.make_bucket(),
        s3.make_bucket(public=True),
        boto3.client("s3", endpoint_url=s3.endpoint_url),
    )
    for bucket in (private, public):
        client.put_object(Bucket=bucket, Key="ä b", Body=b"1")
    stranger = boto3.client("s3", endpoint_url=s3.endpoint_url, config=Config(signature_version=UNSIGNED))
    assert stranger.get_object(Bucket=public, Key="ä b")["Body"].read() == b"1"
    keys = {"aws_access_key_id": s3.reader_access_key, "aws_secret_access_key": s3.reader_secret_key}
    reader = boto3.client("s3", endpoint_url=s3.endpoint_url, **keys)
    assert reader.get_object(Bucket=private, Key="ä b")["Body"].read() == b"1"
    refused = [
        ("AccessDenied", stranger.get_object, {"Bucket": private, "Key": "ä b"}),
        ("AccessDenied", stranger.put_object, {"Bucket": public, "Key": "new", "Body": b""}),
        ("AccessDenied", reader.put_object, {"Bucket": private, "Key": "new", "Body": b""}),
        ("PreconditionFailed", client.put_object, {"Bucket": private, "Key": "ä b", "Body": b"2", "IfNoneMatch": "*"}),
    ]
    for code, call, arguments in refused:
        with pytest.raises(ClientError) as error:
            call(**arguments)
        assert error.value.response["Error"]["Code"] == code
