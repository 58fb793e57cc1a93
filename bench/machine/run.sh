#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD [--write] [--rounds N] - `make bench-machine`: the machine alone, as an embedder meets it.
#
# For each stream of records: how long a loop takes that only sums them, and mmu_batch() with each set of instructions
# and mmu_translate() as multiples of it; then a walk beside one written by hand.  CPU time of the thread, the ways
# interleaved in each round, medians; spread = (largest - smallest) / median of the ratios of the rounds.  The gcc
# stream is recorded once, with valgrind's lackey, from the inputs of `make bench`, and kept below BUILD/bench.  --write
# puts the tables into docs/performance.md.
set -u
[ $# -ge 1 ] || { echo "usage: run.sh BUILD [--write] [--rounds N]" >&2; exit 2; }
BUILD=$(cd "$1" && pwd) || exit 2
HERE=$(cd "$(dirname "$0")" && pwd)
shift
rounds=7 write=no
while [ $# -gt 0 ]; do
    case $1 in
        --write) write=yes; shift ;;
        --rounds) rounds=$2; shift 2 ;;
        *) echo "run.sh: what is $1?" >&2; exit 2 ;;
    esac
done
BIN=$BUILD/bench/machine
DIR=$BUILD/bench
RECORDS=$DIR/gcc.records
count=16777216

if [ ! -s "$RECORDS" ]; then
    valgrind=$(command -v valgrind.bin || command -v valgrind) && sh "$HERE/../inputs.sh" "$DIR" && gcc -E "$DIR/unit.c" > "$DIR/unit.i" && {
        echo "recording $count data accesses of the compiler, once (about two minutes)" >&2
        "$valgrind" --tool=lackey --trace-mem=yes --log-fd=1 "$(gcc -print-prog-name=cc1)" -quiet -O2 -w "$DIR/unit.i" -o /dev/null \
            2>/dev/null | "$BIN/lackey2records" "$count" > "$RECORDS.new" && mv "$RECORDS.new" "$RECORDS"
    }
    rm -f "$RECORDS.new"
    [ -s "$RECORDS" ] || echo "skip: the gcc stream: valgrind or gcc is missing, or the recording failed" >&2
fi

WORK=$(mktemp -d) || exit 2
trap 'rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM
cpu_model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
{
    echo "Measured $(date -u +%Y-%m-%d) on $cpu_model, $(nproc) CPUs, Linux $(uname -r), $(cc --version | head -n 1), $rounds rounds, $count records a stream."
    echo
} > "$WORK/report"
"$BIN/bench-machine" -n "$count" -r "$rounds" "$RECORDS" >> "$WORK/report" || exit 1
cat "$WORK/report"
[ "$write" = no ] || {
    doc=$HERE/../../docs/performance.md
    awk -v report="$WORK/report" '
        /<!-- end of the machine tables -->/ { skip = 0 }
        !skip { print }
        /<!-- tables by bench\/machine\/run.sh --write -->/ { skip = 1; while ((getline line < report) > 0) print line }' "$doc" > "$WORK/doc" && cp "$WORK/doc" "$doc"
}
