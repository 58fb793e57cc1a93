#!/bin/sh
# SPDX-License-Identifier: MIT
# check_guest.sh CHECKPOINT GC_BARRIER PINNING - the examples on the kernel's write tracking and pinning: each proves its own result (restored
# equal, no pointer missed) and its counts are those of the rules.
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0

expect() { # NAME PROGRAM: compares what it prints with standard input
    cat > "$work/want"
    "$2" > "$work/seen" 2>&1 || { echo "FAIL $1: status $?"; failed=1; }
    if cmp -s "$work/want" "$work/seen"; then
        echo "ok   $1"
    else
        echo "FAIL $1"; diff "$work/want" "$work/seen"; failed=1
    fi
}

expect checkpoint "$1" <<'END'
8 checkpoints of 2112 pages
everything       16896 pages written       49 faults   restored equal
soft-dirty        3489 pages written     3319 faults   restored equal
PAGEMAP_SCAN      3489 pages written     3346 faults   restored equal
END
expect gc_barrier "$2" <<'END'
10 collections, old generation of 1024 pages
mprotect        4312 of 10240 pages scanned   4312 told      0 faults, at most 488 mappings
userfaultfd     4312 of 10240 pages scanned   4312 told   4312 faults, at most 1 mappings
asynchronous    4312 of 10240 pages scanned      0 told   4312 faults, at most 1 mappings
every pointer that a full scan finds was found
END
expect pinning "$3" <<'END'
a buffer of 16 pages, 8192 words
unmapped    512 without a pin, 0 with: words of another process overwritten
forked     8192 without a pin, 0 with: words from the device lost
shared     8192 without a pin, 0 with: words from the device lost
what was pinned stayed right
END
exit $failed
