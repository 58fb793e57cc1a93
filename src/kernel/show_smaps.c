/* SPDX-License-Identifier: MIT
 * show_smaps.c - /proc/PID/smaps and the words of /proc/PID/pagemap.  Called by the embedder.
 * A page is shared when two or more entries map it; its share is its size divided by that number, in 1/4096 of a
 * byte, rounded down once for each mapping. */
#include "calls.h"

#define PSS_LG2 12

struct sums {
    u64 rss, pss, pss_dirty, shared_clean, shared_dirty, private_clean, private_dirty, referenced, anonymous, lazyfree;
    u64 huge[FRAME_KINDS], shared_hugetlb, private_hugetlb;
};

static void add_page(const struct kernel *k, struct sums *s, struct frame *f, u64 e)
{
    bool dirty = (e & X86_PTE_D) || frame_is_dirty(k, f), shared = f->mapped >= 2;
    u64 part = (PAGE_BYTES << PSS_LG2) / f->mapped;

    s->rss += PAGE_BYTES;
    s->pss += part;
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

/* Pages of a pool are in no other sum. */
static struct sums sum_up_hugetlb(const struct vma *v)
{
    struct sums s = { 0 };

    for (u64 va = v->start; va < v->end; va += hugetlb_bytes(v)) {
        const u64 *e = hugetlb_entry(v, va);
        if (e && *e)
            *(frame_at(v->mm->k, pte_pfn(*e))->mapped >= 2 ? &s.shared_hugetlb : &s.private_hugetlb) += hugetlb_bytes(v);
    }
    return s;
}

static struct sums sum_up(const struct vma *v)
{
    struct kernel *k = v->mm->k;
    struct sums s = { 0 };

    if (v->flags & VM_HUGETLB)
        return sum_up_hugetlb(v);
    for (u64 va = v->start, next; va < v->end; va = next) {
        struct span sp = pgtable_span(v->mm, va, v->end);
        next = sp.end;
        if (sp.pmd && pmd_huge(*sp.pmd) && !(*sp.pmd & PTE_SPECIAL)) {
            for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
                add_page(k, &s, frame_at(k, pte_pfn(*sp.pmd)) + i, *sp.pmd);
            s.huge[frame_at(k, pte_pfn(*sp.pmd))->kind] += PMD_BYTES;
        }
        for (const u64 *e = sp.pte; e && va < next; va += PAGE_BYTES, e++)
            if (pte_counted(*e))
                add_page(k, &s, frame_at(k, pte_pfn(*e)), *e);
    }
    return s;
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

static void show_vma(const struct vma *v, const struct pw_out *out)
{
    struct sums s = sum_up(v);
    u64 page = v->flags & VM_HUGETLB ? hugetlb_bytes(v) : PAGE_BYTES;
    const struct { const char *name; u64 bytes; } rows[] = {
        { "Size:", v->end - v->start }, { "KernelPageSize:", page }, { "MMUPageSize:", page },
        { "Rss:", s.rss }, { "Pss:", s.pss >> PSS_LG2 }, { "Pss_Dirty:", s.pss_dirty >> PSS_LG2 },
        { "Shared_Clean:", s.shared_clean }, { "Shared_Dirty:", s.shared_dirty },
        { "Private_Clean:", s.private_clean }, { "Private_Dirty:", s.private_dirty },
        { "Referenced:", s.referenced }, { "Anonymous:", s.anonymous }, { "KSM:", 0 }, { "LazyFree:", s.lazyfree },
        { "AnonHugePages:", s.huge[FRAME_ANON] }, { "ShmemPmdMapped:", s.huge[FRAME_SHMEM] },
        { "FilePmdMapped:", s.huge[FRAME_FILE] }, { "Shared_Hugetlb:", s.shared_hugetlb },
        { "Private_Hugetlb:", s.private_hugetlb }, { "Swap:", 0 }, { "SwapPss:", 0 },
        { "Locked:", v->flags & VM_LOCKED ? s.pss >> PSS_LG2 : 0 },
    };

    show_vma_line(v, out);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        put_kb(out, rows[i].name, rows[i].bytes);
    put_flags(v, out);
}

void mm_show_smaps(const struct proc *p, const struct pw_out *out)
{
    for (const struct vma *v = p->mm ? p->mm->first : NULL; v; v = v->next)
        show_vma(v, out);
}

/* ---- pagemap --------------------------------------------------------------------------------------------------- */

#define PM_SOFT_DIRTY (1ull << 55)
#define PM_EXCLUSIVE (1ull << 56)
#define PM_UFFD_WP (1ull << 57)
#define PM_GUARD (1ull << 58)
#define PM_FILE (1ull << 61)
#define PM_SWAP (1ull << 62)
#define PM_PRESENT (1ull << 63)

/* What the mapping says of pages that are not there, too. */
static u64 pagemap_of_vma(const struct proc *p, u64 addr)
{
    const struct vma *v = p->k->cfg.soft_dirty && p->mm ? vma_at(p->mm, addr) : NULL;

    return v && (v->flags & VM_SOFTDIRTY) ? PM_SOFT_DIRTY : 0;
}

u64 mm_pagemap(const struct proc *p, u64 addr)
{
    const u64 *e = p->mm && addr < TASK_SIZE ? pgtable_find(p->mm, addr, 1) : NULL;
    const struct frame *f;
    const struct vma *v = p->mm ? vma_at(p->mm, addr) : NULL;
    bool huge = e && pmd_huge(*e);
    u64 word = pagemap_of_vma(p, addr);

    if (v && (v->flags & VM_HUGETLB)) {
        e = hugetlb_entry(v, addr);
        f = e && *e ? frame_at(p->k, pte_pfn(*e)) : NULL;
        return !f ? word : word | PM_PRESENT | (f->mapped == 1 ? PM_EXCLUSIVE : 0) | (frame_of_file(f) ? PM_FILE : 0);
    }
    if (!huge)
        e = e && pmd_table(*e) ? pgtable_find(p->mm, addr, 0) : NULL;
    if (!e || !*e)
        return word;
    word |= pte_wp(*e) ? PM_UFFD_WP : 0;
    if (!pte_present(*e))
        return word | PM_SWAP | (p->k->q.guard_files && (*e & PTE_MARK_GUARD) ? PM_GUARD : 0);
    word |= PM_PRESENT | (*e & PTE_SOFT_DIRTY ? PM_SOFT_DIRTY : 0);
    if (*e & PTE_SPECIAL)
        return word | (huge ? PM_FILE : 0); /* the huge zero page is a page that is not anonymous */
    f = frame_at(p->k, pte_pfn(*e)) + (huge ? addr >> PAGE_LG2 & (PTRS_PER_TABLE - 1) : 0);
    return word | (f->mapped == 1 ? PM_EXCLUSIVE : 0) | (f->kind != FRAME_ANON ? PM_FILE : 0);
}
