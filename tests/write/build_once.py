"""A process that writes a study, for tests that kill it: ``build_once.py BASE STORE SECONDS_TO_LIVE``."""

import os
import signal
import sys
import threading
from pathlib import Path

from runs import json_source

from simstac.storage import LocalPath
from simstac.studies import Parameters, Study, find_runs
from simstac.write import write_study


def main(base: str, store: str, seconds: str) -> None:
    found = Study(find_runs("runs/*", base=Path(base)), Parameters(), json_source())
    if float(seconds) >= 0:
        threading.Timer(float(seconds), os.kill, (os.getpid(), signal.SIGKILL)).start()
    write_study(found, store, LocalPath(), chunks={"run": 2})
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
