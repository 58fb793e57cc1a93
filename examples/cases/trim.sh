#!/bin/sh
# SPDX-License-Identifier: MIT
# trim.sh - malloc_trim() gives pages back that the next round faults in again (trim.md).
. "$(dirname "$0")/lib.sh"
build trim
rounds=20
run plain --record plain.pw -- ./trim $rounds
run trimmed --record trimmed.pw -- ./trim $rounds trim
minor() { number "$1" faults.minor; }
mib() { awk -v p="$1" 'BEGIN { printf "%.1f", p / 256 }'; }
given=$(number trimmed syscalls.calls | python3 -c 'import ast, sys; print(next(c["calls"] for c in ast.literal_eval(sys.stdin.read()) if c["name"] == "madvise"))')
each=$((($(minor trimmed) - $(minor plain)) / (rounds - 1)))
peak=$(number plain rss.peak_pages)

heading "malloc_trim(0) after each of $rounds rounds"
row "faults a round more than without" "about 1600" "$each" 2500 2900
row "that is, in MiB" "6.2" "$(mib $each)"
row "peak memory, of that without, percent" "100" "$(percent "$(number trimmed rss.peak_pages)" "$peak")" 99 101
row "faults, times those without" "about 80" "$(awk -v a="$(minor trimmed)" -v b="$(minor plain)" 'BEGIN { printf "%.1f", a / b }')" 10 30
row "memory at the end, of that without, percent" "98" "$(percent "$(number trimmed rss.pages)" "$(number plain rss.pages)")" 5 40
row "calls of madvise for it" "" "$given" 1000 9000
says trimmed "_int_malloc"
says trimmed "pages zeroed"
over
