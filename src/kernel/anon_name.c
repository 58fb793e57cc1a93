/* SPDX-License-Identifier: MIT
 * anon_name.c - names of anonymous memory, prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME).  Called by the embedder, and by
 * whatever copies or frees a mapping.
 * Equal names are one object, so that merging compares pointers. */
#include "calls.h"

#define NAME_BYTES 80                     /* with its end                                                     */

struct anon_name { struct anon_name *next; u32 refs; char text[NAME_BYTES]; };

static bool is_forbidden(char c)
{
    return c < ' ' || c > '~' || c == '\\' || c == '`' || c == '$' || c == '[' || c == ']';
}

/* Its length, or 0 when it is too long or has a character that a name may not have. */
static size_t valid_length(const char *s)
{
    size_t n = 0;

    while (n < NAME_BYTES && s[n] && !is_forbidden(s[n]))
        n++;
    return n < NAME_BYTES && !s[n] ? n + 1 : 0;
}

/* NULL: no memory. */
static struct anon_name *name_intern(struct kernel *k, const char *text, size_t bytes)
{
    struct anon_name *n;

    for (n = k->names; n; n = n->next)
        if (!memcmp(n->text, text, bytes)) {
            n->refs++;
            return n;
        }
    n = heap_alloc(k, sizeof *n);
    if (!n)
        return NULL;
    n->refs = 1;
    memcpy(n->text, text, bytes);
    n->next = k->names;
    k->names = n;
    return n;
}

struct anon_name *anon_name_get(struct anon_name *n)
{
    if (n)
        n->refs++;
    return n;
}

void anon_name_put(struct kernel *k, struct anon_name *n)
{
    struct anon_name **l = &k->names;

    if (!n || --n->refs)
        return;
    while (*l != n)
        l = &(*l)->next;
    *l = n->next;
    heap_free(k, n, sizeof *n);
}

const char *anon_name_text(const struct anon_name *n) { return n->text; }

static long name_one(struct vma **pv, u64 start, u64 end, struct anon_name *name)
{
    const struct vma *v = *pv;
    struct vma_traits to = { .flags = v->flags, .uffd = v->uffd, .anon_name = name };
    long r;

    if (v->file && !v->file->inode->anonymous)
        return -MM_EBADF;
    if (v->anon_name == name)
        return 0;
    r = vma_modify_to(pv, start, end, &to);
    return r == -MM_ENOMEM ? -MM_EAGAIN : r;
}

long mm_set_vma_name(struct proc *p, u64 addr, u64 len, const char *name)
{
    u64 end = addr + page_up(len), at = addr;
    size_t bytes = name ? valid_length(name) : 0;
    struct anon_name *n = NULL;
    struct vma *v;
    long r = 0, unmapped = 0;

    kernel_enter(p);
    if (!p->k->cfg.anon_names || (name && !bytes) || (addr & PAGE_MASK_LOW) || (len && !page_up(len)) || end < addr)
        return -MM_EINVAL;
    if (end == addr)
        return 0;
    if (name) {
        n = name_intern(p->k, name, bytes);
        if (!n)
            return -MM_ENOMEM;
    }
    while (!r && at < end && (v = vma_overlap(p->mm, at, end))) {
        u64 stop = v->end < end ? v->end : end;
        if (at < v->start) {
            unmapped = -MM_ENOMEM;
            at = v->start;
        }
        r = name_one(&v, at, stop, n);
        at = stop;
    }
    anon_name_put(p->k, n);
    return r ? r : at < end ? -MM_ENOMEM : unmapped;
}
