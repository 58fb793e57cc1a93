#!/bin/sh
# SPDX-License-Identifier: MIT
# mutate.sh ROOM... - `make mutate`: the mutants of tools/mutants/ROOM.txt, room after room (tools/mutate.py).  Status 1
# when one survived.  The build folder build-mutate is kept, so that a second run builds little.
cd "$(dirname "$0")/.." || exit 1
status=0
for room; do
    nice -n 5 python3 tools/mutate.py "tools/mutants/$room.txt" || status=1
done
exit $status
