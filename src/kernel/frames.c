/* SPDX-License-Identifier: MIT
 * frames.c - physical memory by frames: a binary buddy allocator.  Called by faults, page tables, the page cache.
 * Blocks of 2^order frames, aligned to their size; a block's buddy is never free at the same order.  Frames above
 * the frontier were never used: their metadata is untouched, so that a large memory costs nothing until it is used.
 * nr_free counts what is in the lists; everything above the frontier is free too.  Each node has a frontier and lists of
 * its own; its ends are multiples of the largest block, so that no block lies in two.  Which node: numa.c. */
#include "calls.h"

#define BLOCK_FRAMES (1u << (ORDERS - 1))

struct frame *frame_at(const struct kernel *k, pfn_t f)
{
    DEBUG_CHECK(f.n < k->nr_frames);
    return &k->frames[f.n];
}

pfn_t frame_pfn(const struct kernel *k, const struct frame *f) { return (pfn_t){ (u64)(f - k->frames) }; }

unsigned frame_node(const struct kernel *k, pfn_t f)
{
    unsigned i = 0;

    while (f.n >= k->node[i].end)
        i++;
    return i;
}

static struct node *node_at(struct kernel *k, u32 n) { return &k->node[frame_node(k, (pfn_t){ n })]; }

/* n, or the next frame that was ever used; nr_frames: none. */
u64 frames_opened(const struct kernel *k, u64 n)
{
    for (unsigned i = 0; i < k->nodes; i++) {
        if (n < k->node[i].start)
            n = k->node[i].start;
        if (n < k->node[i].frontier)
            return n;
    }
    return k->nr_frames;
}

/* ---- free lists: doubly linked by frame number --------------------------------------------------------------- */

static void list_push(struct kernel *k, struct node *z, u32 n, unsigned order)
{
    struct frame *f = &k->frames[n];
    u32 head = z->free_list[order];

    f->kind = FRAME_FREE;
    f->order = (u8)order;
    f->free.next = head;
    f->free.prev = NO_FRAME;
    if (head != NO_FRAME)
        k->frames[head].free.prev = n;
    z->free_list[order] = n;
    z->nr_free[order]++;
}

static void list_remove(struct kernel *k, struct node *z, u32 n, unsigned order)
{
    struct frame *f = &k->frames[n];

    if (f->free.prev != NO_FRAME)
        k->frames[f->free.prev].free.next = f->free.next;
    else
        z->free_list[order] = f->free.next;
    if (f->free.next != NO_FRAME)
        k->frames[f->free.next].free.prev = f->free.prev;
    f->kind = FRAME_TAIL;
    z->nr_free[order]--;
}

/* Open the node's next stretch of memory: up to one largest block, in aligned power-of-two pieces at its end. */
static bool advance_frontier(struct kernel *k, struct node *z)
{
    u64 left = z->end - z->frontier;
    u64 n = left < BLOCK_FRAMES ? left : BLOCK_FRAMES;
    u64 at = z->frontier;

    if (!n)
        return false;
    memset(&k->frames[at], 0, n * sizeof k->frames[0]);
    z->frontier += n;
    while (n) {
        unsigned order = 63 - (unsigned)__builtin_clzll(n);
        list_push(k, z, (u32)at, order);
        at += 1ull << order;
        n -= 1ull << order;
    }
    return true;
}

/* ---- blocks ----------------------------------------------------------------------------------------------------- */

/* A free block of the node, cut to size; NO_FRAME: it has none. */
static u32 take(struct kernel *k, struct node *z, unsigned order)
{
    unsigned o = order;
    u32 n;

    while (o < ORDERS && z->free_list[o] == NO_FRAME)
        o++;
    while (o == ORDERS) {
        if (!advance_frontier(k, z))
            return NO_FRAME;
        for (o = order; o < ORDERS && z->free_list[o] == NO_FRAME; o++)
            ;
    }
    n = z->free_list[o];
    list_remove(k, z, n, o);
    while (o-- > order)
        list_push(k, z, n + (1u << o), o);
    return n;
}

pfn_t frames_alloc(struct kernel *k, unsigned order, enum frame_kind kind)
{
    u32 n;

    if (alloc_fails(k))
        return PFN_NONE;
    n = k->nodes == 1 ? take(k, &k->node[0], order) : numa_take(k, order, kind, take);
    if (n == NO_FRAME)
        return PFN_NONE;
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
    struct node *z = node_at(k, n);

    k->free_frames += 1ull << order;
    k->kind_frames[kind] -= 1ull << order;
    for (u32 i = 0; i < 1u << order; i++)
        k->frames[n + i] = (struct frame){ .kind = FRAME_TAIL };
    while (order < ORDERS - 1) {
        u32 buddy = n ^ (1u << order);
        if (buddy + (1ull << order) > z->frontier || k->frames[buddy].kind != FRAME_FREE ||
            k->frames[buddy].order != order)
            break;
        list_remove(k, z, buddy, order);
        n &= ~(1u << order);
        order++;
    }
    list_push(k, z, n, order);
}

/* ---- pages of 1 GiB ---------------------------------------------------------------------------------------------- */

#define FRAMES_1G (1ull << 18)

/* Every block of the largest order in [base, base + 1 GiB) is free, or was never used. */
static bool free_1g(const struct kernel *k, u64 base)
{
    const struct node *z = &k->node[frame_node(k, (pfn_t){ base })];

    for (u64 n = base; n < base + FRAMES_1G && n < z->frontier; n += BLOCK_FRAMES)
        if (k->frames[n].kind != FRAME_FREE || k->frames[n].order != ORDERS - 1)
            return false;
    return base + FRAMES_1G <= z->end;
}

/* An aligned GiB; only its first frame is filled in. */
pfn_t frames_alloc_1g(struct kernel *k, enum frame_kind kind)
{
    struct node *z;
    u64 base = 0;

    if (alloc_fails(k))
        return PFN_NONE;
    while (base + FRAMES_1G <= k->nr_frames && !free_1g(k, base))
        base += FRAMES_1G;
    if (base + FRAMES_1G > k->nr_frames)
        return PFN_NONE;
    z = node_at(k, (u32)base);
    while (z->frontier < base + FRAMES_1G)
        advance_frontier(k, z);
    for (u64 n = base; n < base + FRAMES_1G; n += BLOCK_FRAMES)
        list_remove(k, z, (u32)n, ORDERS - 1);
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
        list_push(k, node_at(k, (u32)n), (u32)n, ORDERS - 1);
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
    numa_init(k);
}
