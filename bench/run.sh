#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD [--write] [--rounds N] [WORKLOAD...] - `make bench`: what `pagewalk run` costs, against its peers.
#
# One run, interleaved: in each round every workload runs natively, under valgrind --tool=none, under cachegrind with
# its cache simulation, and under `pagewalk run -q`.  CPU time (user + system of the process tree), median of the
# rounds; spread = (largest - smallest) / median.  Inputs come from inputs.sh.  --write puts the tables into
# docs/performance.md.  Workloads: gzip xz sqlite3 python gcc.
set -u
[ $# -ge 1 ] || { echo "usage: run.sh BUILD [--write] [--rounds N] [WORKLOAD...]" >&2; exit 2; }
BUILD=$(cd "$1" && pwd) || exit 2
HERE=$(cd "$(dirname "$0")" && pwd)
shift
rounds=5 write=no
while [ $# -gt 0 ]; do
    case $1 in
        --write) write=yes; shift ;;
        --rounds) rounds=$2; shift 2 ;;
        *) break ;;
    esac
done
[ $# -gt 0 ] || set -- gzip xz sqlite3 python gcc
# Debian's `valgrind` is a script that changes the program's environment; the program behind it does not.
valgrind=$(command -v valgrind.bin || command -v valgrind) || { echo "run.sh: valgrind is not installed" >&2; exit 2; }
DIR=$BUILD/bench
sh "$HERE/inputs.sh" "$DIR" || exit 2
WORK=$(mktemp -d) || exit 2
trap 'rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM

# What one workload runs, with a prefix in front of it.
workload() {
    _name=$1
    shift
    case $_name in
        gzip) "$@" gzip -c "$DIR/text20" ;;
        xz) "$@" xz -c "$DIR/text2" ;;
        sqlite3) "$@" sqlite3 :memory: ".read $DIR/orders.sql" ;;
        python) "$@" /usr/bin/python3 "$DIR/words.py" "$DIR/text2" ;;
        gcc) "$@" "$(gcc -print-prog-name=cc1)" -quiet -O2 -w "$DIR/unit.i" -o /dev/null ;;
        *) echo "run.sh: no workload $_name" >&2; exit 2 ;;
    esac
}
gcc -E "$DIR/unit.c" > "$DIR/unit.i" || exit 2

cost() { "$DIR/cputime" -- "$@"; }
under_native() { workload "$1" cost; }
under_none() { workload "$1" cost "$valgrind" -q --tool=none; }
under_cachegrind() { workload "$1" cost "$valgrind" -q --tool=cachegrind --cache-sim=yes --cachegrind-out-file=/dev/null --log-file=/dev/null; }
under_pagewalk() { workload "$1" cost "$BUILD/pagewalk" run -q -o "$WORK/results" --; }

for name; do workload "$name" >/dev/null 2>&1 || { echo "run.sh: $name does not run here" >&2; exit 2; }; done
round=1
while [ "$round" -le "$rounds" ]; do
    for name; do
        for tool in native none cachegrind pagewalk; do
            seen=$("under_$tool" "$name" 2>"$WORK/errors") || { echo "run.sh: $name under $tool failed:" >&2; cat "$WORK/errors" >&2; exit 1; }
            echo "$name $tool $seen" >> "$WORK/seen"
        done
    done
    [ -t 2 ] && printf 'round %s of %s\r' "$round" "$rounds" >&2
    round=$((round + 1))
done

# Medians and spreads of the rounds, as two tables.
sort -k1,2 -k3,3n "$WORK/seen" | awk -v order="$*" '
    { key = $1 " " $2; n[key]++; cpu[key, n[key]] = $3; if ($4 > rss[key]) rss[key] = $4 }
    function median(key) { return cpu[key, int((n[key] + 1) / 2)] / 1000 }
    function cell(key, m) { m = median(key); return sprintf("%.2f s (%.0f %%)", m, m ? 100 * (cpu[key, n[key]] - cpu[key, 1]) / 1000 / m : 0) }
    function ratio(a, b) { return b ? sprintf("%.2f", a / b) : "-" }
    END {
        print "| workload | native | none | cachegrind | pagewalk | pagewalk : native | pagewalk : none (aim <= 2.0) | cachegrind : pagewalk (aim >= 2.5) |"
        print "|---|---|---|---|---|---|---|---|"
        count = split(order, names, " ")
        for (i = 1; i <= count; i++) {
            w = names[i]; pw = median(w " pagewalk")
            printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", w, cell(w " native"), cell(w " none"), cell(w " cachegrind"), cell(w " pagewalk"),
                ratio(pw, median(w " native")), ratio(pw, median(w " none")), ratio(median(w " cachegrind"), pw)
        }
        print "\n| workload | peak memory native | none | pagewalk | pagewalk - none (aim on gcc < 150 MB) |\n|---|---|---|---|---|"
        for (i = 1; i <= count; i++) {
            w = names[i]
            printf "| %s | %.1f MB | %.1f MB | %.1f MB | %.1f MB |\n", w, rss[w " native"] / 1024, rss[w " none"] / 1024, rss[w " pagewalk"] / 1024,
                (rss[w " pagewalk"] - rss[w " none"]) / 1024
        }
    }' > "$WORK/tables"

cpu_model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
{
    echo "Measured $(date -u +%Y-%m-%d) on $cpu_model, $(nproc) CPUs, Linux $(uname -r), $("$valgrind" --version), $rounds rounds."
    echo
    cat "$WORK/tables"
} > "$WORK/report"
cat "$WORK/report"
[ "$write" = no ] || {
    doc=$HERE/../docs/performance.md
    awk -v report="$WORK/report" '
        /<!-- end of the tables -->/ { skip = 0 }
        !skip { print }
        /<!-- tables by bench\/run.sh --write -->/ { skip = 1; while ((getline line < report) > 0) print line }' "$doc" > "$WORK/doc" && cp "$WORK/doc" "$doc"
}
