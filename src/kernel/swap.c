/* SPDX-License-Identifier: MIT
 * swap.c - anonymous pages on a swap device: its slots, the swap cache, and bringing a page back.  Called by the fault
 * handler and by every walk over entries that meets a swap entry; swapout.c sends pages there.  Linux mm/swapfile.c,
 * mm/swap_state.c, do_swap_page().
 *
 *   slot.count   swap entries that name it
 *   slot.frame   the page in the swap cache; a page there has FRAME_SWAPCACHE, its slot in `index`, and one more reference
 *   a slot with neither is free;  used == slots with either
 *
 * A page that is read stays in the cache with its slot, so that it can be dropped again without being written, until it is
 * written by its only user, is locked, or the device is half full.  Found in the cache a fault is minor, else major.
 * One page is read at a time (vm.page-cluster 0), writing is done at once.  Shared memory and files are not written here. */
#include "calls.h"

/* ---- the device ------------------------------------------------------------------------------------------------------ */

/* The first slot is the header's, as mkswap(8) makes it. */
static u64 slots_of(const struct kernel_config *cfg) { return cfg->swap_bytes >> PAGE_LG2; }

/* What kernel_create() lays aside. */
size_t swap_bytes(const struct kernel_config *cfg)
{
    return slots_of(cfg) * sizeof(struct swap_slot) + (cfg->contents ? cfg->swap_bytes & ~PAGE_MASK_LOW : 0);
}

void swap_init(struct kernel *k, void *memory)
{
    u64 n = slots_of(&k->cfg);

    if (n < 2)
        return;
    k->swap.slot = memory;
    memset(memory, 0, n * sizeof *k->swap.slot);
    k->swap.bytes = k->cfg.contents ? (u8 *)memory + n * sizeof *k->swap.slot : NULL;
    k->swap.slots = n;
    k->swap.total = n - 1;
    k->swap.next = 1;
    k->swap.on = true;
}

static struct swap_slot *slot_of(const struct kernel *k, u64 e)
{
    CHECK(swp_slot(e) && swp_slot(e) < k->swap.slots);
    return &k->swap.slot[swp_slot(e)];
}

u64 swap_users(const struct kernel *k, u64 e) { return slot_of(k, e)->count; }
bool swap_cached(const struct kernel *k, u64 e) { return slot_of(k, e)->frame; }

static void unused_now(struct kernel *k, const struct swap_slot *s)
{
    if (!s->count && !s->frame)
        k->swap.used--;
}

/* The next free slot after the one given last; 0: none. */
static u64 slot_alloc(struct kernel *k)
{
    if (k->swap.used == k->swap.total)
        return 0;
    for (u64 n = k->swap.next; ; n++) {
        n = n == k->swap.slots ? 1 : n;
        if (k->swap.slot[n].count || k->swap.slot[n].frame)
            continue;
        k->swap.next = n + 1;
        k->swap.used++;
        return n;
    }
}

/* ---- the swap cache --------------------------------------------------------------------------------------------------- */

static void cache_add_at(struct kernel *k, struct frame *f, u64 slot)
{
    k->swap.slot[slot].frame = (u32)frame_pfn(k, f).n;
    f->index = (u32)slot;
    f->flags |= FRAME_SWAPCACHE;
    f->refs++;
    k->swap.cached++;
}

/* A page gets a slot and is in the cache.  false: the device is full, or there is none. */
bool swap_take_slot(struct kernel *k, struct frame *f)
{
    u64 slot = f->flags & FRAME_SWAPCACHE ? f->index : k->swap.on ? slot_alloc(k) : 0;

    if (slot && !(f->flags & FRAME_SWAPCACHE)) {
        cache_add_at(k, f, slot);
        f->flags |= FRAME_DIRTY;          /* the device does not have it yet */
    }
    return slot;
}

/* The page leaves the cache, with the cache's reference. */
void swap_forget(struct kernel *k, struct frame *f)
{
    struct swap_slot *s = &k->swap.slot[f->index];

    f->flags &= (u8)~FRAME_SWAPCACHE;
    f->index = 0;
    s->frame = 0;
    k->swap.cached--;
    unused_now(k, s);
    frame_put(k, f);
}

/* folio_free_swap(): nobody else will need the slot, the page is only here from now on.  false: somebody does. */
bool swap_free_slot(struct kernel *k, struct frame *f)
{
    if (k->swap.slot[f->index].count)
        return false;
    f->flags |= FRAME_DIRTY;
    swap_forget(k, f);
    return true;
}

/* free_swap_cache(): a mapping of a page in the cache went; with the last one the page goes, unless swap entries name it. */
void swap_unmapped(struct kernel *k, struct frame *f)
{
    if (!f->mapped)
        swap_free_slot(k, f);
}

/* One more, one less entry names the slot. */
void swap_dup(struct kernel *k, u64 e) { slot_of(k, e)->count++; }

void swap_put(struct kernel *k, u64 e)
{
    struct swap_slot *s = slot_of(k, e);

    CHECK(s->count);
    s->count--;
    if (!s->count && s->frame && !k->frames[s->frame].mapped)
        swap_free_slot(k, &k->frames[s->frame]);
    else
        unused_now(k, s);
}

/* The entry goes. */
void swap_zap(struct mm *mm, u64 *e)
{
    u64 old = *e;

    pte_store(mm->k, e, 0);
    mm->swapped--;
    swap_put(mm->k, old);
}

/* The page of the entry in the cache, read from the device if it must; NULL: no memory. */
struct frame *swap_read(struct kernel *k, u64 e)
{
    struct swap_slot *s = slot_of(k, e);
    struct frame *f;
    pfn_t pfn;

    if (s->frame)
        return &k->frames[s->frame];
    pfn = frames_alloc(k, 0, FRAME_ANON);
    if (pfn_is_none(pfn))
        return NULL;
    f = frame_at(k, pfn);
    if (k->swap.bytes)
        memcpy(k->hw.ram + pfn_to_pa(pfn), k->swap.bytes + (swp_slot(e) << PAGE_LG2), PAGE_BYTES);
    cache_add_at(k, f, swp_slot(e));
    frame_put(k, f);                      /* the cache's is the only reference */
    lru_add(k, f, LRU_ADD);
    k->swap.in++;
    return f;
}

/* ---- faults ------------------------------------------------------------------------------------------------------------ */

/* should_try_to_free_swap() */
static bool frees_slot(const struct fault *f, const struct frame *page)
{
    const struct kernel *k = f->mm->k;

    return k->swap.used > k->swap.total / 2 || (f->vma->flags & VM_LOCKED) || (f->write && page->refs == 1);
}

/* Rights of the page that comes back, as do_wp_page() would decide: ours alone it is writable. */
static u64 entry_for(const struct fault *f, u64 old, const struct frame *page, bool exclusive)
{
    const struct vma *v = f->vma;
    u64 e = vma_page_prot(v) | pfn_to_pa(frame_pfn(f->mm->k, page)) | (old & SWP_SOFT_DIRTY ? PTE_SOFT_DIRTY : 0) |
            (old & SWP_UFFD_WP ? PTE_UFFD_WP : 0);

    if (!exclusive || !(v->flags & VM_WRITE) || (e & PTE_UFFD_WP) || (vma_tracks_soft_dirty(v) && !(e & PTE_SOFT_DIRTY)))
        return e;
    return e | X86_PTE_RW | (f->write ? f->mm->k->dirty_bits : 0);
}

/* do_swap_page() */
enum fault_result swap_fault(struct fault *f, u64 *e)
{
    struct mm *mm = f->mm;
    struct kernel *k = mm->k;
    u64 old = *e;
    bool cached = swap_cached(k, old), exclusive;
    struct frame *page = swap_read(k, old);

    if (!page || !rmap_add(mm, page, f->addr))
        return FAULT_OOM;
    if (!cached) {
        f->out->major = true;
        k->major_faults++;
    }
    EXPLAIN(k, cached ? "fault: slot %d of the swap device, still in memory at frame %x" :
            "fault: slot %d of the swap device is read to frame %x (major)", swp_slot(old), frame_pfn(k, page).n);
    if (f->write && page->lru != LRU_ON)
        lru_drain(k);
    swap_put(k, old);
    if (frees_slot(f, page)) {
        page->refs++;                     /* of this mapping: the page stays */
        swap_free_slot(k, page);
        page->refs--;
    }
    exclusive = (old & SWP_EXCLUSIVE) || (!page->refs && page->mapped == 1);
    page->refs++;
    page->flags |= exclusive ? FRAME_EXCLUSIVE : 0;
    mm->swapped--;
    rss_add(mm, page, 1);
    pte_store(k, e, entry_for(f, old, page, exclusive));
    f->out->kind = MM_FAULT_SWAP;
    f->out->mapped_pages = 1;
    return f->write && !(*e & X86_PTE_RW) ? wp_fault(f, e) : FAULT_DONE;
}

/* MADV_WILLNEED of anonymous memory: into the cache, mapped by the next fault. */
long swap_willneed(struct vma *v, u64 start, u64 end)
{
    for (u64 va = start, next; va < end; va = next) {
        struct span s = pgtable_span(v->mm, va, end);
        next = s.end;
        for (const u64 *e = s.pte; e && va < next; va += PAGE_BYTES, e++)
            if (pte_swap(*e) && !swap_read(v->mm->k, *e))
                return 0;                /* advice may be ignored */
    }
    return 0;
}

/* ---- mm_check() -------------------------------------------------------------------------------------------------------- */

static u64 entries(const struct kernel *k)
{
    u64 n = 0;

    for (struct mm *mm = k->mms; mm; mm = mm->next)
        for (const struct vma *v = mm->first; v; v = v->next)
            for (u64 va = v->start, next; va < v->end; va = next) {
                struct span s = pgtable_span(mm, va, v->end);
                next = s.end;
                for (const u64 *e = v->flags & VM_HUGETLB ? NULL : s.pte; e && va < next; va += PAGE_BYTES, e++)
                    n += pte_swap(*e);
            }
    return n;
}

const char *swap_check(const struct kernel *k)
{
    u64 used = 0, cached = 0, named = 0, total = 0;

    for (const struct mm *mm = k->mms; mm; mm = mm->next)
        total += mm->swapped;
    for (u64 n = 1; n < k->swap.slots; n++) {
        const struct swap_slot *s = &k->swap.slot[n];
        const struct frame *f = s->frame ? &k->frames[s->frame] : NULL;
        used += s->count || s->frame;
        cached += s->frame != 0;
        named += s->count;
        if (f && (f->kind != FRAME_ANON || !(f->flags & FRAME_SWAPCACHE) || f->index != n))
            return "swap: a page in the cache does not know its slot";
    }
    if (named != total || (k->swap.slots && entries(k) != total))
        return "swap: entries miscounted";
    return used != k->swap.used || cached != k->swap.cached ? "swap: slots miscounted" : NULL;
}
