#!/bin/sh
# SPDX-License-Identifier: MIT
# accuracy.sh BUILD [--dry] [PROGRAM...] - `make accuracy`: whole programs, natively and in the model.
#
# Minor faults against ru_minflt of the native run (ASLR off, warm cache, process and children): limit 3 %, or 5 faults
# if that is more.  Instructions, loads and stores against cachegrind: limit 0.1 %; cachegrind counts a
# read-modify-write as a load only, so the model's `modifies` are taken off its stores, and it preloads a library into
# the program, so the model counts a run with that library preloaded too.  Writes the tables into docs/accuracy.md (not
# with --dry or when only some programs are asked for) and ends with "N passed, N failed".
# Programs: gzip sqlite3 python3 gcc git perl sort; one that is not installed is said to be missing and not counted.
. "$(dirname "$0")/lib.sh"
shift
write=yes
[ "${1:-}" != --dry ] || { write=no; shift; }
if [ $# -gt 0 ]; then write=no; else set -- gzip sqlite3 python3 gcc git perl sort; fi
sh "$HERE/../../bench/inputs.sh" "$BUILD/bench" || exit 2
IN=$WORK/in
mkdir "$IN"
head -c 300000 "$BUILD/bench/text2" > "$IN/text"
copy "$BUILD/bench/unit.c" "$IN/unit.c"
sed 's/550000/3000/; s/40000/500/g' "$BUILD/bench/orders.sql" > "$IN/orders.sql"
export LC_ALL=C.UTF-8 PYTHONHASHSEED=0 PERL_HASH_SEED=0 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat

# A repository of 40 commits, the same every time.
make_repository() {
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
    git init -q "$IN/repository" || return
    for n in $(seq 40); do
        sed -n "${n}p" "$IN/text" >> "$IN/repository/file"
        git -C "$IN/repository" add file
        GIT_AUTHOR_DATE="@$((1000000000 + n)) +0000" GIT_COMMITTER_DATE="@$((1000000000 + n)) +0000" \
            git -C "$IN/repository" commit -q -m "Change $n" || return
    done
}

# program NAME PREFIX...: what one row runs, with a prefix in front of it.
program() {
    _program=$1
    shift
    case $_program in
        gzip) "$@" gzip -c "$IN/text" ;;
        sqlite3) "$@" sqlite3 :memory: ".read $IN/orders.sql" ;;
        python3) "$@" /usr/bin/python3 -c 'import json; print(json.dumps(sorted(str(i) for i in range(5000)))[:9])' ;;
        gcc) "$@" gcc -O1 -c "$IN/unit.c" -o "$IN/unit.o" ;;
        git) "$@" git -C "$IN/repository" log --stat ;;
        perl) "$@" perl -ne '$n{$_}++ for split; END { print scalar(keys %n), "\n" }' "$IN/text" ;;
        sort) "$@" sort "$IN/text" ;;
        *) echo "accuracy.sh: no program $_program" >&2; exit 2 ;;
    esac
}
installed() {
    case $1 in python3) [ -x /usr/bin/python3 ] ;; *) command -v "$1" >/dev/null ;; esac
}
# Minor faults at 20 random placements: what the addresses alone, which the model's run has its own of, change.
placements() { "$DIFF/faults" -r -q -n 20 -- "$@" 2>/dev/null </dev/null | tr ' ' '-'; }
run_model() { "$PW" run -q --trace-children -o "$WORK/out/r" -- "$@" >/dev/null 2>"$WORK/errors" </dev/null; }
# The same with cachegrind's preloaded library.
run_model_preloaded() { LD_PRELOAD=$preloaded "$PW" run -q --trace-children -o "$WORK/counted/r" -- "$@" >/dev/null 2>"$WORK/errors" </dev/null; }
# Debian's `valgrind` is a script that changes the program's environment; the program behind it does not.
valgrind=$(command -v valgrind.bin || command -v valgrind)
preloaded=$([ -z "$valgrind" ] || "$valgrind" -q --tool=none env | sed -n 's/^LD_PRELOAD=\([^:]*\).*/\1/p')
run_cachegrind() {
    "$valgrind" -q --vex-guest-chase=no --tool=cachegrind --cache-sim=yes --trace-children=yes --cachegrind-out-file="$WORK/cg/%p" --log-file=/dev/null "$@" >/dev/null 2>&1 </dev/null
}

passed=0
failed=0
# row FILE PROGRAM NOTE TRUTH MODEL LIMIT: one line of a table, with the verdict counted.
row() {
    _line=$(awk -v p="$2" -v w="$3" -v truth="$4" -v model="$5" -v limit="$6" 'BEGIN {
        if (truth == "" || model == "") { printf "| %s | %s | %s | %s | ? | %s | FAILED |", p, w, truth, model, limit; exit }
        d = model - truth
        printf "| %s | %s | %d | %d | %+d (%+.2f %%) | %s | %s |", p, w, truth, model, d, truth ? 100 * d / truth : 0, limit, (d < 0 ? -d : d) <= limit ? "ok" : "FAILED" }')
    echo "$_line" | tee -a "$1"
    case $_line in *" ok |") passed=$((passed + 1)) ;; *) failed=$((failed + 1)) ;; esac
}
part() { awk -v n="${1:-0}" -v share="$2" -v least="$3" 'BEGIN { l = n * share; if (l < least) l = least; printf "%d", l }'; }

echo "| program | native, 20 random placements | native, ASLR off | model | difference | limit | verdict |" > "$WORK/faults"
echo "| program | what | cachegrind | model | difference | limit | verdict |" > "$WORK/counts"
echo "|---|---|---|---|---|---|---|" | tee -a "$WORK/faults" >> "$WORK/counts"
for name; do
    installed "$name" || { echo "$name is not installed"; continue; }
    [ "$name" != git ] || make_repository || { echo "accuracy.sh: git cannot make a repository" >&2; continue; }
    rm -rf "$WORK/out" "$WORK/counted" "$WORK/cg"
    mkdir "$WORK/out" "$WORK/counted" "$WORK/cg"
    native=$(program "$name" native_faults)
    program "$name" run_model || { echo "accuracy.sh: $name under pagewalk:" >&2; cat "$WORK/errors" >&2; }
    row "$WORK/faults" "$name" "$(program "$name" placements)" "$native" "$(sum faults.minor "$WORK"/out/*)" "$(part "$native" 0.03 5)"
    if [ -n "$valgrind" ]; then
        program "$name" run_cachegrind
        program "$name" run_model_preloaded
        # events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw
        counts=$(awk '/^summary:/ { i += $2; r += $5; w += $8 } END { print i + 0, r + 0, w + 0 }' "$WORK"/cg/*)
        instructions=${counts%% *} stores=${counts##* } loads=${counts#* }
        loads=${loads% *}
        modifies=$(sum modifies "$WORK"/counted/*)
        row "$WORK/counts" "$name" instructions "$instructions" "$(sum instructions "$WORK"/counted/*)" "$(part "$instructions" 0.001 0)"
        row "$WORK/counts" "$name" loads "$loads" "$(sum loads "$WORK"/counted/*)" "$(part "$loads" 0.001 0)"
        row "$WORK/counts" "$name" stores "$stores" "$(($(sum stores "$WORK"/counted/*) - ${modifies:-0}))" "$(part "$stores" 0.001 0)"
    fi
done

if [ $write = yes ]; then
    {
        echo "Measured $(date -u +%Y-%m-%d) on $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(nproc) CPUs, Linux $(uname -r), $(${valgrind:-true} --version 2>/dev/null)."
        echo
        cat "$WORK/faults"
        echo
        cat "$WORK/counts"
    } > "$WORK/report"
    doc=$HERE/../../docs/accuracy.md
    awk -v report="$WORK/report" '
        /<!-- end of the tables -->/ { skip = 0 }
        !skip { print }
        /<!-- tables by make accuracy -->/ { skip = 1; while ((getline line < report) > 0) print line }' "$doc" > "$WORK/doc" && cp "$WORK/doc" "$doc"
fi
echo "$passed passed, $failed failed"
[ $failed = 0 ]
