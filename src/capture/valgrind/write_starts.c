/* SPDX-License-Identifier: GPL-2.0-or-later
 * write_starts.c - start-up, as tables of the results file: functions in the order of first execution, and what is mapped and used
 * of each object's code.  Called by write.c. */
#include "put.h"
#include "starts.h"

static void start_row(const struct cap_start *s)
{
    const ULong v[] = { s->work, s->pages, s->faults, s->mapped_pages, s->wasted_pages, s->high - s->low };
    put_begin("row");
    put_string(s->object);
    put_string(s->symbol);
    for (UInt i = 0; i < sizeof v / sizeof v[0]; i++)
        put_number(v[i]);
    put_end();
}

static void code_row(const struct mm_vma_view *v)
{
    UInt mapped = 0, wasted = cap_wasted_pages(v->start, v->end, &mapped);
    if (!mapped)
        return;
    put_begin("row");
    put_string(v->name);
    put_number(v->start);
    put_number((v->end - v->start) >> PAGE_LG2);
    put_number(mapped);
    put_number(mapped - wasted);
    put_end();
}

void cap_write_starts(void)
{
    static const HChar *const startup[] = { "$object", "$symbol", "instructions", "pages", "faults", "mapped_pages", "wasted_pages", "bytes", NULL };
    static const HChar *const code[] = { "$object", "start", "pages", "mapped_pages", "used_pages", NULL };
    struct mm_vma_view v;
    const HChar *object;
    if (cap.entry && VG_(get_objname)(VG_(current_DiEpoch)(), cap.entry, &object))
        put_text("startup.object", object);
    put_table("startup", startup);
    for (const struct cap_start *s = cap_starts(); s; s = s->later)
        start_row(s);
    put_table("code", code);
    for (Addr at = 0; mm_find_vma(follow_proc(cap.follower), at, &v); at = v.end)
        if (v.file && (v.prot & MM_PROT_EXEC))
            code_row(&v);
}
