/* SPDX-License-Identifier: MIT
 * thp.c - which sizes of transparent huge pages may be used where.  Called by faults, khugepaged, MADV_COLLAPSE and the
 * views.  Sets of sizes are masks of orders.
 *   anonymous   4 (16 KiB) to 9 (2 MiB): each size's `enabled`; `inherit` asks the switch above them all
 *   shared anonymous memory   each size's `shmem_enabled`; `inherit` asks `shmem_enabled`
 *   tmpfs       the mount's huge=; memfd: `shmem_enabled`
 *   file        what the page cache has; its 4 KiB pages are collapsed when the kernel was built for it and nobody has
 *               the file open for writing
 * MADV_COLLAPSE does not ask the settings. */
#include "calls.h"

#define ANON_ORDERS 0x3fcu                /* 2 .. 9                                                           */
#define FILE_ORDERS 0x3feu                /* 1 .. 9                                                           */
#define NO_KHUGEPAGED (VM_SPECIAL | VM_HUGETLB)

/* collapse: MADV_COLLAPSE asks, which counts as advice. */
static bool disabled(const struct vma *v, bool collapse)
{
    return (v->flags & (VM_NOHUGEPAGE | VM_DROPPABLE)) || thp_disabled(v, collapse);
}

/* The orders whose setting of one kind is `when`. */
static u32 sizes(const struct kernel *k, size_t kind, enum thp_when when)
{
    u32 orders = 0;

    for (unsigned o = 1; o <= HUGE_ORDER; o++)
        orders |= (u32)(((const u8 *)&k->thp.size[o])[kind] == when) << o;
    return orders;
}
#define ANON_SIZES(k, when) sizes(k, offsetof(struct thp_size, anon), when)
#define SHMEM_SIZES(k, when) sizes(k, offsetof(struct thp_size, shmem), when)

static u32 anon_enabled(const struct vma *v)
{
    const struct kernel *k = v->mm->k;
    u32 orders = ANON_SIZES(k, THP_ALWAYS);

    if (v->flags & VM_HUGEPAGE)
        orders |= ANON_SIZES(k, THP_MADVISE);
    if (k->thp.enabled == THP_ALWAYS || (k->thp.enabled == THP_MADVISE && (v->flags & VM_HUGEPAGE)))
        orders |= ANON_SIZES(k, THP_INHERIT);
    return orders;
}

/* ---- shared memory ----------------------------------------------------------------------------------------------- */

/* The orders whose folio around page `index` ends inside the file. */
static u32 within_size(const struct inode *i, u32 orders, u64 index)
{
    u64 end = inode_pages(i);

    for (unsigned o = HUGE_ORDER; o; o--)
        if ((orders >> o & 1) && ((index >> o) + 1) << o <= end)
            return orders & ((2u << o) - 1);
    return 0;
}

/* By the mount, or by shmem_enabled for the kernel's own mount (shared anonymous memory and memfd).  Faults ask for
 * 2 MiB or nothing: how much will be written is not known. */
static u32 shmem_mount(const struct inode *i, const struct vma *v, u64 index, bool forced)
{
    const struct kernel *k = i->k;
    u8 huge = i->own_mount ? k->thp.shmem_enabled : i->huge;
    bool advised = v->flags & VM_HUGEPAGE;

    if (k->thp.shmem_enabled == THP_DENY)
        return 0;
    if (forced || k->thp.shmem_enabled == THP_FORCE || huge == THP_ALWAYS)
        return 1u << HUGE_ORDER;
    if (huge == THP_WITHIN_SIZE && !advised)
        return within_size(i, 1u << HUGE_ORDER, index);
    return (huge == THP_WITHIN_SIZE || huge == THP_ADVISE) && advised ? 1u << HUGE_ORDER : 0;
}

/* The orders that page `index` of a tmpfs file may be allocated in for a fault in v. */
u32 thp_shmem_orders(const struct inode *i, const struct vma *v, u64 index, bool forced)
{
    const struct kernel *k = i->k;
    u32 mount, orders;

    if (disabled(v, forced))
        return 0;
    mount = shmem_mount(i, v, index, forced);
    if (!i->anonymous || i->memfd)
        return mount;
    if (k->thp.shmem_enabled == THP_DENY)
        return 0;
    if (k->thp.shmem_enabled == THP_FORCE)
        return SHMEM_SIZES(k, THP_INHERIT);
    orders = SHMEM_SIZES(k, THP_ALWAYS) | within_size(i, SHMEM_SIZES(k, THP_WITHIN_SIZE), index);
    if (v->flags & VM_HUGEPAGE)
        orders |= SHMEM_SIZES(k, THP_ADVISE);
    if (mount)
        orders |= SHMEM_SIZES(k, THP_INHERIT);
    return orders & FILE_ORDERS;
}

/* ---- mappings ---------------------------------------------------------------------------------------------------- */

/* 4 KiB pages of this file may be collapsed: nobody writes to it. */
static bool file_collapsible(const struct vma *v)
{
    return v->mm->k->cfg.read_only_file_thp && v->file && v->file->inode->fs == MM_FS_EXT4 && !v->file->inode->writers;
}

/* Does the aligned block of this order around va lie in the mapping, at the same alignment in its file? */
bool thp_fits(const struct vma *v, u64 va, unsigned order)
{
    u64 bytes = PAGE_BYTES << order, base = va & ~(bytes - 1);

    if (v->file && (((v->start >> PAGE_LG2) - v->pgoff) & ((1ull << order) - 1)))
        return false;
    return base >= v->start && base + bytes <= v->end && base + bytes > base;
}

/* Those of `orders` that fit at va. */
u32 thp_fitting(const struct vma *v, u64 va, u32 orders)
{
    for (unsigned o = 1; o <= HUGE_ORDER; o++)
        if ((orders >> o & 1) && !thp_fits(v, va, o))
            orders &= ~(1u << o);
    return orders;
}

/* Of the largest down, the orders from the first on that fit somewhere in the mapping. */
static u32 fitting_somewhere(const struct vma *v, u32 orders)
{
    for (unsigned o = HUGE_ORDER; o; o--) {
        if (!(orders >> o & 1))
            continue;
        if (v->end - v->start >= PAGE_BYTES << o && thp_fits(v, v->end - (PAGE_BYTES << o), o))
            return orders;
        orders &= ~(1u << o);
    }
    return 0;
}

/* Which of `orders` this use may have in the mapping.  A fault asks for the place itself (thp_fitting). */
u32 thp_orders(const struct vma *v, enum thp_use use, u32 orders)
{
    orders &= vma_is_anon(v) ? ANON_ORDERS : FILE_ORDERS;
    if (vma_is_anon(v) && use != THP_COLLAPSE)
        orders &= anon_enabled(v);
    if (!orders || v->name || disabled(v, use == THP_COLLAPSE))
        return 0;
    if ((use == THP_KHUGEPAGED || use == THP_COLLAPSE) && (v->flags & NO_KHUGEPAGED))
        return 0;
    if (use != THP_FAULT && !(orders = fitting_somewhere(v, orders)))
        return 0;
    if (use != THP_FAULT && vma_is_shmem(v))
        return orders & thp_shmem_orders(v->file->inode, v, v->pgoff, use == THP_COLLAPSE);
    if (!vma_is_anon(v))
        return use != THP_FAULT && file_collapsible(v) ? orders : 0;
    return v->anon_vma || use == THP_FAULT || use == THP_SMAPS ? orders : 0;
}

void thp_init(struct kernel *k)
{
    k->thp = (struct thp){ .enabled = (u8)k->cfg.thp, .defrag = 3, .shmem_enabled = THP_NEVER, .use_zero_page = !k->cfg.no_zero_page,
                           .scan_defrag = 1, .max_none = 511, .max_swap = 64, .max_shared = 256,
                           .pages_to_scan = 4096, .scan_sleep_ms = 10000, .alloc_sleep_ms = 60000,
                           .pmd_bytes = PMD_BYTES };
    k->thp.size[HUGE_ORDER].anon = k->thp.size[HUGE_ORDER].shmem = THP_INHERIT;
}

/* ---- anonymous faults below 2 MiB -------------------------------------------------------------------------------- */

static bool all_empty(const u64 *e, u32 n)
{
    while (n && !e[n - 1])
        n--;
    return !n;
}

/* A write to the empty entry e: the largest folio whose place is empty and for which there is a block.  false: a single
 * page.  pre: the anon_vma. */
bool thp_anon_fault(struct fault *f, u64 *e)
{
    struct kernel *k = f->mm->k;
    u32 orders = thp_fitting(f->vma, f->addr, thp_orders(f->vma, THP_FAULT, (1u << HUGE_ORDER) - 1));

    if (uffd_armed(f->vma))               /* it wants to hear of every page */
        return false;
    for (unsigned o = HUGE_ORDER - 1; o; o--) {
        u64 base = f->addr & ~((PAGE_BYTES << o) - 1), *first = e - ((f->addr - base) >> PAGE_LG2), bits;
        struct frame *head;
        pfn_t block;
        if (!(orders >> o & 1) || !all_empty(first, 1u << o))
            continue;
        block = frames_alloc(k, o, FRAME_ANON);
        if (pfn_is_none(block)) {
            k->thp.size[o].anon_fallback++;
            continue;
        }
        k->thp.size[o].anon_alloc++;
        head = folio_make(k, block, o);
        folio_map_anon(f->mm, head, base);
        bits = vma_page_prot(f->vma) | k->dirty_bits | (f->vma->flags & VM_WRITE ? X86_PTE_RW : 0);
        for (u64 i = 0; i < 1u << o; i++)
            pte_store(k, first + i, bits | (pfn_to_pa(block) + i * PAGE_BYTES));
        lru_add(k, head, f->vma->flags & VM_LOCKED ? LRU_MLOCK : LRU_ADD);
        EXPLAIN(k, "fault: first write: %d KiB at frame %x, zeroed, by %d entries", 4u << o, block.n, 1u << o);
        f->out->mapped_pages = f->out->zeroed_pages = 1u << o;
        return true;
    }
    return false;
}
