#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD - random IOMMU cases on QEMU's intel-iommu with four edu devices, 48 and 39 bits wide, each played on the model
# too (docs/differential.md).  Part of `make test-differential`.  SEED (1) chooses other cases, IOMMU_CASES (50000, two or three
# requests each) how many of each width.  What is missing is one `skip:` line, and status 77.  Ends with "N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
compare=$(realpath "${1:-build}")/tests/differential/iommu/iommu-compare
cases=${IOMMU_CASES:-50000} seed=${SEED:-1}
command -v qemu-system-x86_64 >/dev/null 2>&1 || { echo "skip: no qemu-system-x86_64 (Debian: qemu-system-x86)"; exit 77; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

gcc -m32 -march=pentium-mmx -O2 -Wall -Wextra -ffreestanding -fno-pic -fno-pie -fno-stack-protector -mno-sse -nostdlib -static \
    -Wl,-m,elf_i386 -Wl,--build-id=none -Wl,--no-warn-rwx-segments "-DSEED=${seed}u" "-DCASES=${cases}u" -T "$here/guest.ld" \
    "$here/guest.S" "$here/guest.c" -o "$work/guest.elf" || exit 2
edu() { for slot in 4 5 6 7; do printf ' -device edu,addr=%s.0,dma_mask=0xffffffffffffffff' $slot; done; }

play() { # BITS
    # shellcheck disable=SC2046
    timeout 900 nice -n 5 qemu-system-x86_64 -machine q35,memory-backend=mem -accel tcg -icount shift=0,sleep=off -nodefaults -display none \
        -object "memory-backend-file,id=mem,size=1280M,mem-path=$work/ram$1,share=on" -device isa-debug-exit,iobase=0xf4,iosize=4 \
        -device "intel-iommu,intremap=off,aw-bits=$1" $(edu) -kernel "$work/guest.elf" 2>"$work/errors"
    [ $? -eq 1 ] || { tail -3 "$work/errors"; echo "QEMU did not end as it should"; }
    "$compare" "$work/ram$1" "$seed" "$cases" | sed "s/^/$1 bits: /"
    rm -f "$work/ram$1"
}

play 48 >"$work/out"
play 39 >>"$work/out"
grep -v ' passed, ' "$work/out"
awk '/ passed, / { n++; passed += $3; failed += $5 }
     END { print passed + 0 " passed, " failed + 0 " failed"; exit n != 2 || failed }' "$work/out"
