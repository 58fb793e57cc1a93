#!/bin/sh
# SPDX-License-Identifier: MIT
# san.sh - `make san`: everything built with AddressSanitizer and UndefinedBehaviorSanitizer, but for the capture tool,
# which brings its own memory manager; and every test run that does not need the capture tool.
# Ends with "N passed, N failed".  The build folder build-san is kept.
cd "$(dirname "$0")/.." || exit 1
sh tools/setup.sh build san || exit 1
dir=build-san
[ -f $dir/build.ninja ] || meson setup $dir -Db_sanitize=address,undefined -Db_lundef=false || exit 1
meson compile -C $dir || { echo "0 passed, 1 failed"; exit 1; }

ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
    meson test -C $dir --no-rebuild --print-errorlogs --timeout-multiplier 6 --no-suite e2e --no-suite differential
status=$?
counts=$(awk -f tools/testlog.awk $dir/meson-logs/testlog.json)
echo "${counts% *} passed, ${counts#* } failed"
exit $status
