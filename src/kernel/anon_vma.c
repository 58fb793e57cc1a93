/* SPDX-License-Identifier: MIT
 * anon_vma.c - the identity of a family of anonymous pages.  Called by faults (first write), fork, split, merge.
 * What can be seen of it: neighbours merge only if their identities are compatible, and a vma of a fork child (its
 * chain names its ancestors' too) neither lends its identity nor merges with memory that has none. */
#include "calls.h"

static struct anon_vma *anon_vma_new(struct kernel *k, struct anon_vma *parent)
{
    struct anon_vma *av = heap_alloc(k, sizeof *av);

    if (av) {
        av->parent = parent ? parent : av;
        av->parent->children++;
    }
    return av;
}

static void detach(struct kernel *k, struct anon_vma *av)
{
    if (--av->vmas)
        return;
    av->parent->children--;
    heap_free(k, av, sizeof *av);
}

static bool chain_append(struct vma *v, struct anon_vma *av)
{
    struct avc **l = &v->chain, *c = heap_alloc(v->mm->k, sizeof *c);

    if (!c)
        return false;
    while (*l)
        l = &(*l)->next;
    c->av = av;
    *l = c;
    av->vmas++;
    return true;
}

/* A vma of a fork child still has ancestors in its chain. */
bool vma_is_fork_child(const struct vma *v) { return v && v->anon_vma && v->chain && v->chain->next; }

void anon_vma_unlink(struct vma *v)
{
    struct kernel *k = v->mm->k;

    if (v->anon_vma)
        v->anon_vma->active--;
    v->anon_vma = NULL;
    while (v->chain) {                    /* oldest first would free a parent before its child */
        struct avc **l = &v->chain, *c;
        while ((*l)->next)
            l = &(*l)->next;
        c = *l;
        *l = NULL;
        detach(k, c->av);
        heap_free(k, c, sizeof *c);
    }
}

/* dst joins everything src is in.  If dst has no identity of its own yet, it takes one that has lost all its vmas
 * and has fewer than two children.  false: no memory, dst has nothing. */
bool anon_vma_clone(struct vma *dst, const struct vma *src)
{
    for (const struct avc *c = src->chain; c; c = c->next) {
        if (!chain_append(dst, c->av)) {
            dst->anon_vma = NULL;
            anon_vma_unlink(dst);
            return false;
        }
        if (!dst->anon_vma && src->anon_vma && c->av->children < 2 && !c->av->active)
            dst->anon_vma = c->av;
    }
    if (dst->anon_vma)
        dst->anon_vma->active++;
    return true;
}

/* dst grows over pages of src: it needs src's identity.  false: no memory, nothing has changed. */
bool anon_vma_adopt(struct vma *dst, const struct vma *src)
{
    if (!src->anon_vma || dst->anon_vma)
        return true;
    dst->anon_vma = src->anon_vma;
    return anon_vma_clone(dst, src);
}

/* The child's vma, a plain copy of the parent's without chain: an identity of its own below the parent's. */
bool anon_vma_fork(struct vma *child, const struct vma *parent)
{
    struct anon_vma *av;

    child->anon_vma = NULL;
    if (!parent->anon_vma)
        return true;
    if (!anon_vma_clone(child, parent))
        return false;
    if (child->anon_vma)                  /* took over an ancestor's */
        return true;
    av = anon_vma_new(child->mm->k, parent->anon_vma);
    if (!av || !chain_append(child, av)) {
        if (av) {
            av->parent->children--;
            heap_free(child->mm->k, av, sizeof *av);
        }
        anon_vma_unlink(child);
        return false;
    }
    child->anon_vma = av;
    av->active++;
    return true;
}

/* May b's pages, directly above a, belong to a's family?  Rights may differ, nothing else. */
static bool adjacent_family(const struct vma *a, const struct vma *b)
{
    u64 may_differ = VM_ACCESS | vma_ignored_flags(a->mm->k);
    return a->end == b->start && a->file == b->file && !((a->flags ^ b->flags) & ~may_differ) &&
           b->pgoff == a->pgoff + ((a->end - a->start) >> PAGE_LG2);
}

static struct anon_vma *reusable(const struct vma *lower, const struct vma *upper, const struct vma *owner)
{
    if (lower && upper && adjacent_family(lower, upper) && owner->anon_vma && !owner->chain->next)
        return owner->anon_vma;
    return NULL;
}

/* The first write to a private vma: share the next neighbour's identity, else the previous one's, else a new one.
 * false: no memory. */
bool anon_vma_prepare(struct vma *v)
{
    struct kernel *k = v->mm->k;
    struct anon_vma *av, *found;

    if (LIKELY(v->anon_vma != NULL))
        return true;
    found = reusable(v, v->next, v->next);
    if (!found)
        found = reusable(v->prev, v, v->prev);
    av = found ? found : anon_vma_new(k, NULL);
    if (!av || !chain_append(v, av)) {
        if (av && !found)
            heap_free(k, av, sizeof *av);
        return false;
    }
    EXPLAIN(k, "anon_vma of %x: %s", v->start, TEXT(found ? "shared with a neighbour" : "new"));
    v->anon_vma = av;
    av->active++;
    return true;
}
