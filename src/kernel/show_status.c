/* SPDX-License-Identifier: MIT
 * show_status.c - the Vm and Rss lines of /proc/PID/status, statm, and the system's meminfo and buddyinfo.  Called by the
 * embedder.  Of meminfo only the lines that this kernel has numbers for are printed. */
#include "calls.h"

static void put_line(const struct pw_out *out, const char *head, size_t column, u64 pages)
{
    struct text t = { .len = 0 };

    text_str(&t, head);
    text_pad_to(&t, column);
    text_dec_right(&t, pages << (PAGE_LG2 - 10), 8);
    text_str(&t, " kB\n");
    text_emit(&t, out);
}

/* The program's own text: the lowest executable file mapping, since no ELF header was read here. */
static u64 text_pages(const struct mm *mm)
{
    for (const struct vma *v = mm->first; v; v = v->next)
        if (v->file && (v->flags & (VM_EXEC | VM_WRITE)) == VM_EXEC)
            return (v->end - v->start) >> PAGE_LG2;
    return 0;
}

void mm_show_status(const struct proc *p, const struct pw_out *out)
{
    const struct mm *mm = p->mm;
    struct mm_rss r;

    if (!mm)
        return;
    mm_rss(p, &r);
    u64 text = text_pages(mm);
    const struct { const char *name; u64 pages; } rows[] = {
        { "VmPeak:\t", mm->peak_vm }, { "VmSize:\t", mm->total_vm }, { "VmLck:\t", mm->locked_vm }, { "VmPin:\t", 0 },
        { "VmHWM:\t", r.peak_rss_pages }, { "VmRSS:\t", r.anon_pages + r.file_pages + r.shmem_pages },
        { "RssAnon:\t", r.anon_pages }, { "RssFile:\t", r.file_pages }, { "RssShmem:\t", r.shmem_pages },
        { "VmData:\t", mm->data_vm }, { "VmStk:\t", mm->stack_vm }, { "VmExe:\t", text },
        { "VmLib:\t", mm->exec_vm - (text < mm->exec_vm ? text : mm->exec_vm) }, { "VmPTE:\t", mm->tables },
        { "VmSwap:\t", mm->swapped }, { "HugetlbPages:\t", mm->hugetlb },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        put_line(out, rows[i].name, 0, rows[i].pages);
}

/* Sizes in pages: all, resident, of these shared, code, (unused), data and stack, (unused). */
void mm_show_statm(const struct proc *p, const struct pw_out *out)
{
    const struct mm *mm = p->mm;
    struct text t = { .len = 0 };
    struct mm_rss r;

    mm_rss(p, &r);
    const u64 shared = mm ? r.file_pages + r.shmem_pages : 0;
    const u64 columns[] = { mm ? mm->total_vm : 0, mm ? shared + r.anon_pages : 0, shared, mm ? text_pages(mm) : 0, 0,
                            mm ? mm->data_vm + mm->stack_vm : 0, 0 };
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        text_dec(&t, columns[i]);
        text_char(&t, i + 1 < COUNT_OF(columns) ? ' ' : '\n');
    }
    text_emit(&t, out);
}

/* Pages of the page cache in folios of 2 MiB. */
u64 frames_huge_cached(const struct kernel *k, enum frame_kind kind)
{
    u64 pages = 0;

    for (u64 n = 0; (n = frames_opened(k, n)) < k->nr_frames; n += PTRS_PER_TABLE) {
        const struct frame *f = &k->frames[n];
        if (f->kind == kind && (f->flags & FRAME_HUGE) && f->order == HUGE_ORDER)
            pages += PTRS_PER_TABLE;
    }
    return pages;
}

/* The pool of the default size, and the memory in all of them. */
static void put_pools(const struct kernel *k, const struct pw_out *out)
{
    const struct pool *h = &k->pool[POOL_2M];
    const struct { const char *name; u64 n; } rows[] = {
        { "HugePages_Total:", h->nr }, { "HugePages_Free:", h->free }, { "HugePages_Rsvd:", h->resv },
        { "HugePages_Surp:", h->surplus },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct text t = { .len = 0 };
        text_str(&t, rows[i].name);
        text_pad_to(&t, 16);
        text_dec_right(&t, rows[i].n, 8);
        text_char(&t, '\n');
        text_emit(&t, out);
    }
    put_line(out, "Hugepagesize:", 16, PTRS_PER_TABLE);
    put_line(out, "Hugetlb:", 16, k->kind_frames[FRAME_HUGETLB]);
}

void kernel_show_meminfo(const struct kernel *k, const struct pw_out *out)
{
    u64 cache = k->kind_frames[FRAME_FILE] + k->kind_frames[FRAME_SHMEM] - 1; /* the vdso's frame is no cache */
    u64 total = k->totalram >> PAGE_LG2;
    const struct { const char *name; u64 pages; } rows[] = {
        { "MemTotal:", total }, { "MemFree:", k->free_frames }, { "MemAvailable:", k->free_frames + cache -
        k->kind_frames[FRAME_SHMEM] }, { "Buffers:", 0 }, { "Cached:", cache }, { "SwapCached:", k->swap.cached },
        { "SwapTotal:", k->swap.on ? k->swap.total : 0 }, { "SwapFree:", k->swap.on ? k->swap.total - k->swap.used : 0 }, { "AnonPages:", k->mapped_frames[FRAME_ANON] },
        { "Mapped:", k->mapped_frames[FRAME_FILE] + k->mapped_frames[FRAME_SHMEM] }, { "Shmem:", k->kind_frames[FRAME_SHMEM] }, { "PageTables:", k->kind_frames[FRAME_TABLE] },
        { "CommitLimit:", limits_commit_pages(k) }, { "Committed_AS:", k->committed },
        { "AnonHugePages:", k->pmd_mapped[FRAME_ANON] * PTRS_PER_TABLE },
        { "ShmemHugePages:", frames_huge_cached(k, FRAME_SHMEM) },
        { "ShmemPmdMapped:", k->pmd_mapped[FRAME_SHMEM] * PTRS_PER_TABLE },
        { "FileHugePages:", frames_huge_cached(k, FRAME_FILE) },
        { "FilePmdMapped:", k->pmd_mapped[FRAME_FILE] * PTRS_PER_TABLE },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        put_line(out, rows[i].name, 16, rows[i].pages);
    put_pools(k, out);
}

/* One zone a node.  Memory above its frontier is free in blocks of the largest order. */
void kernel_show_buddyinfo(const struct kernel *k, const struct pw_out *out)
{
    struct text t = { .len = 0 };

    for (unsigned i = 0; i < k->nodes; i++) {
        const struct node *z = &k->node[i];
        u64 untouched = z->end - z->frontier;

        text_str(&t, "Node ");
        text_dec(&t, i);
        text_str(&t, ", zone   Normal ");
        for (unsigned o = 0; o < ORDERS; o++) {
            text_dec_right(&t, z->nr_free[o] + (o == ORDERS - 1 ? untouched >> o : untouched >> o & 1), 6);
            text_char(&t, ' ');
        }
        text_char(&t, '\n');
        text_emit(&t, out);
    }
}
