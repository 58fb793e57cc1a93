#!/bin/sh
# SPDX-License-Identifier: MIT
# test.sh BUILD - `make test`: builds, runs every test of the meson build, then the checks of the tree's structure.
# The last line of standard output is "N passed, N failed", and the exit status says the same.  A test program counts
# as many tests as it says it ran ("[  PASSED  ] N test(s)." of cmocka, or a last "N passed, N failed" of its own),
# else as one.  A skipped test is printed with its reason and counts as neither.
build=${1:-build}
cd "$(dirname "$0")/.." || exit 1
sh tools/setup.sh build test || echo "test: going on without what could not be installed"

passed=0
failed=0
say_and_leave() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
    exit $?
}

[ -f "$build/build.ninja" ] || meson setup "$build" || { failed=1; say_and_leave; }
meson compile -C "$build" || { failed=1; echo "test: the build failed"; say_and_leave; }

rm -f "$build/meson-logs/testlog.json"
meson test -C "$build" --print-errorlogs --no-rebuild
meson_status=$?

# One JSON object a line: name, result, stdout, stderr.
[ -f "$build/meson-logs/testlog.json" ] || : >"$build/meson-logs/testlog.json"
counts=$(awk '
    function text_of(key, s) {
        if (!match($0, "\"" key "\": \"([^\"\\\\]|\\\\.)*\""))
            return ""
        s = substr($0, RSTART, RLENGTH)
        sub("^\"" key "\": \"", "", s)
        sub("\"$", "", s)
        return s
    }
    function sum_of(all, pattern, n, s) {           # the numbers that follow or precede a phrase, added up
        n = 0
        while (match(all, pattern)) {
            s = substr(all, RSTART, RLENGTH)
            all = substr(all, RSTART + RLENGTH)
            if (match(s, /[0-9]+/))
                n += substr(s, RSTART, RLENGTH)
        }
        return n
    }
    function last_of(all, pattern, s) {             # the number of the last such phrase
        s = 0
        while (match(all, pattern)) {
            s = substr(all, RSTART, RLENGTH) + 0
            all = substr(all, RSTART + RLENGTH)
        }
        return s
    }
    {
        name = text_of("name"); result = text_of("result")
        said = text_of("stdout") "\\n" text_of("stderr")
        if (result == "SKIP") {
            n = split(said, line, /\\n/)
            why = "no reason given"
            for (i = 1; i <= n; i++)
                if (line[i] != "")
                    why = line[i]
            printf "skipped: %s: %s\n", name, why > "/dev/stderr"
            next
        }
        p = sum_of(said, "\\[  PASSED  \\] [0-9]+ test") + last_of(said, "[0-9]+ passed, [0-9]+ failed")
        f = sum_of(said, "\\[  FAILED  \\] [0-9]+ test")
        if (match(said, "[0-9]+ passed, [0-9]+ failed")) {
            s = said
            while (match(s, "passed, [0-9]+ failed")) {
                last = substr(s, RSTART + 8, RLENGTH - 8) + 0
                s = substr(s, RSTART + RLENGTH)
            }
            f += last
        }
        good = result == "OK" || result == "EXPECTEDFAIL"
        if (good && f == 0 && p == 0)
            p = 1
        if (!good && f == 0)
            f = 1
        passed += p
        failed += f
    }
    END { print passed + 0, failed + 0 }' "$build/meson-logs/testlog.json")
passed=${counts% *}
failed=${counts#* }
[ $meson_status -eq 0 ] || [ "$failed" -gt 0 ] || failed=1

check() {
    if "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}
check sh tools/check_layers.sh
check sh tools/check_nm.sh "$build"
check sh tools/check_warnings.sh "$build"
say_and_leave
