#!/bin/sh
# SPDX-License-Identifier: MIT
# need.sh [GROUP...] - stops with one clear sentence when something the build needs is missing.  Called by the
# Makefile before the first configuration; installs nothing.  Groups are those of packages.sh; default: build.
cd "$(dirname "$0")/.." || exit 1
. tools/packages.sh

missing=$(missing_packages "${@:-build}" | tr '\n' ' ')
[ -z "$missing" ] && exit 0
echo "pagewalk: missing Debian packages: ${missing% }.  Run \`make setup\` to install them, then try again." >&2
exit 1
