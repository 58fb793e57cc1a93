/* SPDX-License-Identifier: GPL-2.0-or-later
 * diverge.c - where the recorded outcome is not the model's.  Every difference is counted; the same one (call and both
 * outcomes) is one row.  After MAX_ROWS different ones the rest are counted in the last row. */
#include "cap.h"

enum { MAX_ROWS = 256 };
static struct cap_divergence rows[MAX_ROWS];
static UInt used;

void cap_diverged(const HChar *call, const HChar *recorded, const HChar *modelled)
{
    UInt i;
    for (i = 0; i < used; i++)
        if (VG_STREQ(rows[i].call, call) && VG_STREQ(rows[i].recorded, recorded) && VG_STREQ(rows[i].modelled, modelled)) {
            rows[i].count++;
            return;
        }
    if (used == MAX_ROWS) {
        rows[MAX_ROWS - 1].call = "(others)";
        rows[MAX_ROWS - 1].recorded = rows[MAX_ROWS - 1].modelled = "";
        rows[MAX_ROWS - 1].count++;
        return;
    }
    rows[used++] = (struct cap_divergence){ cap_intern(call), cap_intern(recorded), cap_intern(modelled), 1 };
}

void cap_differs(void *ctx, const char *call, const char *recorded, const char *modelled)
{
    (void)ctx;
    if (cap_tool_refused(modelled))
        return;
    cap_diverged(call, recorded, modelled);
}

UInt cap_divergences(const struct cap_divergence **list)
{
    *list = rows;
    return used;
}

void cap_forget_divergences(void) { used = 0; }
