/* SPDX-License-Identifier: MIT
 * vma_index.c - the mappings of an address space by where they start: B+ trees whose nodes are two cache lines, one of
 * keys and one of what is below them.  Called by vma.c, which keeps the same mappings in a treap for its gaps; a lookup
 * here touches four nodes and one mapping where the treap would touch twenty mappings.
 * A tree for each 4 TiB, so that a key, the number of a page there, has 32 bits.
 * Inner nodes have the smallest key below each child.  A node that becomes empty goes; others are never joined.
 * When there is no memory for a node the index is given up and the treap alone serves that address space. */
#include "calls.h"

#define KEYS 16u
#define DEEPEST 10
#define NO_KEY 0x7fffffff                 /* above every key                                                      */
#define LAST_KEY ((1 << VMA_INDEX_LG2) - 1)

struct index_node {
    s32 key[KEYS];                        /* ascending, then NO_KEY                                               */
    u32 below[KEYS];                      /* handles of nodes, or of mappings; then 0                             */
};
_Static_assert(sizeof(struct index_node) % HEAP_GRAIN == 0, "a handle names a node");

struct path { struct index_node *node[DEEPEST]; unsigned at[DEEPEST], depth; };

static inline struct index_node *node_at(const struct kernel *k, u32 handle) { return heap_at(k, handle); }
static inline unsigned tree_of(u64 addr) { return (unsigned)(addr >> PAGE_LG2 >> VMA_INDEX_LG2); }
static inline s32 key_of(u64 addr) { return (s32)(addr >> PAGE_LG2 & LAST_KEY); }

/* How many of its keys are at or below `key`.  All are looked at: that is no branch. */
static inline unsigned keys_upto(const struct index_node *x, s32 key)
{
    s32 n = 0;

    __builtin_prefetch(x->below);
    for (unsigned i = 0; i < KEYS; i++)
        n += x->key[i] <= key;
    return (unsigned)n;
}

static inline unsigned keys_in(const struct index_node *x) { return keys_upto(x, LAST_KEY); }

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

static struct index_node *node_new(struct kernel *k)
{
    struct index_node *x;

    if (!k->index_nodes && !more_nodes(k))
        return NULL;
    x = node_at(k, k->index_nodes);
    k->index_nodes = x->below[0];
    for (unsigned i = 0; i < KEYS; i++)
        x->key[i] = NO_KEY;
    memset(x->below, 0, sizeof x->below);
    return x;
}

static void node_free(struct kernel *k, struct index_node *x)
{
    x->below[0] = k->index_nodes;
    k->index_nodes = heap_handle(k, x);
}

/* The last mapping of tree t that starts at or below key; 0: none. */
static u32 find_in(const struct mm *mm, unsigned t, s32 key)
{
    const struct index_node *x = node_at(mm->k, mm->index.root[t]);
    unsigned n = keys_upto(x, key);

    for (unsigned level = mm->index.levels[t]; level > 1; level--) {
        x = node_at(mm->k, x->below[n ? n - 1 : 0]);
        n = keys_upto(x, key);
    }
    return n ? x->below[n - 1] : 0;
}

/* The last mapping that starts at or below addr; NULL: none.  pre: the index is not lost. */
struct vma *vma_index_find(const struct mm *mm, u64 addr)
{
    unsigned t = tree_of(addr);
    s32 key = key_of(addr);

    for (t = t < VMA_INDEX_TREES ? t : VMA_INDEX_TREES; ; key = LAST_KEY) {
        u32 found = t < VMA_INDEX_TREES && mm->index.levels[t] ? find_in(mm, t, key) : 0;
        if (found)
            return heap_at(mm->k, found);
        if (!t--)
            return NULL;
    }
}

/* From the root to the place of `key` in a leaf: in each node the last key at or below it.  pre: the tree is not empty. */
static void go_to(const struct mm *mm, unsigned t, s32 key, struct path *p)
{
    u32 handle = mm->index.root[t];

    for (p->depth = 0; ; p->depth++) {
        struct index_node *x = node_at(mm->k, handle);
        unsigned n = keys_upto(x, key);
        p->node[p->depth] = x;
        p->at[p->depth] = n ? n - 1 : 0;
        if (p->depth + 1u == mm->index.levels[t])
            return;
        handle = x->below[p->at[p->depth]];
    }
}

/* The first key of the node at `depth` may have changed.  (Carried in a variable: gcc 12 -O1 reads it too early otherwise.) */
static void tell_parents(struct path *p, unsigned depth)
{
    s32 first = p->node[depth]->key[0];

    while (depth--) {
        p->node[depth]->key[p->at[depth]] = first;
        first = p->node[depth]->key[0];
    }
}

static void put_at(struct index_node *x, unsigned at, s32 key, u32 below)
{
    memmove(x->key + at + 1, x->key + at, (KEYS - 1 - at) * sizeof x->key[0]);
    memmove(x->below + at + 1, x->below + at, (KEYS - 1 - at) * sizeof x->below[0]);
    x->key[at] = key;
    x->below[at] = below;
}

static void take_at(struct index_node *x, unsigned at)
{
    memmove(x->key + at, x->key + at + 1, (KEYS - 1 - at) * sizeof x->key[0]);
    memmove(x->below + at, x->below + at + 1, (KEYS - 1 - at) * sizeof x->below[0]);
    x->key[KEYS - 1] = NO_KEY;
    x->below[KEYS - 1] = 0;
}

static void free_below(struct kernel *k, u32 handle, unsigned levels)
{
    struct index_node *x = node_at(k, handle);

    for (unsigned i = 0; levels > 1 && i < KEYS && x->below[i]; i++)
        free_below(k, x->below[i], levels - 1);
    node_free(k, x);
}

static void tree_drop(struct mm *mm, unsigned t)
{
    if (mm->index.levels[t])
        free_below(mm->k, mm->index.root[t], mm->index.levels[t]);
    mm->index.levels[t] = 0;
}

void vma_index_drop(struct mm *mm)
{
    for (unsigned t = 0; t < VMA_INDEX_TREES; t++)
        tree_drop(mm, t);
    mm->index.lost = true;
}

/* ---- inserting ----------------------------------------------------------------------------------------------------- */

/* A full node's upper half, in a node of its own.  At its end nothing is moved: addresses often arrive in order. */
static struct index_node *split(struct kernel *k, struct index_node *x, unsigned at)
{
    struct index_node *y = node_new(k);
    unsigned keep = at == KEYS ? KEYS : KEYS / 2;

    if (!y)
        return NULL;
    for (unsigned i = keep; i < KEYS; i++) {
        y->key[i - keep] = x->key[i];
        y->below[i - keep] = x->below[i];
        x->key[i] = NO_KEY;
        x->below[i] = 0;
    }
    return y;
}

static bool new_root(struct mm *mm, unsigned t, struct index_node *upper)
{
    struct index_node *lower = node_at(mm->k, mm->index.root[t]), *root = node_new(mm->k);

    if (!root || mm->index.levels[t] == DEEPEST) {
        if (root)
            node_free(mm->k, root);
        free_below(mm->k, heap_handle(mm->k, upper), mm->index.levels[t]);
        return false;
    }
    put_at(root, 0, lower->key[0], mm->index.root[t]);
    put_at(root, 1, upper->key[0], heap_handle(mm->k, upper));
    mm->index.root[t] = heap_handle(mm->k, root);
    mm->index.levels[t]++;
    return true;
}

/* false: no memory.  pre: the tree is not empty. */
static bool insert(struct mm *mm, unsigned t, s32 key, u32 below)
{
    struct path p;
    unsigned d, at;

    go_to(mm, t, key, &p);
    d = p.depth;
    at = p.node[d]->key[0] <= key ? p.at[d] + 1 : 0;
    for (;;) {
        struct index_node *x = p.node[d], *y;
        if (!x->below[KEYS - 1]) {
            put_at(x, at, key, below);
            tell_parents(&p, d);
            return true;
        }
        y = split(mm->k, x, at);
        if (!y && d < p.depth)
            free_below(mm->k, below, p.depth - d);
        if (!y)
            return false;
        if (at <= KEYS / 2)
            put_at(x, at, key, below);
        else
            put_at(y, at == KEYS ? 0 : at - KEYS / 2, key, below);
        tell_parents(&p, d);
        if (!d)
            return new_root(mm, t, y);
        key = y->key[0];
        below = heap_handle(mm->k, y);
        d--;
        at = p.at[d] + 1;
    }
}

/* ---- what vma.c calls ------------------------------------------------------------------------------------------------ */

static bool first_of_tree(struct mm *mm, unsigned t, s32 key, u32 below)
{
    struct index_node *x = node_new(mm->k);

    if (!x)
        return false;
    put_at(x, 0, key, below);
    mm->index.root[t] = heap_handle(mm->k, x);
    mm->index.levels[t] = 1;
    return true;
}

void vma_index_add(struct vma *v)
{
    struct mm *mm = v->mm;
    unsigned t = tree_of(v->start);
    u32 handle = heap_handle(mm->k, v);

    v->indexed = v->start;
    if (!mm->map_count)
        mm->index.lost = false;
    if (mm->index.lost)
        return;
    if (!(mm->index.levels[t] ? insert : first_of_tree)(mm, t, key_of(v->start), handle))
        vma_index_drop(mm);
}

/* Its start changed, its place among the others did not. */
void vma_index_move(struct vma *v)
{
    unsigned t = tree_of(v->start);
    struct path p;

    if (v->mm->index.lost || v->indexed == v->start)
        return;
    if (tree_of(v->indexed) != t) {
        vma_index_remove(v);
        vma_index_add(v);
        return;
    }
    go_to(v->mm, t, key_of(v->indexed), &p);
    p.node[p.depth]->key[p.at[p.depth]] = key_of(v->start);
    tell_parents(&p, p.depth);
    v->indexed = v->start;
}

void vma_index_remove(struct vma *v)
{
    struct mm *mm = v->mm;
    unsigned t = tree_of(v->indexed), d;
    struct path p;

    if (mm->index.lost)
        return;
    go_to(mm, t, key_of(v->indexed), &p);
    for (d = p.depth; ; d--) {
        take_at(p.node[d], p.at[d]);
        if (p.node[d]->below[0] || !d)
            break;
        node_free(mm->k, p.node[d]);
    }
    if (p.node[d]->below[0])
        tell_parents(&p, d);
    else {                                /* the root: that was the last mapping of the tree */
        node_free(mm->k, p.node[0]);
        mm->index.levels[t] = 0;
    }
}

/* ---- mm_check() ------------------------------------------------------------------------------------------------------ */

/* The mappings below a node are those that begin with *v, in order. */
static bool lists(const struct kernel *k, u32 handle, unsigned levels, const struct vma **v, s32 first)
{
    const struct index_node *x = node_at(k, handle);
    unsigned n = keys_in(x);
    bool ok = n && x->key[0] == first;

    for (unsigned i = 0; i < KEYS; i++)
        ok &= (x->key[i] != NO_KEY) == (i < n) && (x->below[i] != 0) == (i < n);
    for (unsigned i = 0; ok && i < n; i++) {
        if (levels > 1) {
            ok = lists(k, x->below[i], levels - 1, v, x->key[i]);
        } else {
            ok = *v && heap_at(k, x->below[i]) == *v && x->key[i] == key_of((*v)->start) && (*v)->indexed == (*v)->start;
            *v = *v ? (*v)->next : NULL;
        }
    }
    return ok;
}

bool vma_index_valid(const struct mm *mm)
{
    const struct vma *v = mm->first;

    if (mm->index.lost)
        return true;
    for (unsigned t = 0; t < VMA_INDEX_TREES; t++)
        if (mm->index.levels[t] &&
            (!v || tree_of(v->start) != t || !lists(mm->k, mm->index.root[t], mm->index.levels[t], &v, key_of(v->start))))
            return false;
    return !v;
}
