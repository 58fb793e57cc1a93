/* SPDX-License-Identifier: MIT
 * uffd_fill.c - userfaultfd's requests that fill pages: copy, zero page, continue, poison.  Called by the embedder.
 * The target lies in one registered mapping; pages are filled in order until one fails, and what was filled is woken
 * and told.  An entry that is there is never replaced; a marker is, except by the zero page and by poison.
 *   private anonymous, private shmem   a new anonymous page, or the zero page
 *   shared shmem                       a new page of the file (it must not be there), or the one that is (continue) */
#include "calls.h"

enum fill { FILL_COPY, FILL_ZEROPAGE, FILL_CONTINUE, FILL_POISON };

struct filling {
    struct proc *caller;
    struct mm_uffd *u;
    enum fill what;
    u64 dst, src, len;
    bool protect;                         /* the page comes write-protected                                   */
    struct vma *v;
};

/* ---- one page ----------------------------------------------------------------------------------------------------- */

/* mfill_atomic_install_pte(): the entry of a page, dirty, and writable if the mapping is. */
static u64 entry_of(const struct filling *f, struct frame *page)
{
    struct kernel *k = f->u->k;
    u64 e = vma_page_prot(f->v) | pfn_to_pa(frame_pfn(k, page)) | k->dirty_bits;

    if ((f->v->flags & VM_WRITE) && (page->kind == FRAME_ANON || (f->v->flags & VM_SHARED)))
        e |= X86_PTE_RW;
    return f->protect ? (e | PTE_UFFD_WP) & ~X86_PTE_RW : e;
}

static bool past_end(const struct filling *f, u64 index)
{
    return f->v->file && index >= inode_pages(f->v->file->inode);
}

static u64 index_of(const struct vma *v, u64 va) { return v->pgoff + ((va - v->start) >> PAGE_LG2); }

/* The source's page is read by the caller as any of its reads: it may fault.  false: it cannot be read. */
static bool read_source(const struct filling *f, u64 src)
{
    struct kernel *k = f->u->k;
    const struct proc *here = k->cpu[k->this_cpu].proc;
    u64 last = src + PAGE_BYTES - 1;
    bool ok;

    if (last >= TASK_SIZE || !here || here->mm != f->caller->mm)
        return false;
    ok = k->hw.touch_user(k->hw.ctx, k->this_cpu, src, HW_READ) &&
         (page_down(src) == page_down(last) || k->hw.touch_user(k->hw.ctx, k->this_cpu, last, HW_READ));
    kernel_enter(f->caller);
    return ok;
}

static long anonymous(const struct filling *f, u64 *e, u64 dst, u64 src)
{
    struct mm *mm = f->v->mm;
    struct kernel *k = mm->k;
    struct frame *page;
    pfn_t pfn;

    if (past_end(f, index_of(f->v, dst)))
        return -MM_EFAULT;
    if (!pte_none_or_marker(*e))
        return -MM_EEXIST;
    pfn = frames_alloc(k, 0, FRAME_ANON);
    if (pfn_is_none(pfn))
        return -MM_ENOMEM;
    page = frame_at(k, pfn);
    contents_from(f->caller->mm, src, page);
    page->flags |= FRAME_EXCLUSIVE;
    rmap_add(mm, page, dst);
    rss_add(mm, page, 1);
    lru_add(k, page, f->v->flags & VM_LOCKED ? LRU_MLOCK : LRU_ADD);
    pte_store(k, e, entry_of(f, page));
    return 0;
}

static long zero_page(const struct filling *f, u64 *e, u64 dst)
{
    struct kernel *k = f->u->k;

    if (past_end(f, index_of(f->v, dst)))
        return -MM_EFAULT;
    if (*e)
        return -MM_EEXIST;
    pte_store(k, e, vma_page_prot(f->v) | pfn_to_pa(k->zero) | PTE_SPECIAL);
    return 0;
}

static long map_shared(const struct filling *f, u64 *e, u64 dst, struct frame *page)
{
    struct mm *mm = f->v->mm;

    if (!pte_none_or_marker(*e))
        return -MM_EEXIST;
    if (!rmap_add(mm, page, dst))
        return -MM_ENOMEM;
    frame_get(mm->k, page);
    rss_add(mm, page, 1);
    pte_store(mm->k, e, entry_of(f, page));
    return 0;
}

/* shmem_mfill_atomic_pte(): a new page of the file. */
static long shared(const struct filling *f, u64 *e, u64 dst, u64 src)
{
    struct inode *i = f->v->file->inode;
    u64 index = index_of(f->v, dst);
    struct frame *page;
    long r;

    if (past_end(f, index))
        return -MM_EFAULT;
    if (cache_has(i, index))
        return -MM_EEXIST;
    page = cache_add(i, index);
    if (!page)
        return -MM_ENOMEM;
    if (f->what == FILL_COPY)
        contents_from(f->caller->mm, src, page);
    page->flags |= FRAME_DIRTY;
    r = map_shared(f, e, dst, page);
    if (r)
        cache_remove(i, index, index + 1);
    return r;
}

/* UFFDIO_CONTINUE: the page that is in the file already. */
static long present_page(const struct filling *f, u64 *e, u64 dst)
{
    u64 index = index_of(f->v, dst);
    bool oom = false;
    struct frame *page = past_end(f, index) ? NULL : cache_get(f->v->file->inode, index, &oom);

    return page ? map_shared(f, e, dst, page) : oom ? -MM_ENOMEM : -MM_EFAULT;
}

static long poison(const struct filling *f, u64 *e, u64 dst)
{
    if (past_end(f, index_of(f->v, dst)))
        return -MM_EFAULT;
    if (*e)
        return -MM_EEXIST;
    pte_store(f->u->k, e, PTE_MARKER | PTE_MARK_POISON);
    return 0;
}

static long fill_page(const struct filling *f, u64 dst, u64 src)
{
    u64 *pmd = pgtable_make(f->v->mm, dst, 1), *e;

    if (!pmd)
        return -MM_ENOMEM;
    if (pmd_huge(*pmd))
        return -MM_EEXIST;
    e = pgtable_make(f->v->mm, dst, 0);
    if (!e)
        return -MM_ENOMEM;
    if (f->what == FILL_COPY && !read_source(f, src)) /* before anything of the target is looked at */
        return -MM_EFAULT;
    switch (f->what) {
    case FILL_CONTINUE: return present_page(f, e, dst);
    case FILL_POISON: return poison(f, e, dst);
    default:
        if (f->v->flags & VM_SHARED)
            return shared(f, e, dst, src);
        return f->what == FILL_COPY ? anonymous(f, e, dst, src) : zero_page(f, e, dst);
    }
}

/* ---- the range ---------------------------------------------------------------------------------------------------- */

/* A private page needs its mapping's family.  false: no memory. */
static bool prepare(const struct filling *f, bool now)
{
    return !now || (f->v->flags & VM_SHARED) || anon_vma_prepare(f->v);
}

/* mfill_atomic(): bytes filled, or the error of the first page. */
static long fill(struct filling *f)
{
    bool first = f->u->k->q.uffd_prepares_first;
    u64 done = 0;
    long r = 0;

    f->v = vma_at(f->u->mm, f->dst);
    if (!f->v)
        return -MM_ENOENT;
    if (!prepare(f, first))
        return -MM_ENOMEM;
    if (f->dst + f->len > f->v->end || !f->v->uffd)
        return -MM_ENOENT;
    if (f->protect && !(f->v->flags & VM_UFFD_WP))
        return -MM_EINVAL;
    if (!(vma_is_anon(f->v) || vma_is_shmem(f->v)) || (f->what == FILL_CONTINUE && !vma_is_shmem(f->v)))
        return -MM_EINVAL;
    if (!prepare(f, !first))
        return -MM_ENOMEM;
    while (done < f->len && !r) {
        r = fill_page(f, f->dst + done, f->src + done);
        done += r ? 0 : PAGE_BYTES;
    }
    return done ? (long)done : r;
}

static long request(struct filling *f, u64 mode, u64 modes, s64 *done)
{
    long r;

    kernel_enter(f->caller);
    if (f->u->events) {
        *done = -MM_EAGAIN;
        return -MM_EAGAIN;
    }
    if (uffd_check_range(f->u, f->dst, f->len) || (mode & ~modes))
        return -MM_EINVAL;
    if (!f->u->mm)
        return -MM_ESRCH;
    f->protect = mode & MM_UFFD_COPY_WP;
    r = fill(f);
    *done = r;
    if (r < 0)
        return r;
    if (!(mode & MM_UFFD_COPY_DONTWAKE))
        uffd_wake(f->u, f->dst, f->dst + (u64)r);
    return (u64)r == f->len ? 0 : -MM_EAGAIN;
}

long mm_uffd_copy(struct proc *caller, struct mm_uffd *u, u64 dst, u64 src, u64 len, u64 mode, s64 *done)
{
    struct filling f = { .caller = caller, .u = u, .what = FILL_COPY, .dst = dst, .src = src, .len = len };

    if (!u->events && u->k->q.uffd_checks_source && uffd_check_range(u, page_down(src), len))
        return -MM_EINVAL;
    return request(&f, mode, MM_UFFD_COPY_DONTWAKE | MM_UFFD_COPY_WP, done);
}

long mm_uffd_zeropage(struct proc *caller, struct mm_uffd *u, u64 start, u64 len, u64 mode, s64 *done)
{
    struct filling f = { .caller = caller, .u = u, .what = FILL_ZEROPAGE, .dst = start, .len = len };

    return request(&f, mode, MM_UFFD_COPY_DONTWAKE, done);
}

long mm_uffd_continue(struct proc *caller, struct mm_uffd *u, u64 start, u64 len, u64 mode, s64 *done)
{
    struct filling f = { .caller = caller, .u = u, .what = FILL_CONTINUE, .dst = start, .len = len };

    return request(&f, mode, MM_UFFD_COPY_DONTWAKE | (u->k->q.uffd_continue_wp ? MM_UFFD_COPY_WP : 0), done);
}

long mm_uffd_poison(struct proc *caller, struct mm_uffd *u, u64 start, u64 len, u64 mode, s64 *done)
{
    struct filling f = { .caller = caller, .u = u, .what = FILL_POISON, .dst = start, .len = len };

    if (!u->k->q.uffd_poison)
        return -MM_EINVAL;
    return request(&f, mode, MM_UFFD_COPY_DONTWAKE, done);
}
