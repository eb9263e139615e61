#!/usr/bin/env bash
# Make a virtual environment with the first Python on the PATH that simstac runs on (3.12 or newer).
set -euo pipefail

venv=${1:?usage: make_venv.sh FOLDER}

for candidate in python3.12 python3.13 python3.14 python3 python; do
  if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
    echo "Making $venv with $("$candidate" --version) ($candidate) …"
    if "$candidate" -m venv --clear "$venv"; then exit 0; fi
    echo "$candidate cannot make virtual environments; on Debian and Ubuntu: apt-get install $candidate-venv" >&2
    exit 1
  fi
done

echo "simstac needs Python 3.12 or newer, and none of python3.12, python3.13, python3.14, python3, python on the" >&2
echo "PATH is one; install it (https://www.python.org/downloads/, or: pyenv install 3.12) and run make again" >&2
exit 1
