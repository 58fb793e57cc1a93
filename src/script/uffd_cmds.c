/* SPDX-License-Identifier: MIT
 * uffd_cmds.c - `NAME userfaultfd U` and `NAME uffd U REQUEST ...`: a userfaultfd, its messages and the requests that
 * answer them, made by process NAME.  Called by proc_cmds.c. */
#include "interp_internal.h"

#include "base/check.h"

static const struct flag_name open_names[] = {
    { "user_mode_only", MM_UFFD_USER_MODE_ONLY }, { "nonblock", MM_UFFD_NONBLOCK }, { "cloexec", MM_UFFD_CLOEXEC },
    { NULL, 0 },
};
static const struct flag_name feature_names[] = {
    { "pagefault_flag_wp", MM_UFFD_FEATURE_PAGEFAULT_FLAG_WP }, { "event_fork", MM_UFFD_FEATURE_EVENT_FORK },
    { "event_remap", MM_UFFD_FEATURE_EVENT_REMAP },             { "event_remove", MM_UFFD_FEATURE_EVENT_REMOVE },
    { "missing_hugetlbfs", MM_UFFD_FEATURE_MISSING_HUGETLBFS }, { "missing_shmem", MM_UFFD_FEATURE_MISSING_SHMEM },
    { "event_unmap", MM_UFFD_FEATURE_EVENT_UNMAP },             { "sigbus", MM_UFFD_FEATURE_SIGBUS },
    { "thread_id", MM_UFFD_FEATURE_THREAD_ID },                 { "minor_hugetlbfs", MM_UFFD_FEATURE_MINOR_HUGETLBFS },
    { "minor_shmem", MM_UFFD_FEATURE_MINOR_SHMEM },             { "exact_address", MM_UFFD_FEATURE_EXACT_ADDRESS },
    { "wp_hugetlbfs_shmem", MM_UFFD_FEATURE_WP_HUGETLBFS_SHMEM },
    { "wp_unpopulated", MM_UFFD_FEATURE_WP_UNPOPULATED },       { "poison", MM_UFFD_FEATURE_POISON },
    { "wp_async", MM_UFFD_FEATURE_WP_ASYNC },                   { "move", MM_UFFD_FEATURE_MOVE },
    { NULL, 0 },
};
static const struct flag_name register_names[] = {
    { "missing", MM_UFFD_REGISTER_MISSING }, { "wp", MM_UFFD_REGISTER_WP }, { "minor", MM_UFFD_REGISTER_MINOR },
    { NULL, 0 },
};
static const struct flag_name fill_names[] = { { "dontwake", MM_UFFD_COPY_DONTWAKE }, { "wp", MM_UFFD_COPY_WP }, { NULL, 0 } };
static const struct flag_name wp_names[] = { { "wp", MM_UFFD_WP_WP }, { "dontwake", MM_UFFD_WP_DONTWAKE }, { NULL, 0 } };
static const struct flag_name move_names[] = {
    { "dontwake", MM_UFFD_MOVE_DONTWAKE }, { "allow_src_holes", MM_UFFD_MOVE_ALLOW_SRC_HOLES }, { NULL, 0 },
};

/* ---- handles ----------------------------------------------------------------------------------------------- */

static struct uffd *find_uffd(struct interp *in, struct word w)
{
    for (unsigned i = 0; i < in->uffds; i++)
        if (word_is(w, in->uffd[i].name))
            return &in->uffd[i];
    return NULL;
}

static bool has_room(struct interp *in) { return in->uffds < UFFDS_MAX || fail(in, "too many userfaultfds", NULL); }

bool cmd_userfaultfd(struct interp *in, struct process *p, const struct words *w)
{
    struct mm_uffd *u;
    struct word bad;
    u64 flags = 0;
    long value;

    if (!good_name(in, w->w[2]) || !has_room(in))
        return false;
    if (find_uffd(in, w->w[2]))
        return fail(in, "there is a userfaultfd", &w->w[2]);
    if (w->n > 3 && !word_flags(w->w[3], open_names, &flags, &bad))
        return fail(in, "userfaultfd has no flag", &bad);
    put_on_cpu(in, p);
    value = mm_userfaultfd(p->p, (int)flags, &u);
    if (value == 0) {
        struct uffd *at = &in->uffd[in->uffds++];
        *at = (struct uffd){ .u = u };
        copy_name(at->name, w->w[2]);
    }
    done_value(in, value);
    return true;
}

/* ---- messages ---------------------------------------------------------------------------------------------- */

/* The userfaultfd of a child is called after its parent's: "U/1". */
static const char *name_child(struct interp *in, const struct uffd *parent, struct mm_uffd *child)
{
    struct uffd *at = &in->uffd[in->uffds];
    struct text t = { .len = 0 };
    struct word name;

    text_str(&t, parent->name);
    text_char(&t, '/');
    text_dec(&t, ++in->uffd_children);
    name = (struct word){ t.buf, (u32)t.len };
    if (t.len >= NAME_BYTES || in->uffds == UFFDS_MAX || find_uffd(in, name)) {
        mm_uffd_close(child);
        return "(closed: no name for it)";
    }
    *at = (struct uffd){ .u = child };
    copy_name(at->name, name);
    in->uffds++;
    return at->name;
}

static void put_pagefault(struct text *t, const struct mm_uffd_msg *m)
{
    text_str(t, m->flags & MM_UFFD_FAULT_WP ? "pagefault wp " : m->flags & MM_UFFD_FAULT_MINOR ? "pagefault minor " :
             "pagefault missing ");
    text_str(t, m->flags & MM_UFFD_FAULT_WRITE ? "write " : "read ");
    text_0x(t, m->address);
    if (m->proc) {
        text_str(t, " by ");
        text_str(t, proc_name(m->proc));
    }
}

static void put_range(struct text *t, const char *what, u64 a, u64 b)
{
    text_str(t, what);
    text_0x(t, a);
    text_char(t, ' ');
    text_0x(t, b);
}

static bool do_read(struct interp *in, struct uffd *u)
{
    struct mm_uffd_msg m;
    long value = mm_uffd_read(u->u, &m);

    if (value) {
        done_value(in, value);
        return true;
    }
    switch (m.event) {
    case MM_UFFD_EVENT_PAGEFAULT: put_pagefault(&in->t, &m); break;
    case MM_UFFD_EVENT_FORK:
        text_str(&in->t, "fork ");
        text_str(&in->t, name_child(in, u, m.child));
        break;
    case MM_UFFD_EVENT_REMAP:
        put_range(&in->t, "remap ", m.address, m.to);
        text_char(&in->t, ' ');
        text_0x(&in->t, m.len_bytes);
        break;
    default: put_range(&in->t, m.event == MM_UFFD_EVENT_REMOVE ? "remove " : "unmap ", m.address, m.address + m.len_bytes);
    }
    line_end(in);
    return true;
}

/* ---- requests ---------------------------------------------------------------------------------------------- */

struct asked { struct proc *caller; struct mm_uffd *u; u64 v[4]; s64 done; };

static long ask_api(struct asked *a)
{
    u64 features = a->v[0], ioctls;

    return mm_uffd_api(a->u, MM_UFFD_API, &features, &ioctls);
}
static long ask_register(struct asked *a)
{
    u64 ioctls;

    return mm_uffd_register(a->u, a->v[0], a->v[1], a->v[2], &ioctls);
}
static long ask_unregister(struct asked *a) { return mm_uffd_unregister(a->u, a->v[0], a->v[1]); }
static long ask_wake(struct asked *a) { return mm_uffd_wake(a->u, a->v[0], a->v[1]); }
static long ask_copy(struct asked *a)
{
    return mm_uffd_copy(a->caller, a->u, a->v[0], a->v[1], a->v[2], a->v[3], &a->done);
}
static long ask_move(struct asked *a)
{
    return mm_uffd_move(a->caller, a->u, a->v[0], a->v[1], a->v[2], a->v[3], &a->done);
}
static long ask_zeropage(struct asked *a)
{
    return mm_uffd_zeropage(a->caller, a->u, a->v[0], a->v[1], a->v[2], &a->done);
}
static long ask_continue(struct asked *a)
{
    return mm_uffd_continue(a->caller, a->u, a->v[0], a->v[1], a->v[2], &a->done);
}
static long ask_poison(struct asked *a) { return mm_uffd_poison(a->caller, a->u, a->v[0], a->v[1], a->v[2], &a->done); }
static long ask_writeprotect(struct asked *a)
{
    return mm_uffd_writeprotect(a->caller, a->u, a->v[0], a->v[1], a->v[2]);
}

static const struct request {
    const char *name;
    unsigned numbers;                  /* before the flags, which may be left out                              */
    const struct flag_name *flags;     /* NULL: none                                                           */
    long (*fn)(struct asked *a);
    bool tells_done;
} requests[] = {
    { "api", 0, feature_names, ask_api, false },         { "register", 2, register_names, ask_register, false },
    { "unregister", 2, NULL, ask_unregister, false },    { "wake", 2, NULL, ask_wake, false },
    { "copy", 3, fill_names, ask_copy, true },           { "zeropage", 2, fill_names, ask_zeropage, true },
    { "continue", 2, fill_names, ask_continue, true },   { "poison", 2, fill_names, ask_poison, true },
    { "move", 3, move_names, ask_move, true },           { "writeprotect", 2, wp_names, ask_writeprotect, false },
};

/* "= 0 done=0x1000": with the bytes done, as the structure tells them. */
static void answer(struct interp *in, const struct request *r, const struct asked *a, long value)
{
    if (!r->tells_done || a->done <= 0) {
        done_value(in, value);
        return;
    }
    text_str(&in->t, value ? "= -EAGAIN done=" : "= 0 done=");
    text_0x(&in->t, (u64)a->done);
    line_end(in);
}

static bool run_request(struct interp *in, struct process *p, struct uffd *u, const struct request *r,
                        const struct words *w)
{
    struct asked a = { .caller = p->p, .u = u->u };
    const unsigned flags_at = 4 + r->numbers;
    struct word bad;

    for (unsigned i = 0; i < r->numbers; i++)
        if (!need_number(in, w, 4 + i, &a.v[i]))
            return false;
    if (w->n > flags_at + (r->flags != NULL))
        return fail(in, "one word too many:", &w->w[flags_at + (r->flags != NULL)]);
    if (w->n > flags_at && !word_flags(w->w[flags_at], r->flags, &a.v[r->numbers], &bad))
        return fail(in, "this request has no flag", &bad);
    put_on_cpu(in, p);
    answer(in, r, &a, r->fn(&a));
    return true;
}

bool cmd_uffd(struct interp *in, struct process *p, const struct words *w)
{
    struct uffd *u = find_uffd(in, w->w[2]);

    if (!u)
        return fail(in, "no userfaultfd is called", &w->w[2]);
    if (w->n == 4 && word_is(w->w[3], "read"))
        return do_read(in, u);
    if (w->n == 4 && word_is(w->w[3], "close")) {
        mm_uffd_close(u->u);
        *u = in->uffd[--in->uffds];
        done_value(in, 0);
        return true;
    }
    for (size_t i = 0; i < COUNT_OF(requests); i++)
        if (word_is(w->w[3], requests[i].name))
            return run_request(in, p, u, &requests[i], w);
    return fail(in, "a userfaultfd has no request", &w->w[3]);
}
