/* SPDX-License-Identifier: GPL-2.0-or-later
 * forks.c - copy-on-write after fork: which of the pages that were shared at a fork this process has copied, when and where.
 * Called by syscalls.c around a fork, by the model for each copy, and by write_forks.c.
 *
 * A share is what a fork left shared: a bit for each anonymous page that was there.  Parent and child are two processes with
 * a model each, so either knows its own copies only; the time of the host's clock lets the report say who was first.  A copied page
 * is shared with nobody, so its bit goes from all shares: the shares that had it are neighbours in the order of the forks.
 *
 * Of more than SHARES_MAX shares the oldest is forgotten; its page copies are then put to the next that had the page. */
#include "forks.h"

enum { SHARES_MAX = 64, COPIES_MAX = 1 << 17, REGION_LG2 = 21, NR_clock_gettime = 228, CLOCK_MONOTONIC_ID = 1 };
#define SOON_NS 1000000ull          /* copies of neighbours within this are one row                                 */
#define PAGEMAP_FILE (1ull << 61)
#define PAGEMAP_PRESENT (1ull << 63)

struct shared_region { ULong number, page[8]; };
struct share { UInt fork; UInt regions; struct shared_region *region; };

static struct share share[SHARES_MAX];
static UInt shares, forks;
static struct cap_fork *fork_row;
static struct cap_copy *copy_row;
static UInt fork_rows, copy_rows;
static struct cap_birth birth;
static struct share before;         /* made before the fork; becomes a share in both                              */

static ULong now_ns(void)
{
    struct { Long s, ns; } t = { 0, 0 };
    cap_raw_syscall(NR_clock_gettime, CLOCK_MONOTONIC_ID, (UWord)&t, 0);
    return (ULong)t.s * 1000000000ull + (ULong)t.ns;
}

/* ---- what is shared ------------------------------------------------------------------------------------------------ */

static void note_region(void *ctx, const struct sim_region *r)
{
    struct share *s = ctx;
    u64 word[512];
    struct shared_region shared = { .number = r->start >> REGION_LG2 };
    ULong any = 0;
    mm_pagemap_read(follow_proc(cap.follower), r->start, word, 512);
    for (UInt i = 0; i < 512; i++)
        if ((word[i] & PAGEMAP_PRESENT) && !(word[i] & PAGEMAP_FILE))
            any |= shared.page[i / 64] |= 1ull << i % 64;
    if (!any)
        return;
    if (!(s->regions & (s->regions - 1)))
        s->region = VG_(realloc)("pagewalk.share", s->region, (s->regions ? 2 * s->regions : 1) * sizeof *s->region);
    s->region[s->regions++] = shared;
}

static Int by_number(const void *a, const void *b)
{
    const struct shared_region *x = a, *y = b;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void drop(struct share *s)
{
    VG_(free)(s->region);
    *s = (struct share){ 0 };
}

/* The word and bit of a page; NULL: not in it. */
static ULong *word_in(struct share *s, Addr va)
{
    UInt low = 0, high = s->regions;
    while (low < high) {
        UInt middle = (low + high) / 2;
        if (s->region[middle].number < va >> REGION_LG2)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->regions && s->region[low].number == va >> REGION_LG2 ? &s->region[low].page[(va >> PAGE_LG2 & 511) / 64] : NULL;
}

static void add_share(UInt fork)
{
    if (shares == SHARES_MAX) {
        drop(&share[0]);
        VG_(memmove)(share, share + 1, (SHARES_MAX - 1) * sizeof share[0]);
        shares--;
    }
    before.fork = fork;
    VG_(ssort)(before.region, before.regions, sizeof before.region[0], by_number);
    share[shares++] = before;
    before = (struct share){ 0 };
}

/* ---- fork ------------------------------------------------------------------------------------------------------------ */

static ULong anonymous_pages(void)
{
    struct mm_rss rss;
    mm_rss(follow_proc(cap.follower), &rss);
    return rss.anon_pages;
}

void cap_forking(Bool shares_memory)
{
    drop(&before);
    birth = (struct cap_birth){ .ns = now_ns(), .shared_pages = anonymous_pages() };
    if (!shares_memory)
        sim_each_region(cap.sim, note_region, &before);
}

void cap_forked(Int child)
{
    if (!before.regions)
        return;                     /* memory was shared as a whole, or the fork failed                              */
    if (!(fork_rows & (fork_rows - 1)))
        fork_row = VG_(realloc)("pagewalk.forks", fork_row, (fork_rows ? 2 * fork_rows : 1) * sizeof *fork_row);
    fork_row[fork_rows++] = (struct cap_fork){ .number = ++forks, .child = child, .work = cap_work(), .ns = birth.ns, .shared_pages = birth.shared_pages };
    add_share(forks);
}

void cap_born(void)
{
    for (; shares; shares--)
        drop(&share[shares - 1]);
    forks = fork_rows = copy_rows = 0;
    birth.forked = before.regions != 0;
    birth.shared_pages = birth.forked ? anonymous_pages() : 0;
    if (birth.forked)
        add_share(0);
}

/* ---- copies ---------------------------------------------------------------------------------------------------------- */

static Bool goes_on(const struct cap_copy *c, const struct cap_copy *next)
{
    return c->line == next->line && c->page_bytes == next->page_bytes && c->first_fork == next->first_fork && c->last_fork == next->last_fork &&
           c->start + c->pages * c->page_bytes == next->start && next->first_ns - c->last_ns < SOON_NS;
}

static void put_down(struct cap_copy c)
{
    struct cap_copy *last = copy_rows ? &copy_row[copy_rows - 1] : NULL;
    if (last && goes_on(last, &c)) {
        last->pages++;
        last->last_ns = c.last_ns;
        return;
    }
    if (copy_rows == COPIES_MAX)
        return;
    if (!(copy_rows & (copy_rows - 1)))
        copy_row = VG_(realloc)("pagewalk.copies", copy_row, (copy_rows ? 2 * copy_rows : 1) * sizeof *copy_row);
    copy_row[copy_rows++] = c;
}

void cap_copied(Addr va, ULong bytes, Addr ip)
{
    struct cap_copy c = { .start = va & ~(bytes - 1), .pages = 1, .page_bytes = bytes };
    ULong bit = 1ull << (va >> PAGE_LG2) % 64;
    Bool any = False;
    for (UInt i = 0; i < shares; i++) {
        ULong *word = word_in(&share[i], va);
        if (!word || !(*word & bit))
            continue;
        *word &= ~bit;
        c.first_fork = any ? c.first_fork : share[i].fork;
        c.last_fork = share[i].fork;
        any = True;
    }
    if (!any)
        return;
    c.line = ip ? cap_line_of(ip) : NULL;
    c.first_ns = c.last_ns = now_ns();
    put_down(c);
}

/* ---- what was seen --------------------------------------------------------------------------------------------------- */

const struct cap_birth *cap_birth(void) { return birth.forked ? &birth : NULL; }

UInt cap_forks(const struct cap_fork **list)
{
    *list = fork_row;
    return fork_rows;
}

UInt cap_copies(const struct cap_copy **list)
{
    *list = copy_row;
    return copy_rows;
}
