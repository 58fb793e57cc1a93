#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD [NAME...] - huge pages: scripts in cases/, done by the model and compared line by line
# with what Linux answered: NAME.linux, recorded on 6.18, and, where this machine can, its own kernel now.
#   run.sh record BUILD [NAME...]    write NAME.linux from this kernel
# A script says what it needs of the host: hugetlb (root, an empty pool; it takes some 16 MiB for an instant), ext4 (the
# build folder), settings (switches of the whole system for an instant; only with PAGEWALK_HOST_SETTINGS=1; they are put
# back) and gigantic (a page of 1 GiB; only when recording).  khugepaged may step in at any time, so a host that
# answers otherwise is asked again.  Not compared: device and inode numbers,
# Referenced (other activity of the system counts), fields that are 0.
set -u
record=no
[ "${1-}" = record ] && record=yes && shift
BUILD=$(cd "$1" && pwd) || exit 2
shift
HERE=$(cd "$(dirname "$0")" && pwd)
CASES=$HERE/cases
WORK=$(mktemp -d "$BUILD/huge.XXXXXX") || exit 2
MM=/sys/kernel/mm
settings() { # every file a script may write
    for f in transparent_hugepage/enabled transparent_hugepage/shmem_enabled transparent_hugepage/hugepages-*/enabled \
             transparent_hugepage/hugepages-*/shmem_enabled transparent_hugepage/khugepaged/max_ptes_none \
             transparent_hugepage/khugepaged/max_ptes_shared transparent_hugepage/khugepaged/pages_to_scan \
             transparent_hugepage/khugepaged/scan_sleep_millisecs hugepages/hugepages-*/nr_hugepages \
             hugepages/hugepages-*/nr_overcommit_hugepages; do
        for g in $MM/$f; do [ -w "$g" ] && echo "$g"; done
    done
}
chosen() { sed 's/.*\[\(.*\)\].*/\1/' "$1"; }
save() { for f in $(settings); do echo "$f $(chosen "$f")"; done > "$WORK/settings"; }
restore() {
    [ -f "$WORK/settings" ] && while read -r f v; do
        [ "$(chosen "$f")" = "$v" ] || echo "$v" > "$f"
    done < "$WORK/settings"
}
trap 'restore 2>/dev/null; rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM

normal() { # what can be compared; [vsyscall] is a matter of configuration, with all that smaps says of it
    awk '/\[vsyscall\]/ { skip = 1; next } skip && /^[A-Z][A-Za-z_]*:/ { next } { skip = 0; print }' |
        sed -E -e '/ 0 kB$/d' -e '/^Referenced:/d' -e '/^(Vm[A-EG-Z]|Rss[A-Z])/d' -e 's/^(VmFlags:.*) gu /\1 /' \
        -e 's/^([0-9a-f]+-[0-9a-f]+ .... [0-9a-f]+) [0-9a-f]+:[0-9a-f]+ [0-9]+ +/\1 /' -e 's#[^ ]*/pagewalk\.[0-9]*\.([a-z]+) \(deleted\)#/\1#' \
        -e 's/^ok collapsed=.*/ok/' -e 's/^(minor=[0-9]+ major=[0-9]+).*/\1/'
}
model() {
    { echo "boot ram=4G thp=$thp features=-pku"; cat "$CASES/$1.pw"; } > "$WORK/script"
    "$BUILD/pagewalk" script "$WORK/script" | sed 1d | normal
}
cannot() { # NAME: why this machine cannot do it, or nothing
    needs=$(sed -n 's/^# needs: //p' "$CASES/$1.pw")
    [ "$host" = yes ] || { echo "$host"; return; }
    for need in $needs; do
        case $need in
        hugetlb) [ -w $MM/hugepages/hugepages-2048kB/nr_hugepages ] || { echo "the pool of huge pages cannot be set"; return; }
            [ "$(cat $MM/hugepages/hugepages-2048kB/nr_hugepages)" = 0 ] || { echo "the pool of huge pages is in use"; return; } ;;
        gigantic) [ $record = yes ] || { echo "done when recording"; return; } ;;
        settings) [ "${PAGEWALK_HOST_SETTINGS-}" = 1 ] || { echo "set PAGEWALK_HOST_SETTINGS=1 to let it change the system's settings"; return; }
            [ -w $MM/transparent_hugepage/enabled ] || { echo "the settings cannot be written"; return; } ;;
        ext4) [ "$(stat -f -c %T "$WORK")" = ext2/ext3 ] || { echo "the build folder is not on ext4"; return; } ;;
        esac
    done
}

host=yes thp=madvise
case $(uname -r) in 6.18.*) ;; *) host="this kernel, $(uname -r), is not 6.18" ;; esac
[ -r $MM/transparent_hugepage/enabled ] && thp=$(chosen $MM/transparent_hugepage/enabled)
[ "$thp" = madvise ] || host="transparent huge pages are on '$thp', the scripts are for madvise"
thp=madvise
export PAGEWALK_EXT4="$WORK"
save
[ $# -gt 0 ] || set -- $(cd "$CASES" && ls ./*.pw | sed 's#^\./##; s/\.pw$//')
passed=0 failed=0
for name; do
    model "$name" > "$WORK/model" 2>&1
    why=$(cannot "$name")
    for _try in 1 2 3; do
        [ -z "$why" ] || break
        "$BUILD/tests/differential/huge/hostscript" "$CASES/$name.pw" > "$WORK/raw" 2> "$WORK/errors"
        [ $? = 77 ] && why=$(cat "$WORK/errors")
        normal < "$WORK/raw" > "$WORK/host"
        restore
        cmp -s "$WORK/host" "$WORK/model" && break
    done
    if [ $record = yes ]; then
        [ -z "$why" ] && cp "$WORK/host" "$CASES/$name.linux" || echo "skip: $name: $why"
        continue
    fi
    verdict=ok
    diff -u "$CASES/$name.linux" "$WORK/model" > "$WORK/diff" || verdict=FAILED
    [ -n "$why" ] || diff -u "$WORK/host" "$WORK/model" >> "$WORK/diff" || verdict=FAILED
    if [ $verdict = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); head -40 "$WORK/diff"; fi
    printf '%-22s %5d lines  %s\n' "$name" "$(wc -l < "$WORK/model")" "$verdict"
    [ -z "$why" ] || echo "skip: $name on this kernel: $why"
done
[ $record = yes ] || echo "$passed passed, $failed failed"
[ $failed = 0 ]
