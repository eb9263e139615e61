#!/usr/bin/env bash
# Resolve simstac with all its extras in a fresh environment and write the exact versions to constraints.txt.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/make_venv.sh "$work/venv"
"$work/venv/bin/python" -m pip --disable-pip-version-check install -qq '.[test,lint,docs]'
{
  echo "# Exact versions of everything that make installs; written by make constraints."
  "$work/venv/bin/python" -m pip freeze --exclude simstac
} >"$work/constraints.txt"
cp "$work/constraints.txt" constraints.txt
