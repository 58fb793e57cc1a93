#!/bin/sh
# SPDX-License-Identifier: MIT
# formats.sh BUILD - the views for other tools: CSV, folded stacks, speedscope.  Their sums are the report's own.
sample=$(cd "$(dirname "$0")/../unit/report" && pwd)/gzip.results
. "$(dirname "$0")/lib.sh"

lines=$(awk -F'\t' '/^table/ { t = $2 } t == "lines" && $1 == "row"' "$sample" | wc -l)
cycles=$(awk -F'\t' '/^table/ { t = $2 } t == "lines" && $1 == "row" { n += $14 } END { print n }' "$sample")
minor=$(awk -F'\t' '/^table/ { t = $2 } t == "lines" && $1 == "row" { n += $15 } END { print n }' "$sample")

"$PW" report -q --csv r.csv --folded r.folded --speedscope r.json "$sample"; same "written" 0 $?
same "CSV: a row ends with CR LF" "$(wc -l <r.csv)" "$(grep -c "$(printf '\r')\$" r.csv)"
same "CSV: all lines are there" "$lines" "$(grep -c '^line,' r.csv)"
same "CSV: as many fields in each row" 24 "$(tr -d '\r' <r.csv | awk -F, '!/"/ { print NF }' | sort -u)"
same "folded: the walk cycles" "$cycles" "$(awk '{ n += $NF } END { print n }' r.folded)"
same "folded: three frames" 1 "$(grep -c '^gzip;longest_match;deflate.c:3 [0-9]*$' r.folded)"
same "folded: minor faults" "$minor" "$("$PW" report --folded - --weight minor "$sample" | awk '{ n += $NF } END { print n }')"
"$PW" report --folded - --weight walk "$sample" >out 2>err; same "no such event" 125 $?

if command -v python3 >/dev/null; then
    python3 - "$cycles" "$lines" <<'PY' && ok "CSV and speedscope as Python reads them" || bad "CSV and speedscope as Python reads them"
import csv, json, sys
rows = list(csv.DictReader(open("r.csv", newline="")))
assert sum(int(r["walk_cycles"]) for r in rows if r["kind"] == "line") == int(sys.argv[1])
assert all(r["instructions"] == "" for r in rows if r["kind"] == "mapping")
s = json.load(open("r.json"))
frames = s["shared"]["frames"]
assert all(isinstance(f["name"], str) for f in frames)
for p in s["profiles"]:
    assert p["type"] == "sampled" and p["unit"] == "none" and p["startValue"] == 0
    assert len(p["samples"]) == len(p["weights"]) and sum(p["weights"]) == p["endValue"]
    assert all(0 <= f < len(frames) for stack in p["samples"] for f in stack)
active = s["profiles"][s["activeProfileIndex"]]
assert active["name"].startswith("walk_cycles") and active["endValue"] == int(sys.argv[1])
PY
else
    echo "skip: CSV and speedscope as Python reads them: python3 is missing"
fi
finish
