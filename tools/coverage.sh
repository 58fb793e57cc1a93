#!/bin/sh
# SPDX-License-Identifier: MIT
# coverage.sh - `make coverage`: builds with counters, runs the tests of the machine, and prints what they reached of
# src/machine, by file.  Fails when something is unreached that tools/coverage/machine.txt does not name with a reason.
# The build folder build-coverage is kept.
cd "$(dirname "$0")/.." || exit 1
sh tools/setup.sh build || exit 1
command -v gcov >/dev/null || { echo "skip: coverage: no gcov (it comes with gcc)"; exit 0; }
dir=build-coverage
# Nothing is put into its callers and nothing optimised, so that branches are those of the text, each counted once.
[ -f $dir/build.ninja ] || meson setup $dir -Db_coverage=true -Dbuildtype=plain -Doptimization=0 -Dc_args=-Dalways_inline=noinline \
    >/dev/null || exit 1
find $dir -name '*.gcda' -exec rm -f {} +
meson test -C $dir --print-errorlogs --timeout-multiplier 6 --suite machine --suite probe >$dir/coverage.log 2>&1 ||
    { cat $dir/coverage.log; echo "coverage: a test failed"; exit 1; }
exec python3 tools/coverage.py $dir machine tools/coverage/machine.txt
