#!/bin/sh
# SPDX-License-Identifier: MIT
# startup.sh BUILD - a program whose start-up functions lie far apart: the order in which they ran first is found, both linkers take the
# file, and the program that they lay out touches a few code pages where it touched a hundred.
. "$(dirname "$0")/lib.sh"
cc=${CC:-cc}

{
    for i in $(seq 100); do
        echo "void far_$i(void); __attribute__((noinline)) void near_$i(void) { __asm__ volatile(\"nop\"); }"
        echo "__attribute__((noinline)) void far_$i(void) { __asm__ volatile(\".skip 4000, 0x90\"); }"
    done
    echo "int main(int argc, char **argv) { (void)argv; if (argc > 1) {"
    for i in $(seq 100); do echo "far_$i();"; done
    echo "}"
    for i in $(seq 100); do echo "near_$((i * 37 % 101))();"; done
    echo "return 0; }"
} >many.c
"$cc" -O1 -ffunction-sections -c many.c || { bad "compiles"; finish; }
"$cc" -o before many.o; same "linked" 0 $?
"$PW" run -q -o before.results --json before.json --symbol-order order --section-order sections -- ./before; same "ran" 0 $?

for i in $(seq 100); do echo "near_$((i * 37 % 101))"; done >want
grep '^near_' order | cmp -s - want && ok "the order is that of the calls" || bad "the order is that of the calls: $(grep '^near_' order | head -3 | tr '\n' ' ')"
same "functions that did not run" 0 "$(grep -c far_ order)"
same "sections are the same" "$(grep -vc '^#' order)" "$(sed -n 's/^\.text\.//p' sections | wc -l)"

# used_pages NAME: code pages of the program that were used; and faults, as the JSON has them.
startup() { python3 -c 'import json, sys; s = json.load(open(sys.argv[1]))["startup"]; print(s[sys.argv[2]] if sys.argv[2] in s else sum(f[sys.argv[2]] for f in s["functions"]))' "$1.json" "$2"; }
between "pages used before" 95 110 "$(startup before used_pages)"
between "pages that would do" 1 4 "$(startup before needed_pages)"
between "functions were first on new pages" 90 110 "$(startup before pages)"

after() {
    "$cc" -o "$1" many.o $2 2>warnings || { bad "$1 takes the order: $(head -1 warnings)"; return; }
    "$PW" run -q -o "$1.results" --json "$1.json" -- "./$1"
    between "$1: pages used" 1 8 "$(startup "$1" used_pages)"
    between "$1: faults of functions" 1 3 "$(startup "$1" faults)"
}
if command -v ld.lld >/dev/null; then
    after lld "-fuse-ld=lld -Wl,--symbol-ordering-file=order -Wl,--no-warn-symbol-ordering"
else
    echo "skip: the order of symbols in ld.lld: lld is missing"
fi
if command -v ld.gold >/dev/null; then
    after gold "-fuse-ld=gold -Wl,--section-ordering-file=sections"
else
    echo "skip: the order of sections in ld.gold: binutils has none here"
fi
finish
