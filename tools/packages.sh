# SPDX-License-Identifier: MIT
# packages.sh - what building and testing need, as rows; read by need.sh and setup.sh, never run alone.
# After it, missing_packages GROUP... prints the Debian packages that are missing, one a line.  A probe is
#   cmd NAME       a command on the PATH
#   header NAME    a header in /usr/include, or one that the compiler finds by itself
#   file PATH      a file; a name pattern is allowed
# Groups: build (make), test (make test), san (make san), fuzz (make fuzz),
# emulators (make test-differential), kernels (make test-kernels), stress (make check-kernel), browser (make test-html),
# cases (make cases), cluster (make test-cluster).

packages_table() {
    cat <<'ROWS'
build gcc            cmd    cc
build libc6-dev      header stdio.h
build make           cmd    make
build binutils       cmd    ar
build pkg-config     cmd    pkg-config
build meson          cmd    meson
build ninja-build    cmd    ninja
build valgrind       file   /usr/include/valgrind/pub_tool_basics.h
build valgrind       file   /usr/lib/x86_64-linux-gnu/valgrind/libcoregrind-amd64-linux.a
build libjansson-dev header jansson.h
build libzstd-dev    header zstd.h
build libsqlite3-dev header sqlite3.h
build libarchive-dev header archive.h
build libcmocka-dev  header cmocka.h
test  clang          cmd    clang
test  qemu-system-x86 cmd   qemu-system-x86_64
test  lld            cmd    ld.lld
test  parallel       cmd    parallel
test  sqlite3        cmd    sqlite3
fuzz  clang          cmd    clang
fuzz  libclang-rt-dev file  /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a
emulators qemu-system-x86 cmd qemu-system-x86_64
emulators gcc-arm-none-eabi cmd arm-none-eabi-gcc
emulators qemu-system-arm cmd qemu-system-arm
emulators bochs      cmd    bochs-bin
emulators bochs-term file   /usr/lib/*/bochs/plugins/libbx_term_gui.so
emulators bochsbios  file   /usr/share/bochs/BIOS-bochs-latest
emulators vgabios    file   /usr/share/vgabios/vgabios.bin
kernels qemu-system-x86 cmd qemu-system-x86_64
kernels cpio         cmd    cpio
kernels e2fsprogs    cmd    mke2fs
kernels xz-utils     cmd    xz
stress stress-ng     cmd    stress-ng
stress sqlite3       cmd    sqlite3
stress git           cmd    git
browser chromium     cmd    chromium
browser npm          cmd    npm
browser kcachegrind  cmd    kcachegrind
browser dbus-daemon  cmd    dbus-run-session
browser dbus-bin     cmd    dbus-send
browser libdevel-nytprof-perl file /usr/share/perl5/Devel/NYTProf/flamegraph.pl
cluster slurmctld    cmd    slurmctld
cluster slurmd       cmd    slurmd
cluster slurm-client cmd    sbatch
cluster munge        cmd    munged
cases redis-server   cmd    redis-server
cases redis-tools    cmd    redis-benchmark
cases python3-minimal file  /usr/bin/python3
cases lld            cmd    ld.lld
san   gcc            file   /usr/lib/gcc/x86_64-linux-gnu/*/libasan.so
ROWS
}

have() {
    case $1 in
    cmd) command -v "$2" >/dev/null 2>&1 ;;
    header) [ -e "/usr/include/$2" ] || printf '#include <%s>\n' "$2" | "${CC:-cc}" -E - >/dev/null 2>&1 ;;
    file) for f in $2; do [ -e "$f" ] && return 0; done; return 1 ;;
    esac
}

missing_packages() {
    packages_table | while read -r group package probe what; do
        case " $* " in
        *" $group "*) have "$probe" "$what" || echo "$package" ;;
        esac
    done | sort -u
}
