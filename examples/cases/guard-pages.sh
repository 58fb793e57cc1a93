#!/bin/sh
# SPDX-License-Identifier: MIT
# guard-pages.sh - stacks with guard pages use up vm.max_map_count; guard regions do not (guard-pages.md).
. "$(dirname "$0")/lib.sh"
build guard-pages
stacks=5000
run one -- ./guard-pages mprotect 1
run guards --call-paths -- ./guard-pages mprotect $stacks
run regions -- ./guard-pages madvise $stacks
run none -- ./guard-pages madvise 1
peak() { number "$1" map_count.peak; }
limit=$(number guards map_count.limit)
each=$(awk -v a="$(peak guards)" -v b="$(peak one)" -v n=$((stacks - 1)) 'BEGIN { printf "%.3f", (a - b) / n }')
with=$(awk -v a="$(peak regions)" -v b="$(peak none)" -v n=$((stacks - 1)) 'BEGIN { printf "%.3f", (a - b) / n }')
# The limit is reached when a split would make one more than it allows.
last=$(((limit - $(peak guards) + 2 * stacks) / 2))
native=$(./guard-pages mprotect 40000 2>refused)

heading "Stacks with a guard page below each"
row "mappings a stack, guard by mprotect" "2" "$each" 1.99 2.01
if [ "$(cat regions.out)" = $stacks ]; then
    row "mappings a stack, guard by MADV_GUARD_INSTALL" "0.003" "$with" 0 0.003
else
    echo "  skip: this kernel has no MADV_GUARD_INSTALL"
fi
row "mappings there may be (vm.max_map_count)" "65530" "$limit"
row "stacks until mprotect fails, from the report" "below 100000" "$last"
row "the same, run natively" "" "$native" "$last" "$last"
[ $((20 * $(peak guards))) -lt "$limit" ] || says guards "mappings .* there may be"
says guards "mprotect 5,003"
grep -q 'Cannot allocate memory' refused || { echo "  WRONG: natively mprotect was not refused"; wrong=1; }
over
