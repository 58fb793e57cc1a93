/* SPDX-License-Identifier: MIT
 * mmap.c - making mappings: the system call's checks in Linux's order, then the mapping itself.  Called by the
 * embedder, and by exec for the stack and the special mappings.
 * A MAP_FIXED call that fails after its target was cut leaves the cuts (unmap_prepare), nothing else. */
#include "calls.h"

static const struct { int map; u64 vm; } flag_map[] = {
    { MM_MAP_GROWSDOWN, VM_GROWSDOWN }, { MM_MAP_LOCKED, VM_LOCKED },
};

u64 vm_flags_of_prot(int prot) { return (u64)prot & VM_ACCESS; }

static u64 vm_flags_of(const struct proc *p, int prot, int flags)
{
    u64 vm = vm_flags_of_prot(prot) | VM_MAYACCESS | p->mm->def_flags;

    for (size_t i = 0; i < COUNT_OF(flag_map); i++)
        if (flags & flag_map[i].map)
            vm |= flag_map[i].vm;
    if ((flags & MM_MAP_STACK) && p->k->q.stack_nohuge)
        vm |= VM_NOHUGEPAGE;
    return vm;
}

/* MAP_SHARED_VALIDATE knows the flags of old and refuses the rest. */
#define LEGACY_FLAGS (MM_MAP_SHARED | MM_MAP_PRIVATE | MM_MAP_FIXED | MM_MAP_ANONYMOUS | MM_MAP_DENYWRITE | \
                      MM_MAP_EXECUTABLE | MM_MAP_GROWSDOWN | MM_MAP_LOCKED | MM_MAP_NORESERVE | MM_MAP_POPULATE | \
                      MM_MAP_NONBLOCK | MM_MAP_STACK | MM_MAP_HUGETLB | MM_MAP_32BIT | 0x80 | 0x4000000)

static long check_file_type(const struct mm_file *f, int prot, int flags, u64 *vm)
{
    switch (flags & MM_MAP_TYPE) {
    case MM_MAP_SHARED_VALIDATE:
        if (flags & ~LEGACY_FLAGS)
            return -MM_EOPNOTSUPP;
        /* fall through */
    case MM_MAP_SHARED:
        if ((prot & MM_PROT_WRITE) && !f->writable)
            return -MM_EACCES;
        *vm |= VM_SHARED | VM_MAYSHARE;
        if (!f->writable)
            *vm &= ~(u64)(VM_MAYWRITE | VM_SHARED);
        /* fall through */
    case MM_MAP_PRIVATE:
        return *vm & VM_GROWSDOWN ? -MM_EINVAL : 0;
    default:
        return -MM_EINVAL;
    }
}

static long check_anon_type(int flags, u64 addr, u64 *pgoff, u64 *vm)
{
    switch (flags & MM_MAP_TYPE) {
    case MM_MAP_SHARED:
        if (*vm & VM_GROWSDOWN)
            return -MM_EINVAL;
        *pgoff = 0;
        *vm |= VM_SHARED | VM_MAYSHARE;
        return 0;
    case MM_MAP_DROPPABLE:
        if (*vm & (VM_LOCKED | VM_GROWSDOWN))
            return -MM_EINVAL;
        *vm |= VM_DROPPABLE | VM_NORESERVE | VM_WIPEONFORK | VM_DONTDUMP;
        /* fall through */
    case MM_MAP_PRIVATE:
        *pgoff = addr >> PAGE_LG2;
        return 0;
    default:
        return -MM_EINVAL;
    }
}

static bool accountable(u64 vm) { return (vm & (VM_NORESERVE | VM_SHARED | VM_WRITE | VM_HUGETLB)) == VM_WRITE; }

/* A vma of its own for the range; shared anonymous memory gets a file.  NULL: no memory. */
static struct vma *new_vma(struct proc *p, u64 start, u64 end, u64 vm, struct mm_file *file, u64 pgoff)
{
    struct vma *v = vma_alloc(p->mm, start, end, vm);

    if (!v)
        return NULL;
    v->pgoff = pgoff;
    v->tag = p->tag;
    if (file)
        file_get(file);
    else if (vm & VM_SHARED)
        file = shmem_file_new(p->k, end - start, !(vm & VM_NORESERVE));
    v->file = file;
    if (!file && (vm & VM_SHARED)) {
        vma_free(v);
        return NULL;
    }
    vma_link_file(v);
    vma_insert(v);
    return v;
}

/* count_vma_pages_range(): pages of mappings in the range. */
static u64 mapped_pages(const struct mm *mm, u64 start, u64 end)
{
    u64 n = 0;

    for (const struct vma *v = vma_overlap((struct mm *)mm, start, end); v && v->start < end; v = v->next)
        n += ((v->end < end ? v->end : end) - (v->start > start ? v->start : start)) >> PAGE_LG2;
    return n;
}

/* mmap_region: everything is checked, the address is known.  0 or -errno. */
static long map_region(struct proc *p, u64 addr, u64 len, u64 vm, struct mm_file *file, u64 pgoff)
{
    struct mm *mm = p->mm;
    struct merge g = { .mm = mm, .start = addr, .end = addr + len, .pgoff = pgoff, .file = file };
    u64 pages = len >> PAGE_LG2, charge = 0;
    struct unmapping u;
    struct vma *v = NULL;
    long r;

    if (!p->k->q.mmap_gathers_first && !limits_may_expand(mm, vm, pages - mapped_pages(mm, addr, addr + len)))
        return -MM_ENOMEM;
    r = unmap_prepare(mm, addr, addr + len, &u);
    if (r)
        return r;
    if (!limits_may_expand(mm, vm, pages - u.pages)) {
        unmap_cancel(mm, &u);
        return -MM_ENOMEM;
    }
    if (vm & VM_HUGETLB)
        vm &= ~(u64)VM_LOCKED_MASK;
    if (accountable(vm)) {
        if (pages > u.accounted && !limits_charge(p->k, pages - u.accounted)) {
            unmap_cancel(mm, &u);
            return -MM_ENOMEM;
        }
        charge = pages;
        vm |= VM_ACCOUNT;
    }
    unmap_commit(mm, &u);
    if (u.accounted > charge)
        limits_uncharge(p->k, u.accounted - charge);
    g.flags = vm;
    g.next = vma_find(mm, addr);
    g.prev = vma_below(mm, addr);
    if (file || !(vm & VM_SHARED))
        v = merge_new(&g);
    if (!v)
        v = new_vma(p, addr, addr + len, vm, file, pgoff);
    if (!v) {
        limits_uncharge(p->k, charge);
        return -MM_ENOMEM;
    }
    r = vm & VM_HUGETLB ? hugetlb_mmap(v) : 0;
    if (r) {                              /* what was mapped there before is gone all the same */
        vma_remove(v);
        vma_free(v);
        return r;
    }
    v->flags |= p->k->new_flags;
    khugepaged_enter(v);
    limits_account(mm, vm, (s64)pages);
    if (vm & VM_LOCKED)
        mm->locked_vm += pages;
    return 0;
}

static long do_mmap(struct proc *p, u64 addr, u64 len, int prot, int flags, struct mm_file *file, u64 pgoff)
{
    struct mm *mm = p->mm;
    u64 vm;
    long r;

    if (!len)
        return -MM_EINVAL;
    if (flags & MM_MAP_FIXED_NOREPLACE)
        flags |= MM_MAP_FIXED;
    if (!(flags & MM_MAP_FIXED)) {
        addr = page_down(addr);
        if (addr && addr < p->k->cfg.mmap_min_addr)
            addr = page_up(p->k->cfg.mmap_min_addr);
    }
    len = page_up(len);
    if (!len)
        return -MM_ENOMEM;
    if (pgoff + (len >> PAGE_LG2) < pgoff)
        return -MM_EOVERFLOW;
    if (mm->map_count > p->k->cfg.max_map_count)
        return -MM_ENOMEM;
    vm = vm_flags_of(p, prot, flags);
    if (prot == MM_PROT_EXEC && p->k->q.exec_key_early)
        vm |= (u64)pkey_execute_only(p) << VM_PKEY_SHIFT;
    r = addr_choose(p, file, addr, len, pgoff, flags);
    if (r < 0)
        return r;
    addr = (u64)r;
    if ((flags & MM_MAP_FIXED_NOREPLACE) && vma_overlap(mm, addr, addr + len))
        return -MM_EEXIST;
    if (prot == MM_PROT_EXEC && !p->k->q.exec_key_early)
        vm |= (u64)pkey_execute_only(p) << VM_PKEY_SHIFT;
    if ((flags & MM_MAP_LOCKED) && !mm->limit.memlock)
        return -MM_EPERM;
    if (!limits_may_lock(mm, vm, len))
        return -MM_EAGAIN;
    r = file ? check_file_type(file, prot, flags, &vm) : check_anon_type(flags, addr, &pgoff, &vm);
    if (r)
        return r;
    if ((flags & MM_MAP_NORESERVE) && p->k->cfg.overcommit != MM_OVERCOMMIT_NEVER)
        vm |= VM_NORESERVE;
    if (file && file->inode->huge_lg2)
        vm |= VM_HUGETLB | VM_DONTEXPAND;
    if (mdwe_refuses(mm, vm, vm))
        return -MM_EACCES;
    r = map_region(p, addr, len, vm, file, pgoff);
    if (r)
        return r;
    EXPLAIN(p->k, "mapped %x-%x", addr, addr + len);
    if ((vm & VM_LOCKED) || (flags & (MM_MAP_POPULATE | MM_MAP_NONBLOCK)) == MM_MAP_POPULATE)
        populate_range(mm, addr, addr + len, true);
    return (long)addr;
}

static u64 whole_pages(u64 len, unsigned lg2) { return (len + (1ull << lg2) - 1) >> lg2 << lg2; }

/* MAP_ANONYMOUS|MAP_HUGETLB: a file of huge pages of its own; the flags may say of what size. */
static long map_hugetlb(struct proc *p, u64 addr, u64 len, int prot, int flags, u64 pgoff)
{
    unsigned lg2 = (unsigned)flags >> MM_MAP_HUGE_SHIFT & 0x3f;
    struct mm_file *f;
    long r;

    lg2 = lg2 ? lg2 : 21;
    if (!pool_of(p->k, lg2))
        return -MM_EINVAL;
    f = hugetlb_file_new(p->k, lg2, whole_pages(len, lg2));
    if (!f)
        return -MM_ENOMEM;
    r = do_mmap(p, addr, whole_pages(len, lg2), prot, flags, f, pgoff);
    file_put(p->k, f);
    return r;
}

long mm_mmap(struct proc *p, u64 addr, u64 len, int prot, int flags, struct mm_file *file, u64 off_bytes)
{
    long r;

    kernel_enter(p);
    if (off_bytes & PAGE_MASK_LOW)
        r = -MM_EINVAL;
    else if (!(flags & MM_MAP_ANONYMOUS) && !file)
        r = -MM_EBADF;
    else if (!(flags & MM_MAP_ANONYMOUS) && file->inode->huge_lg2)
        r = do_mmap(p, addr, whole_pages(len, file->inode->huge_lg2), prot, flags, file, off_bytes >> PAGE_LG2);
    else if ((flags & MM_MAP_HUGETLB) && !(flags & MM_MAP_ANONYMOUS))
        r = -MM_EINVAL;
    else if (flags & MM_MAP_HUGETLB)
        r = map_hugetlb(p, addr, len, prot, flags, off_bytes >> PAGE_LG2);
    else
        r = do_mmap(p, addr, len, prot, flags, flags & MM_MAP_ANONYMOUS ? NULL : file, off_bytes >> PAGE_LG2);
    p->adopt = ADOPT_NONE;
    return r;
}

/* ---- exec's mappings --------------------------------------------------------------------------------------------- */

#define STACK_FLAGS (VM_READ | VM_WRITE | VM_MAYACCESS | VM_GROWSDOWN | VM_ACCOUNT)

long mm_setup_stack(struct proc *p, u64 start, u64 end)
{
    struct mm *mm = p->mm;
    u64 pages = (end - start) >> PAGE_LG2;

    kernel_enter(p);
    if ((start | end) & PAGE_MASK_LOW || start >= end || end > TASK_SIZE)
        return -MM_EINVAL;
    if (vma_overlap(mm, start, end) || !limits_charge(p->k, pages))
        return -MM_ENOMEM;
    if (!new_vma(p, start, end, STACK_FLAGS | p->k->new_flags, NULL, start >> PAGE_LG2)) {
        limits_uncharge(p->k, pages);
        return -MM_ENOMEM;
    }
    mm->start_stack = end - 8;
    limits_account(mm, STACK_FLAGS, (s64)pages);
    return 0;
}

static bool begins_with(const char *s, const char *head)
{
    while (*head)
        if (*s++ != *head++)
            return false;
    return true;
}

/* The [vvar] pages are frames of the kernel itself, without counts; others are ordinary pages of its image. */
long mm_map_special(struct proc *p, u64 start, u64 len_bytes, int prot, const char *name)
{
    u64 end = start + page_up(len_bytes);
    u64 vm = vm_flags_of_prot(prot) | VM_MAYREAD | VM_DONTEXPAND;
    struct vma *v;

    kernel_enter(p);
    if ((start & PAGE_MASK_LOW) || end <= start || end > TASK_SIZE)
        return -MM_EINVAL;
    if (vma_overlap(p->mm, start, end))
        return -MM_EEXIST;
    vm |= begins_with(name, "[vvar") ? VM_IO | VM_PFNMAP | VM_DONTDUMP : VM_MAYWRITE | VM_MAYEXEC;
    v = new_vma(p, start, end, vm, NULL, 0);
    if (!v)
        return -MM_ENOMEM;
    v->name = name;
    v->flags |= p->k->new_flags;
    limits_account(p->mm, vm, (s64)((end - start) >> PAGE_LG2));
    return 0;
}
