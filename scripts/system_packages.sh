#!/usr/bin/env bash
# Install the system packages of the named programs where we may (root, or sudo without a question); name them where not.
set -euo pipefail

package_of() {
  case $1 in
    npm) echo nodejs npm ;;
    *) echo "$1" ;;
  esac
}

is_there() {
  case $1 in
    chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
    *) command -v "$1" ;;
  esac >/dev/null
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo -n "$@" 2>/dev/null; fi
}

install() {
  command -v apt-get >/dev/null && as_root true || return 1
  echo "Installing $* …"
  as_root apt-get -qq update || return 1
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@" >/dev/null
}

missing=""
for program in "$@"; do is_there "$program" || missing+=" $program"; done
[[ $missing ]] || exit 0

packages=""
for program in $missing; do packages+=" $(package_of "$program")"; done
# shellcheck disable=SC2086  # words are names
install $packages && exit 0

for program in $missing; do
  echo "$program is missing, and the tests that need it are skipped: sudo apt-get install $(package_of "$program")" >&2
done
