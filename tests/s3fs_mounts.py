"""Real mounts of the tests' S3 server by s3fs-fuse, which end with the test that made them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Mounts:
    """What a test has mounted."""

    server: object
    passwd: Path
    points: list[Path] = field(default_factory=list)

    def mount(self, what: str, point: Path, *options: str) -> Path:
        point.mkdir(exist_ok=True)
        command = [
            "s3fs",
            what,
            str(point),
            "-o",
            f"passwd_file={self.passwd}",
            "-o",
            f"url={self.server.endpoint_url}",
        ]
        self.points.append(point)
        subprocess.run([*command, "-o", "use_path_request_style", *options], check=True, timeout=30)
        assert os.path.ismount(point)
        return point

    def bind(self, folder: Path, point: Path) -> Path:
        point.mkdir(exist_ok=True)
        subprocess.run(["mount", "--bind", str(folder), str(point)], check=True, timeout=30)
        self.points.append(point)
        return point

    def daemon(self, point: Path) -> int:
        """The process that serves a mount point."""
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:
                continue
            if words[0].endswith("s3fs") and str(point) in words:
                return int(process.name)
        raise AssertionError(f"no s3fs serves {point}")

    def kill(self, point: Path, number: signal.Signals = signal.SIGKILL) -> None:
        os.kill(self.daemon(point), number)

    def unmount(self, point: Path) -> None:
        subprocess.run(["umount", "-l", str(point)], check=False, capture_output=True, timeout=30)


@contextmanager
def mounted(server: object, folder: Path) -> Iterator[Mounts]:
    passwd = folder / "passwd-s3fs"
    passwd.touch(mode=0o600)
    passwd.write_text(f"{server.access_key}:{server.secret_key}")
    mounts = Mounts(server, passwd)
    try:
        yield mounts
    finally:
        for point in reversed(mounts.points):
            mounts.unmount(point)
        rows = Path("/proc/self/mountinfo").read_text()
        assert not [point for point in mounts.points if str(point).replace(" ", "\\040") + " " in rows]
