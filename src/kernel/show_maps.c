/* SPDX-License-Identifier: MIT
 * show_maps.c - /proc/PID/maps byte for byte, and what the embedder sees of one mapping.  Called by the embedder and by
 * show_smaps.c.  The name begins at column 73; a line without a name keeps the blank after the inode number. */
#include "calls.h"

#define NAME_COLUMN 72

static bool is_heap(const struct vma *v) { return v->start < v->mm->brk && v->end > v->mm->start_brk; }

static bool is_stack(const struct vma *v)
{
    return v->start <= v->mm->start_stack && v->end >= v->mm->start_stack;
}

/* NULL: no name. */
const char *vma_shown_name(const struct vma *v)
{
    if (v->file)
        return v->file->path;
    if (v->name)
        return v->name;
    return is_heap(v) ? "[heap]" : is_stack(v) ? "[stack]" : NULL;
}

/* [anon:NAME], if PR_SET_VMA_ANON_NAME gave one and nothing else names the mapping. */
static bool put_anon_name(const struct vma *v, struct text *t)
{
    if (!v->anon_name || (!v->file && vma_shown_name(v)))
        return false;
    text_pad_to(t, NAME_COLUMN);
    text_str(t, v->file ? " [anon_shmem:" : " [anon:");
    text_str(t, anon_name_text(v->anon_name));
    text_char(t, ']');
    return true;
}

static void put_name(const char *name, struct text *t, const struct pw_out *out)
{
    text_pad_to(t, NAME_COLUMN);
    text_char(t, ' ');
    for (; *name; name++) {
        if (t->len + 4 > sizeof t->buf)
            text_emit(t, out);
        if (*name == '\n')
            text_str(t, "\\012");
        else
            text_char(t, *name);
    }
}

void show_vma_line(const struct vma *v, const struct pw_out *out)
{
    struct text t = { .len = 0 };
    const char *name = vma_shown_name(v);
    const struct inode *i = v->file ? v->file->inode : NULL;

    text_hex(&t, v->start, 8);
    text_char(&t, '-');
    text_hex(&t, v->end, 8);
    text_char(&t, ' ');
    text_char(&t, v->flags & VM_READ ? 'r' : '-');
    text_char(&t, v->flags & VM_WRITE ? 'w' : '-');
    text_char(&t, v->flags & VM_EXEC ? 'x' : '-');
    text_char(&t, v->flags & VM_MAYSHARE ? 's' : 'p');
    text_char(&t, ' ');
    text_hex(&t, i ? v->pgoff << PAGE_LG2 : 0, 8);
    text_char(&t, ' ');
    text_hex(&t, i ? i->major : 0, 2);
    text_char(&t, ':');
    text_hex(&t, i ? i->minor : 0, 2);
    text_char(&t, ' ');
    text_dec(&t, i ? i->ino : 0);
    text_char(&t, ' ');
    if (!put_anon_name(v, &t) && name)
        put_name(name, &t, out);
    text_char(&t, '\n');
    text_emit(&t, out);
}

void mm_show_maps(const struct proc *p, const struct pw_out *out)
{
    struct vma gate = { .start = VSYSCALL, .end = VSYSCALL + PAGE_BYTES, .flags = VM_EXEC, .name = "[vsyscall]", .mm = p->mm };

    if (!p->mm)
        return;
    for (const struct vma *v = p->mm->first; v; v = v->next)
        show_vma_line(v, out);
    show_vma_line(&gate, out);
}

u64 mm_generation(const struct proc *p) { return p->k->generation; }

bool mm_find_vma(const struct proc *p, u64 addr, struct mm_vma_view *out)
{
    const struct vma *v = p->mm ? vma_find(p->mm, addr) : NULL;
    const char *name;

    if (!v)
        return false;
    name = vma_shown_name(v);
    *out = (struct mm_vma_view){ .start = v->start, .end = v->end, .off_bytes = v->file ? v->pgoff << PAGE_LG2 : 0,
                                 .prot = (u8)(v->flags & VM_ACCESS), .shared = v->flags & VM_MAYSHARE,
                                 .growsdown = v->flags & VM_GROWSDOWN, .locked = v->flags & VM_LOCKED,
                                 .file = v->file, .name = name ? name : "", .tag = v->tag };
    return true;
}
