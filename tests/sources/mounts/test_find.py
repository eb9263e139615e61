"""Real s3fs mounts: whose bucket a path is in, and mounts that do not work."""

import signal

import pytest

from simstac.errors import SourceError
from simstac.sources.mounts import canonical, find, refuse_lost_mounts
from simstac.storage import AwsS3, CustomS3

pytestmark = pytest.mark.requires("s3fs")


def test_paths_by_spaces_prefixes_links_and_bind_mounts(mounts, bucket, tmp_path, s3):
    whole = mounts.mount(bucket, tmp_path / "mnt one")
    part = mounts.mount(f"{bucket}:/runs", tmp_path / "part")
    bound = mounts.bind(whole / "runs", tmp_path / "bound")
    (tmp_path / "link").symlink_to(whole / "runs")
    scheme = CustomS3(bucket=bucket, endpoint_url=s3.endpoint_url)
    for path in (whole / "runs/a b.txt", part / "a b.txt", bound / "a b.txt", tmp_path / "link" / "a b.txt"):
        assert path.read_bytes() == b"hello"
        origin = canonical(path)
        assert (origin.href, origin.scheme) == (f"s3://{bucket}/runs/a b.txt", scheme)
    assert canonical(part).href == f"s3://{bucket}/runs"
    assert canonical(part / "not/there").href == f"s3://{bucket}/runs/not/there"
    assert canonical(tmp_path / "elsewhere") is None
    refuse_lost_mounts([str(whole / "runs" / "*.txt"), part, bound, tmp_path])


def test_region_of_the_command(mounts, bucket, tmp_path):
    point = tmp_path / "mnt"
    mounts.mount(bucket, point, "-o", "ro,endpoint=eu-west-1")
    assert canonical(point / "y.txt").scheme.region == "eu-west-1"


def test_explicit_map_wins_over_what_is_detected(mounts, bucket, tmp_path):
    point = mounts.mount(bucket, tmp_path / "mnt")
    origin = canonical(point / "y.txt", {str(point): "s3://canon/archive/"}, region="eu-west-2")
    assert (origin.href, origin.scheme) == ("s3://canon/archive/y.txt", AwsS3(bucket="canon", region="eu-west-2"))


def test_killed_daemon_is_a_lost_mount(mounts, bucket, tmp_path):
    point = mounts.mount(bucket, tmp_path / "mnt one")
    mounts.kill(point)
    with pytest.raises(SourceError, match=r"is lost: .*not connected") as caught:
        refuse_lost_mounts([point / "runs" / "*.txt"], {str(point): f"s3://{bucket}/p"})
    assert caught.value.remedy.startswith(f"run: umount -l '{point}' && s3fs {bucket}:/p '{point}'")
    with pytest.raises(SourceError, match="no running s3fs says of which bucket"):
        canonical(point / "y.txt")


def test_stopped_daemon_does_not_answer(mounts, bucket, tmp_path, monkeypatch):
    point = mounts.mount(bucket, tmp_path / "mnt")
    monkeypatch.setattr(find, "ANSWER_SECONDS", 1.0)
    mounts.kill(point, signal.SIGSTOP)
    try:
        with pytest.raises(SourceError, match="does not answer within 1 s"):
            refuse_lost_mounts([point])
    finally:
        mounts.kill(point, signal.SIGCONT)


def test_unmounted_folder_is_known_by_the_map(mounts, bucket, tmp_path):
    point = mounts.mount(bucket, tmp_path / "mnt")
    told = {str(point): f"s3://{bucket}"}
    refuse_lost_mounts([point], told)
    mounts.unmount(point)
    with pytest.raises(SourceError, match="is not mounted: it is a folder of this machine") as caught:
        refuse_lost_mounts([point / "*.txt"], told)
    assert caught.value.remedy.startswith(f"run: s3fs {bucket} {point}")
