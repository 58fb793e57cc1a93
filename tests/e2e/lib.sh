# lib.sh - what the end-to-end tests share.  Sourced with: BUILD, the build folder, as $1.
set -u
unset MALLOC_PERTURB_   # set by meson; fills what malloc gives, which the programs would be charged for
BUILD=$(cd "$1" && pwd)
PW=$BUILD/pagewalk
PROGS=$BUILD/tests/e2e
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cd "$WORK" || exit 99
failed=0

ok() { echo "ok   $1"; }
bad() { echo "FAIL $1"; failed=1; }
# same NAME WANT GOT
same() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: want '$2', got '$3'"; fi; }
# between NAME LOW HIGH GOT
between() { if [ "${4:-x}" -ge "$2" ] 2>/dev/null && [ "$4" -le "$3" ]; then ok "$1 ($4)"; else bad "$1: want $2..$3, got '${4:-}'"; fi; }
# count NAME FILE: a counter of a results file
count() { awk -F'\t' -v n="$1" '$1 == "count" && $2 == n { print $3 }' "$2"; }
finish() { [ $failed = 0 ] && exit 0; exit 1; }
