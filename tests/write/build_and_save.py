"""A build that saves after every batch and is killed when it reads a run: ``build_and_save.py BASE JOBS RUN``."""

import os
import signal
import sys
from pathlib import Path

from test_parallel import CHUNKS, study

from simstac.storage import LocalPath
from simstac.write import Parallel, build, write_study


def main(base: str, jobs: str, run: str) -> None:
    build.SAVE_SECONDS = 0.0

    def listen(event) -> None:
        if event.detail == run:
            os.kill(os.getpid(), signal.SIGKILL)

    write_study(
        study(Path(base)),
        f"{base}/store",
        LocalPath(),
        chunks=CHUNKS,
        parallel=Parallel(int(jobs)),
        on_progress=listen,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
