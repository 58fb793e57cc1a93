/* SPDX-License-Identifier: MIT
 * vma.c - the set of mappings of one address space: find, insert, remove, search gaps, all in O(log n).
 * A treap ordered by start, threaded by prev and next; each vma knows the gap below it, each subtree its largest.
 * vma_index.c finds by address what the treap would find more slowly.
 * Whoever changes start or end of a vma that is in the tree calls vma_moved(). */
#include "calls.h"

/* ---- objects -------------------------------------------------------------------------------------------------- */

struct vma *vma_alloc(struct mm *mm, u64 start, u64 end, u64 flags)
{
    struct vma *v = heap_alloc(mm->k, sizeof *v);

    if (v) {
        v->mm = mm;
        v->start = start;
        v->end = end;
        v->flags = flags;
    }
    return v;
}

/* A copy outside the tree, with references of its own (file, anon_vma chain); NULL: no memory. */
struct vma *vma_dup(struct vma *from)
{
    struct kernel *k = from->mm->k;
    struct vma *v = heap_alloc(k, sizeof *v);

    if (!v)
        return NULL;
    *v = *from;
    v->up = v->left = v->right = v->prev = v->next = NULL;
    v->chain = NULL;
    v->file_link = NULL;
    if (!anon_vma_clone(v, from)) {
        heap_free(k, v, sizeof *v);
        return NULL;
    }
    anon_name_get(v->anon_name);
    if (v->file)
        file_get(v->file);
    if (v->resv)
        v->resv->refs++;
    vma_link_file(v);
    return v;
}

/* pre: not in the tree. */
void vma_free(struct vma *v)
{
    struct kernel *k = v->mm->k;

    if (v->resv)
        hugetlb_close(v);
    anon_vma_unlink(v);
    anon_name_put(k, v->anon_name);
    vma_unlink_file(v);
    if (v->file)
        file_put(k, v->file);
    heap_free(k, v, sizeof *v);
}

void vma_link_file(struct vma *v)
{
    if (!v->file)
        return;
    struct vma **head = &v->file->inode->vmas;
    v->file_next = *head;
    if (*head)
        (*head)->file_link = &v->file_next;
    *head = v;
    v->file_link = head;
}

void vma_unlink_file(struct vma *v)
{
    if (!v->file_link)
        return;
    *v->file_link = v->file_next;
    if (v->file_next)
        v->file_next->file_link = v->file_link;
    v->file_link = NULL;
}

/* ---- treap ------------------------------------------------------------------------------------------------------ */

static u64 max_gap(const struct vma *v) { return v ? v->max_gap : 0; }

static void refresh(struct vma *v)
{
    u64 m = v->gap;
    if (max_gap(v->left) > m)
        m = v->left->max_gap;
    if (max_gap(v->right) > m)
        m = v->right->max_gap;
    v->max_gap = m;
}

static struct vma **slot_of(struct vma *v)
{
    return !v->up ? &v->mm->root : v->up->left == v ? &v->up->left : &v->up->right;
}

/* child takes the place of its parent v. */
static void rotate_up(struct vma *child)
{
    struct vma *v = child->up, **slot = slot_of(v);

    if (v->left == child) {
        v->left = child->right;
        if (v->left)
            v->left->up = v;
        child->right = v;
    } else {
        v->right = child->left;
        if (v->right)
            v->right->up = v;
        child->left = v;
    }
    *slot = child;
    child->up = v->up;
    v->up = child;
    refresh(v);
    refresh(child);
}

static void set_gap(struct vma *v)
{
    v->gap = v->start - (v->prev ? v->prev->end : 0);
    for (struct vma *x = v; x; x = x->up)
        refresh(x);
}

/* start or end of v changed (its place in the order did not). */
void vma_moved(struct vma *v)
{
    v->mm->k->generation++;
    vma_index_move(v);
    set_gap(v);
    if (v->next)
        set_gap(v->next);
}

void vma_insert(struct vma *v)
{
    struct mm *mm = v->mm;
    struct vma **slot = &mm->root, *prev = NULL, *up = NULL;

    while (*slot) {
        up = *slot;
        if (v->start < up->start) {
            slot = &up->left;
        } else {
            prev = up;
            slot = &up->right;
        }
    }
    *slot = v;
    v->up = up;
    v->left = v->right = NULL;
    v->prev = prev;
    v->next = prev ? prev->next : mm->first;
    if (v->next)
        v->next->prev = v;
    *(prev ? &prev->next : &mm->first) = v;
    mm->rand = mm->rand * 1664525u + 1013904223u;
    v->prio = mm->rand >> 1;
    vma_index_add(v);
    vma_moved(v);
    while (v->up && v->up->prio < v->prio)
        rotate_up(v);
    if (++mm->map_count > mm->peak_map_count)
        mm->peak_map_count = mm->map_count;
}

void vma_remove(struct vma *v)
{
    struct mm *mm = v->mm;
    struct vma *up, *next = v->next;

    vma_index_remove(v);
    while (v->left || v->right)
        rotate_up(!v->left || (v->right && v->right->prio > v->left->prio) ? v->right : v->left);
    up = v->up;
    *slot_of(v) = NULL;
    for (struct vma *x = up; x; x = x->up)
        refresh(x);
    *(v->prev ? &v->prev->next : &mm->first) = next;
    if (next) {
        next->prev = v->prev;
        set_gap(next);
    }
    for (u32 i = 0; i < COUNT_OF(mm->found); i++)
        if (mm->found[i] == v)
            mm->found[i] = NULL;
    v->up = v->prev = v->next = NULL;
    mm->map_count--;
    mm->k->generation++;
}

/* ---- finding --------------------------------------------------------------------------------------------------- */

/* The vma that contains addr, or the first above it (find_vma). */
struct vma *vma_find(struct mm *mm, u64 addr)
{
    struct vma **found = &mm->found[(addr >> 21 ^ addr >> 30) % COUNT_OF(mm->found)], *v = *found, *best = NULL;

    if (v && v->start <= addr && addr < v->end)
        return v;
    if (!mm->index.lost) {
        v = vma_index_find(mm, addr);
        best = !v ? mm->first : addr < v->end ? v : v->next;
        if (best)
            *found = best;
        return best;
    }
    for (v = mm->root; v; ) {
        if (addr < v->end) {
            best = v;
            if (addr >= v->start)
                break;
            v = v->left;
        } else {
            v = v->right;
        }
    }
    if (best)
        *found = best;
    return best;
}

/* The vma that contains addr, or NULL (vma_lookup). */
struct vma *vma_at(struct mm *mm, u64 addr)
{
    struct vma *v = vma_find(mm, addr);
    return v && v->start <= addr ? v : NULL;
}

/* The first vma that overlaps [start, end), or NULL. */
struct vma *vma_overlap(struct mm *mm, u64 start, u64 end)
{
    struct vma *v = start < end ? vma_find(mm, start) : NULL;
    return v && v->start < end ? v : NULL;
}

/* The last vma that begins below addr, or NULL. */
struct vma *vma_below(struct mm *mm, u64 addr)
{
    struct vma *best = NULL;

    for (struct vma *v = mm->root; v; ) {
        if (v->start < addr) {
            best = v;
            v = v->right;
        } else {
            v = v->left;
        }
    }
    return best;
}

/* ---- gaps: [low, high) clips the free stretches ---------------------------------------------------------------- */

static bool fits(u64 from, u64 to, struct gap_query *q)
{
    if (from < q->low)
        from = q->low;
    if (to > q->high)
        to = q->high;
    if (to <= from || to - from < q->len)
        return false;
    q->found_start = from;
    q->found_end = to;
    return true;
}

static u64 last_end(const struct mm *mm)
{
    const struct vma *v = mm->root;
    while (v && v->right)
        v = v->right;
    return v ? v->end : 0;
}

/* Subtrees without a large enough gap, or wholly outside [low, high), are not entered; only the stretches cut by
 * low or high can disappoint, so both searches are O(log n). */
static bool highest(struct vma *v, struct gap_query *q)
{
    if (!v || v->max_gap < q->len)
        return false;
    if (v->start < q->high && highest(v->right, q))
        return true;
    if (fits(v->start - v->gap, v->start, q)) {
        q->above = v;
        return true;
    }
    return v->start > q->low && highest(v->left, q);
}

static bool lowest(struct vma *v, struct gap_query *q)
{
    if (!v || v->max_gap < q->len)
        return false;
    if (v->start > q->low && lowest(v->left, q))
        return true;
    if (fits(v->start - v->gap, v->start, q)) {
        q->above = v;
        return true;
    }
    return v->start < q->high && lowest(v->right, q);
}

/* The highest free stretch of at least len bytes; q->above: the vma above it. */
bool gap_highest(struct mm *mm, struct gap_query *q)
{
    q->above = NULL;
    return fits(last_end(mm), TASK_SIZE, q) || highest(mm->root, q);
}

bool gap_lowest(struct mm *mm, struct gap_query *q)
{
    q->above = NULL;
    return lowest(mm->root, q) || fits(last_end(mm), TASK_SIZE, q);
}
