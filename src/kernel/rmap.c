/* SPDX-License-Identifier: MIT
 * rmap.c - which entries map a frame.  Called wherever an entry that maps a counted frame is made, moved or cleared.
 * The first mapping is inside the frame's metadata, further ones are a list of nodes; a mapping is (mm, page
 * number). */
#include "calls.h"

#define VPN_MASK ((1ull << VPN_BITS) - 1)

static struct mm *rmap_mm(const struct kernel *k, u64 map) { return heap_at(k, (u32)(map >> VPN_BITS)); }
static u64 rmap_va(u64 map) { return (map & VPN_MASK) << PAGE_LG2; }

/* false: no memory, nothing has changed.  The first mapping of a frame needs none. */
bool rmap_add(struct mm *mm, struct frame *f, u64 va)
{
    struct rmap_node *n;

    if (!f->mapped) {
        mm->k->mapped_frames[f->kind]++;
        f->mapped = 1;
        f->map = mapping_of(mm, va);
        return true;
    }
    n = heap_alloc(mm->k, sizeof *n);
    if (!n)
        return false;
    n->map = mapping_of(mm, va);
    n->next = f->more;
    f->more = heap_handle(mm->k, n);
    f->mapped++;
    return true;
}

static u64 *find(struct kernel *k, struct frame *f, u64 map, struct rmap_node **node, u32 **link)
{
    *node = NULL;
    *link = NULL;
    if (f->map == map)
        return &f->map;
    for (u32 *l = &f->more; *l; l = *link) {
        *node = heap_at(k, *l);
        if ((*node)->map == map) {
            *link = l;
            return &(*node)->map;
        }
        *link = &(*node)->next;
    }
    return NULL;
}

void rmap_remove(struct mm *mm, struct frame *f, u64 va)
{
    struct kernel *k = mm->k;
    struct rmap_node *n;
    u32 *link;
    u64 *m = find(k, f, mapping_of(mm, va), &n, &link);

    CHECK(m && f->mapped);
    if (!--f->mapped)
        k->mapped_frames[f->kind]--;
    if (!n && f->more) {                  /* the first one goes: the list's head takes its place */
        n = heap_at(k, f->more);
        f->map = n->map;
        link = &f->more;
    }
    if (n) {
        *link = n->next;
        heap_free(k, n, sizeof *n);
    }
}

/* mremap: the entry moved. */
void rmap_move(struct mm *mm, struct frame *f, u64 from, u64 to)
{
    struct rmap_node *n;
    u32 *link;
    u64 *m = find(mm->k, f, mapping_of(mm, from), &n, &link);

    CHECK(m);
    *m = mapping_of(mm, to);
}

/* pre: mapped. */
struct mm *rmap_first_mm(const struct kernel *k, const struct frame *f) { return rmap_mm(k, f->map); }

/* Mappings of the frame in one address space. */
u32 rmap_count(const struct mm *mm, const struct frame *f)
{
    u32 n = f->mapped && f->map >> VPN_BITS == mm->handle;

    for (u32 h = f->more; h; ) {
        const struct rmap_node *node = heap_at(mm->k, h);
        n += node->map >> VPN_BITS == mm->handle;
        h = node->next;
    }
    return n;
}

bool rmap_has(const struct mm *mm, const struct frame *f, u64 va)
{
    u64 want = mapping_of(mm, va);

    if (f->mapped && f->map == want)
        return true;
    for (u32 h = f->more; h; ) {
        const struct rmap_node *n = heap_at(mm->k, h);
        if (n->map == want)
            return true;
        h = n->next;
    }
    return false;
}

/* Calls fn() for every mapping; fn() may remove the mapping that it was called for. */
void rmap_each(struct kernel *k, struct frame *f, void (*fn)(struct mm *mm, struct frame *f, u64 va, void *arg),
               void *arg)
{
    /* Removal moves the list's head into the first place, so the list is walked before the first one. */
    for (u32 h = f->more; h; ) {
        const struct rmap_node *n = heap_at(k, h);
        u64 map = n->map;
        h = n->next;
        fn(rmap_mm(k, map), f, rmap_va(map), arg);
    }
    if (f->mapped)
        fn(rmap_mm(k, f->map), f, rmap_va(f->map), arg);
}
