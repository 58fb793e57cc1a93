#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh BUILD - `make test`: builds, runs every test of the meson build, then the checks of the tree's structure.
# The last line of standard output is "N passed, N failed", and the exit status says the same.  How tests are counted:
# testlog.awk.  A skipped test is printed with its reason.
build=${1:-build}
cd "$(dirname "$0")/.." || exit 1
sh tools/setup.sh build test || echo "test: going on without what could not be installed"

passed=0
failed=0
say_and_leave() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit $?
}

[ -f "$build/build.ninja" ] || meson setup "$build" || { failed=1; say_and_leave; }
meson compile -C "$build" || { failed=1; echo "test: the build failed"; say_and_leave; }

rm -f "$build/meson-logs/testlog.json"
meson test -C "$build" --print-errorlogs --no-rebuild
meson_status=$?

[ -f "$build/meson-logs/testlog.json" ] || : >"$build/meson-logs/testlog.json"
counts=$(awk -f tools/testlog.awk "$build/meson-logs/testlog.json")
passed=${counts% *}
failed=${counts#* }
[ $meson_status -eq 0 ] || [ "$failed" -gt 0 ] || failed=1

check() {
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
check sh tools/check_layers.sh
check sh tools/check_nm.sh "$build"
check sh tools/check_warnings.sh "$build"
check python3 tools/check_rules.py
say_and_leave
