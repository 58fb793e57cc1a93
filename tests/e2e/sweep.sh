#!/bin/sh
# SPDX-License-Identifier: MIT
# sweep.sh BUILD - a sweep listed, run by GNU parallel and as a Slurm array, its results joined; what is wrong is said.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

mkdir "traces of others"
python3 "$HERE/make_traces.py" "traces of others" || bad "make_traces.py"
cp "traces of others/made.lackey" "it's.lackey"
cat > spec <<'S'
# three traces, four settings
recording "it's.lackey"
recording made*.pw "traces of others/made.zip"   # nothing in quotes is a pattern
cpu skylake zen4
thp never always
results "the results"
S
cp "it's.lackey" made.pw

# ---- the list ------------------------------------------------------------------------------------------------------------
"$PW" sweep --list spec > list || bad "list: status"
same "points" 12 "$(wc -l < list)"
same "points, each once" 12 "$(sort -u list | wc -l)"
"$PW" sweep spec | grep -q '^12 points: 3 recordings x 2 cpu x 2 thp; results go to .*/the results$' && ok "explained" || bad "explained: $("$PW" sweep spec)"
(mkdir elsewhere && cd elsewhere && "$PW" sweep --list ../spec > ../list2)
same "from another folder the same" "" "$(diff list list2 | head -n 3)"
(cd / && env -i PATH=/usr/bin:/bin sh -c "$(head -n 1 "$WORK/list")") && ok "a command stands alone" || bad "a command alone"
same "missing: one less" 11 "$("$PW" sweep --missing spec | wc -l)"

printf 'recording made.pw\nguest ept no\nhost-pages 4k 2m\nresults guests\n' > guests.spec
"$PW" sweep --list guests.spec | sh && "$PW" merge --csv guests.csv guests/* || bad "guests: status"
same "guests: settings are columns" "ept 2097152" "$(python3 -c '
import csv
print(*[(o["setting.guest"], o["setting.host_pages"]) for o in csv.DictReader(open("guests.csv", newline=""))][0])')"

# ---- GNU parallel ---------------------------------------------------------------------------------------------------------
# joined NAME: what was written is all there, and each row is what a replay alone gives.
joined() {
    "$PW" merge --csv merged.csv --jsonl merged.jsonl --sqlite merged.db "the results"/*.results || bad "$1: merge"
    same "$1: every point once" "12 12 12" "$(ls "the results" | wc -l) $(($(wc -l < merged.csv) - 1)) $(wc -l < merged.jsonl)"
    "$PW" replay -q --cpu zen4 --thp always -o alone.r made.pw
    want="$(count faults.minor alone.r) $(count cycles.walk alone.r) $(count tlb.d.l1_miss.4k alone.r)"
    same "$1: a point is a replay, in JSON Lines" "$want" "$(python3 -c '
import json
for line in open("merged.jsonl"):
    o = json.loads(line)
    if o["profile"] == "zen4" and o["setting.thp"] == "always" and o["recording"].endswith("/made.pw"):
        print(o["faults.minor"], o["cycles.walk"], o["tlb.d.l1_miss.4k"])')"
    same "$1: in CSV" "$want" "$(python3 -c '
import csv
for o in csv.DictReader(open("merged.csv", newline="")):
    if o["profile"] == "zen4" and o["setting.thp"] == "always" and o["recording"].endswith("/made.pw"):
        print(o["faults.minor"], o["cycles.walk"], o["tlb.d.l1_miss.4k"])')"
    same "$1: unknown is null, or empty" "None ''" "$(python3 -c '
import json, csv
print([json.loads(line)["threads"] for line in open("merged.jsonl")][0], repr([o["threads"] for o in csv.DictReader(open("merged.csv", newline=""))][0]))')"
    command -v sqlite3 > /dev/null || { echo "skip: no sqlite3 here"; return; }
    same "$1: in SQLite" "$want" "$(sqlite3 -separator ' ' merged.db "SELECT \"faults.minor\", \"cycles.walk\", \"tlb.d.l1_miss.4k\" FROM results
        WHERE profile = 'zen4' AND \"setting.thp\" = 'always' AND recording LIKE '%/made.pw'")"
    same "$1: types in SQLite" "integer text null" "$(sqlite3 -separator ' ' merged.db "SELECT typeof(instructions), typeof(profile), typeof(threads) FROM results WHERE recording LIKE '%lackey' LIMIT 1")"
}
if command -v parallel > /dev/null; then
    rm -rf "the results"
    "$PW" sweep --list spec | parallel --will-cite -j 2 && joined parallel || bad "parallel: status"
    same "missing: nothing" 0 "$("$PW" sweep --missing spec | wc -l)"
    head -c 100 "the results/made.pw,cpu=zen4,thp=never.results" > cut && mv cut "the results/made.pw,cpu=zen4,thp=never.results"
    same "missing: what is not whole" 1 "$("$PW" sweep --missing spec | wc -l)"
    "$PW" merge "the results"/*.results > out 2> err
    same "merge: the others are joined" "125 1 12" "$? $(wc -l < err) $(wc -l < out)"
else
    echo "skip: no GNU parallel here (make test installs it)"
fi

# ---- Slurm ----------------------------------------------------------------------------------------------------------------
if sh "$HERE/slurm.sh" have; then
    rm -rf "the results"
    sh "$HERE/slurm.sh" run "$WORK/slurm" "$WORK/list" && joined slurm || bad "slurm: $(tail -n 3 "$WORK/slurm/log" 2>/dev/null)"
fi

# ---- wrong ------------------------------------------------------------------------------------------------------------------
# wrong NAME 'SENTENCE' LINE...
wrong() {
    name=$1 sentence=$2
    shift 2
    printf '%s\n' "$@" > wrong
    "$PW" sweep --list wrong > out 2> err
    same "$name: status, nothing listed" "125 0" "$? $(wc -l < out)"
    grep -q -- "$sentence" err && ok "$name: said" || bad "$name: $(cat err)"
}
wrong "no recording" "wrong names no recording" "cpu zen4"
wrong "no such file" "line 2: nothing is called .*/nothere.pw" "" "recording nothere.pw"
wrong "no such file, in quotes" 'line 1: .*/nothere.pw cannot be read' 'recording "nothere.pw"'
wrong "keyword" "line 1: there is no 'recordings'; did you mean 'recording'" "recordings made.pw"
wrong "value" "line 2: thp sometimes is no setting" "recording made.pw" "thp sometimes"
wrong "profile" "line 2: cpu nocpu is no setting" "recording made.pw" "cpu nocpu"
wrong "nothing after it" "line 1: recording wants a word" "recording # nothing"
wrong "twice" "line 2: cpu zen4 stands twice" "recording made.pw" "cpu zen4 zen4"
wrong "the same recording" "line 1: .*/made.pw would be called as" "recording made.pw made.pw"
wrong "pages and thp" "sets both pages and thp" "recording made.pw" "thp never" "pages 2m"
"$PW" sweep --list nospec > out 2> err
same "no spec" "125 1" "$? $(wc -l < err)"
"$PW" merge > out 2> err
same "merge: nothing" "125 1" "$? $(wc -l < err)"
"$PW" merge spec > out 2> err
same "merge: no results" "125 1 0" "$? $(wc -l < err) $(wc -l < out)"
"$PW" merge --sqlite / alone.r > out 2> err
same "merge: not writable" "125 1" "$? $(wc -l < err)"
finish
