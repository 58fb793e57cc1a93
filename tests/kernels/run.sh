#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD [VERSION...] - `make test-kernels`: the differential tests on Debian kernels (fetch.sh) in virtual machines.
#
#   SEEDS=1-40  OPS=2000     what the fuzzer does there          ACCEL=tcg|kvm   instead of trying kvm first
#   MMFUZZ=--smaps   more options for it                         MINUTES=20      the longest that a machine may take
#
# Each machine has an initramfs with init.c, the fuzzer, tracking, controls and numa, all static, an ext4 in memory, and no other
# program.  Everything it says is in BUILD/kernels/VERSION.log.  A missing tool or package is one line of "skip:".
build=${1:?usage: run.sh BUILD [VERSION...]}
shift
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$build" && pwd)
home=$build/kernels
seeds=${SEEDS:-1-40}
first=${seeds%-*} last=${seeds#*-}
mkdir -p "$home" || exit 2

for tool in qemu-system-x86_64 cpio mke2fs apt-get dpkg-deb xz; do
    command -v $tool >/dev/null 2>&1 || { echo "skip: test-kernels needs $tool"; exit 0; }
done
[ $# -gt 0 ] || set -- $(sh "$here/fetch.sh" "$home")

# ---- an initramfs -----------------------------------------------------------------------------------------------------

todo() {
    cat <<ROWS
write /sys/kernel/mm/transparent_hugepage/enabled madvise
write /sys/kernel/mm/transparent_hugepage/khugepaged/scan_sleep_millisecs 100000000
run 120 controls /bin/controls
run 120 numa /bin/numa 1 2000
run 600 tracking /bin/tracking 1 20 300
run 1100 mmfuzz /bin/mmfuzz --seeds $first-$last --ops ${OPS:-2000} $MMFUZZ /bin/performer /disk
ROWS
}

image() { # VERSION FILE
    tree=$home/tree
    rm -rf "$tree" && mkdir -p "$tree/bin" "$tree/modules.d" "$tree/dev" || return 1
    cp "$build/tests/kernels/kernels-init" "$tree/init"
    for program in mmfuzz/mmfuzz mmfuzz/performer tracking/tracking controls numa; do
        cp "$build/tests/differential/$program" "$tree/bin/" || return 1
    done
    strip "$tree/init" "$tree/bin/mmfuzz" "$tree/bin/tracking" "$tree/bin/controls" "$tree/bin/numa"
    cp "$home/$1"/modules/*.ko "$tree/modules.d/"
    cp "$home/$1/modules.list" "$tree/modules"
    mke2fs -q -t ext4 -b 4096 "$tree/disk.img" 96M >/dev/null || return 1
    todo >"$tree/todo"
    (cd "$tree" && find . | cpio --quiet -o -H newc | gzip -1) >"$2"
}

# ---- a machine --------------------------------------------------------------------------------------------------------

# Three nodes, the last without a CPU, all distances different.
nodes() {
    for n in 0 1 2; do
        echo "-object memory-backend-ram,id=m$n,size=512M -numa node,nodeid=$n,memdev=m$n$([ $n = 2 ] || echo ,cpus=$n)"
    done
    echo "-numa dist,src=0,dst=1,val=15 -numa dist,src=0,dst=2,val=25 -numa dist,src=1,dst=2,val=20"
}

machine() { # ACCELERATION VERSION LOG SECONDS
    timeout "$4" qemu-system-x86_64 -accel "$1" -cpu max,-smap,-la57 -smp 2 -m 1536 $(nodes) -nodefaults -display none -serial "file:$3" \
        -no-reboot -kernel "$home/$2/vmlinuz" -initrd "$home/$2.cpio.gz" \
        -append "console=ttyS0 quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on numa_balancing=disable" >"$3.qemu" 2>&1
}

# Kvm is used where it works: the machine comes up within a few seconds.
acceleration() { # VERSION
    [ -n "${ACCEL:-}" ] && { echo "$ACCEL"; return; }
    [ -w /dev/kvm ] && machine kvm "$1" "$home/kvm.log" 12
    if grep -q '^=== up' "$home/kvm.log" 2>/dev/null; then echo kvm; else echo tcg; fi
}

# ---- the verdict --------------------------------------------------------------------------------------------------------

# "name status" of each run in the log.
endings() { tr -d '\r' <"$1" | sed -n 's/^=== \([a-z]*\) ends with \(.*\)/\1 \2/p'; }

failed=0 passed=0 skipped=0
accel=
for version in "$@"; do
    [ -e "$home/$version/vmlinuz" ] || { echo "skip: no kernel $version"; continue; }
    log=$home/$version.log
    image "$version" "$home/$version.cpio.gz" || { echo "no initramfs for $version"; failed=$((failed + 1)); continue; }
    accel=${accel:-$(acceleration "$version")}
    begun=$(date +%s)
    : >"$log"
    machine "$accel" "$version" "$log" $((${MINUTES:-20} * 60))
    echo "Linux $version ($accel, $(($(date +%s) - begun)) s):"
    tr -d '\r' <"$log" | awk '/^=== .* begins/ { show = 1; next } /^=== .* ends/ { show = 0 } show || /^init:/ { print "  " $0 }'
    for name in controls numa tracking mmfuzz; do
        case $(endings "$log" | sed -n "s/^$name //p") in
        0) passed=$((passed + 1)) ;;
        77) skipped=$((skipped + 1)) ;;
        "") failed=$((failed + 1)); echo "  $name: did not end; see $log"; tail -n 3 "$log" "$log.qemu" ;;
        *) failed=$((failed + 1)); echo "  $name: failed" ;;
        esac
    done
done
echo "test-kernels: $passed passed, $skipped skipped, $failed failed"
[ $failed -eq 0 ]
