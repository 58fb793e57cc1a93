#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh - `make fuzz`: builds each tests/fuzz/fuzz_NAME.c with libFuzzer, AddressSanitizer and
# UndefinedBehaviorSanitizer against sanitized libraries, and runs it FUZZ_SECONDS (default 60) from the seeds in
# tests/fuzz/corpus/NAME.  What it finds anew stays in build-fuzz/corpus; a crashing input stays in build-fuzz and
# fails the run.  FUZZ_ONLY=NAME runs one.  Ends with "N passed, N failed".
cd "$(dirname "$0")/.." || exit 1
sh tools/setup.sh build fuzz || exit 1
dir=build-fuzz
seconds=${FUZZ_SECONDS:-60}
[ -f $dir/build.ninja ] ||
    CC=clang meson setup $dir -Db_sanitize=address,undefined -Db_lundef=false \
        -Dc_args=-fsanitize=fuzzer-no-link || exit 1
libs=$(ninja -C $dir -t targets all | awk -F: '/\.a: / { print $1 }')
ninja -C $dir $libs || { echo "0 passed, 1 failed"; exit 1; }
archives=
for lib in $libs; do archives="$archives $dir/$lib"; done

passed=0
failed=0
for source in tests/fuzz/fuzz_*.c; do
    [ -f "$source" ] || continue
    name=$(basename "$source" .c)
    name=${name#fuzz_}
    [ -z "$FUZZ_ONLY" ] || [ "$FUZZ_ONLY" = "$name" ] || continue
    corpus=$dir/corpus/$name
    mkdir -p "$corpus"
    if ! clang -std=gnu11 -D_GNU_SOURCE -g -O1 -fno-strict-aliasing -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=undefined -Iinclude -I. -Isrc "$source" -o "$dir/fuzz_$name" \
        -Wl,--start-group $archives -Wl,--end-group -ljansson -lzstd -larchive -lsqlite3; then
        echo "fuzz: $name does not build"
        failed=$((failed + 1))
        continue
    fi
    seeds=tests/fuzz/corpus/$name
    [ -d "$seeds" ] || seeds=
    if "$dir/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$dir/$name-" "$corpus" $seeds >"$dir/$name.log" 2>&1; then
        runs=$(awk '/number_of_executed_units/ { print $2 }' "$dir/$name.log")
        echo "fuzz: $name: $runs inputs in $seconds s, nothing found"
        passed=$((passed + 1))
    else
        tail -40 "$dir/$name.log"
        echo "fuzz: $name failed; the input is kept as $dir/$name-*"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
