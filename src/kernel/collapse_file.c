/* SPDX-License-Identifier: MIT
 * collapse_file.c - 512 pages of a page cache replaced by one folio of 2 MiB.  Called by collapse.c and khugepaged.c.
 * Shared memory may have holes in the range, which become zeros; a file's missing pages are read, its dirty ones must
 * be written back first.  All mappings of the old pages go.  Page tables left empty are taken away where the mapping
 * is aligned and has no pages of its own, so that the next fault there finds room for a 2 MiB entry; MADV_COLLAPSE makes
 * that entry at once. */
#include "calls.h"

static u64 *table(const struct kernel *k, u64 pmd) { return (u64 *)(void *)(k->hw.ram + (pmd & X86_PTE_ADDR)); }

static bool is_huge(const struct frame *f) { return (f->flags & FRAME_HUGE) && f->order == HUGE_ORDER; }

/* ---- the page table in front of a folio --------------------------------------------------------------------------- */

static void free_table(struct mm *mm, u64 *pmd, u64 va)
{
    struct gather g = gather_begin(mm);
    pfn_t t = pte_pfn(*pmd);

    memset(mm->k->hw.ram + pfn_to_pa(t), 0, PAGE_BYTES);
    pte_store(mm->k, pmd, 0);
    mm->tables--;
    gather_table(&g, t, va);
    gather_flush(&g);
}

/* 512 entries of the folio, or some of them, become one 2 MiB entry, or (khugepaged) none. */
static enum collapse map_folio(struct vma *v, u64 va, bool forced)
{
    struct mm *mm = v->mm;
    struct kernel *k = mm->k;
    struct frame *head = cache_peek(v->file->inode, v->pgoff + ((va - v->start) >> PAGE_LG2));
    u64 *pmd = pgtable_find(mm, va, 1);

    if (pmd && *pmd && pmd_huge(*pmd))
        return COLLAPSE_MAPPED;
    if (!thp_orders(v, THP_COLLAPSE, 1u << HUGE_ORDER))
        return COLLAPSE_FAILED;
    if (!head || !is_huge(head))
        return COLLAPSE_FAILED;
    if (v->flags & VM_UFFD_WP)
        return COLLAPSE_WRITE_PROTECTED;
    if (pmd && pmd_table(*pmd)) {
        const u64 *e = table(k, *pmd);
        struct gather g = gather_begin(mm);
        for (u64 i = 0; i < PTRS_PER_TABLE; i++)
            if (e[i] && (!pte_counted(e[i]) || frame_at(k, pte_pfn(e[i])) != head + i))
                return COLLAPSE_FAILED;   /* a page of its own, or a marker */
        zap_range(&g, v, va, va + PMD_BYTES, 0);
        gather_flush(&g);
        free_table(mm, pmd, va);
    }
    if (!forced)
        return COLLAPSE_DONE;
    return huge_map_cache(v, va, head, false) ? COLLAPSE_DONE : COLLAPSE_FAILED;
}

/* Every mapping of the range [first, first + 512) that is aligned and private to the cache loses its empty table. */
static void retract_tables(struct inode *i, u64 first)
{
    for (struct vma *v = i->vmas; v; v = v->file_next) {
        u64 va, *pmd;
        if (first < v->pgoff || v->anon_vma || (v->flags & (VM_MAYBE_GUARD | VM_UFFD_WP)))
            continue;
        va = v->start + ((first - v->pgoff) << PAGE_LG2);
        if ((va & (PMD_BYTES - 1)) || va + PMD_BYTES > v->end)
            continue;
        pmd = pgtable_find(v->mm, va, 1);
        if (pmd && pmd_table(*pmd))
            free_table(v->mm, pmd, va);
    }
}

/* ---- the folio ---------------------------------------------------------------------------------------------------- */

struct found { struct kernel *k; u32 present; enum collapse bad; };

static void look_at(struct inode *i, struct frame *f, void *arg)
{
    struct found *w = arg;
    const struct frame *head = folio_of(i->k, f);

    if (head->lru != LRU_ON || head->refs != folio_mapcount(head) + folio_cached(head))
        w->bad = COLLAPSE_BUSY;
    w->present++;
}

/* The file's pages of the range are all there and clean.  forced: they are written back for it. */
static enum collapse prepare_file(struct inode *i, u64 first, bool forced)
{
    u64 end = first + PTRS_PER_TABLE;

    if (end > inode_pages(i) || i->writers)
        return COLLAPSE_FAILED;
    for (u64 n = first; n < end; n++)
        if (!cache_has(i, n) && !cache_add(i, n))
            return COLLAPSE_FAILED;
    return cache_write_back(i, first, end, forced) && !forced ? COLLAPSE_DIRTY : COLLAPSE_DONE;
}

static enum collapse replace(struct inode *i, u64 first)
{
    struct kernel *k = i->k;
    pfn_t block = frames_alloc(k, HUGE_ORDER, i->fs == MM_FS_TMPFS ? FRAME_SHMEM : FRAME_FILE);

    if (pfn_is_none(block))
        return COLLAPSE_NO_BLOCK;
    unmap_file_range(i, first, first + PTRS_PER_TABLE, ZAP_CACHE_ONLY);
    for (u64 n = 0; n < PTRS_PER_TABLE; n++)
        if (cache_peek(i, first + n))
            contents_copy(k, &k->frames[block.n + n], cache_peek(i, first + n));
    cache_remove(i, first, first + PTRS_PER_TABLE);
    if (!cache_insert_folio(i, first, block, HUGE_ORDER))
        return COLLAPSE_FAILED;
    if (i->fs == MM_FS_TMPFS)
        frame_mark_dirty(k, frame_at(k, block));
    EXPLAIN(k, "collapsed pages %d to %d of the file into a 2 MiB page", first, first + PTRS_PER_TABLE - 1);
    retract_tables(i, first);
    return COLLAPSE_DONE;
}

/* The 2 MiB of a file mapping at va.  forced: MADV_COLLAPSE. */
enum collapse collapse_file(struct vma *v, u64 va, bool forced)
{
    struct inode *i = v->file->inode;
    struct kernel *k = i->k;
    u64 first = v->pgoff + ((va - v->start) >> PAGE_LG2);
    struct found w = { k, 0, COLLAPSE_DONE };
    struct frame *f;
    bool oom = false;
    enum collapse r;

    for (u64 n = first; n < first + PTRS_PER_TABLE && n < i->cached_pages && !oom; n++)
        cache_get(i, n, &oom);
    f = cache_peek(i, first);
    if (f && is_huge(f) && f->index == first)
        return map_folio(v, va, forced);
    cache_each(i, first, first + PTRS_PER_TABLE, look_at, &w);
    if (w.bad != COLLAPSE_DONE)
        return w.bad;
    if (!forced && w.present + k->thp.max_none < PTRS_PER_TABLE)
        return COLLAPSE_EMPTY;
    if (!w.present && i->fs == MM_FS_TMPFS)
        return COLLAPSE_FAILED;
    r = i->fs == MM_FS_TMPFS ? COLLAPSE_DONE : prepare_file(i, first, forced);
    if (r == COLLAPSE_DONE)
        r = replace(i, first);
    return r == COLLAPSE_DONE && forced ? map_folio(v, va, true) : r;
}
