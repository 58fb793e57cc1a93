/* SPDX-License-Identifier: MIT
 * syscalls.c - `NAME SYSCALL ARGS...`: one row a system call says what its arguments are.  Called by proc_cmds.c.
 *
 * Arguments stand in the order of the system call.  A word that cannot be an argument is an error of the script;
 * everything else goes to the kernel, whose answer is printed. */
#include "interp_internal.h"

#include "base/check.h"

#include <stdlib.h>

#define ARGS_MAX 6u

/* Arguments decoded: numbers in order; the file of mmap apart. */
struct args { u64 v[ARGS_MAX]; unsigned given; struct mm_file *file; };

static const struct flag_name prot_names[] = {
    { "read", MM_PROT_READ }, { "write", MM_PROT_WRITE }, { "exec", MM_PROT_EXEC }, { "sem", MM_PROT_SEM },
    { "growsdown", MM_PROT_GROWSDOWN }, { "growsup", MM_PROT_GROWSUP }, { NULL, 0 },
};
static const struct flag_name map_names[] = {
    { "shared", MM_MAP_SHARED }, { "private", MM_MAP_PRIVATE }, { "shared_validate", MM_MAP_SHARED_VALIDATE },
    { "droppable", MM_MAP_DROPPABLE }, { "fixed", MM_MAP_FIXED }, { "anonymous", MM_MAP_ANONYMOUS },
    { "32bit", MM_MAP_32BIT }, { "growsdown", MM_MAP_GROWSDOWN }, { "denywrite", MM_MAP_DENYWRITE },
    { "executable", MM_MAP_EXECUTABLE }, { "locked", MM_MAP_LOCKED }, { "noreserve", MM_MAP_NORESERVE },
    { "populate", MM_MAP_POPULATE }, { "nonblock", MM_MAP_NONBLOCK }, { "stack", MM_MAP_STACK },
    { "hugetlb", MM_MAP_HUGETLB }, { "huge_2mb", 21u << MM_MAP_HUGE_SHIFT }, { "huge_1gb", 30u << MM_MAP_HUGE_SHIFT }, { "sync", MM_MAP_SYNC }, { "fixed_noreplace", MM_MAP_FIXED_NOREPLACE }, { NULL, 0 },
};
static const struct flag_name mremap_names[] = {
    { "maymove", MM_MREMAP_MAYMOVE }, { "fixed", MM_MREMAP_FIXED }, { "dontunmap", MM_MREMAP_DONTUNMAP }, { NULL, 0 },
};
const struct flag_name advice_names[] = {
    { "normal", MM_MADV_NORMAL }, { "random", MM_MADV_RANDOM }, { "sequential", MM_MADV_SEQUENTIAL },
    { "willneed", MM_MADV_WILLNEED }, { "dontneed", MM_MADV_DONTNEED }, { "free", MM_MADV_FREE },
    { "remove", MM_MADV_REMOVE }, { "dontfork", MM_MADV_DONTFORK }, { "dofork", MM_MADV_DOFORK },
    { "mergeable", MM_MADV_MERGEABLE }, { "unmergeable", MM_MADV_UNMERGEABLE }, { "hugepage", MM_MADV_HUGEPAGE },
    { "nohugepage", MM_MADV_NOHUGEPAGE }, { "dontdump", MM_MADV_DONTDUMP }, { "dodump", MM_MADV_DODUMP },
    { "wipeonfork", MM_MADV_WIPEONFORK }, { "keeponfork", MM_MADV_KEEPONFORK }, { "cold", MM_MADV_COLD },
    { "pageout", MM_MADV_PAGEOUT }, { "populate_read", MM_MADV_POPULATE_READ },
    { "populate_write", MM_MADV_POPULATE_WRITE }, { "dontneed_locked", MM_MADV_DONTNEED_LOCKED },
    { "collapse", MM_MADV_COLLAPSE }, { "guard_install", MM_MADV_GUARD_INSTALL },
    { "guard_remove", MM_MADV_GUARD_REMOVE }, { NULL, 0 },
};
static const struct flag_name mlock2_names[] = { { "onfault", 1 }, { NULL, 0 } };             /* MLOCK_ONFAULT      */
static const struct flag_name mlockall_names[] = { { "current", 1 }, { "future", 2 }, { "onfault", 4 }, { NULL, 0 } };
static const struct flag_name pkey_names[] = { { "disable_access", 1 }, { "disable_write", 2 }, { NULL, 0 } };
static const struct flag_name barrier_names[] = {
    { "query", 0 }, { "global", 1 }, { "global_expedited", 2 }, { "register_global_expedited", 4 },
    { "private_expedited", 8 }, { "register_private_expedited", 16 }, { "private_expedited_sync_core", 32 },
    { "register_private_expedited_sync_core", 64 }, { "private_expedited_rseq", 128 },
    { "register_private_expedited_rseq", 256 }, { "get_registrations", 512 }, { NULL, 0 },
};
static const struct flag_name policy_names[] = {
    { "default", MM_MPOL_DEFAULT }, { "preferred", MM_MPOL_PREFERRED }, { "bind", MM_MPOL_BIND }, { "interleave", MM_MPOL_INTERLEAVE },
    { "local", MM_MPOL_LOCAL }, { "preferred_many", MM_MPOL_PREFERRED_MANY }, { NULL, 0 },
};
static const struct flag_name mbind_names[] = { { "strict", MM_MPOL_MF_STRICT }, { NULL, 0 } };
static const struct flag_name msync_names[] = { { "async", 1 }, { "invalidate", 2 }, { "sync", 4 }, { NULL, 0 } };

/* ---- the calls --------------------------------------------------------------------------------------------- */

static long do_mmap(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_mmap(p->p, a->v[0], a->v[1], (int)a->v[2], (int)a->v[3], a->file, a->v[5]);
}
static long do_munmap(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_munmap(p->p, a->v[0], a->v[1]);
}
static long do_mprotect(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_mprotect(p->p, a->v[0], a->v[1], (int)a->v[2]);
}
static long do_mremap(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_mremap(p->p, a->v[0], a->v[1], a->v[2], (int)a->v[3], a->v[4]);
}
static long do_brk(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_brk(p->p, a->v[0]);
}
static long do_madvise(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_madvise(p->p, a->v[0], a->v[1], (int)a->v[2]);
}
static long do_mlock(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_mlock2(p->p, a->v[0], a->v[1], 0);
}
static long do_mlock2(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_mlock2(p->p, a->v[0], a->v[1], (int)a->v[2]);
}
static long do_munlock(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_munlock(p->p, a->v[0], a->v[1]);
}
static long do_mlockall(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_mlockall(p->p, (int)a->v[0]);
}
static long do_munlockall(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    (void)a;
    return mm_munlockall(p->p);
}
static long do_msync(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_msync(p->p, a->v[0], a->v[1], (int)a->v[2]);
}
static long do_mseal(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_mseal(p->p, a->v[0], a->v[1], a->v[2]);
}

static long do_pkey_alloc(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_pkey_alloc(p->p, a->v[0], a->v[1]);
}
static long do_pkey_free(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_pkey_free(p->p, a->v[0] > 0x7fffffff ? -1 : (int)a->v[0]);
}
/* Without a key: as if -1 was given. */
static long do_pkey_mprotect(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_pkey_mprotect(p->p, a->v[0], a->v[1], (int)a->v[2],
                            a->given < 4 ? -1 : a->v[3] > 0x7fffffff ? -2 : (int)a->v[3]);
}
static long do_membarrier(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_membarrier(p->p, (int)a->v[0], (unsigned)a->v[1]);
}

/* What mincore found, 16 pages a line. */
static void tell_residency(struct interp *in, const u8 *vec, u64 pages)
{
    for (u64 i = 0; i < pages; i++) {
        if (i % 16 == 0) {
            explain_begin(in);
            text_str(&in->t, "resident:");
        }
        text_str(&in->t, vec[i] & 1 ? " 1" : " 0");
        if (i % 16 == 15 || i + 1 == pages)
            line_end(in);
    }
}

/* The vector's address may be left out; given, the kernel writes there. */
static long do_mincore(struct interp *in, struct process *p, const struct args *a)
{
    const u64 pages = a->v[1] / PAGE_BYTES + (a->v[1] % PAGE_BYTES != 0);
    u8 *vec = pages < 1u << 20 ? calloc(1, pages + 1) : NULL;
    long value;

    if (!vec) /* Linux walks it in pieces; so large a range has a hole or ends beyond user memory               */
        return -MM_ENOMEM;
    value = mm_mincore(p->p, a->v[0], a->v[1], vec);
    if (value == 0 && in->options.explain)
        tell_residency(in, vec, pages);
    if (value == 0 && a->given > 2 && pages &&
        sim_kernel_access(in->sim, p->cpu, a->v[2], pages, true, NULL) != pages)
        value = -MM_EFAULT;
    free(vec);
    return value;
}

static long do_mbind(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_mbind(p->p, a->v[0], a->v[1], (int)a->v[2], a->v[3], (unsigned)a->v[4]);
}

static long do_set_mempolicy(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_set_mempolicy(p->p, (int)a->v[0], a->v[1]);
}

static long do_node_of(struct interp *in, struct process *p, const struct args *a)
{
    (void)in;
    return mm_node_of(p->p, a->v[0]);
}

/* ---- the table --------------------------------------------------------------------------------------------- */

/* Arguments: n number, f file; P M R A L U S K B N F the flag names below; those behind '?' may be left out (0). */
static const struct { char letter; const struct flag_name *names; const char *what; } flag_args[] = {
    { 'P', prot_names, "no protection is called" },   { 'M', map_names, "mmap has no flag" },
    { 'R', mremap_names, "mremap has no flag" },      { 'A', advice_names, "madvise has no advice" },
    { 'L', mlock2_names, "mlock2 has no flag" },      { 'U', mlockall_names, "mlockall has no flag" },
    { 'S', msync_names, "msync has no flag" },     { 'K', pkey_names, "a key has no right" },
    { 'N', policy_names, "no memory policy is called" }, { 'F', mbind_names, "mbind has no flag" },
    { 'B', barrier_names, "membarrier has no command" },
};

static const struct call {
    const char *name, *args;
    long (*fn)(struct interp *in, struct process *p, const struct args *a);
} calls[] = {
    { "mmap", "nnPM?fn", do_mmap },     { "munmap", "nn", do_munmap },     { "mprotect", "nnP", do_mprotect },
    { "mremap", "nnn?Rn", do_mremap },  { "brk", "n", do_brk },            { "madvise", "nnA", do_madvise },
    { "mlock", "nn", do_mlock },        { "mlock2", "nnL", do_mlock2 },    { "munlock", "nn", do_munlock },
    { "mlockall", "U", do_mlockall },   { "munlockall", "", do_munlockall }, { "mincore", "nn?n", do_mincore },
    { "msync", "nnS", do_msync },       { "mseal", "nn?n", do_mseal },       { "pkey_alloc", "nK", do_pkey_alloc },
    { "pkey_free", "n", do_pkey_free }, { "pkey_mprotect", "nnP?n", do_pkey_mprotect },
    { "membarrier", "B?n", do_membarrier }, { "mbind", "nnN?nF", do_mbind }, { "set_mempolicy", "N?n", do_set_mempolicy },
    { "node_of", "n", do_node_of },
};

static bool take_flags(struct interp *in, char letter, struct word w, u64 *out)
{
    struct word bad;

    for (size_t i = 0; i < COUNT_OF(flag_args); i++)
        if (flag_args[i].letter == letter)
            return word_flags(w, flag_args[i].names, out, &bad) || fail(in, flag_args[i].what, &bad);
    return false;
}

/* An anonymous mapping ignores its file, as the system call does. */
static bool take_file(struct interp *in, struct word w, struct args *a)
{
    const struct file *f = find_file(in, w);

    if (f)
        a->file = f->f;
    else if (!(a->v[3] & MM_MAP_ANONYMOUS) && !word_is(w, "-1"))
        return fail(in, "no file is called", &w);
    return true;
}

static bool take_args(struct interp *in, const struct call *c, const struct words *w, struct args *a)
{
    bool optional = false;

    *a = (struct args){ 0 };
    for (const char *kind = c->args; *kind; kind++) {
        const unsigned at = 2 + a->given;
        if (*kind == '?') {
            optional = true;
            continue;
        }
        if (at >= w->n)
            return optional || fail(in, "an argument is missing for", &w->w[1]);
        if (*kind == 'n' ? !need_number(in, w, at, &a->v[a->given])
            : *kind == 'f' ? !take_file(in, w->w[at], a)
                           : !take_flags(in, *kind, w->w[at], &a->v[a->given]))
            return false;
        a->given++;
    }
    return 2 + a->given == w->n || fail(in, "one word too many:", &w->w[2 + a->given]);
}

/* A limit the embedder set on what one line may ask for. */
static bool is_too_long(const struct interp *in, const struct call *c, const struct args *a)
{
    return (c->fn == do_mmap && a->v[1] > in->options.len_max_bytes) ||
           (c->fn == do_mremap && a->v[2] > in->options.len_max_bytes) ||
           (c->fn == do_brk && a->v[0] > BRK_START && a->v[0] - BRK_START > in->options.len_max_bytes);
}

static bool run_call(struct interp *in, struct process *p, const struct call *c, const struct words *w)
{
    struct args a;

    if (!take_args(in, c, w, &a))
        return false;
    if (is_too_long(in, c, &a))
        return fail(in, "too long a mapping", NULL);
    put_on_cpu(in, p);
    done_value(in, c->fn(in, p, &a));
    return true;
}

bool cmd_syscall(struct interp *in, struct process *p, const struct words *w)
{
    for (size_t i = 0; i < COUNT_OF(calls); i++)
        if (word_is(w->w[1], calls[i].name))
            return run_call(in, p, &calls[i], w);
    return fail(in, "a process has no command", &w->w[1]);
}
