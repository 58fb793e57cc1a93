#!/bin/sh
# SPDX-License-Identifier: MIT
# fake_capture.sh - stands in for the capture tool in tests of the command: takes the same options, runs the program
# natively, ends as it ended, and writes a small results file.  FAKE says how to misbehave.
out= trace=no
for arg; do
    case $arg in
    --pw-out=*) out=${arg#--pw-out=} ;;
    --trace-children=yes) trace=yes ;;
    --) break ;;
    esac
done
printf '%s\n' "$@" >"$FAKE_ARGUMENTS"
printf '%s\n' "$VALGRIND_LIB" "$VALGRIND_LAUNCHER" >"$FAKE_ENVIRONMENT"
while [ "${1#-}" != "$1" ] && [ "$1" != -- ]; do shift; done
[ "$1" != -- ] || shift

# %% is a percent sign, %p the process id.
file_of() { printf '%s' "$out" | sed "s/%p/$1/; s/%%/%/g"; }

# results PID PARENT KIND VALUE
results() {
    body=$(mktemp)
    {
        echo 'pagewalk-results 1'
        printf 'text\tprogram\t%s\ntext\texit.kind\t%s\ncount\texit.value\t%s\n' "$program" "$3" "$4"
        printf 'count\tpid\t%s\ncount\tparent\t%s\ncount\tinstructions\t1234567\ncount\tloads\t?\n' "$1" "$2"
    } >"$body"
    crc=$(gzip -c "$body" | tail -c 8 | od -An -tx1 -N4 | awk '{ print $4 $3 $2 $1 }')
    printf 'end\t%d\t%s\n' "$(wc -l <"$body")" "$crc" >>"$body"
    cat "$body" >"$(file_of "$1")"
    rm -f "$body"
}

program=$1
case $FAKE in
killed) kill -9 $$ ;;
crash) exit 1 ;;
wait)
    trap 'results $$ 1 signalled "?"; trap - TERM; kill -15 $$' TERM
    echo ready
    for try in $(seq 200); do sleep 0.05; done
    exit 1
    ;;
esac
"$@"
status=$?
case $FAKE in
nothing) exit $status ;;
cut) printf 'pagewalk-results 1\ntext\tprogr' >"$(file_of $$)"; exit $status ;;
esac
[ $trace = no ] || results 4000000 $$ exited 3
if [ $status -gt 128 ]; then
    results $$ 1 signalled '?' # only the parent learns which
    kill -$((status - 128)) $$
fi
results $$ 1 exited 0 # so does the real tool: `pagewalk run` puts the status in
exit $status
