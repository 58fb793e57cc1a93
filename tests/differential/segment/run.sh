#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD - random cases of segmentation on QEMU TCG and on Bochs, each played on the model too (docs/differential.md).
# Part of `make test-differential`.  SEED (1) chooses other cases, SEGMENT_CASES (100000) how many on each emulator.  What is
# missing is one `skip:` line, and status 77 when nothing could be run.  Ends with "N passed, N failed".
set -u
here=$(cd "$(dirname "$0")" && pwd)
compare=$(realpath "${1:-build}")/tests/differential/segment/segment-compare
cases=${SEGMENT_CASES:-100000} seed=${SEED:-1}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

gcc -m32 -O2 -Wall -Wextra -ffreestanding -fno-pic -no-pie -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
    -fno-asynchronous-unwind-tables -fno-delete-null-pointer-checks -nostdlib -static -Wl,--build-id=none -Wl,-m,elf_i386 \
    "-DSEED=${seed}u" "-DCASES=${cases}u" -T "$here/guest.ld" "$here/guest.S" "$here/guest.c" -o "$work/elf" 2>"$work/errors" &&
    objcopy -O binary "$work/elf" "$work/disk" && truncate -s 2064384 "$work/disk" ||
    { cat "$work/errors"; echo "skip: the image of 32 bits cannot be built here"; exit 77; }

qemu() {
    timeout 600 nice -n 5 qemu-system-x86_64 -accel tcg -cpu max -m 16 -display none -vga none -nic none -monitor none -serial none \
        -no-reboot -drive "format=raw,file=$work/disk" -debugcon stdio -device isa-debug-exit,iobase=0xf4 </dev/null 2>/dev/null
}

bochs() { # Debian's begins in its debugger; it insists on the geometry
    cat >"$work/rc" <<END
cpu: model=corei7_icelake_u, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=0
memory: guest=32, host=32
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=disk, path=$work/disk, mode=flat, cylinders=2, heads=16, spt=63
boot: disk
log: $work/log
panic: action=fatal
error: action=ignore
info: action=ignore
port_e9_hack: enabled=1
display_library: term
END
    echo c >"$work/commands"
    # Bochs reads memory it has not set: not with a test run's MALLOC_PERTURB_.
    TERM=dumb timeout 600 nice -n 5 env -u MALLOC_PERTURB_ bochs-bin -q -f "$work/rc" -rc "$work/commands" </dev/null 2>/dev/null
}

play() { # NAME PROGRAM PACKAGE
    command -v "$2" >/dev/null 2>&1 || { echo "skip: no $2 (Debian: $3)"; return; }
    "$1" | "$compare" "$1" "$seed" "$cases"
}

play qemu qemu-system-x86_64 qemu-system-x86 >"$work/out"
play bochs bochs-bin "bochs, bochs-term, bochsbios, vgabios" >>"$work/out"
grep -v ' passed, ' "$work/out"
awk '/ passed, / { n++; passed += $1; failed += $3 }
     END { print passed + 0 " passed, " failed + 0 " failed"; exit failed ? 1 : n ? 0 : 77 }' "$work/out"
