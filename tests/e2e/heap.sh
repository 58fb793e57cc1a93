#!/bin/sh
# SPDX-License-Identifier: MIT
# heap.sh BUILD - --heap: whose blocks were touched, what that cost, how well they fill their pages.
. "$(dirname "$0")/lib.sh"
unset MALLOC_PERTURB_ # meson sets it: malloc would itself touch all it gives

same "runs" ok "$("$PW" run -q --heap -o r -- "$PROGS/sites")"
# site HOW FUNCTION COLUMN; total TABLE COLUMN
site() { awk -F'\t' -v h="$1" -v f="$2" -v c="$3" '$1 == "table" { on = $2 == "allocations"; for (i = 3; i <= NF; i++) if ($i == c || $i == "$" c) n = i - 1 }
    on && $2 == h && $5 ~ "^" f "([.]|$)" { print $n }' r; }
total() { awk -F'\t' -v t="$1" -v c="$2" '$1 == "table" { on = $2 == t; for (i = 3; i <= NF; i++) if ($i == c) n = i - 1 } on && $1 == "row" { s += $n } END { print s + 0 }' "${3:-r}"; }

for event in l1d_miss walks_d cow; do
    same "each $event is in a block or in none" "$(total lines $event)" "$(total allocations $event)"
done
same "malloc through a wrapper belongs to its caller" 1000 "$(site malloc list blocks)"
same "bytes" 64000 "$(site malloc list bytes)"
between "a node on each page" 995 1030 "$(site malloc list pages_touched)"
between "the pages used" 15 17 "$(site malloc list pages_used)"
between "misses of the list" 99000 102000 "$(site malloc list l1d_miss)"
between "accesses of the list, sampled" 100000 400000 "$(site malloc list accesses)"
same "calloc" "1 4194304" "$(site calloc table blocks) $(site calloc table peak_bytes)"
between "misses of the table" 195000 200100 "$(site calloc table l1d_miss)"
between "accesses of the table, sampled" 130000 300000 "$(site calloc table accesses)"
between "faults of the table" 1023 1026 "$(site calloc table minor)"
same "mmap: pages" 300 "$(site mmap area pages_touched)"
same "mmap: faults" 300 "$(site mmap area minor)"
same "realloc takes over, free gives back" "1000 100000 100" "$(site realloc churn blocks) $(site realloc churn bytes) $(site realloc churn peak_bytes)"
same "strdup is a wrapper" 1000 "$(site malloc churn blocks)"
between "accesses in all" "$(($(count loads r) + $(count stores r) - $(count modifies r) - 100))" "$(($(count loads r) + $(count stores r)))" "$(total allocations accesses)"

"$PW" run -q -o plain -- "$PROGS/sites" >/dev/null; same "runs without" 0 $?
same "faults stay the same" "$(count faults.minor plain)" "$(count faults.minor r)"
"$PW" report -q --json r.json --html r.html r; same "views" 0 $?
same "JSON" 1 "$(grep -c '"how": "calloc"' r.json)"
same "the summary" 1 "$("$PW" report r | grep -c 'calloc in table (sites.c:')"
"$PW" run -q --heap --call-paths -o both -- "$PROGS/threads" >/dev/null; same "with call paths and threads" 0 $?
same "each miss, too" "$(total lines l1d_miss both)" "$(total allocations l1d_miss both)"
same "and each path" "$(total lines l1d_miss both)" "$(total paths l1d_miss both)"
"$PW" run -q --heap --trace-children -o f -- "$PROGS/forks" >/dev/null; same "forks" 0 $?
for file in f f.*; do same "misses of $file" "$(total lines l1d_miss "$file")" "$(total allocations l1d_miss "$file")"; done
finish
