#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD - random cases of nested paging: AMD's on QEMU and on Bochs, Intel's on Bochs, each played on the model too
# (docs/differential.md).  Part of `make test-differential`.  SEED (1) chooses other cases; NESTED_CASES (200000) how many on each
# way.  The emulators run two at a time.  Ends with "N passed, N failed"; an emulator that is not there is one `skip:` line.
set -u
dir=${1:-build}/tests/differential/nested
cases=${NESTED_CASES:-200000}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

play() { # WAY PERCENT
    nice -n 5 "$dir/nested-compare" "$dir/nested.img" "$1" --cases $((cases * $2 / 100)) --seed "${SEED:-1}"
    echo "$?" >>"$work/status"
}

start=$(date +%s)
{ play npt-qemu 70; play npt-qemu-la57 30; } >"$work/qemu" &
{ play npt-bochs 100; play ept-bochs 100; } >"$work/bochs"
wait
cat "$work/qemu" "$work/bochs" | grep -v ' passed, '
echo "$(($(date +%s) - start)) s"
cat "$work/qemu" "$work/bochs" | awk '/ passed, / { passed += $1; failed += $3 } END { print passed + 0 " passed, " failed + 0 " failed" }'
grep -qvx -e 0 -e 77 "$work/status" && exit 1
grep -qx 0 "$work/status" || exit 77
