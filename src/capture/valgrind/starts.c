/* SPDX-License-Identifier: GPL-2.0-or-later
 * starts.c - start-up: the order in which functions ran first, the code pages they were the first to use, the faults that their
 * fetches took, and what fault-around mapped there in vain.  Called by instrument.c for each block that is translated for the
 * first time (it runs next), and for each fault on code.
 *
 * A fault on a file's page maps those of its neighbours that are in the page cache: the aligned 64 KiB around it, inside the
 * mapping (docs/linux-facts.md).  What of that window is mapped and was never touched when the program ends was mapped in vain. */
#include "starts.h"

#define WINDOW_BYTES 65536ul
enum { FAULTS_MAX = 1 << 16 };

Bool VG_(get_fnname_raw)(DiEpoch ep, Addr a, const HChar **name); /* core: as the symbol table has it             */

struct page { struct page *next; UWord key; };
static VgHashTable *starts, *pages;
static struct cap_start *first, *last;
static struct { Addr va; struct cap_start *by; } *fault;
static UInt faults;

static Word starts_differ(const void *a, const void *b)
{
    const struct cap_start *x = a, *y = b;
    return !(x->object == y->object && x->function == y->function);
}

static struct cap_start *start_of(Addr ip)
{
    const struct cap_line *line = cap_line_of(ip);
    struct cap_start want = { .object = line->object, .function = line->function, .low = ip, .high = ip }, *s;
    const HChar *symbol;
    if (!line->function[0])
        return NULL;
    if (!starts)
        starts = VG_(HT_construct)("pagewalk.starts");
    want.key = (UWord)want.function * 31 + (UWord)want.object;
    s = VG_(HT_gen_lookup)(starts, &want, starts_differ);
    if (s)
        return s;
    want.symbol = VG_(get_fnname_raw)(VG_(current_DiEpoch)(), ip, &symbol) ? cap_intern(symbol) : want.function;
    want.work = cap_work();
    s = VG_(malloc)("pagewalk.start", sizeof *s);
    *s = want;
    VG_(HT_add_node)(starts, s);
    *(first ? &last->later : &first) = s;
    last = s;
    return s;
}

static Bool is_new_page(Addr page)
{
    struct page *p;
    if (!pages)
        pages = VG_(HT_construct)("pagewalk.code_pages");
    if (VG_(HT_lookup)(pages, page))
        return False;
    p = VG_(malloc)("pagewalk.code_page", sizeof *p);
    p->key = page;
    VG_(HT_add_node)(pages, p);
    return True;
}

void cap_code_new(Addr start, const VexGuestExtents *extents)
{
    for (UInt i = 0; i < extents->n_used; i++) {
        Addr low = i ? extents->base[i] : start, end = extents->base[i] + extents->len[i];
        struct cap_start *s = start_of(low);
        for (Addr page = page_down(low); page < end; page += PAGE_BYTES)
            if (is_new_page(page) && s)
                s->pages++;
        if (s && low < s->low)
            s->low = low;
        if (s && end > s->high)
            s->high = end;
    }
}

void cap_code_faulted(Addr va, Addr ip, ULong mapped_pages)
{
    struct cap_start *s = ip ? start_of(ip) : NULL;
    if (!s)
        return;
    s->faults++;
    s->mapped_pages += mapped_pages;
    if (faults == FAULTS_MAX)
        return;
    if (!(faults & (faults - 1)))
        fault = VG_(realloc)("pagewalk.code_faults", fault, (faults ? 2 * faults : 1) * sizeof *fault);
    fault[faults].va = va;
    fault[faults++].by = s;
}

void cap_forget_starts(void)
{
    if (starts)
        VG_(HT_destruct)(starts, VG_(free));
    if (pages)
        VG_(HT_destruct)(pages, VG_(free));
    starts = pages = NULL;
    first = last = NULL;
    faults = 0;
}

UInt cap_wasted_pages(Addr start, Addr end, UInt *mapped)
{
    UInt wasted = 0;
    for (Addr at = start; at < end;) {
        u64 word[64];
        UInt n = (end - at) >> PAGE_LG2 < 64 ? (UInt)((end - at) >> PAGE_LG2) : 64;
        mm_pagemap_read(follow_proc(cap.follower), at, word, n);
        for (UInt i = 0; i < n; i++, at += PAGE_BYTES) {
            Bool present = word[i] >> 63;
            *mapped += present;
            wasted += present && !sim_touched_pages(cap.sim, at, at + PAGE_BYTES);
        }
    }
    return wasted;
}

const struct cap_start *cap_starts(void)
{
    for (struct cap_start *s = first; s; s = s->later)
        s->wasted_pages = 0;
    for (UInt i = 0; i < faults; i++) {
        struct mm_vma_view v;
        Addr low = fault[i].va & ~(WINDOW_BYTES - 1), high = low + WINDOW_BYTES;
        UInt mapped = 0;
        if (!mm_find_vma(follow_proc(cap.follower), fault[i].va, &v) || v.start > fault[i].va)
            continue;
        fault[i].by->wasted_pages += cap_wasted_pages(low > v.start ? low : v.start, high < v.end ? high : v.end, &mapped);
    }
    return first;
}
