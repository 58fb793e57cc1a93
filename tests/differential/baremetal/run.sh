#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD - `make test-differential`: a million random cases on QEMU and a million on Bochs, each played on the model
# too (docs/differential.md).  SEED (1) chooses other cases; CASES (1000000) how many on each emulator.  Both run
# at the same time.  Ends with "N passed, N failed"; an emulator that is not there is one `skip:` line.
set -u
dir=${1:-build}/tests/differential/baremetal
cases=${CASES:-1000000}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

play() { # WAY PERCENT
    nice -n 5 "$dir/baremetal" "$dir/guest.img" "$1" --cases $((cases * $2 / 100)) --seed "${SEED:-1}"
    echo "$?" >>"$work/status"
}

start=$(date +%s)
{ play qemu 55; play qemu-la57 40; play qemu-small 5; } >"$work/qemu" &
play bochs 100 >"$work/bochs"
wait
cat "$work/qemu" "$work/bochs" | grep -v ' passed, '
echo "$(($(date +%s) - start)) s"
cat "$work/qemu" "$work/bochs" | awk '/ passed, / { passed += $1; failed += $3 } END { print passed + 0 " passed, " failed + 0 " failed" }'
! grep -qvx -e 0 -e 77 "$work/status" && grep -qx 0 "$work/status"
