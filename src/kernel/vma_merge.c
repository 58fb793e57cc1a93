/* SPDX-License-Identifier: MIT
 * vma_merge.c - joining and splitting mappings.  Called by mmap, brk, mremap (new ranges) and by everything that
 * changes flags of a part of a mapping (existing ranges).
 * Two neighbours join iff flags, file, name and continuity of pgoff agree, neither is special, and their anonymous
 * identities are compatible.  Nothing changes when memory runs out (merge.oom).
 *
 *   new range ****         existing range **** of vma AAA****BBB
 *   PPPP****NNNN           PPPP****AAAA    prev takes it, A shrinks      AAAA****NNNN   next takes it
 *   P, N or both grow      PPPP****NNNN    one or both take it whole     AAA****BBB     no merge: split   */
#include "calls.h"

static u64 pages_of(const struct vma *v) { return (v->end - v->start) >> PAGE_LG2; }

/* ---- may they join? ------------------------------------------------------------------------------------------- */

/* Flags that do not keep neighbours apart. */
u64 vma_ignored_flags(const struct kernel *k) { return VM_SOFTDIRTY | (k->q.guard_flag ? VM_MAYBE_GUARD : 0); }

/* Of these, the ones that the merged vma has if either had. */
u64 vma_sticky_flags(const struct kernel *k)
{
    return (k->q.sticky_flags ? VM_SOFTDIRTY : 0) | (k->q.guard_flag ? VM_MAYBE_GUARD : 0);
}

static bool same_kind(const struct merge *g, const struct vma *v)
{
    return !((v->flags ^ g->flags) & ~vma_ignored_flags(g->mm->k)) && v->file == g->file && v->name == g->name &&
           v->uffd == g->uffd && v->anon_name == g->anon_name;
}

/* The range would take the neighbour's identity or give it its own; a fork child's is not shared. */
static bool identity_fits(const struct merge *g, const struct vma *neighbour)
{
    if (g->anon_vma == neighbour->anon_vma)
        return true;
    if (!neighbour->anon_vma)
        return g->mm->k->q.merge_unfaulted && !vma_is_fork_child(g->middle) && !vma_is_fork_child(g->copied_from);
    return !g->anon_vma && !vma_is_fork_child(neighbour);
}

static bool joins_left(const struct merge *g)
{
    const struct vma *p = g->prev;
    return p && p->end == g->start && same_kind(g, p) && p->pgoff + pages_of(p) == g->pgoff && identity_fits(g, p);
}

static bool joins_right(const struct merge *g, bool left)
{
    const struct vma *n = g->next;
    if (!n || n->start != g->end || !same_kind(g, n) || g->pgoff + ((g->end - g->start) >> PAGE_LG2) != n->pgoff ||
        !identity_fits(g, n))
        return false;
    return !left || g->prev->anon_vma == n->anon_vma || !g->prev->anon_vma || !n->anon_vma;
}

/* ---- joining --------------------------------------------------------------------------------------------------- */

static void set_range(struct vma *v, u64 start, u64 end, u64 pgoff)
{
    v->start = start;
    v->end = end;
    v->pgoff = pgoff;
    vma_moved(v);
}

static void drop(struct vma *v)
{
    vma_remove(v);
    vma_free(v);
}

/* A new range: NULL and !oom when it cannot join. */
struct vma *merge_new(struct merge *g)
{
    bool left, right;
    struct vma *target;
    const struct vma *donor;

    g->oom = false;
    if (g->flags & VM_SPECIAL)
        return NULL;
    left = joins_left(g);
    right = !g->left_only && joins_right(g, left);
    if (!left && !right)
        return NULL;
    target = left ? g->prev : g->next;
    donor = left && right && g->next->anon_vma ? g->next : g->copied_from;
    if (donor && !anon_vma_adopt(target, donor)) {
        g->oom = true;
        return NULL;
    }
    target->flags |= g->flags & vma_sticky_flags(g->mm->k);
    if (left && right) {
        u64 end = g->next->end;
        target->flags |= g->next->flags & vma_sticky_flags(g->mm->k);
        drop(g->next);
        set_range(target, target->start, end, target->pgoff);
    } else if (left) {
        set_range(target, target->start, g->end, target->pgoff);
    } else {
        set_range(target, g->start, target->end, g->pgoff);
    }
    EXPLAIN(g->mm->k, "merged with %s mapping: %x-%x", TEXT(left && right ? "both neighbours'" : left ? "the lower" :
            "the upper"), target->start, target->end);
    khugepaged_enter(target);
    return target;
}

/* Part of an existing vma is to get other flags: let a neighbour take it.  NULL and !oom when none can. */
static struct vma *merge_existing(struct merge *g)
{
    struct vma *m = g->middle, *target;
    bool at_start = g->start == m->start, at_end = g->end == m->end, left, right;

    g->oom = false;
    if ((g->flags & VM_SPECIAL) || (!at_start && !at_end))
        return NULL;
    g->prev = at_start ? m->prev : NULL;
    g->next = at_end ? m->next : NULL;
    left = at_start && joins_left(g);
    right = at_end && joins_right(g, left);
    if (!left && !right)
        return NULL;
    target = left ? g->prev : g->next;
    if (!anon_vma_adopt(target, left && right && g->next->anon_vma ? g->next : m)) {
        g->oom = true;
        return NULL;
    }
    target->flags |= g->flags & vma_sticky_flags(g->mm->k);
    if (left) {
        u64 end = g->end;
        if (right) {
            end = g->next->end;
            target->flags |= g->next->flags & vma_sticky_flags(g->mm->k);
            drop(g->next);
        }
        huge_split_at(m, g->end);
        if (at_end)
            drop(m);
        else
            set_range(m, g->end, m->end, m->pgoff + ((g->end - m->start) >> PAGE_LG2));
        set_range(target, target->start, end, target->pgoff);
    } else {
        huge_split_at(m, g->start);
        if (at_start)
            drop(m);
        else
            set_range(m, m->start, g->start, m->pgoff);
        set_range(target, g->start, target->end, g->pgoff);
    }
    EXPLAIN(g->mm->k, "merged into %x-%x", target->start, target->end);
    khugepaged_enter(target);
    return target;
}

/* ---- splitting ------------------------------------------------------------------------------------------------- */

/* Cut v at addr; v keeps the upper part if `keep_upper`.  Ignores max_map_count.  0, -ENOMEM, or -EINVAL for a special
 * mapping, which is one piece, and inside a huge page. */
long vma_split_unchecked(struct vma *v, u64 addr, bool keep_upper)
{
    u64 head = (addr - v->start) >> PAGE_LG2;
    struct vma *other;

    if (v->name || ((v->flags & VM_HUGETLB) && (addr & (hugetlb_bytes(v) - 1))))
        return -MM_EINVAL;
    other = vma_dup(v);
    if (!other)
        return -MM_ENOMEM;
    EXPLAIN(v->mm->k, "split %x-%x at %x", v->start, v->end, addr);
    huge_split_at(v, addr);
    if (keep_upper) {
        other->end = addr;
        set_range(v, addr, v->end, v->pgoff + head);
    } else {
        other->start = addr;
        other->pgoff += head;
        set_range(v, v->start, addr, v->pgoff);
    }
    vma_insert(other);
    return 0;
}

static long vma_split(struct vma *v, u64 addr, bool keep_upper)
{
    if (v->mm->map_count >= v->mm->k->cfg.max_map_count)
        return -MM_ENOMEM;
    return vma_split_unchecked(v, addr, keep_upper);
}

/* Give [start, end) of *pv these traits: a neighbour takes the range, or it is split off.  *pv becomes the mapping that
 * has it.  0 or -errno; splits made before an error stay. */
long vma_modify_to(struct vma **pv, u64 start, u64 end, const struct vma_traits *to)
{
    struct vma *v = *pv;
    struct merge g = { .mm = v->mm, .start = start, .end = end, .flags = to->flags, .middle = v, .anon_vma = v->anon_vma,
                       .uffd = to->uffd, .anon_name = to->anon_name, .pgoff = v->pgoff + ((start - v->start) >> PAGE_LG2), .file = v->file, .name = v->name };
    struct vma *merged = merge_existing(&g);
    long r = 0;

    if (merged) {
        *pv = merged;
        return 0;
    }
    if (g.oom)
        return -MM_ENOMEM;
    if (v->start < start)
        r = vma_split(v, start, true);
    if (!r && v->end > end)
        r = vma_split(v, end, false);
    if (!r) {
        struct anon_name *old = v->anon_name;
        v->flags = to->flags | (v->flags & vma_sticky_flags(v->mm->k));
        v->uffd = to->uffd;
        v->anon_name = anon_name_get(to->anon_name);
        anon_name_put(v->mm->k, old);
    }
    v->mm->k->generation++;
    return r;
}

long vma_modify(struct vma **pv, u64 start, u64 end, u64 flags)
{
    const struct vma *v = *pv;
    struct vma_traits to = { .flags = flags, .uffd = v->uffd, .anon_name = v->anon_name };

    return vma_modify_to(pv, start, end, &to);
}
