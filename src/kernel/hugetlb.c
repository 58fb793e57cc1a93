/* SPDX-License-Identifier: MIT
 * hugetlb.c - mappings of huge pages from a pool: their files, what they reserve, their faults.  Called by mmap, the
 * fault handler and the files.
 *   entry none       in the file's cache: mapped.  Else a page from the pool: the file's when the mapping is shared,
 *                    this process's own when it is private (a read, too: there is no zero page of this kind)
 *   entry read-only  private: made writable when nobody else maps the page, else copied; shared: made writable
 * The pool empty is SIGBUS.  A private mapping reserves its pages for the process that made it, not for its children:
 * when the pool has no page for the owner's copy, the page is taken away from the children instead, and their
 * mappings fault with SIGBUS from then on. */
#include "calls.h"

unsigned hugetlb_level(const struct vma *v) { return (v->file->inode->huge_lg2 - PAGE_LG2) / 9; }
u64 hugetlb_bytes(const struct vma *v) { return 1ull << v->file->inode->huge_lg2; }
u64 hugetlb_index(const struct vma *v, u64 va)
{
    return (v->pgoff + ((va - v->start) >> PAGE_LG2)) >> (v->file->inode->huge_lg2 - PAGE_LG2);
}

static struct pool *pool(const struct vma *v) { return pool_of(v->mm->k, v->file->inode->huge_lg2); }
static bool shared(const struct vma *v) { return v->flags & VM_MAYSHARE; }

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* The file of a MAP_HUGETLB mapping; NULL: no memory. */
struct mm_file *hugetlb_file_new(struct kernel *k, unsigned lg2, u64 bytes)
{
    struct mm_file_info info = { .path = "/anon_hugepage (deleted)", .size_bytes = bytes, .dev_minor = 17,
                                 .ino = ++k->next_ino, .fs = MM_FS_HUGETLBFS, .page_lg2 = (u8)lg2, .writable = true };
    return file_new_anonymous(k, &info);
}

/* Pages [from, to) of the file leave every mapping, private copies too, and then the cache. */
static void drop_pages(struct inode *i, u64 from, u64 to)
{
    unsigned lg2 = i->huge_lg2 - PAGE_LG2;

    unmap_file_range(i, from << lg2, to > ~(u64)0 >> lg2 ? ~(u64)0 : to << lg2, 0);
    cache_remove(i, from, to);
}

/* Promises to the file for [from, to) that no page of its cache stands for end. */
static bool forget_promises(struct inode *i, u64 from, u64 to)
{
    u64 cached = i->pages, n;

    drop_pages(i, from, to);
    cached -= i->pages;
    n = region_del(i->k, &i->resv, from, to);
    if (n == ~(u64)0)
        return false;
    if (n > cached)
        pool_unreserve(i->k, pool_of(i->k, i->huge_lg2), n - cached);
    return true;
}

/* -EINVAL: not whole pages. */
long hugetlb_truncate(struct inode *i, u64 size)
{
    if (size & ((1ull << i->huge_lg2) - 1))
        return -MM_EINVAL;
    i->size = size;
    forget_promises(i, size >> i->huge_lg2, ~(u64)0);
    return 0;
}

/* The whole pages of [start, end) of the file go. */
long hugetlb_punch(struct inode *i, u64 start, u64 end)
{
    u64 from = (start + (1ull << i->huge_lg2) - 1) >> i->huge_lg2, to = end >> i->huge_lg2;

    return from < to && !forget_promises(i, from, to) ? -MM_ENOMEM : 0;
}

/* ---- reservations ------------------------------------------------------------------------------------------------ */

/* A fresh mapping of a file of huge pages (mmap's hook).  0 or -errno. */
long hugetlb_mmap(struct vma *v)
{
    struct kernel *k = v->mm->k;
    struct inode *i = v->file->inode;
    u64 from = hugetlb_index(v, v->start), to = from + ((v->end - v->start) >> i->huge_lg2);
    u64 end = (v->pgoff << PAGE_LG2) + (v->end - v->start);

    if (v->pgoff & ((hugetlb_bytes(v) - 1) >> PAGE_LG2))
        return -MM_EINVAL;
    if (!(v->flags & VM_NORESERVE)) {
        u64 n = to - from - (shared(v) ? region_count(&i->resv, from, to) : 0);
        if (!pool_reserve(k, pool(v), n))
            return -MM_ENOMEM;
        if (!shared(v))
            v->resv = heap_alloc(k, sizeof *v->resv);
        if (shared(v) ? !region_add(k, &i->resv, from, to) : !v->resv) {
            pool_unreserve(k, pool(v), n);
            return -MM_ENOMEM;
        }
        if (v->resv)
            v->resv->refs = 1;
        EXPLAIN(k, "hugetlb: %d pages reserved", n);
    }
    if ((v->flags & VM_WRITE) && i->size < end)
        i->size = end;
    return 0;
}

/* The mapping is gone: what it reserved and never used is given back. */
void hugetlb_close(struct vma *v)
{
    struct kernel *k = v->mm->k;
    u64 from = hugetlb_index(v, v->start), to = from + ((v->end - v->start) >> v->file->inode->huge_lg2);

    pool_unreserve(k, pool(v), to - from - region_count(v->resv, from, to));
    if (--v->resv->refs)
        return;
    region_clear(k, v->resv);
    heap_free(k, v->resv, sizeof *v->resv);
}

/* The mapping at a new address has the reservations now. */
void hugetlb_forget(struct vma *v)
{
    if (v->resv)
        v->resv->refs--;
    v->resv = NULL;
}

/* Is page n promised to this mapping? */
static bool promised(const struct vma *v, u64 n)
{
    if (shared(v))
        return region_has(&v->file->inode->resv, n);
    return v->resv && !region_has(v->resv, n);
}

/* A page for page n of the mapping; NULL: none to be had. */
static struct frame *take(struct vma *v, u64 n)
{
    struct kernel *k = v->mm->k;
    struct resv_map *m = shared(v) ? &v->file->inode->resv : v->resv;
    bool has = promised(v, n), had = m && region_has(m, n);
    struct frame *f;

    if (m && !had && !region_add(k, m, n, n + 1))
        return NULL;
    f = pool_take(k, pool(v), has);
    if (!f && m && !had)
        region_del(k, m, n, n + 1);
    EXPLAIN(k, f ? has ? "hugetlb: a reserved page, %d left free" : "hugetlb: a page without reservation, %d left free" :
            "hugetlb: the pool has no page to give, %d are free", pool(v)->free);
    return f;
}

/* ---- faults ------------------------------------------------------------------------------------------------------ */

static void map_page(struct fault *f, u64 *e, struct frame *page, bool writable)
{
    struct vma *v = f->vma;
    u64 entry = vma_page_prot(v) | pfn_to_pa(frame_pfn(v->mm->k, page)) | X86_PTE_PS;

    entry &= ~X86_PTE_RW;
    if (writable && (v->flags & VM_WRITE))
        entry |= X86_PTE_RW | v->mm->k->dirty_bits;
    f->mm->hugetlb += hugetlb_bytes(v) >> PAGE_LG2;
    pte_store(v->mm->k, e, entry);
    f->out->mapped_pages = (u32)(hugetlb_bytes(v) >> PAGE_LG2);
}

/* Another mapping's page at the same place goes, so that ours is the only one. */
static void take_away(struct vma *v, struct frame *page, u64 base)
{
    u64 n = hugetlb_index(v, base);

    for (struct vma *o = v->file->inode->vmas; o; o = o->file_next) {
        if (o == v || shared(o) || o->resv || base < o->start || base >= o->end || hugetlb_index(o, base) != n)
            continue;
        if (!rmap_has(o->mm, page, base))
            continue;
        EXPLAIN(v->mm->k, "hugetlb: the owner needs the page at %x: taken from another process", base);
        o->resv_lost = true;
        zap_single(o, base, base + hugetlb_bytes(v), 0);
    }
}

static enum fault_result reuse(struct fault *f, u64 *e, struct frame *page)
{
    page->flags |= FRAME_EXCLUSIVE;
    pte_store(f->mm->k, e, *e | X86_PTE_RW | X86_PTE_A | f->mm->k->dirty_bits);
    return FAULT_DONE;
}

/* A write to a present page of a private mapping that is read-only. */
static enum fault_result copy_on_write(struct fault *f, u64 *e, u64 base)
{
    struct vma *v = f->vma;
    struct kernel *k = v->mm->k;
    struct frame *old = frame_at(k, pte_pfn(*e)), *new;
    bool anonymous = !old->inode;

    f->out->kind = MM_FAULT_COW_REUSE;
    if (anonymous && old->mapped == 1) {
        EXPLAIN(k, "cow: nobody else has the huge page: made writable", 0);
        return reuse(f, e, old);
    }
    if (!anon_vma_prepare(v))
        return FAULT_OOM;
    new = take(v, hugetlb_index(v, base));
    if (!new) {
        if (!anonymous || !v->resv)
            return FAULT_SIGBUS;
        take_away(v, old, base);
        return old->mapped == 1 ? reuse(f, e, old) : FAULT_SIGBUS;
    }
    for (u64 n = 0; n < hugetlb_bytes(v) >> PAGE_LG2 && k->cfg.contents; n++)
        contents_copy(k, new + n, old + n);
    pte_store(k, e, 0);
    flush_page(v->mm, base);
    rmap_remove(v->mm, old, base);
    f->mm->hugetlb -= hugetlb_bytes(v) >> PAGE_LG2;
    new->flags = FRAME_EXCLUSIVE;
    rmap_add(v->mm, new, base);
    map_page(f, e, new, true);
    frame_put(k, old);
    EXPLAIN(k, "cow: the huge page copied to frame %x", frame_pfn(k, new).n);
    f->out->kind = MM_FAULT_COW_COPY;
    f->out->copied_pages = (u32)(hugetlb_bytes(v) >> PAGE_LG2);
    return FAULT_DONE;
}

/* The page for an empty entry: the cache's or a fresh one. */
static enum fault_result find_page(struct fault *f, u64 base, struct frame **page)
{
    struct vma *v = f->vma;
    struct inode *i = v->file->inode;
    u64 n = hugetlb_index(v, base);
    bool had = promised(v, n);

    *page = cache_peek(i, n);
    if (*page) {
        frame_get(v->mm->k, *page);
        return FAULT_DONE;
    }
    if (n >= i->size >> i->huge_lg2)
        return FAULT_SIGBUS;
    if (!shared(v) && !anon_vma_prepare(v))
        return FAULT_OOM;
    *page = take(v, n);
    if (!*page)
        return FAULT_SIGBUS;
    f->out->zeroed_pages = (u32)(hugetlb_bytes(v) >> PAGE_LG2);
    if (!shared(v)) {
        (*page)->flags = FRAME_EXCLUSIVE;
        return FAULT_DONE;
    }
    frame_get(v->mm->k, *page);
    if (cache_insert(i, n, *page))
        return FAULT_DONE;
    if (had)
        (*page)->flags |= FRAME_PROMISED; /* no memory for the cache: all as it was */
    else
        region_del(v->mm->k, &i->resv, n, n + 1);
    (*page)->refs = 1;
    frame_put(v->mm->k, *page);
    return FAULT_OOM;
}

static enum fault_result missing(struct fault *f, u64 *e, u64 base)
{
    struct vma *v = f->vma;
    struct frame *page;
    enum fault_result r;

    if (v->resv_lost) {
        EXPLAIN(v->mm->k, "hugetlb: a page of this mapping was taken by the owner of the reservation", 0);
        return FAULT_SIGBUS;
    }
    r = find_page(f, base, &page);
    if (r != FAULT_DONE)
        return r;
    if (!rmap_add(v->mm, page, base)) {
        frame_put(v->mm->k, page);
        return FAULT_OOM;
    }
    map_page(f, e, page, v->flags & VM_SHARED);
    f->out->kind = MM_FAULT_HUGE;
    if (!f->write || (v->flags & VM_SHARED))
        return FAULT_DONE;
    r = copy_on_write(f, e, base);        /* in the same fault */
    if (f->out->kind == MM_FAULT_COW_REUSE)
        f->out->kind = MM_FAULT_HUGE;
    return r;
}

enum fault_result hugetlb_fault(struct fault *f)
{
    struct vma *v = f->vma;
    u64 base = f->addr & ~(hugetlb_bytes(v) - 1), *e = pgtable_make(f->mm, base, hugetlb_level(v));

    if (!e)
        return FAULT_OOM;
    if (!*e)
        return missing(f, e, base);
    f->out->kind = MM_FAULT_SPURIOUS;
    if (!f->write || (*e & X86_PTE_RW)) {
        pte_store(f->mm->k, e, *e | X86_PTE_A | (f->write ? f->mm->k->dirty_bits : 0));
        return FAULT_DONE;
    }
    if (!shared(v))
        return copy_on_write(f, e, base);
    f->out->kind = MM_FAULT_SHARED_WRITE;
    pte_store(f->mm->k, e, *e | X86_PTE_RW | X86_PTE_A | f->mm->k->dirty_bits);
    return FAULT_DONE;
}
