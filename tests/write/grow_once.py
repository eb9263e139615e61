"""A process that brings a store to what a folder holds, for tests that kill it: ``grow_once.py FOLDER STORE SLABS``.

It is killed after that many slabs were written; never where the number is negative.
"""

import os
import signal
import sys
from pathlib import Path

from gridded import found
from simstac.storage import LocalPath
from simstac.write import write_files


def main(folder: str, store: str, slabs: str) -> None:
    def listen(event) -> None:
        if event.stage == "write slabs" and event.done == int(slabs):
            os.kill(os.getpid(), signal.SIGKILL)

    write_files(found(Path(folder)), store, LocalPath(), chunks={"time": 2}, on_progress=listen)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
