#!/bin/sh
# SPDX-License-Identifier: MIT
# fetch.sh FOLDER - Debian kernels to test on: the newest that the archive offers to this machine (the suites that apt is
# set up for, and backports beside them), and the newest of 6.1.  Nothing is installed: packages are downloaded by apt-get
# and of each the kernel and the modules that ext4 on a memory disk needs are unpacked to FOLDER/VERSION (vmlinuz,
# modules/*.ko).  Prints the versions; what cannot be had is one line of "skip:" on standard error.
here=$1
mkdir -p "$here/apt/lists/partial" "$here/apt/cache/archives/partial" || exit 1
here=$(cd "$here" && pwd)

# Backports in lists of our own: what apt is set up for stays as it is.
. /etc/os-release
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 2>/dev/null | grep '/debian/$' | head -1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian/} ${VERSION_CODENAME:-stable}-backports main" >"$here/apt/sources.list"
backports="-o Dir::Etc::sourcelist=$here/apt/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$here/apt/lists -o Dir::Cache=$here/apt/cache"

# "VERSION PACKAGE WHERE", oldest first.  Not the meta packages, nor other flavours.
offered() {
    for where in archive backports; do
        options=
        [ $where = backports ] && options=$backports
        apt-cache $options search --names-only '^linux-image-[0-9]+[.][0-9]+[.][0-9]+[-+][-+.0-9a-z]*amd64$' |
            sed -n "s/^\(linux-image-\([^ ]*\)-amd64\) .*/\2 \1 $where/p"
    done | grep -v -E -- '-(rt|cloud)-|unsigned|dbg' | sort -V
}

modules='crc16 crc32c_generic libcrc32c mbcache jbd2 ext4 brd'

unpack() { # VERSION FILE
    to=$here/$1
    rm -rf "$to.new" && mkdir -p "$to.new/modules" "$to.new/all" || return 1
    dpkg-deb --fsys-tarfile "$2" | tar -x -C "$to.new/all" --wildcards './boot/vmlinuz*' \
        $(for m in $modules; do echo "*/$m.ko*"; done) 2>/dev/null
    mv "$to.new"/all/boot/vmlinuz* "$to.new/vmlinuz" || return 1
    find "$to.new/all" -name '*.ko*' -exec mv {} "$to.new/modules" \;
    for m in "$to.new"/modules/*.xz; do [ -e "$m" ] && { xz -d "$m" || return 1; }; done
    for m in "$to.new"/modules/*.zst; do [ -e "$m" ] && { zstd -q -d --rm "$m" || return 1; }; done
    for m in $modules; do
        [ -e "$to.new/modules/$m.ko" ] || continue
        [ $m = brd ] && echo "/modules.d/$m.ko rd_nr=1 rd_size=131072" || echo "/modules.d/$m.ko"
    done >"$to.new/modules.list"
    rm -rf "$to.new/all" && mv "$to.new" "$to"
}

get() { # VERSION PACKAGE WHERE
    [ -e "$here/$1/vmlinuz" ] && return 0
    options=
    [ "$3" = backports ] && options=$backports
    rm -f "$here"/linux-image-*.deb
    (cd "$here" && apt-get $options download "$2" >apt/log 2>&1) || return 1
    unpack "$1" "$here"/linux-image-*.deb
    status=$?
    rm -f "$here"/linux-image-*.deb
    return $status
}

apt-get $backports update >"$here/apt/log" 2>&1
list=$(offered)
[ -n "$list" ] || { echo "skip: the archive offers no kernels to this machine" >&2; exit 0; }
newest=$(echo "$list" | tail -1)
old=$(echo "$list" | grep '^6\.1\.' | tail -1)
[ -n "$old" ] || echo "skip: the archive offers no kernel 6.1" >&2
printf '%s\n%s\n' "$newest" "$old" | sort -u -V | while read -r version package where; do
    [ -n "$version" ] || continue
    if get "$version" "$package" "$where"; then echo "$version"; else echo "skip: $package cannot be downloaded or unpacked" >&2; fi
done
