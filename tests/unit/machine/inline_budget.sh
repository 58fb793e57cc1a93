#!/bin/sh
# SPDX-License-Identifier: MIT
# inline_budget.sh LIBRARY - a load, store or fetch that hits takes at most 12 instructions, the return included.  Counts
# what objdump shows from the start of each budget_ function (inline_budget.c) to its first return: the way that is taken
# when no branch is, which is the hit.  The counted way must hold the access itself: a load or store through the slot.
objdump -d --no-show-raw-insn "$1" | awk -v most=12 '
    /^[0-9a-f]+ <budget_/ { name = $2; n = slow = 0; open = 1; seen++; next }
    open && /^ / {
        n++
        if ($2 ~ /^call/) slow = 1
        if ($2 ~ /^jmp/) slow = 1
        if ($2 ~ /^ret/) {
            open = 0
            verdict = n <= most && !slow ? "ok" : "too many, or not the hit"
            if (verdict != "ok") bad = 1
            printf "%s %d instructions: %s\n", name, n, verdict
        }
    }
    END { if (seen != 4) { print "inline_budget: found " seen + 0 " functions of 4"; exit 1 } exit bad }'
