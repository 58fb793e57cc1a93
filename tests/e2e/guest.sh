#!/bin/sh
# guest.sh BUILD - `run --guest`: the same program in a virtual machine.  What the kernel does is the same, the filter changes nothing, a
# replay is the run again, and what the host adds adds up.
. "$(dirname "$0")/lib.sh"

# Everything but who ran, the timeline that a replay has not, and the checksum.
plain() { grep -av '^count	p[ai]\|^end	\|^text	recording' "$1"; }
field() { grep -a "^text	$1	" "$2" | cut -f 3; }
reads() { echo $(( $(count "$1.0" "$2") + $(count "$1.1" "$2") + $(count "$1.2" "$2") + $(count "$1.3" "$2") )); }

seq 1 3000 | awk '{ print ($1 * 7919) % 20011, "line", $1 }' > text
$PW run -q -o host -- sort text > /dev/null
for kind in "skylake ept" "zen4 npt"; do
    set -- $kind
    $PW run -q --cpu "$1" -o host -- sort text > /dev/null
    for pages in 4k 2m; do
        $PW run -q --cpu "$1" --guest --host-pages $pages -o "guest-$pages" -- sort text > /dev/null
        $PW run -q --cpu "$1" --guest --host-pages $pages --no-filter -o without -- sort text > /dev/null
        plain "guest-$pages" > a; plain without > b
        cmp -s a b && ok "$2, $pages: the filter changes nothing" || bad "$2, $pages: with the filter and without: $(diff a b | head -4)"
        same "$2, $pages: the kind" "$2" "$(field guest.kind "guest-$pages")"
        same "$2, $pages: faults as on the host" "$(count faults.minor host)" "$(count faults.minor "guest-$pages")"
        same "$2, $pages: an exit for each page of the host's" "$(count guest.host_pages "guest-$pages")" "$(count guest.exits "guest-$pages")"
        [ "$(count guest.exits "guest-$pages")" -gt 0 ] && ok "$2, $pages: there were exits" || bad "$2, $pages: no exits"
    done
    same "$2: pages of 2 MiB need no last level" "0" "$(count guest.reads.0 guest-2m)"
    [ "$(reads walks.reads guest-4k)" -gt "$(reads walks.reads guest-2m)" ] && [ "$(reads walks.reads guest-2m)" -gt "$(reads walks.reads host)" ] &&
        ok "$2: 4k reads more than 2m, 2m more than the host" || bad "$2: entries read: $(reads walks.reads guest-4k) $(reads walks.reads guest-2m) $(reads walks.reads host)"
    # The guest's own entries: as many as the host's, but for walks begun again after an exit.
    own=$(( $(reads walks.reads guest-2m) - $(reads guest.reads guest-2m) ))
    [ $(( own - $(reads walks.reads host) )) -le $(( 5 * $(count guest.exits guest-2m) )) ] && ok "$2: the guest's entries are the host's" ||
        bad "$2: the guest's entries: $own, the host's $(reads walks.reads host)"
done

# ---- lines: sums over them are the totals; children ------------------------------------------------------------------------
$PW run -q --guest --json j -o r -- "$PROGS/forks" > /dev/null
grep -q '"kind": "ept"' j && ok "JSON" || bad "JSON has no guest"
$PW run -q --guest --cpus 3 -o r -- "$PROGS/threads" > /dev/null && [ "$(count guest.reads.0 r)" -gt 0 ] && ok "threads" || bad "threads"
$PW run -q --guest --trace-children -o forks -- "$PROGS/forks" > /dev/null
for r in forks*; do [ "$(count guest.translations "$r")" -gt 0 ] && ok "a process of its own: $r" || bad "nothing counted in $r"; done

# ---- replay and whatif --------------------------------------------------------------------------------------------------------
$PW run -q --guest --host-pages 2m --record g.pw -o run -- sort text > /dev/null
$PW replay -q -o replay g.pw
grep -a '^count	\(walks\|guest\|cycles\|tlb\)' run > a; grep -a '^count	\(walks\|guest\|cycles\|tlb\)' replay > b
cmp -s a b && ok "a replay is the run" || bad "run and replay: $(diff a b | head -4)"
$PW replay -q --guest=no -o replay g.pw
same "and without the guest" "" "$(field guest.kind replay)"
$PW replay -q --cpu zen4 -o replay g.pw
same "another vendor's CPU has its own kind" "npt" "$(field guest.kind replay)"
$PW whatif -q --json w.json g.pw guest=no guest=ept,host-pages=4k && ok "whatif" || bad "whatif"

# ---- what cannot be -------------------------------------------------------------------------------------------------------------
$PW run --guest=npt -o r -- true 2> err; same "NPT on Intel" "125" "$?"
grep -q "is AMD's" err && ok "and why" || bad "and why: $(cat err)"
$PW replay --guest=npt g.pw > out 2> err; same "NPT on Intel, replayed" "125 1" "$? $(grep -c "is AMD's" err)"
$PW run --guest=xen true 2> err; same "an unknown kind" "125 1" "$? $(grep -c 'ept, npt, any or no' err)"
$PW run --host-pages 4k true 2> err; same "host pages without a guest" "125 1" "$? $(grep -c 'needs --guest' err)"
$PW run --guest --check true 2> err; same "with --check" "125 1" "$? $(grep -c 'cannot be used in one run' err)"
finish
