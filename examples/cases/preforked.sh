#!/bin/sh
# SPDX-License-Identifier: MIT
# preforked.sh - the garbage collector of preforked CPython workers writes to what they share (preforked.md).
. "$(dirname "$0")/lib.sh"
python=${PYTHON:-/usr/bin/python3}
needs "$python" python3-minimal
for way in collect freeze off; do run $way --trace-children -- "$python" -S -E "$here/preforked.py" $way; done
of() { "$PAGEWALK" report -q --json - "$1" | python3 -c 'import json, sys
forks = json.load(sys.stdin)["copy_on_write"]["forks"]
print(sum(f[sys.argv[1]] for f in forks))' "$2"; }
kept() { percent "$(of "$1" still_shared)" "$(of "$1" shared_pages)"; }

heading "Two CPython workers, forked after loading 20,000 rows"
row "stays shared when the collector runs, percent" "56 (140 of 250 MB)" "$(kept collect)" 40 60
row "with gc.freeze() before the fork, percent" "" "$(kept freeze)" 75 95
row "without a collector, percent" "" "$(kept off)" 75 95
row "pages copied by a worker: collector" "" "$(($(of collect child_first) / 2))" 1000 2000
row "pages copied by a worker: gc.freeze()" "" "$(($(of freeze child_first) / 2))" 200 800
row "workers' private memory, less by gc.freeze(), percent" "31 (of all memory)" \
    "$(percent $(($(of collect child_first) - $(of freeze child_first))) "$(of collect child_first)")" 50 80
says collect "child first"
says collect "stayed shared"
over
