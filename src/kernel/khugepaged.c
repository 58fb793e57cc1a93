/* SPDX-License-Identifier: MIT
 * khugepaged.c - the thread that looks for small pages to collapse, as a tick.  Called by faults and mappings, which
 * register address spaces, and by the clock.
 * Address spaces wait in a list in the order of their registration; a cursor (address space, address) goes through
 * them.  One scan passes pages_to_scan pages: a 2 MiB place counts 512, an address space or a mapping that is passed by
 * counts 1; after a collapse, and wherever the mappings' lock would have been dropped, the count of the space begins
 * anew.  A scan never goes through the list's head twice.  Scans are scan_sleep_millisecs apart, the first at once. */
#include "calls.h"

static bool wanted(const struct kernel *k)
{
    const struct thp *t = &k->thp;
    u8 anon = t->size[HUGE_ORDER].anon, shmem = t->size[HUGE_ORDER].shmem;
    bool on = t->enabled != THP_NEVER, shmem_on = t->shmem_enabled != THP_NEVER && t->shmem_enabled != THP_DENY;

    if (k->cfg.read_only_file_thp && on)
        return true;
    if (anon == THP_ALWAYS || anon == THP_MADVISE || (anon == THP_INHERIT && on))
        return true;
    if (t->shmem_enabled == THP_DENY)
        return false;
    return (shmem != THP_NEVER && shmem != THP_INHERIT) || (shmem == THP_INHERIT && shmem_on);
}

static void enlist(struct mm *mm)
{
    struct kernel *k = mm->k;
    struct mm **l = &k->scan.first;

    if (!*l)
        k->scan.due_ns = k->hw.now_ns(k->hw.ctx);
    while (*l)
        l = &(*l)->scan_next;
    *l = mm;
    mm->scanned = true;
}

/* The mapping may have pages to collapse one day. */
void khugepaged_enter(const struct vma *v)
{
    if (!v->mm->scanned && wanted(v->mm->k) && thp_orders(v, THP_KHUGEPAGED, 1u << HUGE_ORDER))
        enlist(v->mm);
}

void khugepaged_fork(struct mm *child, const struct mm *parent)
{
    if (parent->scanned)
        enlist(child);
}

static void next_space(struct kernel *k)
{
    k->scan.at = k->scan.at->scan_next;
    k->scan.address = 0;
    k->thp.full_scans += !k->scan.at;
}

/* The address space ends. */
void khugepaged_exit(struct mm *mm)
{
    struct mm **l = &mm->k->scan.first;

    if (!mm->scanned)
        return;
    if (mm->k->scan.at == mm)
        next_space(mm->k);
    while (*l != mm)
        l = &(*l)->scan_next;
    *l = mm->scan_next;
}

/* The places of one mapping from the cursor on.  true: the scan of this space stops here for now. */
static bool scan_vma(struct kernel *k, struct vma *v, u32 most, u32 *passed, enum collapse *r)
{
    u64 first = (v->start + PMD_BYTES - 1) & ~(PMD_BYTES - 1), end = v->end & ~(PMD_BYTES - 1);

    if (!thp_orders(v, THP_KHUGEPAGED, 1u << HUGE_ORDER) || k->scan.address > end) {
        ++*passed;
        return false;
    }
    if (k->scan.address < first)
        k->scan.address = first;
    while (k->scan.address < end) {
        bool dropped = !vma_is_anon(v);
        *r = vma_is_anon(v) ? collapse_anon(v, k->scan.address, false) : collapse_file(v, k->scan.address, false);
        k->thp.collapsed += *r == COLLAPSE_DONE;
        dropped = dropped || *r == COLLAPSE_DONE || *r == COLLAPSE_NO_BLOCK || *r == COLLAPSE_FAILED;
        k->scan.address += PMD_BYTES;
        *passed += PTRS_PER_TABLE;
        if (dropped || *passed >= most)
            return true;
    }
    return false;
}

/* On from the cursor in its address space; returns the pages passed. */
static u32 scan_space(struct kernel *k, u32 most, enum collapse *r)
{
    struct mm *mm;
    u32 passed = 1;

    *r = COLLAPSE_FAILED;
    if (!k->scan.at) {
        k->scan.at = k->scan.first;
        k->scan.address = 0;
    }
    mm = k->scan.at;
    for (struct vma *v = vma_find(mm, k->scan.address), *next; v; v = next) {
        next = v->next;
        if (scan_vma(k, v, most, &passed, r))
            return passed;
    }
    next_space(k);
    return passed;
}

/* One scan: khugepaged_do_scan(). */
void kernel_khugepaged(struct kernel *k)
{
    u32 passed = 0, heads = 0, failed = 0;
    enum collapse r;

    k->actor = &k->nobody;
    lru_drain_all(k);
    while (passed < k->thp.pages_to_scan) {
        heads += !k->scan.at;
        if (!k->scan.first || !wanted(k) || heads == 2)
            break;
        passed += scan_space(k, k->thp.pages_to_scan - passed, &r);
        failed += r == COLLAPSE_NO_BLOCK;
        if (failed == 2)                  /* Linux sleeps before the second try */
            break;
    }
}

/* The scans that are due. */
void khugepaged_tick(struct kernel *k)
{
    u64 now = k->hw.now_ns(k->hw.ctx), sleep = k->thp.scan_sleep_ms * 1000000ull;

    for (unsigned n = 0; n < 64 && k->scan.first && now >= k->scan.due_ns; n++) {
        kernel_khugepaged(k);
        k->scan.due_ns += sleep;
        if (!sleep)
            break;
    }
    if (k->scan.due_ns < now)             /* longer than any scan has work for */
        k->scan.due_ns = now;
}
