/* SPDX-License-Identifier: MIT
 * show_numa.c - /proc/PID/numa_maps.  Called by the embedder.
 * Linux mm/mempolicy.c show_numa_map(): pages of a mapping, how many are anonymous, dirty, active; the page mapped most
 * often.  A hugetlb page counts as one.  The zero page, the vdso and other special pages are not counted. */
#include "calls.h"

struct numa { u64 pages, anon, dirty, active, mapmax, swapcache, node[MM_NODES_MAX]; };

static void note_locked(struct mm *mm, struct frame *f, u64 va, void *locked)
{
    const struct vma *v = vma_at(mm, va);

    (void)f;
    *(bool *)locked = *(bool *)locked || (v && (v->flags & VM_LOCKED));
}

/* On the active list, or unevictable because somebody locked it; waiting in a batch it is on neither. */
static bool is_active(struct kernel *k, struct frame *f)
{
    const struct frame *head = folio_of(k, f);
    bool locked = false;

    if (head->flags & FRAME_ACTIVE)
        return true;
    if (head->lru == LRU_ON)
        rmap_each(k, f, note_locked, &locked);
    return locked;
}

static void add(struct numa *n, struct kernel *k, struct frame *f, u64 e, bool anon, bool hugetlb)
{
    n->pages++;
    n->node[frame_node(k, frame_pfn(k, f))]++;
    n->anon += anon;
    n->dirty += (e & X86_PTE_D) || (hugetlb ? f->flags & FRAME_DIRTY : frame_is_dirty(k, f));
    n->active += !hugetlb && is_active(k, f);
    n->swapcache += (f->flags & FRAME_SWAPCACHE) != 0;
    n->mapmax = f->mapped > n->mapmax ? f->mapped : n->mapmax;
}

static void add_page(struct numa *n, struct kernel *k, struct frame *f, u64 e)
{
    if (frame_pfn(k, f).n != k->vdso.n)
        add(n, k, f, e, f->kind == FRAME_ANON, false);
}

static struct numa count(const struct vma *v)
{
    struct kernel *k = v->mm->k;
    struct numa n = { 0 };

    for (u64 va = v->start; (v->flags & VM_HUGETLB) && va < v->end; va += hugetlb_bytes(v)) {
        const u64 *e = hugetlb_entry(v, va);
        if (e && *e)
            add(&n, k, frame_at(k, pte_pfn(*e)), *e, !frame_of_file(frame_at(k, pte_pfn(*e))), true);
    }
    for (u64 va = v->start, next; !(v->flags & VM_HUGETLB) && va < v->end; va = next) {
        struct span s = pgtable_span(v->mm, va, v->end);
        next = s.end;
        for (unsigned i = 0; s.pmd && pmd_huge(*s.pmd) && pte_counted(*s.pmd) && i < PTRS_PER_TABLE; i++)
            add_page(&n, k, frame_at(k, pte_pfn(*s.pmd)) + i, *s.pmd);
        for (const u64 *e = s.pte; e && va < next; va += PAGE_BYTES, e++)
            if (pte_counted(*e))
                add_page(&n, k, frame_at(k, pte_pfn(*e)), *e);
    }
    return n;
}

/* A path, with what separates words as octal. */
static void put_path(struct text *t, const char *path, const struct pw_out *out)
{
    for (; *path; path++) {
        if (t->len + 8 > sizeof t->buf)
            text_emit(t, out);
        if (*path == '\n' || *path == '\t' || *path == '=' || *path == ' ') {
            text_char(t, '\\');
            text_number(t, (u8)*path, 8, 3);
        } else {
            text_char(t, *path);
        }
    }
}

static void put_number(struct text *t, const char *name, u64 n)
{
    text_str(t, name);
    text_dec(t, n);
}

static void show_vma(const struct proc *p, const struct vma *v, const struct pw_out *out)
{
    const struct numa n = count(v);
    const char *name = vma_shown_name(v);
    struct text t = { .len = 0 };

    text_hex(&t, v->start, 8);
    text_char(&t, ' ');
    numa_policy_text(v, p, &t);
    if (v->file) {
        text_str(&t, " file=");
        put_path(&t, name, out);
    } else if (name && !v->name) {
        text_char(&t, ' ');
        text_str(&t, name[1] == 'h' ? "heap" : "stack");
    }
    if (v->flags & VM_HUGETLB)
        text_str(&t, " huge");
    if (n.anon)
        put_number(&t, " anon=", n.anon);
    if (n.dirty)
        put_number(&t, " dirty=", n.dirty);
    if (n.pages != n.anon && n.pages != n.dirty)
        put_number(&t, " mapped=", n.pages);
    if (n.mapmax > 1)
        put_number(&t, " mapmax=", n.mapmax);
    if (n.swapcache)
        put_number(&t, " swapcache=", n.swapcache);
    if (n.active < n.pages && !(v->flags & VM_HUGETLB))
        put_number(&t, " active=", n.active);
    if (n.pages) {
        for (unsigned i = 0; i < v->mm->k->nodes; i++)
            if (n.node[i]) {
                put_number(&t, " N", i);
                put_number(&t, "=", n.node[i]);
            }
        put_number(&t, " kernelpagesize_kB=", (v->flags & VM_HUGETLB ? hugetlb_bytes(v) : PAGE_BYTES) >> 10);
    }
    text_char(&t, '\n');
    text_emit(&t, out);
}

void mm_show_numa_maps(const struct proc *p, const struct pw_out *out)
{
    for (const struct vma *v = p->mm ? p->mm->first : NULL; v; v = v->next)
        show_vma(p, v, out);
}
