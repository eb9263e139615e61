"""Mount tables, and command lines of s3fs, as they are found in the world."""

from pathlib import Path

import pytest

from simstac.sources.mounts.table import Bucket, mount_at, mounts, planned, read_command

TABLE = r"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
42 22 0:39 / /mnt/data\040one rw,nosuid - fuse.s3fs s3fs rw,user_id=0
44 22 0:39 /runs /srv/bound rw - fuse.s3fs s3fs rw,user_id=0
45 22 0:50 / /mnt/data\040one/nested rw - tmpfs tmpfs rw
"""


def test_longest_mount_point_wins():
    rows = mounts(TABLE)
    assert mount_at(Path("/mnt/data one/x"), rows).device == 39
    assert mount_at(Path("/mnt/data one/nested/x"), rows).kind == "tmpfs"
    assert mount_at(Path("/srv/bound/x"), rows).root == "/runs"
    assert mount_at(Path("/srv/boundary"), rows).kind == "ext4"
    assert mounts("") == ()


@pytest.mark.parametrize(
    ("command", "bucket"),
    [
        ("s3fs b /mnt", Bucket("b")),
        ("s3fs b:/p/q /mnt -o rw", Bucket("b", "p/q")),
        ("s3fs b /p/q /mnt", Bucket("b", "p/q")),
        ("s3fs /mnt -o bucket=b:/p", Bucket("b", "p")),
        ("s3fs -f -o allow_other,bucket=b,url=http://h:1/ /mnt", Bucket("b", "", "http://h:1")),
        (
            "s3fs b /mnt -ourl=https://r2.example -oendpoint=auto",
            Bucket("b", "", "https://r2.example", "auto"),
        ),
        ("s3fs b /mnt -o url=https://s3.eu-west-2.amazonaws.com", Bucket("b", region="eu-west-2")),
        ("s3fs b /mnt -o url=https://s3-eu-west-2.amazonaws.com,endpoint=eu-west-2", Bucket("b", region="eu-west-2")),
        ("s3fs b /mnt -o url=https://s3.amazonaws.com", Bucket("b")),
        ("s3fs --version", None),
        ("s3fs -u b", None),
    ],
)
def test_command_lines(command, bucket):
    assert read_command(command.split())[0] == bucket


def test_mounts_that_fstab_plans():
    text = "# comment\ns3fs#b /mnt/x fuse _netdev,url=http://h 0 0\nc:/p /mnt/y\\040z fuse.s3fs rw 0 0\n"
    assert planned(Path("/mnt/x/a"), text) == (Path("/mnt/x"), Bucket("b", "", "http://h"))
    assert planned(Path("/mnt/y z/a"), text) == (Path("/mnt/y z"), Bucket("c", "p"))
    assert planned(Path("/mnt/z"), text) is None
