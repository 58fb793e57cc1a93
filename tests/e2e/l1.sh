#!/bin/sh
# l1.sh BUILD - `run --l1`: the caches count what cachegrind's do, with the filter of lines and without; what differs when tags
# are physical is named.  Cachegrind counts an access that crosses into another line as one miss at most, and a
# read-modify-write as a load: so here missed accesses are compared, loads and stores together.
. "$(dirname "$0")/lib.sh"

# profile NAME FORM WAYS SETS
profile() {
    cat > "$1" << END
pagewalk-profile 1
name $1
vendor intel
physical_bits 46
virtual_bits 48
features nx pse pse36 pae lm pge pat
tlb L1I level=1 for=fetch pages=4K+2M+1G ways=16 sets=1 index=linear replacement=lru
tlb L1D level=1 for=load+store pages=4K+2M+1G ways=16 sets=1 index=linear replacement=lru
cache L1I for=fetch form=$2 ways=$3 sets=$4 line=64 replacement=lru
cache L1D for=data form=$2 ways=$3 sets=$4 line=64 replacement=lru
timing stlb_hit=7 walk_base=9 read_near=4 read_far=40 near_lines=512
END
}
missed() { echo "$(count l1.i.fetches_missed "$1") $(( $(count l1.d.loads_missed "$1") + $(count l1.d.stores_missed "$1") ))"; }
# Everything but who ran, and the checksum.
plain() { grep -av '^count	p[ai]\|^end	' "$1"; }

# ---- with the filter and without, on every form ----------------------------------------------------------------------------
seq 1 3000 | awk '{ print ($1 * 7919) % 20011, "line", $1 }' > text
for cpu in skylake bulldozer zen1; do
    $PW run -q --l1 --cpu $cpu -o with -- sort text > /dev/null
    $PW run -q --l1 --cpu $cpu --no-filter -o without -- sort text > /dev/null
    plain with > a; plain without > b
    cmp -s a b && ok "$cpu: lines skipped change nothing" || bad "$cpu: with the filter and without: $(diff a b | head -4)"
done
$PW run -q --l1 --cpus 3 -o with -- "$PROGS/threads" > /dev/null
$PW run -q --l1 --trace-children -o forks -- "$PROGS/forks" > /dev/null
for r in forks*; do [ "$(count l1.i.fetches_missed "$r")" -gt 0 ] && ok "a process of its own: $r" || bad "no misses in $r"; done
same "threads: loads and stores are all there" "$(( $(count l1.d.loads with) + $(count l1.d.stores with) ))" \
    "$(( $(count loads with) + $(count stores with) - $(count modifies with) ))"

# ---- what cannot be ----------------------------------------------------------------------------------------------------------
profile bare vipt 8 64
grep -v '^cache' bare > none
$PW run --l1 --cpu ./none -o r -- true 2> err; same "a profile without caches" "125" "$?"
grep -q 'first-level caches' err && ok "and why" || bad "and why: $(cat err)"
$PW replay --l1 x 2> err; same "a recording has no lines" "125 1" "$? $(grep -c 'give --l1 to' err)"

# ---- cachegrind ----------------------------------------------------------------------------------------------------------------
valgrind=$(command -v valgrind.bin || command -v valgrind) || { echo "skip: no valgrind command to compare with"; finish; }
# cachegrind BYTES WAYS PROGRAM...: misses of instructions, and of data
cachegrind() {
    size=$1; ways=$2; shift 2
    $valgrind --vex-guest-chase=no --tool=cachegrind --cache-sim=yes --I1="$size,$ways,64" --D1="$size,$ways,64" --cachegrind-out-file=cg "$@" > /dev/null 2>&1
    awk '/^summary:/ { print $3, $6 + $9 }' cg # events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw
}
# Every address is the linker's, every page was written before it is read: one frame a page, so virtual tags and physical ones
# say the same, and an index inside the page is the same of both addresses.  Equal, to the last miss.
for geometry in "8 64 32768" "2 128 16384" "4 256 65536" "1 64 4096"; do
    set -- $geometry
    want=$(cachegrind "$3" "$1" "$PROGS/lines")
    for form in vivt vipt vipt_one; do
        profile p $form "$1" "$2"
        $PW run -q --l1 --cpu ./p -o r -- "$PROGS/lines"
        same "$form, $1 ways x $2 sets: cachegrind's misses" "$want" "$(missed r)"
    done
done
profile p pipt 8 64
$PW run -q --l1 --cpu ./p -o r -- "$PROGS/lines"
same "pipt, a way of a page" "$(cachegrind 32768 8 "$PROGS/lines")" "$(missed r)"

# A program of Debian's: the two tools lay the stack out differently (its environment), and physical tags make one line of
# what virtual ones have several of (the zero page), or several of one (a copy on write).
preloaded=$($valgrind -q --tool=none env | sed -n 's/^LD_PRELOAD=\([^:]*\).*/\1/p')
want=$(cachegrind 32768 8 gzip -c text)
for form in vivt vipt; do
    profile p $form 8 64
    LD_PRELOAD=$preloaded $PW run -q --l1 --cpu ./p -o r -- gzip -c text > /dev/null
    echo "$want $(missed r)" | awk '{ d = $2 - $4; exit !((d < 0 ? -d : d) * 50 <= $2) }' &&
        ok "gzip, $form: data misses within 2 % ($want; $(missed r))" || bad "gzip, $form: $want, $(missed r)"
done
finish
