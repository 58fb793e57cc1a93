/* SPDX-License-Identifier: MIT
 * addr.c - where a new mapping goes.  Called by mmap and mremap.
 * Top-down below mmap_base, bottom-up for MAP_32BIT and as the fallback.  A grows-down mapping keeps a guard gap of
 * 256 pages below it.  Anonymous private maps of whole 2 MiB without a hint are aligned to 2 MiB; maps of ext4 files
 * are aligned so that file offset and address agree modulo 2 MiB. */
#include "calls.h"

u64 vma_start_gap(const struct vma *v)
{
    if (!(v->flags & VM_GROWSDOWN))
        return v->start;
    return v->start > STACK_GUARD_BYTES ? v->start - STACK_GUARD_BYTES : 0;
}

static long bottom_up(struct mm *mm, u64 low, u64 high, u64 len)
{
    struct gap_query q = { .low = low, .high = high, .len = len };

    if (q.low < mm->k->cfg.mmap_min_addr)
        q.low = mm->k->cfg.mmap_min_addr;
    while (gap_lowest(mm, &q)) {
        if (!q.above || vma_start_gap(q.above) >= q.found_start + len - 1)
            return (long)q.found_start;
        q.low = q.above->end;
    }
    return -MM_ENOMEM;
}

/* Linux looks for a gap by size first and for the guard of the mapping above it second; when the guard spoils the
 * gap, the guard's lower end becomes the limit of the whole remaining search. */
static long top_down(struct mm *mm, u64 low, u64 high, u64 len)
{
    struct gap_query q = { .low = low, .high = high, .len = len };

    if (q.low < mm->k->cfg.mmap_min_addr)
        q.low = mm->k->cfg.mmap_min_addr;
    while (gap_highest(mm, &q)) {
        if (!q.above || !(q.above->flags & VM_GROWSDOWN) || vma_start_gap(q.above) >= q.found_end)
            return (long)(q.found_end - len);
        EXPLAIN(mm->k, "address: guard gap below %x lowers the search to %x", q.above->start, vma_start_gap(q.above));
        q.high = vma_start_gap(q.above);
    }
    return -MM_ENOMEM;
}

static bool hint_free(struct mm *mm, u64 addr, u64 len)
{
    const struct vma *v;

    if (TASK_SIZE - len < addr)
        return false;
    v = vma_find(mm, addr);
    return !v || addr + len <= vma_start_gap(v);
}

/* Without any alignment.  hint 0: none. */
static long plain(struct mm *mm, u64 hint, u64 len, int flags)
{
    long r;

    if (len > TASK_SIZE)
        return -MM_ENOMEM;
    if (flags & MM_MAP_FIXED)
        return (long)hint;
    if (flags & MM_MAP_32BIT) {
        u64 h = page_up(hint);
        if (h && h + len <= MAP32_END && hint_free(mm, h, len))
            return (long)h;
        return bottom_up(mm, MAP32_START, MAP32_END, len);
    }
    hint = page_down(hint);
    if (hint && hint_free(mm, hint, len)) {
        EXPLAIN(mm->k, "address: the hint %x is free", hint);
        return (long)hint;
    }
    r = top_down(mm, PAGE_BYTES, mm->mmap_base, len);
    if (r < 0)
        r = bottom_up(mm, page_up(TASK_SIZE / 3), TASK_SIZE, len);
    return r;
}

/* So that (address - off) is a multiple of 2 MiB, by searching for 2 MiB more; 0: cannot. */
static long aligned(struct mm *mm, u64 hint, u64 len, u64 off, int flags)
{
    u64 off_end = off + len, off_up = (off + PMD_BYTES - 1) & ~(PMD_BYTES - 1), shift;
    long r;

    if (off_end <= off_up || off_end - off_up < PMD_BYTES || len + PMD_BYTES < len || off + len + PMD_BYTES < off)
        return 0;
    r = plain(mm, hint, len + PMD_BYTES, flags);
    if (r < 0)
        return 0;
    if ((u64)r == hint)
        return r;
    shift = (off - (u64)r) & (PMD_BYTES - 1);
    EXPLAIN(mm->k, "address: %x moved up to a multiple of 2 MiB", (u64)r);
    return r + (long)(shift ? shift : PMD_BYTES);
}

/* Files of huge pages: everything is a multiple of theirs. */
static long choose_hugetlb(struct mm *mm, const struct mm_file *file, u64 hint, u64 len, int flags)
{
    u64 low = (1ull << file->inode->huge_lg2) - 1;
    long r;

    if ((len & low) || ((flags & MM_MAP_FIXED) && (hint & low)))
        return -MM_EINVAL;
    if (flags & MM_MAP_FIXED)
        return (long)hint;
    hint = (hint + low) & ~low;
    if (hint && hint_free(mm, hint, len))
        return (long)hint;
    r = plain(mm, 0, len + low, flags);
    return r < 0 ? r : (long)(((u64)r + low) & ~low);
}

static long choose(struct mm *mm, const struct mm_file *file, u64 hint, u64 len, u64 pgoff, int flags)
{
    bool shmem = file ? file->inode->fs == MM_FS_TMPFS : (flags & MM_MAP_SHARED) != 0;
    long r = 0;

    if (file && file->inode->huge_lg2)
        return choose_hugetlb(mm, file, hint, len, flags);
    if (file && !shmem)
        r = aligned(mm, hint, len, pgoff << PAGE_LG2, flags);
    else if (!file && !shmem && !hint && !(len & (PMD_BYTES - 1)) && mm->k->q.thp_align)
        r = aligned(mm, 0, len, 0, flags);
    return r ? r : plain(mm, hint, len, flags);
}

/* Take the address that was recorded instead of our own choice. */
static long adopt(struct proc *p, long own, u64 len)
{
    u64 a = p->adopt;

    p->adopt = ADOPT_NONE;
    p->adopted_choice = own < 0 ? ADOPT_NONE : (u64)own;
    if ((a & PAGE_MASK_LOW) || a > TASK_SIZE || len > TASK_SIZE - a || vma_overlap(p->mm, a, a + len))
        return -MM_EEXIST;
    return (long)a;
}

/* get_unmapped_area: an address, or the error in Linux's order. */
long addr_choose(struct proc *p, const struct mm_file *file, u64 hint, u64 len, u64 pgoff, int flags)
{
    long r;

    if (len > TASK_SIZE)
        return -MM_ENOMEM;
    r = choose(p->mm, file, hint, len, pgoff, flags);
    if (p->adopt != ADOPT_NONE && !(flags & MM_MAP_FIXED))
        r = adopt(p, r, len);
    if (r < 0 && r > -4096)
        return r;
    if ((u64)r > TASK_SIZE - len)
        return -MM_ENOMEM;
    if ((u64)r & PAGE_MASK_LOW)
        return -MM_EINVAL;
    return (u64)r < p->k->cfg.mmap_min_addr ? -MM_EPERM : r;
}

void mm_adopt_address(struct proc *p, u64 addr) { p->adopt = addr; }
u64 mm_adopted_choice(const struct proc *p) { return p->adopted_choice; }
