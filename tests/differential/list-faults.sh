#!/bin/sh
# SPDX-License-Identifier: MIT
# list-faults.sh - every page fault of a native run, in order, with what caused it.
#
#     sh tests/differential/list-faults.sh BUILD [-m] PROGRAM [ARGS...]
#
# For people who explain a difference between the model and the kernel (docs/linux-facts.md shows its output).  Needs
# perf and the right to use kernel tracepoints (root).  One line a fault: who (U user code, K the kernel's own access
# to user memory, G get_user_pages, which takes no trap), address, error code, innermost function.  The number of
# lines equals ru_minflt + ru_majflt, which the first line repeats.  With -m: the faults that trapped, counted by the
# mapping of their address, of all processes; to be held beside the mappings of a report.
set -eu
[ $# -ge 2 ] || { echo "usage: list-faults.sh BUILD [-m] PROGRAM [ARGS...]" >&2; exit 2; }
build=$1
shift
command -v perf >/dev/null || { echo "list-faults.sh: perf is not installed (Debian: linux-perf)" >&2; exit 2; }
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if [ "$1" = -m ]; then
    shift
    perf record -q -d -e page-faults -c 1 -o "$tmp/data" "$build/tests/differential/faults" -q "$@"
    perf script -i "$tmp/data" -F addr,sym,dso 2>/dev/null |
        awk 'match($0, /\([^)]*\)/) { n[substr($0, RSTART + 1, RLENGTH - 2)]++ } END { for (m in n) print n[m], m }' | sort -rn
    exit
fi
perf record -q -g -e exceptions:page_fault_user -e exceptions:page_fault_kernel -e kmem:mm_page_alloc \
    -o "$tmp/data" "$build/tests/differential/faults" -q "$@"
perf script -i "$tmp/data" -F pid,event,trace,ip,sym 2>/dev/null | awk '
function word(s, name) { return match(s, name "=[0-9a-fx]+") ? substr(s, RSTART + length(name) + 1, RLENGTH - length(name) - 1) : "-" }
function finish() {
    if (head == "") return
    who = head ~ /page_fault_user/ ? "U" : head ~ /page_fault_kernel/ ? "K" : "G"
    # A page allocated below get_user_pages for user memory is one fault; other allocations are not ours.
    if (who != "G" || (stack ~ / __get_user_pages / && head ~ /GFP_HIGHUSER/)) {
        split(stack, f, " ")
        print pid, who, word(head, "address"), word(head, "error_code"), who == "G" ? caller : f[1]
    }
    head = ""
}
/exceptions:|kmem:/ { finish(); head = $0; pid = $1; stack = " "; caller = "-"; next }
/^$/ { finish(); next }
{
    if ($2 ~ /exc_page_fault$/) next
    if (stack ~ / get_user_pages_remote $/) caller = $2
    stack = stack $2 " "
}
END { finish() }' > "$tmp/list"
# The helper that starts the program is static and small; the program is the process with the highest number.
last=$(cut -d' ' -f1 "$tmp/list" | sort -n | tail -n 1)
awk -v last="$last" '($2 == "G" || $1 == last) { printf "%s %-18s %-5s %s\n", $2, $3, $4, $5 }' "$tmp/list"
