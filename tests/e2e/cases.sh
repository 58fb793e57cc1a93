#!/bin/sh
# SPDX-License-Identifier: MIT
# cases.sh BUILD CASE... - examples/cases: the scripts find what their pages say, and the pages have every row that they print.
# `make cases` runs all, `make test` the short ones.
cases=$(cd "$(dirname "$0")/../../examples/cases" && pwd)
. "$(dirname "$0")/lib.sh"
shift
[ "${1:-}" != all ] || set -- $(cd "$cases" && ls ./*.md | sed -n 's/^.\/\([a-z-]*\)[.]md$/\1/p')
for case in "$@"; do
    PAGEWALK=$PW sh "$cases/$case.sh" >out 2>&1
    same "$case" 0 $?
    grep -q '^skip:' out && continue
    # "  LABEL   PUBLISHED  HERE": the label and what was published stand in one row of the page's table.
    sed -n 's/^  \([a-zA-Z].*[^ ]\)   *[^ ].*$/\1/p' out | grep -v 'report says\|whatif says' | sed 's/   .*//' >labels
    while read -r label; do
        grep -q "^| $label" "$cases/$case.md" || bad "$case: '$label' is not in its page"
    done <labels
    between "$case: rows" 4 20 "$(wc -l <labels)"
    [ $failed = 0 ] || cat out
done
finish
