/* SPDX-License-Identifier: MIT
 * pagecache.c - the pages of a file that are in memory: a radix tree of 64-way nodes from page number to frame.
 * Called by file faults, readahead, truncation, mincore.  Each page holds one reference of the cache.
 * A file opened as `cached` has all its pages in memory by definition; their frames are made when first looked at. */
#include "calls.h"

#define SLOTS (1u << RADIX_LG2)

static u64 reach(const struct inode *i) { return i->height ? 1ull << (RADIX_LG2 * i->height) : 0; }
static unsigned slot_at(u64 index, unsigned level) { return index >> (RADIX_LG2 * level) & (SLOTS - 1); }

u64 inode_pages(const struct inode *i) { return (i->size + PAGE_MASK_LOW) >> PAGE_LG2; }

static u32 *slot_find(const struct inode *i, u64 index)
{
    u32 h = i->root;

    if (index >= reach(i))
        return NULL;
    for (unsigned level = i->height; level--; ) {
        struct radix_node *n = heap_at(i->k, h);
        if (!level)
            return &n->slot[slot_at(index, 0)];
        h = n->slot[slot_at(index, level)];
        if (!h)
            return NULL;
    }
    return NULL;
}

/* The page, if its frame exists. */
struct frame *cache_peek(const struct inode *i, u64 index)
{
    const u32 *s = slot_find(i, index);
    return s && *s ? &i->k->frames[*s] : NULL;
}

static bool grow_tree(struct inode *i, u64 index)
{
    while (index >= reach(i)) {
        struct radix_node *n = heap_alloc(i->k, sizeof *n);
        if (!n)
            return false;
        if (i->root) {
            n->slot[0] = i->root;
            n->used = 1;
        }
        i->root = heap_handle(i->k, n);
        i->height++;
    }
    return true;
}

static bool insert(struct inode *i, u64 index, u32 frame)
{
    u32 h;

    if (!grow_tree(i, index))
        return false;
    h = i->root;
    for (unsigned level = i->height - 1; level; level--) {
        struct radix_node *n = heap_at(i->k, h);
        u32 *s = &n->slot[slot_at(index, level)];
        if (!*s) {
            struct radix_node *below = heap_alloc(i->k, sizeof *below);
            if (!below)
                return false;             /* empty nodes made on the way stay; they are found again */
            *s = heap_handle(i->k, below);
            n->used++;
        }
        h = *s;
    }
    struct radix_node *leaf = heap_at(i->k, h);
    leaf->slot[slot_at(index, 0)] = frame;
    leaf->used++;
    return true;
}

/* The cache takes the page with one of the caller's references.  false: no memory.  pre: nothing is there. */
bool cache_insert(struct inode *i, u64 index, struct frame *f)
{
    if (!insert(i, index, (u32)frame_pfn(i->k, f).n))
        return false;
    f->inode = i->handle;
    f->index = (u32)index;
    i->pages++;
    return true;
}

/* A fresh page; NULL: no memory.  pre: not there. */
struct frame *cache_add(struct inode *i, u64 index)
{
    enum frame_kind kind = i->fs == MM_FS_TMPFS ? FRAME_SHMEM : FRAME_FILE;
    pfn_t pfn = frames_alloc(i->k, 0, kind);
    struct frame *f;

    if (pfn_is_none(pfn))
        return NULL;
    f = frame_at(i->k, pfn);
    if (!cache_insert(i, index, f)) {
        frames_free(i->k, pfn, 0);
        return NULL;
    }
    f->flags = kind == FRAME_SHMEM && index < i->cached_pages ? FRAME_DIRTY | FRAME_REFERENCED : 0; /* written before */
    if (index >= i->cached_pages)
        lru_add(i->k, f, LRU_ADD);
    return f;
}

/* A fresh block becomes the folio of the empty places [first, first + 2^order).  false: no memory; the block is free
 * again. */
bool cache_insert_folio(struct inode *i, u64 first, pfn_t block, unsigned order)
{
    struct frame *head = frame_at(i->k, block);

    for (u64 n = 0; n < 1ull << order; n++) {
        if (cache_insert(i, first + n, head + n))
            continue;
        cache_remove(i, first, first + n); /* page by page, as they are not a folio yet */
        for (; n < 1ull << order; n++)
            frames_free(i->k, (pfn_t){ block.n + n }, 0);
        return false;
    }
    folio_make(i->k, block, order);
    return true;
}

/* Nothing of [from, to) is in the cache. */
bool cache_empty(const struct inode *i, u64 from, u64 to)
{
    if (from < i->cached_pages)
        return false;
    for (to = to < reach(i) ? to : reach(i); from < to; from++)
        if (cache_peek(i, from))
            return false;
    return true;
}

/* A fresh folio.  false: no block, or no memory.  pre: its places are empty. */
bool cache_add_folio(struct inode *i, u64 first, unsigned order)
{
    bool shmem = i->fs == MM_FS_TMPFS;
    pfn_t block = frames_alloc(i->k, order, shmem ? FRAME_SHMEM : FRAME_FILE);

    if (pfn_is_none(block))
        return false;
    if (!cache_insert_folio(i, first, block, order))
        return false;
    lru_add(i->k, frame_at(i->k, block), LRU_ADD);
    return true;
}

/* The cache is about to change at `index`: no folio may reach across. */
void cache_cut(struct inode *i, u64 index)
{
    struct frame *f = index ? cache_peek(i, index) : NULL, *head;

    if (!f || !(f->flags & FRAME_HUGE))
        return;
    head = folio_of(i->k, f);
    if (head == f || page_pinned(i->k, head)) /* a pinned folio cannot be split */
        return;
    unmap_file_range(i, head->index, head->index + folio_pages(head), ZAP_CACHE_ONLY);
    folio_split_at(i->k, f);
}

/* In memory, or said to be: the frame is made on demand.  NULL: not cached, or (*oom) no memory. */
struct frame *cache_get(struct inode *i, u64 index, bool *oom)
{
    struct frame *f = cache_peek(i, index);

    if (f || index >= i->cached_pages)
        return f;
    if (i->folio_lg2 == 21) {             /* a folio of 2 MiB may be mapped by one entry */
        struct extent x = folio_extent(i, index);
        if (x.end - x.first == PTRS_PER_TABLE && cache_add_folio(i, x.first, HUGE_ORDER))
            return cache_peek(i, index);
    }
    f = cache_add(i, index);
    *oom = *oom || !f;
    return f;
}

bool cache_has(const struct inode *i, u64 index) { return index < i->cached_pages || cache_peek(i, index); }

/* Pages are about to leave one by one: make the frames of those that are in memory without one, and let frames alone
 * say what is in memory from now on.  false: no memory. */
bool cache_settle(struct inode *i)
{
    bool oom = false;

    for (u64 n = 0; n < i->cached_pages && !oom; n++)
        cache_get(i, n, &oom);
    if (!oom)
        i->cached_pages = 0;
    return !oom;
}

/* pre: no mapping of it is left. */
static void forget(struct inode *i, u32 *slot)
{
    struct frame *f = &i->k->frames[*slot];

    CHECK(!f->mapped);
    *slot = 0;
    f->inode = 0;
    i->pages--;
    frame_put(i->k, f);
}

/* Removes the pages of [from, to) below one node; true: the node is empty now. */
static bool remove_below(struct inode *i, u32 h, unsigned level, u64 base, u64 from, u64 to)
{
    struct radix_node *n = heap_at(i->k, h);
    u64 step = 1ull << (RADIX_LG2 * level);

    for (unsigned s = 0; s < SLOTS && base < to; s++, base += step) {
        if (!n->slot[s] || base + step <= from)
            continue;
        if (level == 0) {
            forget(i, &n->slot[s]);
            n->used--;
        } else if (remove_below(i, n->slot[s], level - 1, base, from, to)) {
            heap_free(i->k, heap_at(i->k, n->slot[s]), sizeof *n);
            n->slot[s] = 0;
            n->used--;
        }
    }
    return !n->used;
}

/* Pages [from, to) leave the cache.  pre: unmapped everywhere. */
void cache_remove(struct inode *i, u64 from, u64 to)
{
    const u64 before = i->pages;

    if (i->root && remove_below(i, i->root, i->height - 1, 0, from, to)) {
        heap_free(i->k, heap_at(i->k, i->root), sizeof(struct radix_node));
        i->root = 0;
        i->height = 0;
    }
    if (i->pages != before)               /* letting go of a batch of them drains (folio_batch_release) */
        lru_drain(i->k);
}

/* Calls fn() for each page present in [from, to). */
void cache_each(struct inode *i, u64 from, u64 to, void (*fn)(struct inode *i, struct frame *f, void *arg), void *arg)
{
    if (to > reach(i))
        to = reach(i);
    for (u64 n = from; n < to; n++) {
        struct frame *f = cache_peek(i, n);
        if (f)
            fn(i, f, arg);
    }
}
