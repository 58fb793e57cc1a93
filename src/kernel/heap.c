/* SPDX-License-Identifier: MIT
 * heap.c - small objects inside the block given to kernel_create().  Called by whoever makes vmas, chains, rmap nodes,
 * files.  Size classes of 16 bytes up to 1 KiB, then 2 and 4 KiB; a freed object waits in its class's list.  The
 * block is used from the front and never touched beyond what was used.  Objects of whole cache lines begin on a line.
 * A handle is (offset / 16): 32 bits that survive where a pointer would be too wide; 0 names nothing. */
#include "calls.h"

#define GRAIN HEAP_GRAIN
#define SMALL_MAX 1024u
#define LARGEST 4096u
#define LINE 64u

void heap_init(struct heap *h, void *base, u64 bytes)
{
    *h = (struct heap){ .base = base, .used = GRAIN, .limit = bytes };
}

static unsigned class_of(size_t bytes)
{
    CHECK(bytes && bytes <= LARGEST);
    if (bytes <= SMALL_MAX)
        return (unsigned)((bytes + GRAIN - 1) / GRAIN);
    return bytes <= 2048 ? SMALL_MAX / GRAIN + 1 : 0;
}

static u64 class_bytes(unsigned c)
{
    return c == 0 ? LARGEST : c <= SMALL_MAX / GRAIN ? c * GRAIN : 2048;
}

void *heap_alloc(struct kernel *k, size_t bytes)
{
    struct heap *h = &k->heap;
    unsigned c = class_of(bytes);
    u64 size = class_bytes(c);
    u8 *p;

    if (alloc_fails(k))
        return NULL;
    if (h->free[c]) {
        p = heap_at(k, h->free[c]);
        memcpy(&h->free[c], p, sizeof h->free[c]);
    } else {
        u64 pad = size % LINE ? 0 : -(u64)(uintptr_t)(h->base + h->used) % LINE;
        if (h->limit - h->used < pad + size)
            return NULL;
        p = h->base + h->used + pad;
        h->used += pad + size;
    }
    h->live += size;
    memset(p, 0, size);
    return p;
}

void heap_free(struct kernel *k, void *p, size_t bytes)
{
    struct heap *h = &k->heap;
    unsigned c = class_of(bytes);

    memcpy(p, &h->free[c], sizeof h->free[c]);
    h->free[c] = heap_handle(k, p);
    h->live -= class_bytes(c);
}
