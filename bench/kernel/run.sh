#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD [--write] [--rounds N] - `make bench-kernel`: the memory manager beside the host kernel doing the same, in
# turns in one run, CPU time, medians; see bench.c.  --write puts the table into docs/performance.md.
set -u
[ $# -ge 1 ] || { echo "usage: run.sh BUILD [--write] [--rounds N]" >&2; exit 2; }
BUILD=$(cd "$1" && pwd) || exit 2
HERE=$(cd "$(dirname "$0")" && pwd)
shift
rounds=11 write=no
while [ $# -gt 0 ]; do
    case $1 in
        --write) write=yes; shift ;;
        --rounds) rounds=$2; shift 2 ;;
        *) echo "run.sh: what is $1?" >&2; exit 2 ;;
    esac
done
WORK=$(mktemp -d) || exit 2
trap 'rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM
cpu_model=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
{
    echo "Measured $(date -u +%Y-%m-%d) on $cpu_model, $(nproc) CPUs, Linux $(uname -r), $(cc --version | head -n 1), $rounds rounds, load $(cut -d' ' -f1 /proc/loadavg)."
    echo
} > "$WORK/report"
"$BUILD/bench/kernel/bench-kernel" "$rounds" >> "$WORK/report" || exit 1
cat "$WORK/report"
[ "$write" = no ] || {
    doc=$HERE/../../docs/performance.md
    awk -v report="$WORK/report" '
        /<!-- end of the kernel table -->/ { skip = 0 }
        !skip { print }
        /<!-- table by bench\/kernel\/run.sh --write -->/ { skip = 1; while ((getline line < report) > 0) print line }' "$doc" > "$WORK/doc" && cp "$WORK/doc" "$doc"
}
