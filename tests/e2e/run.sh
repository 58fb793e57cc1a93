#!/bin/sh
# run.sh BUILD - `pagewalk run` leaves a program's input, output, environment and exit status alone.
. "$(dirname "$0")/lib.sh"

same "output" "hi there" "$($PW run -q -o r -- /bin/echo hi there)"
same "input" "abc" "$(printf abc | $PW run -q -o r -- cat)"
env | grep -v '^_=' | sort > native
$PW run -q -o r -- env | grep -v '^_=' | sort > traced
same "environment" "" "$(diff native traced)"
$PW run -q -o r -- sh -c 'exit 7'; same "exit status" 7 $?
$PW run -q -o r -- sh -c 'kill -TERM $$'; same "killed by SIGTERM" 143 $?
$PW run -q -o r -- sh -c 'kill -SEGV $$' 2>/dev/null; same "killed by SIGSEGV" 139 $?
same "signal in the results" "signalled 11" "$(awk -F'\t' '$2 == "exit.kind" { k = $3 } $2 == "exit.value" { print k, $3 }' r)"
$PW run -q -o r -- /nonexistent/program 2>err; same "not found" 127 $?
$PW run -q -o r -- /etc/passwd 2>err; same "not executable" 126 $?
rm -f marker; $PW run -q -o /nonexistent/r -- touch marker 2>err; same "unwritable results" 125 $?
same "found before the program starts" "" "$(ls marker 2>/dev/null)"
$PW run -q -- true; ls pagewalk.[0-9]* >/dev/null 2>&1 && ok "default name" || bad "default name"
$PW run -o r -- true 2>summary; grep -q "page" summary && ok "summary" || bad "summary"
$PW run -q -o r --json - -- true | grep -q '"format": *1' && ok "json" || bad "json"
finish
