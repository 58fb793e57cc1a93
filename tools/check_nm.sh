#!/bin/sh
# SPDX-License-Identifier: MIT
# check_nm.sh BUILD - the libraries are freestanding: what they leave undefined is memcpy, memmove, memset, memcmp
# and nothing else (names one member takes from another of the same library do not count), and they hold no data that
# can change.  Called by test.sh after the build.
build=${1:-build}
status=0

for name in pagewalk-machine pagewalk-kernel pagewalk-sim; do
    lib=$build/lib$name.a
    allowed=" memcpy memmove memset memcmp "
    # The session library stands on the two others (and takes the addresses of their functions: the linker's table).
    [ $name = pagewalk-sim ] && allowed="${allowed}_GLOBAL_OFFSET_TABLE_ $(nm -gP --defined-only "$build/libpagewalk-machine.a" \
        "$build/libpagewalk-kernel.a" 2>/dev/null | awk 'NF >= 3 { printf "%s ", $1 }')"
    if [ ! -f "$lib" ]; then
        echo "freestanding: $lib is not there"
        status=1
        continue
    fi
    undefined=$(nm -P "$lib" | awk -v allowed="$allowed" '
        NF >= 2 && $2 == "U" { wanted[$1] = 1 }
        NF >= 3 && $2 != "U" { defined[$1] = 1 }
        END { for (s in wanted) if (!(s in defined) && !index(allowed, " " s " ")) print s }' | sort | tr '\n' ' ')
    # Constant tables with pointers lie in .data.rel.ro; everything else writable is a global that changes.
    writable=$(objdump -t "$lib" | awk '
        NF > 4 && $(NF - 2) ~ /^([.]data|[.]bss|[.]tdata|[.]tbss|[*]COM[*])/ && $(NF - 2) !~ /^[.]data[.]rel[.]ro/ &&
        $0 ~ / O / { print $NF }' | sort | tr '\n' ' ')
    if [ -n "$undefined$writable" ]; then
        [ -z "$undefined" ] || echo "freestanding: $lib needs ${undefined% }"
        [ -z "$writable" ] || echo "freestanding: $lib has data that can change: ${writable% }"
        status=1
    else
        echo "freestanding: $lib needs nothing but memcpy, memmove, memset, memcmp"
    fi
done
exit $status
