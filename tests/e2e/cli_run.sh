#!/bin/sh
# SPDX-License-Identifier: MIT
# cli_run.sh PAGEWALK - the contract of the command: exit statuses, which stream gets what, what is refused before the
# program starts.  A fake capture tool stands behind it, so nothing here depends on the model.
set -u
pagewalk=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/libexec" "$work/run"
cp "$here/fake_capture.sh" "$work/libexec/pagewalk-capture-amd64-linux"
chmod +x "$work/libexec/pagewalk-capture-amd64-linux"
export PAGEWALK_LIBEXEC="$work/libexec" FAKE_ARGUMENTS="$work/arguments" FAKE_ENVIRONMENT="$work/environment" FAKE=
cd "$work/run" || exit 1
failures=0
path=$PATH

# is WHAT EXPECTED GOT
is() {
    [ "$2" = "$3" ] && return
    printf 'FAILED: %s\n  expected: %s\n  got:      %s\n' "$1" "$2" "$3"
    failures=$((failures + 1))
}
# has WHAT PATTERN FILE / lacks WHAT PATTERN FILE
has() { grep -q -- "$2" "$3" || { printf 'FAILED: %s: no "%s" in:\n' "$1" "$2"; cat "$3"; failures=$((failures + 1)); }; }
lacks() { ! grep -q -- "$2" "$3" || { printf 'FAILED: %s: "%s" in:\n' "$1" "$2"; cat "$3"; failures=$((failures + 1)); }; }
# run STATUS ARGUMENT...: runs pagewalk; out and err take the streams
run() {
    expected=$1
    shift
    rm -f "$FAKE_ARGUMENTS"
    env PATH="$path" "$pagewalk" "$@" >"$work/out" 2>"$work/err"
    is "status of: $*" "$expected" "$?"
}
never_started() { is "$1: the program was not started" no "$([ -e "$FAKE_ARGUMENTS" ] && echo yes || echo no)"; }

# ---- the exit-status table
run 0 run -q -- true
run 7 run -q -- sh -c 'exit 7'
run 255 run -q -- sh -c 'exit 255'
run 143 run -q -- sh -c 'kill -15 $$'
run 139 run -q -- sh -c 'kill -11 $$'
run 127 run -q -- no-such-program-here
never_started 'not found'
has 'not found' 'not found' "$work/err"
run 127 run -q -- ./no/such/program
run 126 run -q -- "$work"
echo text >"$work/plain"
run 126 run -q -- "$work/plain"
never_started 'not executable'
printf '#!/no/such/interpreter\n' >"$work/script" && chmod +x "$work/script"
run 127 run -q -- "$work/script"
mkdir "$work/passed" && cp "$work/plain" "$work/passed/true"
path=$work/passed:$PATH
run 0 run -q -- true
path=$work/passed run 126 run -q -- true
path=$PATH
run 125 run
run 125 run --no-such-option -- true
run 125 run --cpu no-such-cpu -- true
run 125 run --cpus 0 -- true
run 125 run --top -1 -- true
run 125 frobnicate
run 125
run 0 --help
run 0 --version
run 0 help run
has 'help run' 'Exit status' "$work/out"
for command in run report cpus script help; do run 0 help $command; done

# ---- nothing is started when an output cannot be written
for option in -o --json --callgrind; do
    run 125 run $option /no/such/folder/file -- true
    never_started "$option unwritable"
    has "$option unwritable" '/no/such/folder/file' "$work/err"
    is "$option unwritable: one line" 1 "$(wc -l <"$work/err")"
    run 125 run $option "$work" -- true
    never_started "$option is a folder"
done
run 125 run -o same --json same -- true
never_started 'one file for two outputs'

# ---- what goes where
rm -f pagewalk.*
run 3 run -- sh -c 'echo the output; echo the error >&2; exit 3'
is 'standard output is the program'"'"'s' 'the output' "$(cat "$work/out")"
has 'summary' 'Instructions' "$work/err"
has 'summary' '1,234,567' "$work/err"
has 'summary: unknown is not 0' 'loads unknown' "$work/err"
has 'the program'"'"'s error' 'the error' "$work/err"
lacks 'no colour without a terminal' "$(printf '\033')" "$work/err"
is 'one results file' 1 "$(ls pagewalk.* | wc -l)"
run 0 report pagewalk.*
has 'report' '1,234,567' "$work/out"
run 0 run -q -- true
is 'quiet' '' "$(cat "$work/err")"
is 'stdin is the program'"'"'s' 'input' "$(echo input | "$pagewalk" run -q -- cat)"

rm -f pagewalk.*
run 5 run -q -o file --json - -- sh -c 'echo first; exit 5'
is 'JSON after the program' 'first' "$(head -1 "$work/out")"
has 'JSON' '"format": 1' "$work/out"
has 'JSON: unknown is null' '"loads": null' "$work/out"
is 'no default results file beside -o' file "$(ls)"
run 0 run -q -o file --json file.json --callgrind file.cg -- true
has 'JSON file' '"format": 1' file.json
has 'callgrind file' '^events:' file.cg
rm -f ./*
run 0 run -q -o /dev/null --json file.json -- true
is 'results for nobody' file.json "$(ls)"
run 125 run -q -o /dev/null --json /dev/full -- true
has 'full disk' '/dev/full' "$work/err"
rm -f ./*
run 0 run -q -o 'a%b.%p' -- sh -c 'cd /; exit 0'
is 'a percent sign and %p in a name' 1 "$(ls a%b.[0-9]* | wc -l)"

# ---- how it ended is in the results
run 9 run -q -o file -- sh -c 'exit 9'
has 'exit status in the results' '^count	exit.value	9$' file
run 137 run -o file -- sh -c 'kill -9 $$'
has 'signal in the results' '^count	exit.value	9$' file
has 'signal in the results' '^text	exit.kind	signalled$' file
has 'signal in the summary' 'killed by signal 9 (Killed)' "$work/err"

# ---- what the tool is told
run 0 run -q --cpus 4 --cpu zen3 --ram 1G --check --no-filter -- sh -c 'exit 0' -x --pw-check=no
for option in --vgdb=no --command-line-only=yes --pw-profile=zen3 --pw-cpus=4 --pw-ram=1073741824 --pw-check=yes --pw-filter=no --trace-children=no; do
    has 'options of the tool' "^$option\$" "$FAKE_ARGUMENTS"
done
is 'the program and its arguments come last' "$(printf '%s\n' -- /bin/sh -c 'exit 0' -x --pw-check=no)" \
    "$(tail -6 "$FAKE_ARGUMENTS" | sed "s,^.*/sh\$,/bin/sh,")"
is 'VALGRIND_LIB' "$(realpath "$work/libexec")" "$(sed -n 1p "$FAKE_ENVIRONMENT")"
is 'VALGRIND_LAUNCHER' "$pagewalk" "$(sed -n 2p "$FAKE_ENVIRONMENT")"

# ---- a followed child: the tool runs its launcher with its own options
run 0 -q --vgdb=no "--pw-out=$work/child.%p" --pw-follow=yes /bin/true
rm -f ./*
run 0 run --trace-children -o traced -- true
is 'files of processes' 'traced traced.4000000' "$(echo *)"
has 'table of processes' '4000000' "$work/err"
printf 'pagewalk-results 1\n' >traced.77
printf 'precious\n' >traced.78
run 0 run -q --trace-children -o traced -- true
is 'results of an earlier run go, other files stay' 'traced traced.4000000 traced.78' "$(echo *)"

# ---- the tool fails
rm -f ./*
FAKE=crash run 125 run -- true
FAKE=nothing run 125 run -- true
FAKE=killed run 137 run -- true
FAKE=cut run 125 run -o cut -- true
has 'cut results' 'cut short' "$work/err"
is 'a cut file is not kept' '' "$(ls)"
FAKE=cut run 125 run --keep -o cut -- true
is 'unless asked for' cut "$(ls)"
echo old >cut
FAKE=nothing run 125 run -o cut -- true
has 'old results are not taken for new ones' 'no results' "$work/err"
is 'and stay' old "$(cat cut)"

# ---- results that are none
for bytes in '' 'pagewalk' 'hello\n' 'pagewalk-results 2\n' 'pagewalk-results 1\nend\t1\t00000000\n'; do
    printf "$bytes" >bad
    run 125 report bad
    is "report of '$bytes': one line" 1 "$(wc -l <"$work/err")"
    is "report of '$bytes': nothing on standard output" '' "$(cat "$work/out")"
done
run 125 report /no/such/file
run 125 report .
run 125 report

# ---- signals
FAKE=wait "$pagewalk" run -q -- true >"$work/out" 2>"$work/err" &
waited=$!
while ! grep -q ready "$work/out"; do sleep 0.05; done
kill -TERM $waited
wait $waited
is 'SIGTERM is passed on, 128+15 comes back' 143 "$?"

# ---- colour
if command -v script >/dev/null; then
    coloured() { TERM=xterm "$@" script -qec "'$pagewalk' report '$work/run/r'" /dev/null | grep -c "$(printf '\033')\\["; }
    "$pagewalk" run -q -o r -- true
    is 'colour on a terminal' yes "$([ "$(coloured env -u NO_COLOR)" -gt 0 ] && echo yes)"
    is 'none with NO_COLOR' 0 "$(coloured env NO_COLOR=1)"
    is 'none on a dumb terminal' 0 "$(coloured env -u NO_COLOR TERM=dumb)"
fi

[ $failures -eq 0 ] || { echo "$failures failed"; exit 1; }
echo 'all passed'
