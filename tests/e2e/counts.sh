#!/bin/sh
# counts.sh BUILD - loads and stores are cachegrind's, within 0.1 %.  Cachegrind counts a read-modify-write as a load only,
# and preloads a library into the program: the same one is preloaded here.  Debian's valgrind is a script that changes the
# environment; the program behind it does not.
. "$(dirname "$0")/lib.sh"
valgrind=$(command -v valgrind.bin || command -v valgrind) || { echo "skip: no valgrind command"; exit 77; }
preloaded=$($valgrind -q --tool=none env | sed -n 's/^LD_PRELOAD=\([^:]*\).*/\1/p')
seq 1 60000 | awk '{ print ($1 * 7919) % 20011, "line", $1 }' > text

for prog in "gzip -c text" "sort text" "md5sum text"; do
    LD_PRELOAD=$preloaded $PW run -q -o r -- $prog > /dev/null
    $valgrind --vex-guest-chase=no --tool=cachegrind --cache-sim=yes --cachegrind-out-file=cg $prog > /dev/null 2>&1
    # events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw
    set -- $(awk '/^summary:/ { print $2, $5, $8 }' cg)
    near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a > b ? a - b : b - a; exit !(d * 1000 <= b) }'; }
    near "$(count instructions r)" "$1" && ok "instructions: $prog" || bad "instructions: $prog: $(count instructions r) and $1"
    near "$(count loads r)" "$2" && ok "loads: $prog" || bad "loads: $prog: $(count loads r) and $2"
    near "$(( $(count stores r) - $(count modifies r) ))" "$3" && ok "stores: $prog" || bad "stores: $prog: $(count stores r) - $(count modifies r) and $3"
done
finish
