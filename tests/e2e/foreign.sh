#!/bin/sh
# SPDX-License-Identifier: MIT
# foreign.sh BUILD - other people's traces: one of Valgrind's lackey beside a run of our own, and one made-up program in every
# published form (make_traces.py); then everything that can be wrong with a trace.
HERE=$(cd "$(dirname "$0")" && pwd)
. "$HERE/lib.sh"

# counts FILE: what must be the same however a trace is written.
counts() { grep -E '^count	(instructions|loads|stores|modifies|fetches|tlb|walks|faults|rss)' "$1"; }
sizeless() { counts "$1" | grep -v d.lookups; }
data() { sizeless "$1" | grep -E 'loads|stores|modifies|[.]d[.]'; }
results() { grep -v -E '^(text	(recording|trace[.]form|program|arguments|exit[.]kind)|count	(trace[.]records|threads|pid|parent|exit[.]value)|end)	' "$1"; }

# ---- lackey and a run of our own --------------------------------------------------------------------------------------
valgrind -q --tool=lackey --trace-mem=yes --log-file=bare.lackey "$PROGS/bare" || bad "lackey"
"$PW" run -q -o run.r -- "$PROGS/bare" || bad "run"
"$PW" replay -q -o bare.r bare.lackey || bad "replay: status"
for n in instructions loads stores modifies fetches; do
    same "lackey and run: $n" "$(count $n run.r)" "$(count $n bare.r)"
done

# ---- one program in every form ----------------------------------------------------------------------------------------
python3 "$HERE/make_traces.py" . || bad "make_traces.py"
for form in lackey pinatrace drmemtrace champsim; do
    "$PW" replay -q -o $form.r made.$form || bad "$form: status"
    "$PW" replay -q -o named.r --format $form made.$form || bad "$form, named: status"
    results $form.r > one; results named.r > two
    same "$form: told by its content" "" "$(diff one two | head -n 3)"
done
same "the made-up program" "3000 1801 1800 600 68" \
    "$(echo $(for n in instructions loads stores modifies faults.minor; do count $n lackey.r; done))"
same "lackey and drmemtrace" "" "$(counts lackey.r > one; counts drmemtrace.r > two; diff one two | head -n 3)"
same "lackey and champsim" "" "$(sizeless lackey.r > one; sizeless champsim.r > two; diff one two | head -n 3)"
same "lackey and pinatrace, data" "" "$(data lackey.r > one; data pinatrace.r > two; diff one two | head -n 3)"
same "pinatrace: what it cannot say" "? ? ? ?" "$(echo $(for n in instructions fetches tlb.i.lookups threads; do count $n pinatrace.r; done))"
same "lackey: the command, its end" "./made-up -x 3 77" "$(awk -F'\t' '$2 == "arguments" { print $3 }' lackey.r) $(count exit.value lackey.r) $(count pid lackey.r)"
"$PW" replay -q --json - pinatrace.json made.pinatrace > /dev/null 2>&1 && bad "two traces at a time"
"$PW" replay -q --json pinatrace.json made.pinatrace
same "JSON: unknown is null, faults are modelled" "None None modelled pinatrace 2" "$(python3 -c '
import json
r = json.load(open("pinatrace.json"))
print(r["instructions"], r["tlb"]["l1i"]["accesses"], r["faults"]["certainty"], r["trace"]["form"], len(r["trace"]["notes"]))')"

# ---- packed, piped ----------------------------------------------------------------------------------------------------
gzip -k made.champsim; xz -k made.champsim; zstd -q -k made.champsim; bzip2 -k made.champsim
results champsim.r > one
for end in gz xz zst bz2; do
    [ -f made.champsim.$end ] || { echo "skip: nothing here packs .$end"; continue; }
    "$PW" replay -q -o packed.r made.champsim.$end || bad ".$end: status"
    same ".$end" "" "$(results packed.r | diff one - | head -n 3)"
done
"$PW" replay -q -o packed.r made.zip
same "zip of a thread" "" "$(results packed.r > two; results drmemtrace.r | diff - two | head -n 3)"
cat made.lackey | "$PW" replay -q -o piped.r /dev/stdin || bad "pipe: status"
same "through a pipe" "" "$(results lackey.r > one; results piped.r | diff one - | head -n 3)"

# ---- memory, threads ---------------------------------------------------------------------------------------------------
"$PW" replay -q -o huge.r --pages 2m made.lackey
same "pages of 2 MiB: faults" 3 "$(count faults.minor huge.r)"
"$PW" replay -q -o huge.r --pages 1g made.lackey
# Two GiB, one of which is loaded from before it is stored to: hugetlbfs gives it for reading first.
same "pages of 1 GiB: data misses" 3 "$(count tlb.d.l1_miss.1g huge.r)"
"$PW" replay -q -o threads.r --cpus 2 threads.drmemtrace
same "two threads on two CPUs: each fetches by itself" "2 3" "$(count threads threads.r) $(count tlb.i.l1_miss.4k threads.r)"
printf 'I  00401000,4\n L ffffffff81000000,8\n S 00000010,8\n L 4a000000,8\n' > kernel.lackey
"$PW" replay -o kernel.r kernel.lackey 2> /dev/null > out
same "what no program can access" "2 2" "$(count trace.left_out kernel.r) $(count faults.minor kernel.r)"
grep -q 'no program can have were left out' out && ok "left out: said" || bad "left out: not said"
"$PW" whatif -q --json w.json made.lackey thp=always hugepage=anon "hugepage=anon 0x40000000" || bad "whatif: status"
same "whatif: huge pages for all, or for one GiB" "68 3 3 5" "$(python3 -c '
import json
print(*(a["outcome"]["faults"]["minor"] for a in json.load(open("w.json"))["alternatives"]))')"
"$PW" whatif made.lackey populate=anon > out 2> err
same "whatif: nothing to populate" "125 1" "$? $(grep -c 'none can be populated' err)"
"$PW" advise made.lackey > advice || bad "advise: $(cat advice)"
grep -q 'populat' advice && bad "advises to populate" || ok "advise"

# ---- wrong and torn: what is said, and that what came before is replayed ------------------------------------------------
# wrong NAME FILE 'SENTENCE' [RECORDS]
wrong() {
    rm -f wrong.r
    "$PW" replay -q -o wrong.r ${5:-} "$2" > out 2> err
    same "$1: status, one line" "125 1" "$? $(wc -l < err)"
    grep -q -- "$3" err && ok "$1: said" || bad "$1: $(cat err)"
    [ -z "${4:-}" ] || same "$1: up to there" "$4" "$(count trace.records wrong.r)"
}
{ head -n 100 made.lackey; echo 'Segmentation fault'; } > t; wrong "lackey: a strange line" t "line 101 is 'Segmentation fault', not an access" 96
head -c 2000 made.lackey > t; wrong "lackey: cut in a line" t "cut off in line [0-9]*"
printf 'I  00401000,0\n' > t; wrong "lackey: no size" t "neither a recording"
{ cat made.lackey; printf 'I  10000000000000000,4\n'; } > t; wrong "lackey: 65 bits" t "line [0-9]* is 'I  10000000000000000,4'"
{ head -n 3 made.lackey; head -c 5000 /dev/zero | tr '\0' 'x'; tail -n 3 made.lackey; } > t; wrong "lackey: a long line, ended" t "line 4 is longer than 4096 bytes"
{ head -n 3 made.lackey; head -c 5000 /dev/zero | tr '\0' 'x'; } > t; wrong "lackey: a long line" t "line 4 is longer than 4096 bytes"
head -n 50 made.pinatrace > t; wrong "pinatrace: no end" t "after line 50 without the line #eof" 50
sed '20s/R/X/;20s/W/X/' made.pinatrace > t; wrong "pinatrace: a strange line" t "line 20 is '0x[0-9a-f]*: X" 19
head -c 1000 made.champsim > t; wrong "champsim: cut in a record" t "the record at byte 960 has 40 of 64 bytes" 15
{ head -c 6400 made.champsim; head -c 64 /dev/zero | tr '\0' '\7'; } > t; wrong "champsim: a strange record" t "the record at byte 6400 is no instruction (branch 7" 100
head -c 1205 made.drmemtrace > t; wrong "drmemtrace: cut in an entry" t "the entry at byte 1200 has 5 of 12 bytes" 100
head -c 1200 made.drmemtrace > t; wrong "drmemtrace: no footer" t "after byte 1200 without a footer" 100
{ head -c 1200 made.drmemtrace; head -c 12 /dev/zero | tr '\0' '\7'; } > t; wrong "drmemtrace: a strange entry" t "the entry at byte 1200 is of type 1799" 100
{ cat made.drmemtrace; tail -c 24 made.drmemtrace; } > t; wrong "drmemtrace: after the end" t "follows the footer"
{ head -c 12 made.drmemtrace; printf '\034\0\011\0\040\0\0\0\0\0\0\0'; } > t; wrong "drmemtrace: 32 bits" t "is of a 32-bit program"
head -c 3000 made.champsim.gz > t; wrong "gzip: cut" t "truncated gzip input"
head -c 9000 made.zip > t; wrong "zip: cut" t "cannot be unpacked after byte [0-9]* of the trace"
: > t; wrong "nothing" t "t is empty"
head -c 5000 "$PW" > t; wrong "a program" t "nor a trace of a form known here"
wrong "a results file" run.r "nor a trace of a form known here"
wrong "not there" nowhere "nowhere cannot be read"
wrong "another form" made.lackey "does not begin with drmemtrace's header" "" "--format drmemtrace"
wrong "an unknown form" made.lackey "cannot be read as 'gem5': the forms are lackey, pinatrace" "" "--format gem5"
wrong "an unknown page size" made.lackey "pages does not know '3m'" "" "--pages 3m"
wrong "too little memory" made.lackey "touches more memory than is simulated" "" "--ram 16M --pages 1g"
finish
