#!/bin/sh
# whatif.sh BUILD - other settings for a recording, and advice: what a replay of each alone gives, side by side.
. "$(dirname "$0")/lib.sh"

"$PW" run -q --record spread.pw -o spread.r -- "$PROGS/spread" > /dev/null || bad "record"
"$PW" whatif -q --json w.json spread.pw thp=always cpu=zen4 thp=always,cpu=zen4 fault-around=0 populate=anon hugepage=anon || bad "whatif"
# value SETTINGS PATH: a number of a row
value() { python3 -c '
import json, sys
row = [a for a in json.load(open("w.json"))["alternatives"] if a["settings"] == sys.argv[1]][0]
for part in sys.argv[2].split("."):
    row = row[part]
print(row)' "$1" "$2"; }
same "as recorded: faults" "$(count faults.minor spread.r)" "$(value 'as recorded' outcome.faults.minor)"
same "as recorded: walk cycles" "$(count cycles.walk spread.r)" "$(value 'as recorded' outcome.walk_cycles)"
for setting in "thp=always --thp always" "cpu=zen4 --cpu zen4" "thp=always,cpu=zen4 --thp always --cpu zen4" "fault-around=0 --fault-around 4K"; do
    name=${setting%% *}
    "$PW" replay -q ${setting#* } -o one.r spread.pw
    same "$name: faults as replayed alone" "$(count faults.minor one.r)" "$(value "$name" outcome.faults.minor)"
    same "$name: walk cycles as replayed alone" "$(count cycles.walk one.r)" "$(value "$name" outcome.walk_cycles)"
done
between "huge pages: fewer faults" 100 2000 "$(value hugepage=anon outcome.faults.minor)"
between "huge pages: faster" -99 -20 "$(value thp=always run_time_change_percent.middle | sed 's/[.].*//')"
between "populated: hardly a fault left" 0 200 "$(value populate=anon outcome.faults.minor)"
between "populated: counted as such" 16000 33000 "$(value populate=anon outcome.populated)"

# The time of the run, the start of it taken off, the results file in the recording's place, the page.
"$PW" whatif -q --json told.json --seconds 100 spread.pw thp=always || bad "--seconds"
python3 - <<'PY' && ok "a long time makes the change small" || bad "--seconds: $(cat told.json)"
import json
told = json.load(open("told.json"))
assert told["seconds"] == 100 and -2 < told["alternatives"][1]["run_time_change_percent"]["middle"] < 0
PY
"$PW" whatif -q --json none.json --without spread.pw spread.pw thp=always || bad "--without"
same "--without itself: nothing is left" "0 0" "$(python3 -c 'import json; o = json.load(open("none.json"))["alternatives"][0]["outcome"]; print(o["walk_cycles"], o["faults"]["minor"])')"
"$PW" whatif -q --json results.json spread.r -- thp=always || bad "whatif of results"
same "results stand for their recording" "$(value thp=always outcome.walk_cycles)" "$(python3 -c 'import json; print(json.load(open("results.json"))["alternatives"][1]["outcome"]["walk_cycles"])')"
mkdir moved && mv spread.pw spread.r moved/ && "$PW" whatif -q moved/spread.r thp=always && ok "a recording that moved with its results" || bad "moved"
mv moved/spread.pw moved/spread.r .
"$PW" whatif -q --html w.html spread.pw thp=always || bad "--html"
grep -q '"whatif":{"format":1' w.html && ok "the table is in the page" || bad "no table in the page"

# A mapping of 3 GiB holds two whole ones at least, wherever it lies.
"$PW" run -q -o /dev/null --record gib.pw -- /usr/bin/python3 -S -E -c 'import mmap
m = mmap.mmap(-1, 3 << 30, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, 3 << 30, 1 << 20): m[at] = 1' || bad "record 3 GiB"
"$PW" whatif -q --json w.json gib.pw pages=2m pages=1g || bad "pages=1g"
between "2 MiB pages: a huge fault each" 1500 1540 "$(value pages=2m outcome.faults.huge)"
between "1 GiB pages: two or three of them" 1000 1540 "$(($(value pages=2m outcome.faults.minor) - $(value pages=1g outcome.faults.minor)))"
between "1 GiB pages: walks cost less" 10000 200000 "$(($(value pages=2m outcome.walk_cycles) - $(value pages=1g outcome.walk_cycles)))"

"$PW" advise spread.pw > advice || bad "advise: status"
grep -q '^1[.] .*huge' advice && ok "advises huge pages" || bad "advises: $(head -n 1 advice)"
[ "$(grep -c '^[0-9]' advice)" -le 5 ] && ok "at most five sentences" || bad "more than five sentences"
"$PW" run -q --record gzip.pw -o gzip.r -- gzip -c "$PW" > /dev/null
"$PW" advise gzip.pw > advice
grep -q '^Nothing that was tried would help' advice && ok "says when nothing helps" || bad "gzip: $(head -n 1 advice)"

head -c 20000 spread.pw > cut.pw
"$PW" whatif cut.pw thp=always > out 2> err
same "cut: status" 125 $?
grep -q 'is cut off' err && ok "cut: said" || bad "cut: $(cat err)"
for wrong in "thp=maybe" "tph=always" "cpu=none" "thp" "pages=3m" "cpus=0" "fault-around=3"; do
    "$PW" whatif spread.pw "$wrong" > out 2> err
    same "wrong setting ($wrong)" "125 1 0" "$? $(wc -l < err) $(wc -l < out)"
done
"$PW" whatif spread.pw > out 2> err
same "no setting" "125 1" "$? $(wc -l < err)"
"$PW" run -q -o plain.r -- true
"$PW" whatif plain.r thp=always > out 2> err
same "results of a run that was not recorded" "125 1" "$? $(grep -c -e --record err)"
for wrong in "--seconds 0" "--seconds x" "--costs skylake" "--costs none" "--without none.pw"; do
    "$PW" whatif $wrong spread.pw thp=always > out 2> err
    same "wrong option ($wrong)" "125 1 0" "$? $(wc -l < err) $(wc -l < out)"
done
finish
