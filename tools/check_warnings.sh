#!/bin/sh
# SPDX-License-Identifier: MIT
# check_warnings.sh BUILD - the whole tree compiles with gcc and with clang, -Wall -Wextra -Wpedantic, without one
# warning.  Each compiler has a build folder of its own, BUILD-warn-COMPILER, kept so that only what changed is
# compiled again; warnings are errors there, so a warning stays visible until it is gone.  Called by test.sh.
build=${1:-build}
cd "$(dirname "$0")/.." || exit 1
status=0

for cc in gcc clang; do
    dir=$build-warn-$cc
    if ! command -v $cc >/dev/null 2>&1; then
        echo "warnings: skipped for $cc: not installed"
        continue
    fi
    [ -f "$dir/build.ninja" ] ||
        CC=$cc meson setup "$dir" -Dwerror=true -Dwarning_level=3 >"$dir.log" 2>&1 ||
        { cat "$dir.log"; echo "warnings: $cc: the tree does not configure"; status=1; continue; }
    if ninja -C "$dir" -k 0 >"$dir.log" 2>&1; then
        echo "warnings: none from $cc"
        rm -f "$dir.log"
    else
        grep -E 'warning:|error:|FAILED|undefined' "$dir.log" | head -40
        echo "warnings: $cc is not content (all of it: $dir.log)"
        status=1
    fi
done
exit $status
