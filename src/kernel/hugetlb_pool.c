/* SPDX-License-Identifier: MIT
 * hugetlb_pool.c - the pools of huge pages, one for each size, and who may take from them.  Called by hugetlb.c, by
 * frames.c when the last reference of a page goes, and by the settings.
 *   nr       pages of the pool, surplus ones included        free     of these not in use
 *   resv     free pages promised to mappings                  surplus  taken beyond the size that was set, up to overcommit
 * A reservation is made when memory is mapped; a fault that has one finds its page, one that has none takes a page only
 * while more are free than promised, or a surplus page.  Pages of 1 GiB are 256 neighbouring blocks.
 * A promise that comes back with a page that others still map (FRAME_PROMISED) is counted when they let go; until then
 * resv is one too small, and may pass zero as Linux's does. */
#include "calls.h"

static unsigned order_of(const struct pool *h) { return h->lg2 - PAGE_LG2; }

/* NULL: no pages of this size. */
struct pool *pool_of(struct kernel *k, unsigned lg2)
{
    for (unsigned i = 0; i < POOLS; i++)
        if (k->pool[i].lg2 == lg2)
            return &k->pool[i];
    return NULL;
}

void pools_init(struct kernel *k)
{
    k->pool[POOL_2M] = (struct pool){ .lg2 = 21, .first = NO_FRAME };
    k->pool[POOL_1G] = (struct pool){ .lg2 = k->hw.no_1g_pages ? 0 : 30, .first = NO_FRAME };
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

static void push(struct kernel *k, struct pool *h, struct frame *f)
{
    f->free.next = h->first;
    h->first = (u32)frame_pfn(k, f).n;
    h->free++;
}

/* A page of the pool's size comes out of the buddy allocator and into nobody's hands. */
static struct frame *page_new(struct kernel *k, struct pool *h)
{
    pfn_t pfn = order_of(h) < ORDERS ? frames_alloc(k, order_of(h), FRAME_HUGETLB) : frames_alloc_1g(k, FRAME_HUGETLB);
    struct frame *f;

    if (pfn_is_none(pfn))
        return NULL;
    f = frame_at(k, pfn);
    f->refs = 0;
    f->order = (u8)order_of(h);
    h->nr++;
    return f;
}

static void page_delete(struct kernel *k, struct pool *h, struct frame *f)
{
    h->nr--;
    if (order_of(h) < ORDERS)
        frames_free(k, frame_pfn(k, f), order_of(h));
    else
        frames_free_1g(k, frame_pfn(k, f));
}

static struct frame *pop(struct kernel *k, struct pool *h)
{
    struct frame *f = &k->frames[h->first];

    CHECK(h->free && h->first != NO_FRAME);
    h->first = f->free.next;
    h->free--;
    f->map = 0;
    return f;
}

static struct frame *surplus_new(struct kernel *k, struct pool *h)
{
    struct frame *f = h->surplus < h->overcommit ? page_new(k, h) : NULL;

    if (f)
        h->surplus++;
    return f;
}

/* A page with one reference; NULL: none that may be taken.  reserved: it was promised. */
struct frame *pool_take(struct kernel *k, struct pool *h, bool reserved)
{
    struct frame *f = NULL;

    if (h->free && (reserved || (s64)(h->free - h->resv) > 0))
        f = pop(k, h);
    else
        f = surplus_new(k, h);
    if (!f)
        return NULL;
    h->resv -= reserved;
    f->refs = 1;
    contents_zero(k, frame_pfn(k, f), order_of(h));
    return f;
}

/* The last reference of a page is gone (frame_put). */
void pool_return(struct kernel *k, struct frame *f)
{
    struct pool *h = pool_of(k, f->order + PAGE_LG2);

    if (f->flags & FRAME_PROMISED)
        h->resv++;
    f->flags = 0;
    f->more = 0;
    if (h->surplus) {
        h->surplus--;
        page_delete(k, h, f);
    } else {
        push(k, h, f);
    }
}

/* ---- promises ---------------------------------------------------------------------------------------------------- */

/* Promise n more pages; false: the pool and what it may overcommit have not so many, nothing has changed. */
bool pool_reserve(struct kernel *k, struct pool *h, u64 n)
{
    u64 want = h->resv + n, got = 0;

    for (struct frame *f; (s64)(want - h->free) > 0 && (f = surplus_new(k, h)); got++)
        push(k, h, f);
    if ((s64)(want - h->free) <= 0) {
        h->resv = want;
        return true;
    }
    for (; got; got--) {
        h->surplus--;
        page_delete(k, h, pop(k, h));
    }
    return false;
}

/* Take n promises back; surplus pages that nobody was promised any more go. */
void pool_unreserve(struct kernel *k, struct pool *h, u64 n)
{
    h->resv -= n;
    for (u64 i = 0; i < n && h->surplus && h->free; i++) {
        h->surplus--;
        page_delete(k, h, pop(k, h));
    }
}

/* nr_hugepages: as many pages as asked, as far as memory reaches or pages are in use. */
void pool_resize(struct kernel *k, struct pool *h, u64 n)
{
    u64 used = h->resv + h->nr - h->free, least = n > used ? n : used;

    while (h->surplus && n > h->nr - h->surplus)
        h->surplus--;
    while (n > h->nr - h->surplus) {
        struct frame *f = page_new(k, h);
        if (!f)
            break;
        push(k, h, f);
    }
    while (least < h->nr - h->surplus && h->free)
        page_delete(k, h, pop(k, h));
    while (n < h->nr - h->surplus)
        h->surplus++;
}

/* ---- sets of page numbers ---------------------------------------------------------------------------------------- */

bool region_has(const struct resv_map *m, u64 n)
{
    for (const struct region *r = m->first; r && r->from <= n; r = r->next)
        if (n < r->to)
            return true;
    return false;
}

/* How many of [from, to) are in the set. */
u64 region_count(const struct resv_map *m, u64 from, u64 to)
{
    u64 n = 0;

    for (const struct region *r = m->first; r && r->from < to; r = r->next) {
        u64 a = r->from > from ? r->from : from, b = r->to < to ? r->to : to;
        n += b > a ? b - a : 0;
    }
    return n;
}

/* Add [from, to).  false: no memory, nothing has changed. */
bool region_add(struct kernel *k, struct resv_map *m, u64 from, u64 to)
{
    struct region **l = &m->first, *r;

    while (*l && (*l)->to < from)
        l = &(*l)->next;
    if (!*l || (*l)->from > to) {
        r = heap_alloc(k, sizeof *r);
        if (!r)
            return false;
        *r = (struct region){ .next = *l, .from = from, .to = to };
        *l = r;
        return true;
    }
    r = *l;
    r->from = from < r->from ? from : r->from;
    r->to = to > r->to ? to : r->to;
    while (r->next && r->next->from <= r->to) {
        struct region *n = r->next;
        r->to = n->to > r->to ? n->to : r->to;
        r->next = n->next;
        heap_free(k, n, sizeof *n);
    }
    return true;
}

/* Take [from, to) out; returns how many were in.  Cutting one range in two needs memory: without it (~0) nothing has
 * changed. */
u64 region_del(struct kernel *k, struct resv_map *m, u64 from, u64 to)
{
    u64 n = region_count(m, from, to);

    for (struct region **l = &m->first, *r = *l; r && r->from < to; r = *l) {
        if (r->to <= from) {
            l = &r->next;
        } else if (r->from < from && r->to > to) {
            struct region *tail = heap_alloc(k, sizeof *tail);
            if (!tail)
                return ~(u64)0;
            *tail = (struct region){ .next = r->next, .from = to, .to = r->to };
            r->to = from;
            r->next = tail;
            break;
        } else if (r->from < from) {
            r->to = from;
            l = &r->next;
        } else if (r->to > to) {
            r->from = to;
            break;
        } else {
            *l = r->next;
            heap_free(k, r, sizeof *r);
        }
    }
    return n;
}

void region_clear(struct kernel *k, struct resv_map *m)
{
    region_del(k, m, 0, ~(u64)0);
}
