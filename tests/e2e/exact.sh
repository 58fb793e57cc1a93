#!/bin/sh
# exact.sh BUILD - the fast path equals the slow path to the last counter, and the naive twin agrees on every access.
. "$(dirname "$0")/lib.sh"
seq 1 3000 | awk '{ print ($1 * 7919) % 3001, "line", $1 }' > text

# Everything but the process id: the same program must give the same file.
counts() { grep -v -E '^(count	(pid|parent|check)|text	(arguments|program)|end)' "$1"; }

for cpu in skylake goldencove zen3 zen4; do
    for prog in "gzip -c text" "sort text" "$PROGS/heap" "$PROGS/segv"; do
        $PW run -q --cpu $cpu -o fast -- $prog > /dev/null
        $PW run -q --cpu $cpu --no-filter --check -o slow -- $prog > /dev/null
        counts fast > a; counts slow > b
        same "$cpu: filter on and off: $prog" "" "$(diff a b | head -5)"
        same "$cpu: twin differences: $prog" 0 "$(count check.differences slow)"
        between "$cpu: twin saw accesses: $prog" 10000 100000000000 "$(count check.accesses slow)"
    done
done
finish
