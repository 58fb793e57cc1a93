# SPDX-License-Identifier: MIT
# lib.sh - what the cases share: a folder of their own, programs built as they say, and a table of published numbers beside ours.
# Sourced; needs `pagewalk` on the PATH (or PAGEWALK=FILE), and a C compiler for the cases in C.
set -u
unset MALLOC_PERTURB_   # set by test harnesses; fills what malloc gives, which the programs would be charged for
here=$(cd "$(dirname "$0")" && pwd)
PAGEWALK=${PAGEWALK:-pagewalk}
case $PAGEWALK in */*) PAGEWALK=$(realpath "$PAGEWALK") ;; esac
CC=${CC:-cc}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 99
wrong=0

# needs COMMAND PACKAGE: without it there is nothing to show
needs() { command -v "$1" >/dev/null && return; echo "skip: $1 is missing (Debian's package $2)"; exit 0; }
build() { "$CC" -O1 -g -o "$1" "$here/$1.c" || exit 99; }
# run RESULTS [OPTION...] -- PROGRAM...: the report is kept in RESULTS.txt, as a terminal would show it
run() { results=$1; shift; "$PAGEWALK" run -o "$results" --json "$results.json" "$@" >"$results.out" 2>"$results.txt"; }
# number RESULTS PATH: a number of the report, as in the JSON: faults.minor
number() { "$PAGEWALK" report -q --json - "$1" | python3 -c 'import json, sys
at = json.load(sys.stdin)
for key in sys.argv[1].split("."): at = at[int(key)] if isinstance(at, list) else at[key]
print("unknown" if at is None else at)' "$2"; }
# says RESULTS TEXT: the report that a person sees has this in it
says() { grep -q -- "$2" "$1.txt" && echo "  the report says: $(grep -m 1 -- "$2" "$1.txt" | sed 's/^ *//; s/  */ /g')" ||
    { echo "  WRONG: the report does not say '$2'"; wrong=1; }; }

heading() { printf '%s\n\n  %-52s %24s %14s\n' "$1" "" "published" "here"; }
# row WHAT PUBLISHED HERE [LOW HIGH]: what is outside of [LOW, HIGH] is wrong
row() {
    printf '  %-52s %24s %14s\n' "$1" "$2" "$3"
    [ $# -lt 5 ] && return
    awk -v n="$3" -v low="$4" -v high="$5" 'BEGIN { exit !(n ~ /^[-0-9.]+$/ && n + 0 >= low && n + 0 <= high) }' && return
    echo "  WRONG: '$1' should be from $4 to $5"
    wrong=1
}
percent() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.0f", b ? 100 * a / b : 0 }'; }
over() { echo; exit $wrong; }
