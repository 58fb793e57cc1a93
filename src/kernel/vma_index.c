/* SPDX-License-Identifier: MIT
 * vma_index.c - the mappings of an address space by where they start: a B+ tree whose nodes are two cache lines of keys.
 * Called by vma.c, which keeps the same mappings in a treap for its gaps; a lookup here touches four nodes and one mapping
 * where the treap would touch twenty mappings.
 * Inner nodes have the smallest key below each child.  A node that becomes empty goes; others are never joined.
 * When there is no memory for a node the index is given up and the treap alone serves that address space. */
#include "calls.h"

#define KEYS 16u
#define DEEPEST 10

/* key[i] == ~0 for i >= n: above every address */
struct index_node {
    u64 key[KEYS];
    u32 below[KEYS];                      /* handles of nodes, or of mappings                                  */
    u16 n, level;                         /* level 0: of mappings                                              */
    u64 pad;                              /* whole grains of the heap, since handles name nodes                  */
};
_Static_assert(sizeof(struct index_node) % HEAP_GRAIN == 0, "a handle names a node");

struct path { struct index_node *node[DEEPEST]; unsigned at[DEEPEST], depth; };

static inline struct index_node *node_at(const struct kernel *k, u32 handle) { return heap_at(k, handle); }

/* How many of its keys are at or below `key`.  All are looked at: that is no branch, and two lines at once. */
static inline unsigned keys_upto(const struct index_node *x, u64 key)
{
    unsigned a = 0, b = 0, c = 0, d = 0;  /* four sums that need not wait for each other                       */

    __builtin_prefetch(x->below);
#pragma GCC unroll 4
    for (unsigned i = 0; i < KEYS; i += 4) {
        a += x->key[i] <= key;
        b += x->key[i + 1] <= key;
        c += x->key[i + 2] <= key;
        d += x->key[i + 3] <= key;
    }
    return a + b + c + d;
}

/* Nodes come from pages of their own, so that those of a large address space lie together.  A free one has the handle
 * of the next in below[0].  The pages are kept. */
static bool more_nodes(struct kernel *k)
{
    struct index_node *x = heap_alloc(k, PAGE_BYTES);

    k->index_pages += x != NULL;
    for (unsigned i = 0; x && i < PAGE_BYTES / sizeof *x; i++) {
        x[i].below[0] = k->index_nodes;
        k->index_nodes = heap_handle(k, &x[i]);
    }
    return x;
}

static struct index_node *node_new(struct kernel *k, unsigned level)
{
    struct index_node *x;

    if (!k->index_nodes && !more_nodes(k))
        return NULL;
    x = node_at(k, k->index_nodes);
    k->index_nodes = x->below[0];
    memset(x, 0, sizeof *x);
    memset(x->key, 0xff, sizeof x->key);
    x->level = (u16)level;
    return x;
}

static void node_free(struct kernel *k, struct index_node *x)
{
    x->below[0] = k->index_nodes;
    k->index_nodes = heap_handle(k, x);
}

/* The last mapping that starts at or below addr; NULL: none.  pre: there is an index. */
struct vma *vma_index_find(const struct mm *mm, u64 addr)
{
    u32 handle = mm->index;

    for (;;) {
        const struct index_node *x = node_at(mm->k, handle);
        unsigned n = keys_upto(x, addr);
        if (!x->level)
            return n ? heap_at(mm->k, x->below[n - 1]) : NULL;
        handle = x->below[n ? n - 1 : 0];
    }
}

/* From the root to the place of `key` in a leaf: in each node the last key at or below it. */
static void go_to(const struct mm *mm, u64 key, struct path *p)
{
    p->depth = 0;
    for (u32 handle = mm->index; ; p->depth++) {
        struct index_node *x = node_at(mm->k, handle);
        unsigned n = keys_upto(x, key);
        p->node[p->depth] = x;
        p->at[p->depth] = n ? n - 1 : 0;
        if (!x->level)
            return;
        handle = x->below[p->at[p->depth]];
    }
}

/* The first key of the node at `depth` may have changed.  (Carried in a variable: gcc 12 -O1 reads it too early otherwise.) */
static void tell_parents(struct path *p, unsigned depth)
{
    u64 first = p->node[depth]->key[0];

    while (depth--) {
        p->node[depth]->key[p->at[depth]] = first;
        first = p->node[depth]->key[0];
    }
}

static void put_at(struct index_node *x, unsigned at, u64 key, u32 below)
{
    memmove(x->key + at + 1, x->key + at, (x->n - at) * sizeof x->key[0]);
    memmove(x->below + at + 1, x->below + at, (x->n - at) * sizeof x->below[0]);
    x->key[at] = key;
    x->below[at] = below;
    x->n++;
}

static void take_at(struct index_node *x, unsigned at)
{
    x->n--;
    memmove(x->key + at, x->key + at + 1, (x->n - at) * sizeof x->key[0]);
    memmove(x->below + at, x->below + at + 1, (x->n - at) * sizeof x->below[0]);
    x->key[x->n] = ~(u64)0;
}

static void free_below(struct kernel *k, u32 handle)
{
    struct index_node *x = node_at(k, handle);

    for (unsigned i = 0; x->level && i < x->n; i++)
        free_below(k, x->below[i]);
    node_free(k, x);
}

void vma_index_drop(struct mm *mm)
{
    if (mm->index)
        free_below(mm->k, mm->index);
    mm->index = 0;
}

/* ---- inserting ----------------------------------------------------------------------------------------------------- */

/* A full node's upper half, in a node of its own.  At its end nothing is moved: addresses often arrive in order. */
static struct index_node *split(struct kernel *k, struct index_node *x, unsigned at)
{
    struct index_node *y = node_new(k, x->level);
    unsigned keep = at == KEYS ? KEYS : KEYS / 2;

    if (!y)
        return NULL;
    y->n = (u16)(x->n - keep);
    memcpy(y->key, x->key + keep, y->n * sizeof y->key[0]);
    memcpy(y->below, x->below + keep, y->n * sizeof y->below[0]);
    memset(x->key + keep, 0xff, (KEYS - keep) * sizeof x->key[0]);
    x->n = (u16)keep;
    return y;
}

static bool new_root(struct mm *mm, struct index_node *upper)
{
    struct index_node *lower = node_at(mm->k, mm->index), *root = node_new(mm->k, lower->level + 1u);

    if (!root || lower->level + 2u > DEEPEST) {
        if (root)
            node_free(mm->k, root);
        free_below(mm->k, heap_handle(mm->k, upper));
        return false;
    }
    put_at(root, 0, lower->key[0], mm->index);
    put_at(root, 1, upper->key[0], heap_handle(mm->k, upper));
    mm->index = heap_handle(mm->k, root);
    return true;
}

/* false: no memory. */
static bool insert(struct mm *mm, u64 key, u32 below)
{
    struct path p;
    unsigned d, at;

    go_to(mm, key, &p);
    d = p.depth;
    at = p.node[d]->n && p.node[d]->key[0] <= key ? p.at[d] + 1 : 0;
    for (;;) {
        struct index_node *x = p.node[d], *y;
        if (x->n < KEYS) {
            put_at(x, at, key, below);
            tell_parents(&p, d);
            return true;
        }
        y = split(mm->k, x, at);
        if (!y && d < p.depth)
            free_below(mm->k, below);
        if (!y)
            return false;
        if (at < x->n || (at == x->n && y->n))
            put_at(x, at, key, below);
        else
            put_at(y, at - x->n, key, below);
        tell_parents(&p, d);
        if (!d)
            return new_root(mm, y);
        key = y->key[0];
        below = heap_handle(mm->k, y);
        d--;
        at = p.at[d] + 1;
    }
}

/* ---- what vma.c calls ------------------------------------------------------------------------------------------------ */

void vma_index_add(struct vma *v)
{
    struct mm *mm = v->mm;
    struct index_node *root;

    v->indexed = v->start;
    if (!mm->index && !mm->map_count) {
        root = node_new(mm->k, 0);
        mm->index = root ? heap_handle(mm->k, root) : 0;
    }
    if (mm->index && !insert(mm, v->start, heap_handle(mm->k, v)))
        vma_index_drop(mm);
}

/* Its start changed, its place among the others did not. */
void vma_index_move(struct vma *v)
{
    struct path p;

    if (!v->mm->index || v->indexed == v->start)
        return;
    go_to(v->mm, v->indexed, &p);
    p.node[p.depth]->key[p.at[p.depth]] = v->start;
    tell_parents(&p, p.depth);
    v->indexed = v->start;
}

void vma_index_remove(struct vma *v)
{
    struct mm *mm = v->mm;
    struct path p;
    unsigned d;

    if (!mm->index)
        return;
    go_to(mm, v->indexed, &p);
    for (d = p.depth; ; d--) {
        take_at(p.node[d], p.at[d]);
        if (p.node[d]->n || !d)
            break;
        node_free(mm->k, p.node[d]);
    }
    if (p.node[d]->n)
        tell_parents(&p, d);
    else                                  /* the root: that was the last mapping */
        vma_index_drop(mm);
}

/* ---- mm_check() ------------------------------------------------------------------------------------------------------ */

/* The mappings below a node are those that begin with *v, in order. */
static bool lists(const struct kernel *k, u32 handle, const struct vma **v, u64 first)
{
    const struct index_node *x = node_at(k, handle);
    bool ok = x->n && x->key[0] == first && (x->n == KEYS || x->key[x->n] == ~(u64)0);
    for (unsigned i = 0; ok && i < x->n; i++) {
        if (x->level) {
            ok = lists(k, x->below[i], v, x->key[i]);
        } else {
            ok = *v && heap_at(k, x->below[i]) == *v && x->key[i] == (*v)->start && (*v)->indexed == (*v)->start;
            *v = *v ? (*v)->next : NULL;
        }
    }
    return ok;
}

bool vma_index_valid(const struct mm *mm)
{
    const struct vma *v = mm->first;

    return !mm->index || (v && lists(mm->k, mm->index, &v, v->start) && !v);
}
