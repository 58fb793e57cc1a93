#!/bin/sh
# SPDX-License-Identifier: MIT
# Golden tests of the scenario language: each NAME.pw must print NAME.out.
#   run.sh test PAGEWALK [NAME...]     compare; prints what differs; exit status 1 when anything does
#   run.sh rebase PAGEWALK [NAME...]   write what is printed now; look at the difference before committing it
# A script's options stand in its first line: "# options: --explain".  An exit status other than 0 is the last line
# of the output.
set -u
usage() { echo "usage: run.sh test|rebase PAGEWALK [NAME...]" >&2; exit 125; }
[ $# -ge 2 ] || usage
verb=$1 pagewalk=$2
shift 2
dir=$(cd "$(dirname "$0")" && pwd)
tmp=$(mktemp -d) || exit 125
trap 'rm -rf "$tmp"' EXIT

if [ $# -eq 0 ]; then
    for script in "$dir"/*.pw; do
        set -- "$@" "$(basename "$script" .pw)"
    done
fi

print() { # NAME: what the script prints, and its exit status
    options=$(sed -n '1s/^# options: //p' "$dir/$1.pw")
    # shellcheck disable=SC2086 # options are words
    "$pagewalk" script $options "$dir/$1.pw" > "$tmp/out" 2>&1
    status=$?
    [ $status -eq 0 ] || echo "exit status $status" >> "$tmp/out"
}

passed=0 failed=0
for name; do
    print "$name"
    case $verb in
    rebase) cp "$tmp/out" "$dir/$name.out" ;;
    test)
        if diff -u "$dir/$name.out" "$tmp/out"; then
            passed=$((passed + 1))
        else
            failed=$((failed + 1))
            echo "golden $name: differs (run.sh rebase $pagewalk $name writes the new output)"
        fi ;;
    *) usage ;;
    esac
done
[ "$verb" = rebase ] || echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
