#!/bin/sh
# SPDX-License-Identifier: MIT
# Every golden scenario under --check-flush: an invalidation may be missing only where the scenario is about that.
#   flushes.sh PAGEWALK
set -u
[ $# -eq 1 ] || { echo "usage: flushes.sh PAGEWALK" >&2; exit 125; }
pagewalk=$1
dir=$(cd "$(dirname "$0")" && pwd)
# What is found in these, and why it must be.
about_staleness='broadcast check-flush structure-cache-stale tlb-stale two-cpus'

failed=0 scenarios=0
for script in "$dir"/*.pw; do
    name=$(basename "$script" .pw)
    options=$(sed -n '1s/^# options: //p' "$script")
    # shellcheck disable=SC2086 # options are words
    last=$("$pagewalk" script $options --check-flush "$script" 2>&1 | tail -n 1)
    scenarios=$((scenarios + 1))
    case " $about_staleness " in *" $name "*) about=1 ;; *) about=0 ;; esac
    case $last in
    "check-flush: 0 flushes missing, "*) found=0 ;;
    "check-flush: "[1-9]*" missing, "*) found=1 ;;
    *) found=none ;;
    esac
    if [ "$found" != $about ]; then
        failed=$((failed + 1))
        echo "flushes: $name: expected $([ $about = 1 ] && echo missing flushes || echo none missing), got: $last"
    fi
done
echo "$scenarios scenarios, $failed with an answer that was not expected"
[ $failed -eq 0 ]
