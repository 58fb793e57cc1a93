#!/bin/sh
# flushes.sh BUILD - the modelled kernel invalidates all that programs make it invalidate, and looking changes no count.
. "$(dirname "$0")/lib.sh"

counts() { grep -v -E '^(count	(pid|parent|check)|table	flushes|text	(arguments|program)|end)' "$1"; }

for prog in heap segv threads; do
    $PW run -q --cpus 2 --check-flush -o checked -- "$PROGS/$prog" > /dev/null
    if [ $prog != threads ]; then                   # how long those wait for each other is their own affair
        $PW run -q --cpus 2 -o plain -- "$PROGS/$prog" > /dev/null
        counts plain > a; counts checked > b
        same "$prog: looking changes nothing" "" "$(diff a b | head -5)"
    fi
    between "$prog: cached entries were used" 10000 100000000000 "$(count check_flush.uses checked)"
    same "$prog: no flush missing" 0 "$(count check_flush.missing checked)"
done

# Every process counts its own.
$PW run -q --check-flush --trace-children -o family -- "$PROGS/forks" > /dev/null
for file in family family.*; do
    same "forks: $file: no flush missing" 0 "$(count check_flush.missing "$file")"
done
same "forks: the summary says so" 1 "$($PW report family | grep -c 'check-flush .*, 0 without the invalidation due')"
finish
