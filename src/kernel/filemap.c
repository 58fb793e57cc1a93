/* SPDX-License-Identifier: MIT
 * filemap.c - faults on file mappings.  Called by fault.c when the entry is empty.
 *   read            the cached neighbours are mapped too (fault-around); a page not in memory is read: major
 *   private write   the page is copied at once
 *   shared write    the page itself, dirty; ext4 is told first
 * Past the last page of the file: SIGBUS.  Shared anonymous memory and tmpfs fill holes with zeroed pages. */
#include "calls.h"

bool vma_is_shmem(const struct vma *v) { return v->file && v->file->inode->fs == MM_FS_TMPFS; }
bool vma_wants_writenotify(const struct vma *v) { return v->file && v->file->inode->fs == MM_FS_EXT4; }

static u64 index_of(const struct vma *v, u64 va) { return v->pgoff + ((va - v->start) >> PAGE_LG2); }

/* ---- entries --------------------------------------------------------------------------------------------------- */

/* Map one page of the cache at va; false: no memory, nothing has changed. */
bool map_cache_page(struct vma *v, u64 *e, u64 va, struct frame *page, bool write)
{
    struct mm *mm = v->mm;
    u64 entry = vma_page_prot(v) | pfn_to_pa(frame_pfn(mm->k, page));

    if (!rmap_add(mm, page, va))
        return false;
    if (write)
        entry |= X86_PTE_RW | mm->k->dirty_bits;
    if (pte_wp(*e))                       /* a marker says: write-protected */
        entry = (entry | PTE_UFFD_WP) & ~X86_PTE_RW;
    frame_get(mm->k, page);
    rss_add(mm, page, 1);
    pte_store(mm->k, e, entry);
    return true;
}

/* ---- folios: how far one page-cache object reaches ------------------------------------------------------------- */

/* The folio that holds `index`: naturally aligned, smaller towards the end of the file. */
struct extent folio_extent(const struct inode *i, u64 index)
{
    unsigned lg2 = i->folio_lg2 - PAGE_LG2;
    u64 pages = inode_pages(i), first;
    struct frame *page = cache_peek(i, index);

    if (page && (page->flags & FRAME_HUGE)) {
        page = folio_of(i->k, page);
        return (struct extent){ page->index, page->index + folio_pages(page) };
    }

    for (;; lg2--) {
        first = index >> lg2 << lg2;
        if (!lg2 || first + (1ull << lg2) <= pages)
            return (struct extent){ first, first + (1ull << lg2) };
    }
}

/* The whole folio lies in the mapping and in one page table. */
static bool folio_fits(const struct fault *f, struct extent x)
{
    const struct vma *v = f->vma;
    u64 va;

    if (x.first < v->pgoff || x.end > v->pgoff + ((v->end - v->start) >> PAGE_LG2))
        return false;
    va = v->start + ((x.first - v->pgoff) << PAGE_LG2);
    return va / PMD_BYTES == (va + ((x.end - x.first) << PAGE_LG2) - 1) / PMD_BYTES;
}

/* The folio of 2 MiB around `index`, if the fault may map it by one entry; NULL: not. */
static struct frame *huge_folio(const struct fault *f, u64 index)
{
    struct frame *page = cache_peek(f->vma->file->inode, index);
    const u64 *pmd = pgtable_find(f->mm, f->addr, 1);

    if (!page || !(page->flags & FRAME_HUGE) || page->order != HUGE_ORDER || (pmd && *pmd) ||
        (f->vma->flags & VM_NOHUGEPAGE) || thp_disabled(f->vma, false) || uffd_armed(f->vma) || !thp_fits(f->vma, f->addr, HUGE_ORDER))
        return NULL;
    return folio_of(f->mm->k, page);
}

/* ---- fault-around ---------------------------------------------------------------------------------------------- */

/* Map the pages of [first, end) that are in memory and not mapped; true: the faulting page is among them. */
static bool map_pages(struct fault *f, u64 first, u64 end)
{
    struct vma *v = f->vma;
    struct inode *i = v->file->inode;
    bool hit = false, oom = false;

    for (u64 n = first; n < end; n++) {
        u64 va = v->start + ((n - v->pgoff) << PAGE_LG2);
        struct frame *page = cache_get(i, n, &oom);
        u64 *e;
        if (oom)
            break;
        if (!page || (page->flags & FRAME_READAHEAD))
            continue;
        e = pgtable_find(f->mm, va, 0);
        if (*e)
            continue;
        if (!map_cache_page(v, e, va, page, false))
            break;
        f->out->mapped_pages++;
        if (v->file->ra.misses)
            v->file->ra.misses--;
        hit = hit || va == f->addr;
    }
    return hit;
}

/* The first page of [n, end) that is in memory; `end` if none is. */
static u64 first_cached(struct inode *i, u64 n, u64 end)
{
    bool oom = false;

    for (; n < end; n++) {
        const struct frame *page = cache_get(i, n, &oom);
        if (page && !(page->flags & FRAME_READAHEAD))
            break;
    }
    return n;
}

/* The window: fault_around_bytes, aligned by address, its start raised to the mapping's, cut at the mapping's end and
 * the page table's.  From 6.18 a large folio in it that fits is mapped whole, beyond the window too. */
static bool fault_around(struct fault *f)
{
    struct kernel *k = f->mm->k;
    struct vma *v = f->vma;
    struct inode *i = v->file->inode;
    u64 window = k->cfg.fault_around_bytes, table = f->addr & ~(PMD_BYTES - 1);
    u64 from = f->addr & ~(window - 1), to, last = inode_pages(i);
    u64 n, end;
    bool hit = false;

    if (from < v->start)
        from = v->start;
    to = from + window;
    if (to > table + PMD_BYTES)
        to = table + PMD_BYTES;
    if (to > v->end)
        to = v->end;
    n = index_of(v, from);
    end = index_of(v, to - 1) + 1;
    if (end > last)
        end = last;
    EXPLAIN(k, "fault-around: window %x-%x", from, to);
    n = first_cached(i, n, end);
    if (n >= end)
        return false;
    if (huge_folio(f, n) && huge_map_cache(v, f->addr, huge_folio(f, n), false)) {
        f->out->mapped_pages += PTRS_PER_TABLE;
        return true;
    }
    if (k->q.tail_needs_table && !vma_is_shmem(v) && folio_extent(i, n).end >= last &&
        !pgtable_find(f->mm, f->addr, 0))
        return false;
    if (!pgtable_make(f->mm, f->addr, 0))
        return false;                     /* no memory: the fault goes on alone and says so */
    while (n < end) {
        struct extent x = folio_extent(i, n);
        u64 a = n, b = x.end < end ? x.end : end;
        if (x.end - x.first > 1 && k->q.whole_folios && (x.end < last || vma_is_shmem(v)) && folio_fits(f, x)) {
            a = x.first;
            b = x.end;
        }
        hit |= map_pages(f, a, b);
        n = x.end;
    }
    return hit;
}

/* ---- the page itself ------------------------------------------------------------------------------------------- */

/* A hole of shared memory is filled: by the largest folio that the settings allow and whose place is empty. */
static struct frame *shmem_page(struct fault *f, struct inode *i, u64 index)
{
    struct kernel *k = f->mm->k;
    u32 orders = thp_fitting(f->vma, f->addr, thp_shmem_orders(i, f->vma, index, false));

    for (unsigned o = HUGE_ORDER; o; o--) {
        u64 first = index >> o << o;
        if (!(orders >> o & 1) || !cache_empty(i, first, first + (1ull << o)))
            continue;
        if (cache_add_folio(i, first, o)) {
            k->thp.size[o].shmem_alloc++;
            EXPLAIN(k, "shared memory: a folio of %d KiB", 4ull << o);
            f->out->zeroed_pages += 1u << o;
            return cache_peek(i, index);
        }
        k->thp.size[o].shmem_fallback++;
    }
    f->out->zeroed_pages++;
    return cache_add(i, index);
}

/* The page of the cache for the fault, read or allocated if need be. */
static enum fault_result get_page(struct fault *f, struct frame **page)
{
    struct mm_file *file = f->vma->file;
    struct inode *i = file->inode;
    u64 index = index_of(f->vma, f->addr);
    bool oom = false;

    if (index >= inode_pages(i)) {
        EXPLAIN(f->mm->k, "file: page %d is past the end", index);
        return FAULT_SIGBUS;
    }
    *page = cache_get(i, index, &oom);
    if (*page && (f->vma->flags & VM_UFFD_MINOR))
        return uffd_fault(f, VM_UFFD_MINOR);
    if (*page) {
        readahead_hit(file, f->vma, *page, index);
        return FAULT_DONE;
    }
    if (oom)
        return FAULT_OOM;
    if (i->fs == MM_FS_TMPFS) {
        if (f->vma->flags & VM_UFFD_MISSING)
            return uffd_fault(f, VM_UFFD_MISSING);
        *page = shmem_page(f, i, index);
    } else {
        EXPLAIN(f->mm->k, "file: page %d is not in memory: read from the disk (major)", index);
        f->out->major = true;
        f->mm->k->major_faults++;
        if (readahead_miss(file, f->vma, index))
            *page = cache_peek(i, index);
    }
    return *page ? FAULT_DONE : FAULT_OOM;
}

/* finish_fault: the page, or from 6.18 its whole folio when none of it is mapped yet. */
static enum fault_result finish(struct fault *f, struct frame *page, bool write)
{
    struct kernel *k = f->mm->k;
    struct vma *v = f->vma;
    struct inode *i = v->file->inode;
    u64 index = index_of(v, f->addr), *e;
    struct extent x = folio_extent(i, index);
    struct frame *huge = huge_folio(f, index);

    if (huge && huge_map_cache(v, f->addr, huge, write)) {
        f->out->mapped_pages += PTRS_PER_TABLE;
        return FAULT_DONE;
    }
    e = pgtable_make(f->mm, f->addr, 0);
    bool oom = false, whole = k->q.whole_folios && x.end - x.first > 1 && folio_fits(f, x) &&
                              !uffd_armed(v);

    if (!e)
        return FAULT_OOM;
    u64 *first = e - (index - x.first);
    for (u64 n = 0; whole && n < x.end - x.first; n++)
        whole = !first[n] && cache_get(i, x.first + n, &oom);
    if (!whole) {
        if (!map_cache_page(v, e, f->addr, page, write))
            return FAULT_OOM;
        f->out->mapped_pages++;
        return FAULT_DONE;
    }
    for (u64 n = 0; n < x.end - x.first; n++) {
        u64 va = f->addr - ((index - x.first) << PAGE_LG2) + (n << PAGE_LG2);
        if (!map_cache_page(v, first + n, va, cache_peek(i, x.first + n), write))
            return first[index - x.first] ? FAULT_DONE : FAULT_OOM;
        f->out->mapped_pages++;
    }
    return FAULT_DONE;
}

/* ---- the three kinds ------------------------------------------------------------------------------------------- */

static enum fault_result read_fault(struct fault *f)
{
    const bool around = f->mm->k->cfg.fault_around_bytes > PAGE_BYTES &&
                        !(f->vma->flags & (VM_UFFD_WP | VM_UFFD_MINOR));
    struct frame *page;
    enum fault_result r;

    f->out->kind = vma_is_shmem(f->vma) ? MM_FAULT_SHMEM : MM_FAULT_FILE_READ;
    if (around && fault_around(f))
        return FAULT_DONE;
    r = get_page(f, &page);
    if (r != FAULT_DONE)
        return r;
    /* Waiting for the disk lets go of the locks: the fault begins again, and now the neighbours are there. */
    if (f->out->major && around && f->wait != WAIT_HOLDS && fault_around(f))
        return FAULT_DONE;
    return finish(f, page, false);
}

/* The copy of a page, mapped in its place. */
static enum fault_result copy_fault(struct fault *f, enum fault_result (*source)(struct fault *, struct frame **))
{
    struct kernel *k = f->mm->k;
    struct frame *page;
    enum fault_result r;
    u64 *e;
    pfn_t pfn;

    if (!anon_vma_prepare(f->vma))
        return FAULT_OOM;
    pfn = frames_alloc(k, 0, FRAME_ANON);
    if (pfn_is_none(pfn))
        return FAULT_OOM;
    r = source(f, &page);
    e = r == FAULT_DONE ? pgtable_make(f->mm, f->addr, 0) : NULL;
    if (!e) {
        frames_free(k, pfn, 0);
        return r == FAULT_DONE ? FAULT_OOM : r;
    }
    EXPLAIN(k, "private file mapping, write first: copied to frame %x", pfn.n);
    contents_copy(k, frame_at(k, pfn), page);
    map_new_anon(f, e, frame_at(k, pfn));
    f->out->kind = MM_FAULT_FILE_COPY;
    f->out->copied_pages++;
    f->out->mapped_pages++;
    return FAULT_DONE;
}

static enum fault_result shared_write(struct fault *f)
{
    struct frame *page;
    enum fault_result r = get_page(f, &page);

    if (r != FAULT_DONE)
        return r;
    f->out->kind = vma_is_shmem(f->vma) ? MM_FAULT_SHMEM : MM_FAULT_SHARED_WRITE;
    frame_mark_dirty(f->mm->k, page);
    return finish(f, page, true);
}

enum fault_result file_fault(struct fault *f)
{
    if (!f->write)
        return read_fault(f);
    return f->vma->flags & VM_SHARED ? shared_write(f) : copy_fault(f, get_page);
}

/* ---- [vdso] and [vvar] ----------------------------------------------------------------------------------------- */

static enum fault_result kernel_page(struct fault *f, struct frame **page)
{
    *page = frame_at(f->mm->k, f->mm->k->vdso);
    return FAULT_DONE;
}

enum fault_result special_fault(struct fault *f)
{
    struct kernel *k = f->mm->k;
    u64 *e;

    if (f->write)
        return copy_fault(f, kernel_page);
    e = pgtable_make(f->mm, f->addr, 0);
    if (!e)
        return FAULT_OOM;
    if (f->vma->flags & VM_PFNMAP)
        pte_store(k, e, vma_page_prot(f->vma) | pfn_to_pa(k->vdso) | PTE_SPECIAL);
    else if (!map_cache_page(f->vma, e, f->addr, frame_at(k, k->vdso), false))
        return FAULT_OOM;
    f->out->kind = MM_FAULT_FILE_READ;
    f->out->mapped_pages = 1;
    return FAULT_DONE;
}
