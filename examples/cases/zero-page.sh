#!/bin/sh
# SPDX-License-Identifier: MIT
# zero-page.sh - a heap touched by loading first has no huge pages (zero-page.md).
. "$(dirname "$0")/lib.sh"
build zero-page
huge() { "$PAGEWALK" replay -q --kernel "$2" -o "$1.at" "$1.pw"; number "$1.at" faults.by_kind.huge; }
cow() { number "$1.at" faults.by_kind.cow_copy; }
share() { percent $((2 * $(huge "$1" "$2"))) 64; }
for way in store add populate; do run $way --thp madvise --record $way.pw -- ./zero-page $way; done
for way in store add populate; do huge $way 6.1 >$way.huge; cow $way >$way.cow; done

heading "Memory touched before it is used (JDK-8315923), Linux 6.1"
row "heap on huge pages, touched by a store, percent" "about 90" "$(share store 6.1)" 100 100
row "the same, by adding 0: a load comes first, percent" "about 10" "$(share add 6.1)" 0 0
row "the same, by MADV_POPULATE_WRITE, percent" "about 90" "$(share populate 6.1)" 100 100
row "faults: store" "" "$(cat store.huge)" 32 32
row "faults: add" "" "$(cat add.cow)" 16384 16500
echo
heading "The same program on Linux 6.18"
row "touched by adding 0, percent" "(not measured)" "$(share add 6.18)" 100 100
says add "huge page 32"
"$PAGEWALK" whatif add.pw kernel=6.1 >whatif.txt 2>&1
echo "  whatif says: $(grep '^kernel=6.1 ' whatif.txt | sed 's/  */ /g')"
over
