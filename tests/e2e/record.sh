#!/bin/sh
# record.sh BUILD - recordings: a replay gives what the run gave, to the last byte but the process ids; with another profile
# what a run with that profile gives; cut and damaged files are told from whole ones.
. "$(dirname "$0")/lib.sh"

# What a replay counts too: not when something happened, nor which process it was, nor what a replay says of itself.
comparable() {
    awk -F'\t' '$1 == "table" { on = $2 ~ /^(arrays|lines|mappings|faults_by_mapping|syscalls|divergences)$/ }
        $1 == "count" && $2 ~ /^(pid|parent|timeline.*)$/ || $2 ~ /^(recording|setting[.].*)$/ || $1 == "end" { next } $1 != "table" && $1 != "row" || on' "$1"
}
same_results() { comparable "$1" > one; comparable "$2" > two; cmp -s one two; }
equal() { if same_results "$2" "$3"; then ok "$1"; else bad "$1"; diff one two | head -n 4; fi; }

# again NAME RUN-OPTIONS -- PROGRAM...: recorded; replayed; the file is left as NAME.pw
again() {
    name=$1; shift
    rm -f rec.r
    "$PW" run -q --record "$name.pw" -o rec.r "$@" > out.rec 2> err.rec
    "$PW" replay -q -o again.r "$name.pw" || bad "$name: replay"
    equal "$name: replayed" rec.r again.r
}
head -c 400000 "$PW" > bytes
seq 20000 | sort -R > lines
again gzip -- gzip -c bytes
again sort -- sort lines
again heap -- "$PROGS/heap"
again sites --heap --call-paths -- "$PROGS/sites"
again segv -- "$PROGS/segv"
again grow -- "$PROGS/grow"
again threads -- "$PROGS/threads"
again cpus --cpus 4 -- "$PROGS/threads"
again fork -- "$PROGS/forks"

# family NAME FILES PROGRAM...: as many recordings, and each replays to the results of its process.
family() {
    name=$1 files=$2; shift 2
    rm -f fam.*
    "$PW" run -q --trace-children --record fam.pw -o fam.r -- "$@" > /dev/null 2> err.rec
    same "$name: recordings" "$files" "$(ls fam.pw fam.pw.* 2> /dev/null | wc -l)"
    for r in fam.r fam.r.*; do
        [ -e "$r" ] || continue
        "$PW" replay -q -o again.r "fam.pw${r#fam.r}" || bad "$name: replay of fam.pw${r#fam.r}"
        equal "$name: replayed (${r#fam.r})" "$r" again.r | sed 's/(.*)/(a process)/'
    done
}
family "fork" 2 "$PROGS/forks"
family "fork and execve" 2 "$PROGS/forks" "$PROGS/grow"
family "execve" 1 env A=1 "$PROGS/heap"
family "a shell's pipes" 5 sh -c 'gzip -c lines | wc -c; (echo b; echo a) | sort'
family "children of children" 5 sh -c '(exec "$1" "$1" "$1") ; true' sh "$PROGS/forks"
"$PW" run -q --trace-children --record fam.pw -o fam.r -- sh -c '(kill -9 $(exec sh -c "echo \$PPID")); echo on' > out.rec 2> err.rec
same "a child that is killed" "on 0" "$(cat out.rec) $?"
for way in lock shrink orphan leader handlers; do
    again "odd-$way" -- "$PROGS/odd" $way
done

# Recording changes nothing, and another profile's replay is that profile's run.
for cpu in skylake goldencove zen3 zen4; do
    "$PW" run -q --cpu $cpu -o plain.r -- gzip -c bytes > out.rec
    "$PW" replay -q --cpu $cpu -o again.r gzip.pw
    equal "gzip on $cpu" plain.r again.r
    "$PW" run -q --cpu $cpu --cpus 4 -o plain.r -- "$PROGS/odd" handlers > out.rec 2> err.rec
    "$PW" replay -q --cpu $cpu --cpus 4 -o again.r odd-handlers.pw
    equal "handlers on $cpu" plain.r again.r
done
same "output untouched" "$(gzip -c bytes | cksum)" "$("$PW" run -q --record x.pw -o rec.r -- gzip -c bytes | cksum)"
"$PW" run -q --record x.pw -o rec.r -- sh -c 'exit 7'
same "exit status untouched" 7 $?

"$PW" replay -q -o gzip.r gzip.pw
bytes=$(wc -c < gzip.pw) accesses=$(($(count loads gzip.r) + $(count stores gzip.r)))
[ "$bytes" -lt $((accesses * 3 / 2)) ] && ok "at most 1.5 bytes an access" || bad "$bytes bytes for $accesses accesses"

# Cut off: replayed up to there, said, status 125.
head -c $((bytes * 2 / 3)) gzip.pw > cut.pw
"$PW" replay -o cut.r cut.pw > cut.out 2> cut.err
same "cut: status" 125 $?
grep -q 'cut.pw is cut off at byte' cut.err && ok "cut: said" || bad "cut: $(cat cut.err)"
between "cut: faults up to there" 10 "$(count faults.minor gzip.r)" "$(count faults.minor cut.r)"
head -c 300 gzip.pw > cut.pw
"$PW" replay cut.pw > cut.out 2>&1
same "cut early: status" 125 $?
cp gzip.pw bad.pw
printf 'x' | dd of=bad.pw bs=1 seek=$((bytes / 2)) conv=notrunc 2> /dev/null
"$PW" replay bad.pw > bad.out 2> bad.err
same "damaged: status" 125 $?
grep -q 'bad.pw is damaged' bad.err && ok "damaged: said" || bad "damaged: $(cat bad.err)"
for file in /dev/null /bin/true lines no-such-file; do
    "$PW" replay "$file" > /dev/null 2> err
    same "not a recording ($file)" "125 1" "$? $(wc -l < err)"
done
"$PW" run -q --record /no-such-folder/x.pw -o rec.r -- touch ran 2> err
same "unwritable recording" "125 no" "$? $([ -e ran ] && echo yes || echo no)"
finish
