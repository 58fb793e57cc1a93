#!/bin/sh
# SPDX-License-Identifier: MIT
# How `pagewalk script` behaves as a command: exit status, --strict, dialogue through pipes, unusual input.
#   behave.sh PAGEWALK
# Would catch: answers held back while the other side waits, an error that does not show in the exit status, an
# explanation that changes what it explains.
set -u
pagewalk=$1
tmp=$(mktemp -d) || exit 125
trap 'rm -rf "$tmp"' EXIT
passed=0 failed=0

is() { # WHAT EXPECTED GOT
    if [ "$2" = "$3" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf '%s: expected "%s", got "%s"\n' "$1" "$2" "$3"
    fi
}

run() { # [OPTIONS...] with the script on standard input: answers on one line, then the exit status
    "$pagewalk" script "$@" - > "$tmp/out" 2> "$tmp/err"
    status=$?
    echo "$(tr '\n' '|' < "$tmp/out")$status"
}

is "status 0" "0x80010001|0" "$(echo 'get cr0' | run)"
is "an error goes on and is status 1" "error: unknown register 'x'|0x0|1" "$(printf 'get x\nget cr3\n' | run)"
is "--strict stops" "error: unknown register 'x'|1" "$(printf 'get x\nget cr3\n' | run --strict)"
is "blank lines, comments, no last newline" "0x0|0" "$(printf '\n  \t\r\n# get cr0\nget cr3 # ok' | run)"
is "a line that is too long" "error: a line is longer than 65535 bytes|0x0|1" \
    "$( (head -c 70000 /dev/zero | tr '\0' a; printf '\nget cr3\n') | run)"
is "bytes that are no text" "error: neither a command nor a process: '???'|1" "$(printf '\001\377\200\n' | run)"
is "too many words" "error: too many words|1" "$(echo 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 | run)"
echo 'get cr0' | "$pagewalk" script - > /dev/full 2> "$tmp/err"
is "answers that cannot be written" 125 $?
"$pagewalk" script "$tmp/none" > "$tmp/out" 2> "$tmp/err"
is "no such file" 125 $?
is "and a sentence that says so" 1 "$(grep -c "cannot open '$tmp/none'" "$tmp/err")"
"$pagewalk" script > "$tmp/out" 2> "$tmp/err"
is "no file named" 125 $?

# Explaining changes no answer.  (Explaining lines begin with two blanks; some answers do, too.)
for script in "$(dirname "$0")"/*.pw; do
    "$pagewalk" script "$script" | grep -v '^  ' > "$tmp/plain"
    "$pagewalk" script --explain "$script" | grep -v '^  ' > "$tmp/explained"
    cmp -s "$tmp/plain" "$tmp/explained"
    is "explained answers of $(basename "$script")" 0 $?
done

# A dialogue: each answer is there before the next question is asked.
mkfifo "$tmp/in" "$tmp/answers"
"$pagewalk" script - < "$tmp/in" > "$tmp/answers" &
exec 3> "$tmp/in" 4< "$tmp/answers"
echo 'poke 0x1000 0x2a' >&3
read -r answer <&4
is "dialogue 1" ok "$answer"
echo 'peek 0x1000' >&3
read -r answer <&4
is "dialogue 2" 0x2a "$answer"
exec 3>&-
wait $!
is "dialogue's end" 0 $?

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
