#!/bin/sh
# SPDX-License-Identifier: MIT
# setup.sh [GROUP...] - installs what the named groups of packages.sh lack, and nothing else, with apt-get, through
# sudo when not root.  Says nothing when all is there.  Called by `make setup`, `make demo` and `make test`.
cd "$(dirname "$0")/.." || exit 1
. tools/packages.sh

[ $# -gt 0 ] || set -- build
missing=$(missing_packages "$@" | tr '\n' ' ')
missing=${missing% }
[ -z "$missing" ] && exit 0

fail() {
    echo "pagewalk: $1" >&2
    exit 1
}

command -v apt-get >/dev/null 2>&1 ||
    fail "these are missing and there is no apt-get here to install them: $missing (Debian names)."
as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || fail "please install as root: apt-get install $missing"
    as_root=sudo
fi

log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
echo "pagewalk: installing $missing"
$as_root apt-get update >"$log" 2>&1 || true # an old index may still do; the next line decides
if ! $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >>"$log" 2>&1; then
    tail -5 "$log" >&2
    fail "apt-get could not install $missing (is the network up?)."
fi
missing=$(missing_packages "$@" | tr '\n' ' ')
[ -z "$missing" ] || fail "apt-get said it succeeded, but still missing: ${missing% }."
