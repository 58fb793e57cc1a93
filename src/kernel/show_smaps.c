/* SPDX-License-Identifier: MIT
 * show_smaps.c - /proc/PID/smaps and smaps_rollup.  Called by the embedder.
 * A page is shared when two or more entries map it; its share is its size divided by that number, in 1/4096 of a
 * byte, rounded down once for each mapping; the rollup rounds once for all mappings.  The sums of a mapping are printed
 * by the same lines in both; the rollup has three more. */
#include "calls.h"

#define PSS_LG2 12

struct sums {
    u64 rss, pss, pss_dirty, pss_locked, pss_of[FRAME_KINDS];
    u64 shared_clean, shared_dirty, private_clean, private_dirty, referenced, anonymous, lazyfree;
    u64 swap, swap_pss, huge[FRAME_KINDS], shared_hugetlb, private_hugetlb;
};

static void add_page(const struct vma *v, struct sums *s, struct frame *f, u64 e)
{
    const struct kernel *k = v->mm->k;
    bool dirty = (e & X86_PTE_D) || frame_is_dirty(k, f), shared = f->mapped >= 2;
    u64 part = (PAGE_BYTES << PSS_LG2) / f->mapped;

    s->rss += PAGE_BYTES;
    s->pss += part;
    s->pss_of[f->kind] += part;
    s->pss_locked += v->flags & VM_LOCKED ? part : 0;
    s->pss_dirty += dirty ? part : 0;
    if (shared)
        *(dirty ? &s->shared_dirty : &s->shared_clean) += PAGE_BYTES;
    else
        *(dirty ? &s->private_dirty : &s->private_clean) += PAGE_BYTES;
    s->referenced += (e & X86_PTE_A) || (folio_of(k, f)->flags & FRAME_REFERENCED) ? PAGE_BYTES : 0;
    if (f->kind == FRAME_ANON) {
        s->anonymous += PAGE_BYTES;
        s->lazyfree += (f->flags & FRAME_LAZYFREE) && !dirty ? PAGE_BYTES : 0;
    }
}

static void add_swapped(const struct kernel *k, struct sums *s, u64 e)
{
    s->swap += PAGE_BYTES;
    s->swap_pss += (PAGE_BYTES << PSS_LG2) / swap_users(k, e);
}

/* Pages of a pool are in no other sum. */
static void add_hugetlb(const struct vma *v, struct sums *s)
{
    for (u64 va = v->start; va < v->end; va += hugetlb_bytes(v)) {
        const u64 *e = hugetlb_entry(v, va);
        if (e && *e)
            *(frame_at(v->mm->k, pte_pfn(*e))->mapped >= 2 ? &s->shared_hugetlb : &s->private_hugetlb) += hugetlb_bytes(v);
    }
}

static void add_vma(const struct vma *v, struct sums *s)
{
    struct kernel *k = v->mm->k;

    if (v->flags & VM_HUGETLB) {
        add_hugetlb(v, s);
        return;
    }
    for (u64 va = v->start, next; va < v->end; va = next) {
        struct span sp = pgtable_span(v->mm, va, v->end);
        next = sp.end;
        if (sp.pmd && pmd_huge(*sp.pmd) && !(*sp.pmd & PTE_SPECIAL)) {
            for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
                add_page(v, s, frame_at(k, pte_pfn(*sp.pmd)) + i, *sp.pmd);
            s->huge[frame_at(k, pte_pfn(*sp.pmd))->kind] += PMD_BYTES;
        }
        for (const u64 *e = sp.pte; e && va < next; va += PAGE_BYTES, e++)
            if (pte_counted(*e))
                add_page(v, s, frame_at(k, pte_pfn(*e)), *e);
            else if (pte_swap(*e))
                add_swapped(k, s, *e);
    }
}

static void put_kb(const struct pw_out *out, const char *name, u64 bytes)
{
    struct text t = { .len = 0 };

    text_str(&t, name);
    text_pad_to(&t, 16);
    text_dec_right(&t, bytes >> 10, 8);
    text_str(&t, " kB\n");
    text_emit(&t, out);
}

/* VmFlags: two letters a bit, in the order of the bits. */
static const struct { u64 bit; char name[3]; } letters[] = {
    { VM_READ, "rd" }, { VM_WRITE, "wr" }, { VM_EXEC, "ex" }, { VM_SHARED, "sh" }, { VM_MAYREAD, "mr" },
    { VM_MAYWRITE, "mw" }, { VM_MAYEXEC, "me" }, { VM_MAYSHARE, "ms" }, { VM_GROWSDOWN, "gd" },
    { VM_UFFD_MISSING, "um" }, { VM_PFNMAP, "pf" }, { VM_MAYBE_GUARD, "gu" }, { VM_UFFD_WP, "uw" }, { VM_LOCKED, "lo" }, { VM_IO, "io" }, { VM_SEQ_READ, "sr" }, { VM_RAND_READ, "rr" },
    { VM_DONTCOPY, "dc" }, { VM_DONTEXPAND, "de" }, { VM_LOCKONFAULT, "lf" }, { VM_ACCOUNT, "ac" },
    { VM_NORESERVE, "nr" }, { VM_HUGETLB, "ht" }, { VM_WIPEONFORK, "wf" }, { VM_DONTDUMP, "dd" },
    { VM_SOFTDIRTY, "sd" }, { VM_MIXEDMAP, "mm" }, { VM_HUGEPAGE, "hg" }, { VM_NOHUGEPAGE, "nh" }, { VM_MERGEABLE, "mg" },
    { VM_DROPPABLE, "dp" }, { VM_UFFD_MINOR, "ui" }, { VM_SEALED, "sl" },
};

static void put_flags(const struct vma *v, const struct pw_out *out)
{
    struct text t = { .len = 0 };

    text_str(&t, "THPeligible:           ");
    text_char(&t, thp_orders(v, THP_SMAPS, THP_ALL_ORDERS) ? '1' : '0');
    if (v->mm->k->pku) {
        text_str(&t, "\nProtectionKey:  ");
        text_dec_right(&t, vma_pkey(v), 8);
    }
    text_str(&t, "\nVmFlags: ");
    for (size_t i = 0; i < COUNT_OF(letters); i++) {
        if (v->flags & letters[i].bit) {
            text_str(&t, letters[i].name);
            text_char(&t, ' ');
        }
    }
    text_char(&t, '\n');
    text_emit(&t, out);
}

static void put_sums(const struct sums *s, bool rollup, const struct pw_out *out)
{
    const struct { const char *name; u64 bytes; bool rollup_only; } rows[] = {
        { "Rss:", s->rss, false }, { "Pss:", s->pss >> PSS_LG2, false }, { "Pss_Dirty:", s->pss_dirty >> PSS_LG2, false },
        { "Pss_Anon:", s->pss_of[FRAME_ANON] >> PSS_LG2, true }, { "Pss_File:", s->pss_of[FRAME_FILE] >> PSS_LG2, true },
        { "Pss_Shmem:", s->pss_of[FRAME_SHMEM] >> PSS_LG2, true },
        { "Shared_Clean:", s->shared_clean, false }, { "Shared_Dirty:", s->shared_dirty, false },
        { "Private_Clean:", s->private_clean, false }, { "Private_Dirty:", s->private_dirty, false },
        { "Referenced:", s->referenced, false }, { "Anonymous:", s->anonymous, false }, { "KSM:", 0, false },
        { "LazyFree:", s->lazyfree, false }, { "AnonHugePages:", s->huge[FRAME_ANON], false },
        { "ShmemPmdMapped:", s->huge[FRAME_SHMEM], false }, { "FilePmdMapped:", s->huge[FRAME_FILE], false },
        { "Shared_Hugetlb:", s->shared_hugetlb, false }, { "Private_Hugetlb:", s->private_hugetlb, false },
        { "Swap:", s->swap, false }, { "SwapPss:", s->swap_pss >> PSS_LG2, false }, { "Locked:", s->pss_locked >> PSS_LG2, false },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rollup || !rows[i].rollup_only)
            put_kb(out, rows[i].name, rows[i].bytes);
}

static void show_vma(const struct vma *v, const struct pw_out *out)
{
    struct sums s = { 0 };
    u64 page = v->flags & VM_HUGETLB ? hugetlb_bytes(v) : PAGE_BYTES;

    if (v->start < TASK_SIZE)
        add_vma(v, &s);
    show_vma_line(v, out);
    put_kb(out, "Size:", v->end - v->start);
    put_kb(out, "KernelPageSize:", page);
    put_kb(out, "MMUPageSize:", page);
    put_sums(&s, false, out);
    put_flags(v, out);
}

void mm_show_smaps(const struct proc *p, const struct pw_out *out)
{
    struct vma gate = { .start = VSYSCALL, .end = VSYSCALL + PAGE_BYTES, .flags = VM_EXEC, .name = "[vsyscall]", .mm = p->mm };

    if (!p->mm)
        return;
    for (const struct vma *v = p->mm->first; v; v = v->next)
        show_vma(v, out);
    show_vma(&gate, out);
}

/* One block for all mappings; the page of [vsyscall] is none of them. */
void mm_show_smaps_rollup(const struct proc *p, const struct pw_out *out)
{
    struct vma all = { .name = "[rollup]", .mm = p->mm };
    struct sums s = { 0 };

    if (!p->mm)
        return;
    all.start = p->mm->first ? p->mm->first->start : 0;
    for (const struct vma *v = p->mm->first; v; v = v->next) {
        add_vma(v, &s);
        all.end = v->end;
    }
    show_vma_line(&all, out);
    put_sums(&s, true, out);
}
