#!/bin/sh
# SPDX-License-Identifier: MIT
# chapters.sh check|write DOC_TABLES PAGEWALK - docs/chapters show what the code has and prints:
#     <!-- table NAME -->   the table that doc_tables prints
#     <!-- file PATH -->    a file of the tree
#     <!-- run PATH -->     what `pagewalk script --explain` prints for a file of the tree
# each up to the next <!-- end -->.  check: exit status 1 when a chapter shows anything else; write: put it there.
set -u
[ $# -eq 3 ] || { echo "usage: chapters.sh check|write DOC_TABLES PAGEWALK" >&2; exit 2; }
verb=$1 tables=$(realpath "$2") pagewalk=$(realpath "$3") failed=0
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT

block() { # KIND WHAT: what belongs between the markers
    case $1 in
        table) "$tables" "$2" ;;
        file) echo '```'; cat "$root/$2"; echo '```' ;;
        run) echo '```'; (cd "$root" && "$pagewalk" script --explain "$2") 2>&1; echo '```' ;;
    esac
}

render() { # FILE
    while IFS= read -r line; do
        printf '%s\n' "$line"
        case $line in
            '<!-- table '*|'<!-- file '*|'<!-- run '*)
                # shellcheck disable=SC2086 # the marker's words
                set -- $line
                block "$2" "$3" || return 1
                while IFS= read -r line && [ "$line" != '<!-- end -->' ]; do :; done
                [ "$line" = '<!-- end -->' ] || { echo "chapters.sh: $2 $3 has no end" >&2; return 1; }
                echo '<!-- end -->' ;;
        esac
    done < "$1"
}

for chapter in "$root"/docs/chapters/*.md; do
    name=$(basename "$chapter")
    if ! render "$chapter" > "$work/$name"; then
        echo "FAIL $name: cannot be made"; failed=1
    elif cmp -s "$chapter" "$work/$name"; then
        echo "ok   $name"
    elif [ "$verb" = write ]; then
        cp "$work/$name" "$chapter"; echo "new  $name"
    else
        echo "FAIL $name: run tools/chapters.sh write"; diff "$chapter" "$work/$name" | head -10; failed=1
    fi
done
exit $failed
