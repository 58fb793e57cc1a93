#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD - random MPU cases on QEMU's Cortex-M3 (mps2-an385: Armv7-M) and Cortex-M33 (mps2-an505: Armv8-M) boards, each
# played on the model too (docs/differential.md).  Part of `make test-differential`.  SEED (1) chooses other cases, MPU_CASES
# (200000) how many on each board.  What is missing is one `skip:` line, and status 77.  Ends with "N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
compare=$(realpath "${1:-build}")/tests/differential/mpu/mpu-compare
cases=${MPU_CASES:-200000} seed=${SEED:-1}
for tool in arm-none-eabi-gcc qemu-system-arm; do
    command -v $tool >/dev/null 2>&1 || { echo "skip: no $tool (Debian: gcc-arm-none-eabi, qemu-system-arm)"; exit 77; }
done
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

play() { # VERSION CPU BOARD V8 IMAGE ARENA
    arm-none-eabi-gcc "-mcpu=$2" -mthumb -O2 -Wall -Wextra -ffreestanding -nostdlib "-DSEED=${seed}u" "-DCASES=${cases}u" "-DV8=$4" \
        "-DIMAGE=$5u" "-DARENA=$6u" "-Wl,--defsym=IMAGE=$5" -Wl,--build-id=none -T "$here/guest.ld" "$here/guest.S" "$here/guest.c" \
        -o "$work/$1.elf" || return
    timeout 600 nice -n 5 qemu-system-arm -M "$3" -display none -monitor none -serial none \
        -semihosting-config enable=on,target=native -kernel "$work/$1.elf" >"$work/$1.told" || echo "$3 ended with status $?"
    "$compare" "$1" "$6" "$seed" "$cases" <"$work/$1.told"
}

play v7m cortex-m3 mps2-an385 0 0x00000000 0x20000000 >"$work/out"
play v8m cortex-m33 mps2-an505 1 0x10000000 0x38000000 >>"$work/out"
grep -v ' passed, ' "$work/out"
awk '/ passed, / { n++; passed += $1; failed += $3 }
     END { print passed + 0 " passed, " failed + 0 " failed"; exit n != 2 || failed }' "$work/out"
