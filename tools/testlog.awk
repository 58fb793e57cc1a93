# SPDX-License-Identifier: MIT
# testlog.awk - counts a meson-logs/testlog.json: prints "PASSED FAILED" and, for each skipped test, a line on standard
# error.  A test program counts as many tests as it says it ran (cmocka's "[  PASSED  ] N test(s).", or "N passed,
# N failed" as its last word), else as one.  A skipped one counts as neither.  Used by test.sh and san.sh.
# The file has one JSON object a line: name, result, stdout, stderr.

function text_of(key, s) {
    if (!match($0, "\"" key "\": \"([^\"\\\\]|\\\\.)*\""))
        return ""
    s = substr($0, RSTART, RLENGTH)
    sub("^\"" key "\": \"", "", s)
    sub("\"$", "", s)
    return s
}

# The numbers in all places where a phrase stands, added up.
function sum_of(all, phrase, sum, s) {
    sum = 0
    while (match(all, phrase)) {
        s = substr(all, RSTART, RLENGTH)
        all = substr(all, RSTART + RLENGTH)
        match(s, /[0-9]+/)
        sum += substr(s, RSTART, RLENGTH)
    }
    return sum
}

function last_place(all, phrase, s) {
    s = ""
    while (match(all, phrase)) {
        s = substr(all, RSTART, RLENGTH)
        all = substr(all, RSTART + RLENGTH)
    }
    return s
}

function last_line(text, line, n, i, last) {
    n = split(text, line, /\\n/)
    for (i = 1; i <= n; i++)
        if (line[i] != "")
            last = line[i]
    return last
}

{
    result = text_of("result")
    said = text_of("stdout") "\\n" text_of("stderr")
    if (result == "SKIP") {
        printf "skipped: %s: %s\n", text_of("name"), last_line(said) > "/dev/stderr"
        next
    }
    split(last_place(said, "[0-9]+ passed, [0-9]+ failed"), word, " ")
    p = sum_of(said, "\\[  PASSED  \\] [0-9]+ test") + word[1]
    f = sum_of(said, "\\[  FAILED  \\] [0-9]+ test") + word[3]
    good = result == "OK" || result == "EXPECTEDFAIL"
    if (good && p + f == 0)
        p = 1
    if (!good && f == 0)
        f = 1
    passed += p
    failed += f
}

END { print passed + 0, failed + 0 }
