#!/bin/sh
# SPDX-License-Identifier: MIT
# san.sh - `make san`: everything but the capture tool (which brings its own memory manager) built with
# AddressSanitizer and UndefinedBehaviorSanitizer, and every test that does not need the capture tool run on it.
# Ends with "N passed, N failed".  The build folder build-san is kept.
cd "$(dirname "$0")/.." || exit 1
sh tools/setup.sh build san || exit 1
dir=build-san
[ -f $dir/build.ninja ] || meson setup $dir -Db_sanitize=address,undefined -Db_lundef=false -Dcapture=false || exit 1
meson compile -C $dir || { echo "0 passed, 1 failed"; exit 1; }

ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    meson test -C $dir --no-rebuild --print-errorlogs --timeout-multiplier 6
status=$?
counts=$(awk -f tools/testlog.awk $dir/meson-logs/testlog.json)
echo "${counts% *} passed, ${counts#* } failed"
exit $status
