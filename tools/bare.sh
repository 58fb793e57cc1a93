#!/bin/sh
# SPDX-License-Identifier: MIT
# bare.sh [FOLDER] - `make test-bare`: a Debian 12 with nothing installed but what git and make need (debootstrap, minbase), a
# fresh clone in it, and the two commands of the README: make demo, then .ci/run.  Needs root and the network; FOLDER keeps the
# system for the next time.  Ends with "N passed, N failed" of the tests.
set -e
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "bare: only root can make a system in a folder" >&2; exit 2; }
root=${1:-$(mktemp -d)}
command -v debootstrap > /dev/null || apt-get install -y debootstrap
[ -x "$root/bin/sh" ] || debootstrap --variant=minbase --include=git,make,ca-certificates bookworm "$root"
cleanup() {
    umount -l "$root/proc" "$root/sys" "$root/dev" 2> /dev/null || true
    [ "${keep:-}" ] || rm -rf --one-file-system "$root"
}
keep=${1:+yes}
trap cleanup EXIT
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount --make-rslave "$root/dev"
cp /etc/resolv.conf "$root/etc/resolv.conf"
rm -rf "$root/root/pagewalk"
git clone -q . "$root/root/pagewalk"
bare() { chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -c "cd /root/pagewalk && $1"; }
bare 'apt-get update -qq'
bare 'make demo'
bare 'bash .ci/run'
