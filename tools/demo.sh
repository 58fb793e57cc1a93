#!/bin/sh
# SPDX-License-Identifier: MIT
# demo.sh BUILD - `make demo`: builds, then runs the main job on a real program.  What to run is bench/demo/demo.sh
# BUILD when there is one; else sort(1) on shuffled lines, which every Debian has.
build=${1:-build}
cd "$(dirname "$0")/.." || exit 1
make --no-print-directory B="$build" || exit 1
if [ -f bench/demo/demo.sh ]; then
    exec sh bench/demo/demo.sh "$build"
fi

input=$build/demo-lines.txt
[ -f "$input" ] || awk 'BEGIN { srand(1); for (i = 0; i < 200000; i++) printf "%09d %d\n", rand() * 1e9, i }' >"$input"
echo "\$ pagewalk run -- sort --parallel=1 $input"
exec "$build/pagewalk" run -o "$build/demo.pagewalk" -- sort --parallel=1 -o "$build/demo-sorted.txt" "$input"
