#!/bin/sh
# SPDX-License-Identifier: MIT
# story.sh BUILD - docs/stories/huge-pages.md: its commands are run as they stand there, in an empty folder, and what it says of
# their output is so.
stories=$(cd "$(dirname "$0")/../../docs/stories" && pwd)
. "$(dirname "$0")/lib.sh"
PATH=$BUILD:$PATH
cp "$stories/huge-pages/lookup.c" .
sed -n 's/^    \(\(cc\|pagewalk\|GLIBC_TUNABLES=[^ ]*\|time\) .*\)$/\1/p' "$stories/huge-pages.md" > commands
same "commands in the story" 8 "$(wc -l < commands)"
n=0
while read -r command; do
    n=$((n + 1))
    bash -c "$command" > "out.$n" 2> "err.$n" < /dev/null
    status=$?
    same "$command" 0 $status
done < commands
summary=err.2
grep -q 'Address translation  *[34][0-9]' $summary && ok "translation is the price" || bad "$(grep 'Address trans' $summary)"
grep -q 'lookup.c:29' $summary && ok "the line is named" || bad "no lookup.c:29"
grep -q '^1[.] Transparent huge pages' out.3 && grep -q '^2[.] madvise(MADV_HUGEPAGE) on anon' out.3 && ok "advice" || bad "advice: $(cat out.3)"
faults() { sed -n "s/^$1  *[0-9,]*  *\\([0-9,]*\\) .*/\\1/p" out.4 | tr -d ,; }
between "faults as recorded" 16390 16500 "$(faults 'as recorded')"
between "faults with huge pages" 500 700 "$(faults 'thp=always')"
grep -q 'minor faults .* -9[0-9]' out.6 && ok "the difference" || bad "diff: $(grep 'minor faults' out.6)"
finish
