# SPDX-License-Identifier: MIT
# lib.sh - what the differential scripts share.  Sourced with the build folder as $1.
set -u
BUILD=$(cd "$1" && pwd) || exit 2
HERE=$(cd "$(dirname "$0")" && pwd)
PW=$BUILD/pagewalk
DIFF=$BUILD/tests/differential
WORK=$(mktemp -d "$BUILD/differential.XXXXXX") || exit 2
trap 'rm -rf "$WORK"' EXIT
trap 'exit 130' INT TERM

# copy FROM TO: in writes of one page, so that the page cache holds TO in single pages (docs/linux-facts.md, 5).
copy() { dd if="$1" of="$2" bs=4096 2>/dev/null; }

# native_faults COMMAND...: minor faults of the process and the children it waited for, with a warm cache: the median
# of the first three runs in a row without a major fault, of four tries.  Prints nothing when there were none.
native_faults() {
    for _try in 1 2 3 4; do
        _seen=$("$DIFF/faults" -q -n 3 -- "$@" 2>/dev/null </dev/null) || return 1
        if [ "${_seen#* }" = 0 ]; then
            echo "${_seen% *}"
            return
        fi
    done
    return 1
}

# sum NAME FILE...: a counter of results files, added up.  Prints nothing when one of them does not know it.
sum() {
    _name=$1
    shift
    awk -F'\t' -v name="$_name" -v files=$# '
        $1 == "count" && $2 == name && $3 != "?" { known++; n += $3 }
        END { if (known == files) print n }' "$@" 2>/dev/null
}
