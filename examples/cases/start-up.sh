#!/bin/sh
# SPDX-License-Identifier: MIT
# start-up.sh - functions that run at the start lie far apart: fault-around maps code that nobody runs, until the linker is told the
# order (start-up.md).
. "$(dirname "$0")/lib.sh"
needs ld.lld lld
# 400 functions that run at the start, each beside 8 KiB that do not.
{
    for i in $(seq 400); do
        echo "void rare_$i(void); __attribute__((noinline)) void first_$i(void) { __asm__ volatile(\"nop\"); }"
        echo "__attribute__((noinline)) void rare_$i(void) { __asm__ volatile(\".skip 8100, 0x90\"); }"
    done
    echo "int main(int argc, char **argv) { (void)argv; if (argc > 1) {"
    for i in $(seq 400); do echo "rare_$i();"; done
    echo "}"
    for i in $(seq 400); do echo "first_$((i * 171 % 401))();"; done
    echo "return 0; }"
} >program.c
"$CC" -O1 -ffunction-sections -fuse-ld=lld -o before program.c || exit 99
run before --symbol-order order -- ./before
"$CC" -O1 -ffunction-sections -fuse-ld=lld -Wl,--symbol-ordering-file=order -Wl,--no-warn-symbol-ordering -o after program.c || exit 99
run after -- ./after
of() { number "$1" startup."$2"; }
faults() { "$PAGEWALK" report -q --json - "$1" | python3 -c 'import json, sys; print(sum(f["faults"] or 0 for f in json.load(sys.stdin)["startup"]["functions"]))'; }
wasted() { echo $(($(of "$1" mapped_pages) - $(of "$1" used_pages))); }

heading "A program whose start-up code is spread over 3.2 MiB"
row "start-up time wasted by the layout, percent" "about 50 (Firefox, disk)" "(pages below)"
row "code pages mapped by faults" "" "$(of before mapped_pages)" 600 900
row "of them used" "" "$(of before used_pages)" 390 420
row "of them in vain, percent" "" "$(percent "$(wasted before)" "$(of before mapped_pages)")" 40 60
row "faults of the program's own code" "" "$(faults before)" 40 120
row "pages that would do, it says" "" "$(of before needed_pages)" 1 10
row "after ld.lld --symbol-ordering-file: mapped" "" "$(of after mapped_pages)" 1 32
row "used" "" "$(of after used_pages)" 1 16
row "faults" "" "$(faults after)" 1 3
says before "program's code"
over
