#!/bin/sh
# SPDX-License-Identifier: MIT
# check_kernel.sh BUILD [all] - `pagewalk run --check-kernel`: the model held against the kernel this runs on, for real
# programs.  Nothing may differ, in any of a program's processes, and something must have been compared.  Without "all",
# three programs; with it (`make check-kernel`) also the big ones, and stress-ng's stressors of memory calls.
build=$(cd "$1" && pwd) what=${2:-some}
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0

# check NAME STATUS PROGRAM ARGUMENTS...
check() {
    name=$1 expected=$2
    shift 2
    command -v "$1" >/dev/null 2>&1 || { echo "skip: no $1 here"; return; }
    rm -f "$tmp"/results*
    (cd "$tmp" && "$build/pagewalk" run --check-kernel --trace-children -q -o "$tmp/results" -- "$@") >"$tmp/out" 2>&1 </dev/null
    status=$?
    for results in "$tmp"/results*; do
        "$build/pagewalk" report "$results"
    done >"$tmp/report" 2>/dev/null
    # "check-kernel   N looks: N lines of maps, N pages, N signals, N differences"
    counts=$(awk '/^  check-kernel/ { gsub(",", ""); looks += $2; lines += $4; pages += $8; different += $(NF - 1); n++ }
                  END { printf "%d %d %d %d %d", n, looks, lines, pages, different }' "$tmp/report")
    set -- $counts
    if [ "$status" -eq "$expected" ] && [ "$3" -gt 0 ] && [ "$4" -gt 0 ] && [ "$5" -eq 0 ]; then
        passed=$((passed + 1))
        echo "$name: no difference in $2 looks, $3 lines, $4 pages of $1 processes"
    else
        failed=$((failed + 1))
        echo "$name: FAILED: exit status $status, $5 differences in $2 looks of $1 processes"
        grep ', model: ' "$tmp/report" | head -20
        tail -3 "$tmp/out"
    fi
}

head -c 200000 "$build/pagewalk" >"$tmp/file"
check gzip 0 gzip -k "$tmp/file"
check segv 0 "$build/tests/e2e/segv"
check perl 0 perl -e 'my %h; $h{$_} = "x" x ($_ % 100) for 1 .. 5000; fork or exit 0; wait; print scalar keys %h'
if [ "$what" = all ]; then
    echo 'int f(int a) { return a * 3; }' >"$tmp/a.c"
    check sqlite3 0 sqlite3 "$tmp/db" "create table t(a, b); insert into t select value, hex(randomblob(50)) from generate_series(1, 3000); select count(*), max(b) from t;"
    check python3 0 python3 -c 'import json, os, subprocess; d = [list(range(i)) for i in range(300)]; subprocess.run(["true"]); print(len(json.dumps(d)))'
    check gcc 0 gcc -O2 -c -o "$tmp/a.o" "$tmp/a.c"
    check git 0 sh -c 'git init -q . && echo x >x && git add x && git -c user.name=n -c user.email=e commit -q -m m && git log -p'
    check 'stress-ng vm' 0 stress-ng -q --vm 1 --vm-ops 2 --vm-bytes 4M
    check 'stress-ng mmap' 0 stress-ng -q --mmap 1 --mmap-ops 2 --mmap-bytes 8M
    check 'stress-ng mremap' 0 stress-ng -q --mremap 1 --mremap-ops 4 --mremap-bytes 8M
    check 'stress-ng madvise' 0 stress-ng -q --madvise 1 --madvise-ops 1
    check 'stress-ng fork' 0 stress-ng -q --fork 1 --fork-ops 10
    check 'stress-ng stack' 0 stress-ng -q --stack 1 --stack-ops 2
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
