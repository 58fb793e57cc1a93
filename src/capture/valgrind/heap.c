/* SPDX-License-Identifier: GPL-2.0-or-later
 * heap.c - the blocks that live, by address.  Small ones stand in a table of their page, 16 bytes an entry, as allocators
 * align; large ones in a sorted list.  Called by alloc.c and heap_sites.c.
 *
 * A small block may begin in one page and end in the next ones.  Blocks do not overlap, but memory from mmap() that the
 * program itself divides may hold blocks: then the small ones count. */
#include "heap.h"

enum { LARGE_BYTES = 65536, GRANULE_LG2 = 4, GRANULES = 1 << (PAGE_LG2 - GRANULE_LG2) };

struct block { Addr start; UInt bytes, site; };       /* site 0: free, and bytes is the next free one              */
struct page { struct page *next; UWord key; UInt block[GRANULES]; };
struct large { Addr start, end; UInt site; };

static struct block *block;
static UInt blocks = 1, blocks_room, free_block;
static VgHashTable *pages;
static struct page *last_page[1024];       /* by the low bits of its number                                       */
static struct large *large;
static UInt larges, larges_room;

/* ---- small -------------------------------------------------------------------------------------------------------- */

static struct page *page_at(Addr va)
{
    UWord key = va >> PAGE_LG2;
    struct page **last = &last_page[key % 1024], *p;
    if (*last && (*last)->key == key)
        return *last;
    p = pages ? VG_(HT_lookup)(pages, key) : NULL;
    if (p)
        *last = p;
    return p;
}

static struct page *page_new(Addr va)
{
    struct page *p = page_at(va);
    if (p)
        return p;
    if (!pages)
        pages = VG_(HT_construct)("pagewalk.heap");
    p = VG_(calloc)("pagewalk.heap", 1, sizeof *p);
    p->key = va >> PAGE_LG2;
    VG_(HT_add_node)(pages, p);
    return p;
}

static UInt block_new(void)
{
    UInt i = free_block;
    if (i) {
        free_block = block[i].bytes;
        return i;
    }
    if (blocks >= blocks_room) {
        blocks_room = blocks_room ? 2 * blocks_room : 4096;
        block = VG_(realloc)("pagewalk.heap", block, blocks_room * sizeof *block);
    }
    return blocks++;
}

/* Writes the block's number, or 0, into the tables of its pages. */
static void mark(const struct block *b, UInt number)
{
    Addr end = b->start + (b->bytes ? b->bytes : 1);
    for (Addr at = b->start; at < end;) {
        struct page *p = number ? page_new(at) : page_at(at);
        Addr stop = page_down(at) + PAGE_BYTES < end ? page_down(at) + PAGE_BYTES : end;
        for (UInt g = (UInt)(at & PAGE_MASK_LOW) >> GRANULE_LG2; p && g <= (UInt)((stop - 1) & PAGE_MASK_LOW) >> GRANULE_LG2; g++)
            p->block[g] = number;
        cap_heap_page(page_down(at), b->site, number ? (Int)(stop - at) : -(Int)(stop - at));
        at = stop;
    }
}

static UInt small_at(Addr va)
{
    const struct page *p = page_at(va);
    UInt i = p ? p->block[(va & PAGE_MASK_LOW) >> GRANULE_LG2] : 0;
    return i && va - block[i].start < block[i].bytes ? i : 0;
}

static void remove_small(UInt i)
{
    mark(&block[i], 0);
    cap_heap_died(block[i].site, block[i].bytes);
    block[i] = (struct block){ .bytes = free_block };
    free_block = i;
}

/* ---- large -------------------------------------------------------------------------------------------------------- */

/* The first that ends behind va. */
static UInt large_behind(Addr va)
{
    UInt low = 0, high = larges;
    while (low < high) {
        UInt middle = (low + high) / 2;
        if (large[middle].end > va)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void insert_large(UInt at, struct large l)
{
    if (larges >= larges_room) {
        larges_room = larges_room ? 2 * larges_room : 64;
        large = VG_(realloc)("pagewalk.heap", large, larges_room * sizeof *large);
    }
    VG_(memmove)(&large[at + 1], &large[at], (larges - at) * sizeof *large);
    large[at] = l;
    larges++;
}

/* [start, end) of a large block is gone, or the run is over. */
static void count_touched(Addr start, Addr end, UInt site)
{
    const Addr step = 512 * PAGE_BYTES;
    for (Addr part = start; part < end; part = (part & ~(step - 1)) + step) {
        Addr stop = (part & ~(step - 1)) + step < end ? (part & ~(step - 1)) + step : end;
        if (!sim_touched_pages(cap.sim, page_down(part), page_up(stop)))
            continue;
        for (Addr at = part; at < stop; at = page_down(at) + PAGE_BYTES)
            if (sim_touched_pages(cap.sim, page_down(at), page_down(at) + PAGE_BYTES))
                cap_heap_page_held(page_down(at), site, (UInt)((page_down(at) + PAGE_BYTES < stop ? page_down(at) + PAGE_BYTES : stop) - at));
    }
}

static void remove_large(UInt at)
{
    count_touched(large[at].start, large[at].end, large[at].site);
    cap_heap_died(large[at].site, large[at].end - large[at].start);
    larges--;
    VG_(memmove)(&large[at], &large[at + 1], (larges - at) * sizeof *large);
}

/* ---- both --------------------------------------------------------------------------------------------------------- */

void cap_heap_add(Addr start, SizeT len_bytes, UInt site)
{
    cap_heap_remove(start);
    cap_heap_born(site, len_bytes);
    if (len_bytes >= LARGE_BYTES) {
        UInt at = large_behind(start);
        while (at < larges && large[at].start < start + len_bytes) /* its end was not noticed                     */
            remove_large(at);
        insert_large(at, (struct large){ start, start + len_bytes, site });
        return;
    }
    UInt i = block_new();
    block[i] = (struct block){ start, (UInt)len_bytes, site };
    mark(&block[i], i);
}

void cap_heap_remove(Addr start)
{
    const struct page *p = page_at(start);
    UInt i = p ? p->block[(start & PAGE_MASK_LOW) >> GRANULE_LG2] : 0, at;
    if (i && block[i].start == start) {
        remove_small(i);
        return;
    }
    at = large_behind(start);
    if (at < larges && large[at].start == start)
        remove_large(at);
}

void cap_heap_unmap(Addr start, SizeT len_bytes)
{
    Addr end = start + len_bytes;
    for (UInt at = large_behind(start); at < larges && large[at].start < end;) {
        struct large l = large[at];
        Addr low = l.start > start ? l.start : start, high = l.end < end ? l.end : end;
        count_touched(low, high, l.site);
        cap_heap_died(l.site, high - low);
        larges--;
        VG_(memmove)(&large[at], &large[at + 1], (larges - at) * sizeof *large);
        if (l.start < low)
            insert_large(at++, (struct large){ l.start, low, l.site });
        if (l.end > high)
            insert_large(at++, (struct large){ high, l.end, l.site });
    }
}

UInt cap_heap_site(Addr va)
{
    UInt i = small_at(va), at;
    if (i)
        return block[i].site;
    at = large_behind(va);
    return at < larges && large[at].start <= va ? large[at].site : 0;
}

void cap_heap_count_live(void)
{
    for (UInt at = 0; at < larges; at++)
        count_touched(large[at].start, large[at].end, large[at].site);
}
