/* SPDX-License-Identifier: MIT
 * lru.c - the small per-CPU batches through which pages reach the LRU lists.  Called where pages are made, locked or
 * marked lazily freeable, and by every operation that drains.
 * All that can be seen of the batches: a page in a batch carries a reference, so a copy-on-write fault on another CPU must
 * copy it, and MADV_FREE only takes effect when its batch drains.  A batch of 31 drains when it is full; draining a
 * CPU drains that CPU only. */
#include "calls.h"

static void drain_batch(struct kernel *k, unsigned cpu, enum lru_batch which)
{
    u32 n = k->cpu[cpu].batch[which].n;

    k->cpu[cpu].batch[which].n = 0;
    for (u32 i = 0; i < n; i++) {
        struct frame *f = &k->frames[k->cpu[cpu].batch[which].frame[i]];
        f->lru = LRU_ON;
        if (which == LRU_LAZYFREE)
            f->flags &= (u8)~(FRAME_REFERENCED | FRAME_ACTIVE);
        for (u32 p = 0; which == LRU_LAZYFREE && f->kind == FRAME_ANON && p < folio_pages(f); p++)
            f[p].flags |= FRAME_LAZYFREE;
        frame_put(k, f);
    }
}

void lru_add(struct kernel *k, struct frame *f, enum lru_batch which)
{
    unsigned cpu = k->this_cpu;
    u32 *n = &k->cpu[cpu].batch[which].n;

    f = folio_of(k, f);
    if (f->lru != LRU_ON)
        return;
    f->refs++;
    f->lru = (u8)(which | cpu << 2);
    k->cpu[cpu].batch[which].frame[(*n)++] = (u32)frame_pfn(k, f).n;
    if (*n == k->q.batch_pages || (f->flags & FRAME_HUGE))
        drain_batch(k, cpu, which);
}

/* mark_page_accessed(): referenced, then active, then referenced again.  Locked pages are on no list to become active
 * on. */
void lru_accessed(struct kernel *k, struct frame *f, bool locked)
{
    f = folio_of(k, f);
    if (!(f->flags & FRAME_REFERENCED))
        f->flags |= FRAME_REFERENCED;
    else if (!locked && !(f->flags & FRAME_ACTIVE))
        f->flags = (u8)((f->flags & ~FRAME_REFERENCED) | FRAME_ACTIVE);
}

/* lru_add_drain(): all batches of the CPU on which the current call runs. */
void lru_drain(struct kernel *k)
{
    for (unsigned w = LRU_ADD; w < LRU_BATCHES; w++)
        drain_batch(k, k->this_cpu, (enum lru_batch)w);
}

/* The batches of every CPU. */
void lru_drain_all(struct kernel *k)
{
    for (unsigned cpu = 0; cpu < k->hw.cpus; cpu++)
        for (unsigned w = LRU_ADD; w < LRU_BATCHES; w++)
            drain_batch(k, cpu, (enum lru_batch)w);
}

/* Unmapping drained in older kernels. */
void lru_drain_unmap(struct kernel *k)
{
    if (k->q.unmap_drains)
        lru_drain(k);
}
