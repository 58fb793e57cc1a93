#!/bin/sh
# SPDX-License-Identifier: MIT
# scenes.sh PAGEWALK MMFUZZ PERFORMER FOLDER - what the fuzzer prints as a scenario is a scenario: sequences on which
# host and model agreed, written out and given to `pagewalk script`, must get the same answers there.
set -u
pagewalk=$1 mmfuzz=$2 performer=$3 folder=$4
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
failed=0
for seed in 11 22 33 44 55 66; do
    "$mmfuzz" --seeds $seed-$seed --ops 1500 --emit "$tmp/scene" "$performer" "$folder" >"$tmp/said"
    status=$?
    if [ $status -ne 0 ]; then
        cat "$tmp/said"
        exit $status
    fi
    "$pagewalk" script "$tmp/scene" >"$tmp/answers" 2>&1
    awk 'BEGIN { while ((getline line < ARGV[1]) > 0) answer[++n] = line; ARGV[1] = "" }
         /^(#|$)/ { next }
         { at++ }
         / #= / { want = $0; sub(/.* #= /, "", want)
                  if (want != answer[at] && !shown++) printf "%s\n  must answer %s\n  answered    %s\n", $0, want, answer[at] }
         END { exit shown > 0 }' "$tmp/answers" "$tmp/scene" || { echo "  (seed $seed)"; failed=$((failed + 1)); }
done
echo "$((6 - failed)) passed, $failed failed"
[ $failed -eq 0 ]
