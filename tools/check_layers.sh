#!/bin/sh
# SPDX-License-Identifier: MIT
# check_layers.sh - who may include whom.  One row of the table below is one room; an #include that no pattern of its
# room allows is printed as file:line and fails the check.  Called by test.sh.
#
#   base <- arch <- machine;  base, arch, hw.h <- kernel, which never sees mmu.h nor src/machine;  sim, report, script,
#   capture and cli see the public headers; cli also its renderers and the script.  Nothing points back up.
#
# A name without a slash is a header of the room's own folder.  <...> headers: the freestanding rooms may include the
# compiler's own and <string.h> only.
cd "$(dirname "$0")/.." || exit 1

find include arch src -name '*.[ch]' | LC_ALL=C sort | xargs awk '
BEGIN {
    split("include/pagewalk arch src/base src/machine src/mpu src/partition src/cache src/iommu src/segment src/numa src/kernel src/sim src/probe src/script src/report src/trace src/cli src/capture", room)
    split("", allow)
    public = "pagewalk/(types|mmu|nested|mpu|partition|cache|iommu|segment|numa|profile|hw|kernel|dma|linux_mm|trace|sim|results)[.]h"
    allow["include/pagewalk"] = public
    allow["arch"] = "pagewalk/types[.]h|arch/.*"
    allow["src/base"] = "pagewalk/types[.]h|base/.*"
    allow["src/machine"] = "pagewalk/(types|mmu|nested|profile)[.]h|arch/.*|base/.*|machine/.*"
    allow["src/mpu"] = "pagewalk/(types|mpu)[.]h|base/.*|mpu/.*"
    allow["src/iommu"] = "pagewalk/(types|iommu)[.]h|arch/.*|base/.*|machine/.*|iommu/.*"
    allow["src/partition"] = "pagewalk/(types|partition)[.]h|base/.*|partition/.*"
    allow["src/numa"] = "pagewalk/(types|mmu|numa)[.]h|base/.*|numa/.*"
    allow["src/segment"] = "pagewalk/(types|mmu|segment)[.]h|arch/.*|base/.*|segment/.*"
    allow["src/cache"] = "pagewalk/(types|mmu|profile|cache)[.]h|base/.*|machine/(assoc|carve)[.]h|cache/.*"
    allow["src/kernel"] = "pagewalk/(types|hw|kernel|dma|linux_mm)[.]h|arch/.*|base/.*|kernel/.*"
    allow["src/sim"] = public "|arch/.*|base/.*|sim/.*"
    allow["src/probe"] = public "|arch/.*|base/.*|probe/.*"
    allow["src/script"] = public "|arch/.*|base/.*|probe/resolve[.]h|script/.*"
    allow["src/trace"] = public "|base/.*|report/results[.]h|trace/.*"
    allow["src/report"] = public "|base/.*|report/.*"
    allow["src/cli"] = public "|base/.*|probe/.*|report/.*|trace/.*|script/script[.]h|cli/.*"
    allow["src/capture"] = public "|base/.*|trace/ring[.]h|(pub_tool_|lib(vex|vex_.*)|valgrind|vki/).*[.]h"
    # What a public header may see: those below it only.
    below["types"] = "none"
    below["mmu"] = below["mpu"] = below["partition"] = below["iommu"] = below["hw"] = below["linux_mm"] = "types"
    below["nested"] = below["profile"] = below["cache"] = below["segment"] = below["numa"] = "types|mmu"
    below["kernel"] = "types|hw|linux_mm"
    below["dma"] = "types|hw|linux_mm|kernel"
    below["trace"] = "types|hw|linux_mm|kernel"
    below["results"] = "types|cache|hw|linux_mm|kernel|mmu|trace|sim"
    below["sim"] = "types|cache|hw|linux_mm|kernel|mmu|nested|trace"
    freestanding = "^(include/pagewalk|arch|src/base|src/machine|src/mpu|src/partition|src/iommu|src/cache|src/segment|src/numa|src/kernel|src/sim)$"
    compiler = "^(std(bool|def|int|arg|align)|string|limits|immintrin|emmintrin)[.]h$"
}
function room_of(path, r, best) {
    best = ""
    for (r in room)
        if (index(path, room[r] "/") == 1 && length(room[r]) > length(best))
            best = room[r]
    return best
}
function complain(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why
    bad++
}
function folder(path) { sub("/[^/]*$", "", path); return path }
FNR == 1 { here = room_of(FILENAME); files++ }
/^[ \t]*#[ \t]*include[ \t]*["<]/ {
    name = $0
    sub(/^[^"<]*/, "", name)
    system_style = substr(name, 1, 1) == "<"
    name = substr(name, 2)
    sub(/[">].*$/, "", name)
    if (here == "")
        complain("in no known room: give the folder a row in tools/check_layers.sh")
    else if (system_style && name !~ /^pagewalk\//) {
        if (here ~ freestanding && name !~ compiler)
            complain("<" name "> in a freestanding room")
    } else if (name ~ /(^|\/)[.][.]\//)
        complain("\"" name "\" climbs out of its folder")
    else if (name !~ /\// && (getline line < (folder(FILENAME) "/" name)) > 0)
        close(folder(FILENAME) "/" name)
    else if (name !~ ("^(" allow[here] ")$"))
        complain(here " must not include \"" name "\"")
    else if (here == "include/pagewalk") {
        self = FILENAME
        sub(/^.*\//, "", self); sub(/[.]h$/, "", self)
        if (name !~ ("^pagewalk/(" below[self] ")[.]h$"))
            complain(self ".h must not include \"" name "\", which stands above it")
    }
}
END {
    if (bad)
        exit 1
    printf "layers: %d files include only what their room may\n", files
}'
