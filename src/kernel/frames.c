/* SPDX-License-Identifier: MIT
 * frames.c - physical memory by frames: a binary buddy allocator.  Called by faults, page tables, the page cache.
 * Blocks of 2^order frames, aligned to their size; a block's buddy is never free at the same order.  Frames above
 * the frontier were never used: their metadata is untouched, so that a large memory costs nothing until it is used.
 * nr_free counts what is in the lists; everything above the frontier is free too. */
#include "calls.h"

#define BLOCK_FRAMES (1u << (ORDERS - 1))

struct frame *frame_at(const struct kernel *k, pfn_t f)
{
    DEBUG_CHECK(f.n < k->frontier);
    return &k->frames[f.n];
}

pfn_t frame_pfn(const struct kernel *k, const struct frame *f) { return (pfn_t){ (u64)(f - k->frames) }; }

/* ---- free lists: doubly linked by frame number --------------------------------------------------------------- */

static void list_push(struct kernel *k, u32 n, unsigned order)
{
    struct frame *f = &k->frames[n];
    u32 head = k->free_list[order];

    f->kind = FRAME_FREE;
    f->order = (u8)order;
    f->free.next = head;
    f->free.prev = NO_FRAME;
    if (head != NO_FRAME)
        k->frames[head].free.prev = n;
    k->free_list[order] = n;
    k->nr_free[order]++;
}

static void list_remove(struct kernel *k, u32 n, unsigned order)
{
    struct frame *f = &k->frames[n];

    if (f->free.prev != NO_FRAME)
        k->frames[f->free.prev].free.next = f->free.next;
    else
        k->free_list[order] = f->free.next;
    if (f->free.next != NO_FRAME)
        k->frames[f->free.next].free.prev = f->free.prev;
    f->kind = FRAME_TAIL;
    k->nr_free[order]--;
}

/* Open the next stretch of memory: up to one largest block, in aligned power-of-two pieces at the end of RAM. */
static bool advance_frontier(struct kernel *k)
{
    u64 left = k->nr_frames - k->frontier;
    u64 n = left < BLOCK_FRAMES ? left : BLOCK_FRAMES;
    u64 at = k->frontier;

    if (!n)
        return false;
    memset(&k->frames[at], 0, n * sizeof k->frames[0]);
    k->frontier += n;
    while (n) {
        unsigned order = 63 - (unsigned)__builtin_clzll(n);
        list_push(k, (u32)at, order);
        at += 1ull << order;
        n -= 1ull << order;
    }
    return true;
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

pfn_t frames_alloc(struct kernel *k, unsigned order, enum frame_kind kind)
{
    unsigned o = order;
    u32 n;

    if (alloc_fails(k))
        return PFN_NONE;
    while (o < ORDERS && k->free_list[o] == NO_FRAME)
        o++;
    if (o == ORDERS) {
        do {
            if (!advance_frontier(k))
                return PFN_NONE;
            for (o = order; o < ORDERS && k->free_list[o] == NO_FRAME; o++)
                ;
        } while (o == ORDERS);
    }
    n = k->free_list[o];
    list_remove(k, n, o);
    while (o-- > order)
        list_push(k, n + (1u << o), o);
    k->free_frames -= 1ull << order;
    k->kind_frames[kind] += 1ull << order;
    for (u32 i = 0; i < 1u << order; i++)
        k->frames[n + i] = (struct frame){ .refs = 1, .kind = (u8)kind };
    if (kind != FRAME_TABLE)
        contents_zero(k, (pfn_t){ n }, order);
    return (pfn_t){ n };
}

void frames_free(struct kernel *k, pfn_t pfn, unsigned order)
{
    u32 n = (u32)pfn.n;
    enum frame_kind kind = k->frames[n].kind;

    k->free_frames += 1ull << order;
    k->kind_frames[kind] -= 1ull << order;
    for (u32 i = 0; i < 1u << order; i++)
        k->frames[n + i] = (struct frame){ .kind = FRAME_TAIL };
    while (order < ORDERS - 1) {
        u32 buddy = n ^ (1u << order);
        if (buddy + (1ull << order) > k->frontier || k->frames[buddy].kind != FRAME_FREE ||
            k->frames[buddy].order != order)
            break;
        list_remove(k, buddy, order);
        n &= ~(1u << order);
        order++;
    }
    list_push(k, n, order);
}

/* ---- pages of 1 GiB ---------------------------------------------------------------------------------------------- */

#define FRAMES_1G (1ull << 18)

/* Every block of the largest order in [base, base + 1 GiB) is free, or was never used. */
static bool free_1g(const struct kernel *k, u64 base)
{
    for (u64 n = base; n < base + FRAMES_1G && n < k->frontier; n += BLOCK_FRAMES)
        if (k->frames[n].kind != FRAME_FREE || k->frames[n].order != ORDERS - 1)
            return false;
    return base + FRAMES_1G <= k->nr_frames;
}

/* An aligned GiB; only its first frame is filled in. */
pfn_t frames_alloc_1g(struct kernel *k, enum frame_kind kind)
{
    u64 base = 0;

    if (alloc_fails(k))
        return PFN_NONE;
    while (base + FRAMES_1G <= k->nr_frames && !free_1g(k, base))
        base += FRAMES_1G;
    if (base + FRAMES_1G > k->nr_frames)
        return PFN_NONE;
    while (k->frontier < base + FRAMES_1G)
        advance_frontier(k);
    for (u64 n = base; n < base + FRAMES_1G; n += BLOCK_FRAMES)
        list_remove(k, (u32)n, ORDERS - 1);
    k->free_frames -= FRAMES_1G;
    k->kind_frames[kind] += FRAMES_1G;
    k->frames[base] = (struct frame){ .refs = 1, .kind = (u8)kind };
    return (pfn_t){ base };
}

void frames_free_1g(struct kernel *k, pfn_t pfn)
{
    k->free_frames += FRAMES_1G;
    k->kind_frames[k->frames[pfn.n].kind] -= FRAMES_1G;
    for (u64 n = pfn.n; n < pfn.n + FRAMES_1G; n += BLOCK_FRAMES) {
        k->frames[n] = (struct frame){ .kind = FRAME_TAIL };
        list_push(k, (u32)n, ORDERS - 1);
    }
}

/* ---- references -------------------------------------------------------------------------------------------------- */

/* The first frame of a folio holds the references of all its pages. */
struct frame *folio_of(const struct kernel *k, struct frame *f)
{
    return f->flags & FRAME_HUGE ? &k->frames[(u64)(f - k->frames) >> f->order << f->order] : f;
}

/* A folio is dirty as a whole. */
void frame_mark_dirty(const struct kernel *k, struct frame *f) { folio_of(k, f)->flags |= FRAME_DIRTY; }
bool frame_is_dirty(const struct kernel *k, struct frame *f) { return folio_of(k, f)->flags & FRAME_DIRTY; }

u64 folio_pages(const struct frame *f) { return f->flags & FRAME_HUGE ? 1ull << f->order : 1; }

void frame_get(struct kernel *k, struct frame *f) { folio_of(k, f)->refs++; }

/* Drops a reference; the frame returns to the free lists with the last one. */
void frame_put(struct kernel *k, struct frame *f)
{
    f = folio_of(k, f);
    CHECK(f->refs);
    if (--f->refs)
        return;
    if (f->kind == FRAME_HUGETLB)
        pool_return(k, f);
    else
        frames_free(k, frame_pfn(k, f), f->order);
}

void frames_init(struct kernel *k, struct frame *frames)
{
    k->frames = frames;
    k->nr_frames = k->hw.ram_bytes >> PAGE_LG2;
    k->free_frames = k->nr_frames;
    k->frontier = 0;
    for (unsigned o = 0; o < ORDERS; o++)
        k->free_list[o] = NO_FRAME;
}
