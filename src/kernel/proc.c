/* SPDX-License-Identifier: MIT
 * proc.c - processes and their address spaces: made, run on a CPU, forked, replaced by exec, ended.  Called by the
 * embedder.  Every entry point of this room begins with kernel_enter(), which says on which CPU it runs and whose
 * counters pay. */
#include "calls.h"

/* ---- address spaces -------------------------------------------------------------------------------------------- */

struct mm *mm_new(struct kernel *k)
{
    struct mm *mm = heap_alloc(k, sizeof *mm);

    if (!mm)
        return NULL;
    mm->top = top_alloc(k);
    if (pfn_is_none(mm->top)) {
        heap_free(k, mm, sizeof *mm);
        return NULL;
    }
    mm->k = k;
    mm->users = 1;
    mm->handle = heap_handle(k, mm);
    mm->mmap_base = MMAP_BASE;
    mm->limit.as = k->cfg.rlimit_as_bytes;
    mm->limit.data = k->cfg.rlimit_data_bytes;
    mm->limit.stack = k->cfg.rlimit_stack_bytes;
    mm->limit.memlock = k->cfg.rlimit_memlock_bytes;
    pkeys_init(mm);
    mm_tlb_init(mm);
    mm->rand = 0x9e3779b9u;
    mm->next = k->mms;
    mm->link = &k->mms;
    if (mm->next)
        mm->next->link = &mm->next;
    k->mms = mm;
    return mm;
}

/* What a child's address space, and the next program's, keeps of this one. */
void mm_inherit(struct mm *mm, const struct mm *from)
{
    mm->limit = from->limit;
    mm->thp_disable = from->thp_disable;
    mm->mdwe = mdwe_inherited(from);
}

/* exit_mmap: everything goes at once. */
static void unmap_all(struct mm *mm)
{
    struct gather g = gather_begin(mm);

    lru_drain_unmap(mm->k);
    g.full_mm = true;
    for (struct vma *v = mm->first; v; v = v->next)
        zap_range(&g, v, v->start, v->end, ZAP_MARKERS);
    pgtable_free_range(&g, 0, TASK_SIZE, 0, 0);
    gather_flush(&g);
    for (struct vma *v = mm->first, *next; v; v = next) {
        next = v->next;
        if (v->flags & VM_ACCOUNT)
            limits_uncharge(mm->k, (v->end - v->start) >> PAGE_LG2);
        vma_remove(v);
        vma_free(v);
    }
}

void mm_put(struct mm *mm)
{
    struct kernel *k = mm->k;

    if (--mm->users)
        return;
    khugepaged_exit(mm);
    unmap_all(mm);
    uffd_mm_ends(mm);
    mm_unload(mm);
    frames_free(k, mm->top, k->kpti);
    *mm->link = mm->next;
    if (mm->next)
        mm->next->link = mm->link;
    heap_free(k, mm, sizeof *mm);
}

/* ---- processes ------------------------------------------------------------------------------------------------- */

/* The CPU on which a call for p runs: where p is current, else where its address space is, else CPU 0. */
static unsigned cpu_of(const struct proc *p)
{
    const struct kernel *k = p->k;
    unsigned relative = k->hw.cpus;

    for (unsigned cpu = 0; cpu < k->hw.cpus; cpu++) {
        const struct proc *here = k->cpu[cpu].proc;
        if (here == p)
            return cpu;
        if (here && here->mm == p->mm && relative == k->hw.cpus)
            relative = cpu;
    }
    return relative < k->hw.cpus ? relative : 0;
}

void kernel_enter(struct proc *p)
{
    struct kernel *k = p->k;

    CHECK(p->mm);
    k->actor = p;
    k->generation++; /* what this call does to flags, names and the break */
    if (k->cpu[k->this_cpu].proc != p)
        k->this_cpu = cpu_of(p);
    kernel_from_user(k, k->this_cpu);
}

static void set_name(struct proc *p, const char *name)
{
    size_t n = 0;

    memset(p->name, 0, sizeof p->name);
    while (name[n] && n < sizeof p->name - 1) {
        p->name[n] = name[n];
        n++;
    }
}

static struct proc *proc_alloc(struct kernel *k, const char *name)
{
    struct proc *p = heap_alloc(k, sizeof *p);

    if (p) {
        p->k = k;
        p->adopt = p->adopted_choice = ADOPT_NONE;
        set_name(p, name);
    }
    return p;
}

struct proc *proc_new(struct kernel *k, const char *name)
{
    struct proc *p = proc_alloc(k, name);

    if (!p)
        return NULL;
    p->mm = mm_new(k);
    if (p->mm) {
        pkru_init(p);
        return p;
    }
    heap_free(k, p, sizeof *p);
    return NULL;
}

const char *proc_name(const struct proc *p) { return p->name; }
const struct mm_counters *proc_counters(const struct proc *p) { return &p->counters; }
void mm_tag(struct proc *p, u64 tag) { p->tag = tag; }
void mm_set_mmap_base(struct proc *p, u64 mmap_base) { p->mm->mmap_base = mmap_base; }

long proc_fork(struct proc *parent, unsigned cpu, const char *name, unsigned flags, struct proc **child)
{
    struct kernel *k = parent->k;
    struct proc *p;

    kernel_enter(parent);
    k->this_cpu = cpu;
    p = proc_alloc(k, name);
    if (!p)
        return -MM_ENOMEM;
    if (flags & PROC_FORK_VM) {
        p->mm = parent->mm;
        p->mm->users++;
    } else {
        p->mm = fork_mm(parent->mm);
    }
    if (!p->mm) {
        heap_free(k, p, sizeof *p);
        return -MM_ENOMEM;
    }
    p->tag = parent->tag;
    p->pkru = mm_pkru(parent);
    p->policy = parent->policy;
    p->interleaved = parent->interleaved;
    *child = p;
    return 0;
}

/* ---- CPUs ------------------------------------------------------------------------------------------------------ */

struct proc *proc_current(const struct kernel *k, unsigned cpu) { return k->cpu[cpu].proc; }

void proc_run_on(struct kernel *k, unsigned cpu, struct proc *p)
{
    struct proc *old = k->cpu[cpu].proc;

    CHECK(cpu < k->hw.cpus && (!p || p->mm));
    pkru_switch(k, cpu, old, p);
    k->cpu[cpu].proc = p;
    if (p)
        mm_switch(k, cpu, p->mm);
    else
        mm_lazy(k, cpu);
}

/* ---- exec and exit --------------------------------------------------------------------------------------------- */

long proc_exec_begin(struct proc *p, const char *name)
{
    struct mm *old = p->mm, *mm;

    kernel_enter(p);
    mm = mm_new(p->k);
    if (!mm)
        return -MM_ENOMEM;
    mm_inherit(mm, old);
    p->mm = mm;
    pkru_init(p);
    for (unsigned cpu = 0; cpu < p->k->hw.cpus; cpu++)
        if (p->k->cpu[cpu].proc == p)
            mm_switch(p->k, cpu, mm);
    note_peak_rss(old);
    if (old->peak_rss > p->last.peak_rss_pages)
        p->last.peak_rss_pages = old->peak_rss;
    mm_put(old);
    set_name(p, name);
    p->adopt = ADOPT_NONE;
    return 0;
}

void proc_exit(struct proc *p)
{
    struct mm *mm = p->mm;

    if (!mm)
        return;
    kernel_enter(p);
    uffd_stop_waiting(p);
    mm_rss(p, &p->last);
    for (unsigned cpu = 0; cpu < p->k->hw.cpus; cpu++)
        if (p->k->cpu[cpu].proc == p)
            proc_run_on(p->k, cpu, NULL);
    p->mm = NULL;
    mm_put(mm);
}

void proc_free(struct proc *p)
{
    struct kernel *k = p->k;

    proc_exit(p);
    if (k->actor == p)
        k->actor = &k->nobody;
    heap_free(k, p, sizeof *p);
}

void mm_rss(const struct proc *p, struct mm_rss *out)
{
    const struct mm *mm = p->mm;

    if (!mm) {
        *out = p->last;
        return;
    }
    u64 now = mm->rss[RSS_ANON] + mm->rss[RSS_FILE] + mm->rss[RSS_SHMEM];
    u64 peak = now > mm->peak_rss ? now : mm->peak_rss;
    *out = (struct mm_rss){ .anon_pages = mm->rss[RSS_ANON], .file_pages = mm->rss[RSS_FILE],
                            .shmem_pages = mm->rss[RSS_SHMEM], .swap_pages = mm->swapped, .table_pages = mm->tables,
                            .total_vm_pages = mm->total_vm, .locked_pages = mm->locked_vm,
                            .peak_rss_pages = peak > p->last.peak_rss_pages ? peak : p->last.peak_rss_pages,
                            .peak_table_pages = mm->peak_tables, .map_count = mm->map_count,
                            .peak_map_count = mm->peak_map_count, .max_map_count = mm->k->cfg.max_map_count };
}
