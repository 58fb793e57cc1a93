#!/bin/sh
# SPDX-License-Identifier: MIT
# exhaustive.sh - `make exhaustive`: every case of tests/exhaustive and of its room for nested paging, in a build made for it: -O3,
# across files, and ordered by a first run of the sample.  About a minute each on one core.  The build folder build-opt is kept.
cd "$(dirname "$0")/.." || exit 1
sh tools/setup.sh build || exit 1
dir=build-opt
targets='tests/exhaustive/exhaustive tests/exhaustive/nested/nested-exhaustive'
[ -f $dir/build.ninja ] || meson setup $dir --buildtype=release -Db_lto=true >/dev/null || exit 1
find $dir -name '*.gcda' -exec rm -f {} +
for step in generate use; do
    { meson configure $dir -Db_pgo=$step && ninja -C $dir $targets; } >$dir/exhaustive.log 2>&1 ||
        { tail -20 $dir/exhaustive.log; echo "exhaustive: the build failed"; exit 1; }
    for target in $targets; do
        [ $step = use ] || $dir/$target --every 2048 >/dev/null || exit 1
    done
done
status=0
for target in $targets; do
    $dir/$target --full || status=1
done
exit $status
