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
between "populated: no anonymous faults left to the loop" 0 20000 "$(value populate=anon outcome.faults.anonymous)"

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
for wrong in "thp=maybe" "tph=always" "cpu=none" "thp" "pages=1g" "cpus=0" "fault-around=3"; do
    "$PW" whatif spread.pw "$wrong" > out 2> err
    same "wrong setting ($wrong)" "125 1 0" "$? $(wc -l < err) $(wc -l < out)"
done
"$PW" whatif spread.pw > out 2> err
same "no setting" "125 1" "$? $(wc -l < err)"
"$PW" whatif spread.r thp=always > out 2> err
same "a results file is no recording" "125 1" "$? $(wc -l < err)"
finish
