#!/bin/sh
# SPDX-License-Identifier: MIT
# diff.sh BUILD - `pagewalk diff`: what it shows, what it refuses, and the exit statuses that tests rely on.
sample=$(cd "$(dirname "$0")/../unit/report" && pwd)/gzip.results
. "$(dirname "$0")/lib.sh"

has() { if grep -q -- "$2" "$3"; then ok "$1"; else bad "$1: no '$2' in: $(cat "$3")"; fi; }
# status NAME WANT ARGUMENT...
status() {
    name=$1 want=$2
    shift 2
    "$PW" diff "$@" >out 2>err
    same "$name" "$want" $?
}

"$PW" report -q --json a.json "$sample"
sed 's/"walk": 162345678/"walk": 182345678/' a.json >b.json
status "the same" 0 "$sample" "$sample"
has "no change" '0 of 5 changed' out
status "results against JSON" 0 "$sample" b.json
has "the change" '+20,000,000' out
has "its percentage" '+12.3 %' out
status "a baseline" 0 --baseline "$sample" b.json
has "and the other" '^B  b.json' out
status "one that holds" 1 --fail-if 'walk_cycles > +12%' "$sample" b.json
has "said" '^FAIL  walk_cycles > +12%' out
status "one that does not" 0 --fail-if 'walk_cycles > +13%' "$sample" b.json
has "said too" '^pass' out
status "one of two" 1 --fail-if 'minor > 1' --fail-if 'minor > 100000' "$sample" b.json
status "quietly" 1 -q --fail-if 'minor > 1' "$sample" b.json
same "nothing on standard output" "" "$(cat out)"
same "one line on standard error" 1 "$(wc -l <err)"
status "one event" 0 --by cow "$sample" b.json
has "ranked" 'by change of cow' out
status "JSON" 1 --json - --fail-if 'minor > 1' "$sample" b.json
has "a condition in it" '"holds": true' out

for wrong in 'minor' 'minor > x' 'nosuch > 1' 'exit.kind == 1'; do
    status "refuses '$wrong'" 125 --fail-if "$wrong" "$sample" b.json
    same "in one line" 1 "$(wc -l <err)"
done
status "one file" 125 "$sample"
status "three files" 125 "$sample" "$sample" "$sample"
status "no such event" 125 --by walks "$sample" b.json
status "no such file" 125 "$sample" nosuch
status "an output that cannot be written" 125 --json /nosuch/x "$sample" b.json
status "an output over its input" 125 --json b.json "$sample" b.json
for text in '{' '{}' '{"format": 2, "functions": []}' 'hello' ''; do
    printf '%s' "$text" >c.json
    status "refuses a file of '$text'" 125 "$sample" c.json
    same "in one line" 1 "$(wc -l <err)"
done
finish
