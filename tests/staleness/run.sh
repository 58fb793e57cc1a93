#!/bin/sh
# SPDX-License-Identifier: MIT
# What an access finds after a change to the tables, by profile; each must be permitted, and as in PROFILE.txt.
#   run.sh test STALENESS [PROFILE...]     compare; prints what differs; exit status 1 when anything does
#   run.sh rebase STALENESS [PROFILE...]   write what is printed now; look at the difference before committing it
set -u
usage() { echo "usage: run.sh test|rebase STALENESS [PROFILE...]" >&2; exit 125; }
[ $# -ge 2 ] || usage
verb=$1 staleness=$2
shift 2
dir=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- $(cd "$dir" && ls ./*.txt | sed 's,^\./,,; s,\.txt$,,')
tmp=$(mktemp -d) || exit 125
trap 'rm -rf "$tmp"' EXIT

failed=0
for profile; do
    "$staleness" "$profile" >"$tmp/out" || { failed=1; continue; }
    case $verb in
    rebase) cp "$tmp/out" "$dir/$profile.txt" ;;
    test) diff -u "$dir/$profile.txt" "$tmp/out" || { failed=1; echo "staleness $profile: differs (run.sh rebase writes the new table)"; } ;;
    *) usage ;;
    esac
done
exit $failed
