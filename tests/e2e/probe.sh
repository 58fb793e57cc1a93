#!/bin/sh
# SPDX-License-Identifier: MIT
# probe.sh BUILD - profiles that are not built in: this machine's, measured ones, files good and bad, in every command that
# takes one.  What is measured depends on the machine, so only its form is checked here.
. "$(dirname "$0")/lib.sh"
dumps=$(cd "$(dirname "$0")/../unit/probe/cpuid" 2>/dev/null && pwd) || dumps=
here=$(pwd)

# refused NAME PATTERN ARGUMENT...: 125, one line on standard error that has the pattern, nothing on standard output
refused() {
    name=$1 pattern=$2
    shift 2
    "$PW" "$@" >out 2>err
    same "$name: status" 125 $?
    same "$name: one line" "1 0" "$(wc -l <err | tr -d ' ') $(wc -c <out | tr -d ' ')"
    grep -q -- "$pattern" err && ok "$name: says why" || bad "$name: no '$pattern' in: $(cat err)"
}

# ---- this machine
"$PW" cpus host >listing && ok "cpus host" || bad "cpus host"
grep -q 'source: ' listing && ok "sources" || bad "sources"
same "host:0" 0 "$("$PW" cpus host:0 >/dev/null; echo $?)"
"$PW" cpus --json host | grep -q '"name": "host"' && ok "JSON" || bad "JSON"
refused "no such CPU" 'CPU 99999 ' cpus host:99999
refused "no number" "not 'x'" cpus host:x

# ---- measuring
refused "unwritable" '/no/such/folder/p' probe --quick -o /no/such/folder/p
refused "argument" 'takes no argument' probe now
refused "empty name" 'empty name' probe -o ''
if "$PW" probe --quick -o m.profile >report 2>err; then
    same "first line" 'pagewalk-profile 1' "$(head -1 m.profile)"
    same "every number is marked" 0 "$(grep '^  source ' m.profile | grep -c -v -E '^  source (measured|not measured|not clear when measured)')"
    for what in 'First level' 'Second level' 'Second-level hit' 'Page walk' ' pages$'; do
        grep -q "$what" report && ok "report: $what" || bad "report has no '$what'"
    done
    "$PW" cpus ./m.profile >listing && ok "cpus FILE" || bad "cpus FILE"
    "$PW" run -q --cpu ./m.profile -o r -- /bin/true && ok "run --cpu FILE" || bad "run --cpu FILE"
    same "results name it" 'text	profile	host-measured' "$(grep '^text	profile	' r)"
    "$PW" report r | grep -q 'measured' && ok "report shows it" || bad "report shows it"
    same "script profile=FILE" ok "$(echo "machine profile=$here/m.profile" | "$PW" script -)"
    same "script --cpu FILE" ok "$(echo machine | "$PW" script --cpu ./m.profile -)"
    "$PW" probe --quick -o - 2>err >on-stdout && head -1 on-stdout | grep -q '^pagewalk-profile 1$' && grep -q 'Page walk' err &&
        ok "-o -" || bad "-o -"
else
    grep -q 'cannot measure: ' err && echo "skip: $(cat err)" || bad "probe: $(cat err)"
fi

# ---- files
cat >good.profile <<'P'
pagewalk-profile 1
name tiny
vendor intel
physical_bits 40
virtual_bits 48
features lm pae nx
tlb L1I level=1 for=fetch pages=4K ways=4 sets=2 index=linear replacement=lru
tlb L1D level=1 for=load+store pages=4K ways=4 sets=2 index=linear replacement=lru
timing stlb_hit=7 walk_base=9 read_near=4 read_far=40 near_lines=64
P
mkdir 'a folder'
cp good.profile 'a folder/p'
"$PW" run -q --check --trace-children --cpu 'a folder/p' -o r -- sh -c 'cd /; /bin/ls >/dev/null; /bin/true' && ok "children have it too" || bad "children have it too"
same "in each process" 3 "$(cat r r.* | grep -c '^text	profile	tiny')"
same "the naive twin agrees" "0 0 0" "$(for f in r r.*; do count check.differences $f; done | tr '\n' ' ' | sed 's/ $//')"
for cpu in host ./good.profile; do
    "$PW" run -q --cpu $cpu -o fast -- /bin/ls / >/dev/null
    "$PW" run -q --cpu $cpu --no-filter -o slow -- /bin/ls / >/dev/null
    for f in fast slow; do grep -v -E '^(count	(pid|parent)|end)' $f >$f.counts; done
    same "$cpu: filter on and off" "" "$(diff fast.counts slow.counts | head -3)"
done
sed 's/ways=4 sets=2 index/ways=4 sets=3 index/' good.profile >bad.profile
for command in 'cpus ./bad.profile' 'run --cpu ./bad.profile -- /bin/true' 'script --cpu ./bad.profile /dev/null'; do
    refused "bad file: ${command%% *}" './bad.profile, line 7: sets is a power of two' $command
done
refused "no such file" './none.profile: No such file' cpus ./none.profile
refused "a folder" 'Is a directory' cpus ./
refused "no profile" 'line 1: not a CPU profile' cpus /etc/passwd
refused "unknown name" "did you mean 'skylake'" cpus skylak
head -c 5000000 /dev/zero >big
refused "too big" 'too large' cpus ./big
same "from a pipe" 0 "$(cat good.profile | "$PW" cpus /dev/stdin >/dev/null; echo $?)"
if [ -n "$dumps" ]; then
    "$PW" cpus "$dumps/turin.txt" | head -1 | grep -q '^turin: AMD EPYC 9655' && ok "a CPUID dump" || bad "a CPUID dump"
fi
finish
