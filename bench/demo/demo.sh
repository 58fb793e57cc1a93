#!/bin/sh
# SPDX-License-Identifier: MIT
# demo.sh BUILD - what `make demo` shows: a program that copies its memory by reading it.
BUILD=${1:-build}
HERE=$(cd "$(dirname "$0")" && pwd)
python=/usr/bin/python3
[ -x $python ] || python=$(command -v python3) || { echo "demo: python3 is not installed" >&2; exit 1; }
cat <<'TEXT'
A Python program builds 400,000 strings, forks a child that merely keeps a snapshot of them, and from then on only reads.
But reading an object in CPython raises its reference count, which is a write: see below how many pages were copied (copy-on-write),
and by which functions.

TEXT
echo "\$ pagewalk run -- python3 bench/demo/snapshot.py"
# The same hashes in every run, so that the numbers are.
export PYTHONHASHSEED=0
exec "$BUILD/pagewalk" run -o "$BUILD/demo.pagewalk" -- "$python" "$HERE/snapshot.py"
