/* SPDX-License-Identifier: MIT
 * uffd.c - userfaultfd(2): opening, registering ranges, write protection, closing.  Called by the embedder, and by fork
 * and mremap, which copy or drop registrations.  Waiting and events are in uffd_wait.c, the requests that fill pages
 * in uffd_fill.c and uffd_move.c.
 * A mapping is registered with at most one userfaultfd (vma.uffd), in the modes that its VM_UFFD flags say; both go
 * into merging like any flag.  Registration splits and merges like mprotect, one mapping after the other; what was
 * done before an error stays. */
#include "calls.h"

#define IOCTL(n) (1ull << (n))
enum { IOC_REGISTER, IOC_UNREGISTER, IOC_WAKE, IOC_COPY, IOC_ZEROPAGE, IOC_MOVE, IOC_WRITEPROTECT, IOC_CONTINUE,
       IOC_POISON, IOC_API = 0x3f };

/* ---- opening ---------------------------------------------------------------------------------------------------- */

struct mm_uffd *uffd_new(struct mm *mm, int flags, u64 features)
{
    struct kernel *k = mm->k;
    struct mm_uffd *u = heap_alloc(k, sizeof *u);

    if (!u)
        return NULL;
    *u = (struct mm_uffd){ .k = k, .mm = mm, .flags = flags, .features = features, .next = k->uffds,
                           .link = &k->uffds };
    if (u->next)
        u->next->link = &u->next;
    k->uffds = u;
    return u;
}

/* pre: nobody waits, no events, no mapping is registered with it. */
void uffd_free(struct mm_uffd *u)
{
    *u->link = u->next;
    if (u->next)
        u->next->link = u->link;
    heap_free(u->k, u, sizeof *u);
}

void uffd_mm_ends(struct mm *mm)
{
    for (struct mm_uffd *u = mm->k->uffds; u; u = u->next)
        if (u->mm == mm)
            u->mm = NULL;
}

long mm_userfaultfd(struct proc *p, int flags, struct mm_uffd **out)
{
    kernel_enter(p);
    if (flags & ~(MM_UFFD_USER_MODE_ONLY | MM_UFFD_NONBLOCK | MM_UFFD_CLOEXEC))
        return -MM_EINVAL;
    *out = uffd_new(p->mm, flags, 0);
    return *out ? 0 : -MM_ENOMEM;
}

/* ---- UFFDIO_API -------------------------------------------------------------------------------------------------- */

#define FEATURE_INITIALIZED (1ull << 31)

static u64 known_features(const struct quirks *q)
{
    u64 all = MM_UFFD_FEATURE_MOVE * 2ull - 1;

    all &= ~(u64)(q->uffd_poison ? 0 : MM_UFFD_FEATURE_POISON);
    all &= ~(u64)(q->uffd_async ? 0 : MM_UFFD_FEATURE_WP_ASYNC);
    all &= ~(u64)(q->uffd_move ? 0 : MM_UFFD_FEATURE_MOVE);
    return q->vma_lock ? all : all & ~(u64)MM_UFFD_FEATURE_WP_UNPOPULATED;
}

long mm_uffd_api(struct mm_uffd *u, u64 api, u64 *features, u64 *ioctls)
{
    u64 wanted = *features, known = known_features(&u->k->q);

    *features = *ioctls = 0;
    if (api != MM_UFFD_API || (wanted & ~known))
        return -MM_EINVAL;
    if (wanted & MM_UFFD_FEATURE_WP_ASYNC)
        wanted |= MM_UFFD_FEATURE_WP_UNPOPULATED;
    if (u->features)
        return -MM_EINVAL;
    u->features = wanted | FEATURE_INITIALIZED;
    *features = known;
    *ioctls = IOCTL(IOC_API) | IOCTL(IOC_REGISTER) | IOCTL(IOC_UNREGISTER);
    return 0;
}

/* validate_range() of a request on the address space of u. */
long uffd_check_range(const struct mm_uffd *u, u64 start, u64 len)
{
    if (!u->features)
        return -MM_EINVAL;
    if (((start | len) & PAGE_MASK_LOW) || !len || start < u->k->cfg.mmap_min_addr || start >= TASK_SIZE ||
        len > TASK_SIZE - start)
        return -MM_EINVAL;
    return 0;
}

/* ---- registering ------------------------------------------------------------------------------------------------ */

bool uffd_armed(const struct vma *v) { return v->flags & VM_UFFD; }

/* vma_can_userfault() */
static bool can_register(const struct mm_uffd *u, const struct vma *v, u64 modes)
{
    if ((v->flags & VM_DROPPABLE) || ((modes & VM_UFFD_MINOR) && !vma_is_shmem(v)))
        return false;
    if ((u->features & MM_UFFD_FEATURE_WP_ASYNC) && modes == VM_UFFD_WP)
        return true;
    return vma_is_anon(v) || vma_is_shmem(v);
}

static long check_register(const struct mm_uffd *u, const struct vma *first, u64 end, u64 modes)
{
    for (const struct vma *v = first; v && v->start < end; v = v->next) {
        if (!can_register(u, v, modes))
            return -MM_EINVAL;
        if (!(v->flags & VM_MAYWRITE))
            return -MM_EPERM;
        if (v->uffd && v->uffd != u)
            return -MM_EBUSY;
    }
    return 0;
}

static long set_registration(struct vma **pv, u64 start, u64 end, u64 modes, struct mm_uffd *u)
{
    const struct vma *v = *pv;
    struct vma_traits to = { .flags = (v->flags & ~VM_UFFD) | modes, .uffd = u, .anon_name = v->anon_name };

    return vma_modify_to(pv, start, end, &to);
}

/* What a range in these modes can be asked. */
static u64 range_ioctls(const struct quirks *q, u64 mode)
{
    u64 all = IOCTL(IOC_WAKE) | IOCTL(IOC_COPY) | IOCTL(IOC_ZEROPAGE);

    all |= q->uffd_move ? IOCTL(IOC_MOVE) : 0;
    all |= q->uffd_poison ? IOCTL(IOC_POISON) : 0;
    all |= mode & MM_UFFD_REGISTER_WP ? IOCTL(IOC_WRITEPROTECT) : 0;
    return all | (mode & MM_UFFD_REGISTER_MINOR ? IOCTL(IOC_CONTINUE) : 0);
}

long mm_uffd_register(struct mm_uffd *u, u64 start, u64 len, u64 mode, u64 *ioctls)
{
    u64 end = start + len, at = start, modes = 0;
    struct vma *v;
    long r;

    if (!u->features || !mode || (mode & ~(u64)(MM_UFFD_REGISTER_MISSING | MM_UFFD_REGISTER_WP |
                                                MM_UFFD_REGISTER_MINOR)))
        return -MM_EINVAL;
    modes |= mode & MM_UFFD_REGISTER_MISSING ? VM_UFFD_MISSING : 0;
    modes |= mode & MM_UFFD_REGISTER_WP ? VM_UFFD_WP : 0;
    modes |= mode & MM_UFFD_REGISTER_MINOR ? VM_UFFD_MINOR : 0;
    r = uffd_check_range(u, start, len);
    if (r)
        return r;
    if (!u->mm)
        return -MM_ENOMEM;
    v = vma_overlap(u->mm, start, end);
    r = v ? check_register(u, v, end, modes) : -MM_EINVAL;
    while (!r && at < end && (v = vma_overlap(u->mm, at, end))) {
        u64 stop = v->end < end ? v->end : end;
        if (at < v->start)
            at = v->start;
        if (v->uffd != u || (v->flags & modes) != modes)
            r = set_registration(&v, at, stop, modes, u);
        at = stop;
    }
    u->k->generation++;
    if (!r)
        *ioctls = range_ioctls(&u->k->q, mode);
    return r;
}

/* ---- write protection ------------------------------------------------------------------------------------------- */

/* uffd_wp_range(); 0 or -ENOMEM. */
long uffd_protect(struct vma *v, u64 start, u64 end, bool protect)
{
    struct gather g = gather_begin(v->mm);
    long r = change_protection(&g, v, start, end, protect ? CHANGE_WP : CHANGE_RESOLVE);

    gather_flush(&g);
    return r;
}

long mm_uffd_writeprotect(struct proc *caller, struct mm_uffd *u, u64 start, u64 len, u64 mode)
{
    u64 end = start + len;
    long r = -MM_ENOENT;

    kernel_enter(caller);
    if (u->events)
        return -MM_EAGAIN;
    if (uffd_check_range(u, start, len) || (mode & ~(u64)(MM_UFFD_WP_WP | MM_UFFD_WP_DONTWAKE)) ||
        mode == (MM_UFFD_WP_WP | MM_UFFD_WP_DONTWAKE))
        return -MM_EINVAL;
    if (!u->mm)
        return -MM_ESRCH;
    EXPLAIN(u->k, "userfaultfd: write protection of %x-%x %s", start, end, TEXT(mode & MM_UFFD_WP_WP ? "on" : "off"));
    for (struct vma *v = vma_overlap(u->mm, start, end); v && v->start < end; v = v->next) {
        if (!(v->flags & VM_UFFD_WP) || (!u->k->q.uffd_wp_many && (v->start > start || v->end < end)))
            return -MM_ENOENT;
        r = uffd_protect(v, v->start > start ? v->start : start, v->end < end ? v->end : end, mode & MM_UFFD_WP_WP);
        if (r)
            return r;
    }
    if (!r && !mode)
        uffd_wake(u, start, end);
    return r;
}

long mm_uffd_wake(struct mm_uffd *u, u64 start, u64 len)
{
    long r = uffd_check_range(u, start, len);

    if (!r)
        uffd_wake(u, start, start + len);
    return r;
}

/* ---- unregistering ---------------------------------------------------------------------------------------------- */

/* The mapping's registration is forgotten, its marks in the entries stay (fork, mremap). */
void uffd_reset(struct vma *v)
{
    v->flags &= ~VM_UFFD;
    v->uffd = NULL;
}

static long unregister_one(struct vma **pv, u64 start, u64 end)
{
    struct vma *v = *pv;
    long r = v->flags & VM_UFFD_WP ? uffd_protect(v, start, end, false) : 0;

    return r ? r : set_registration(pv, start, end, 0, NULL);
}

static bool may_unregister(const struct mm_uffd *u, const struct vma *v)
{
    if (u->k->q.uffd_own_only && v->uffd && v->uffd != u)
        return false;
    return can_register(u, v, v->flags & VM_UFFD);
}

long mm_uffd_unregister(struct mm_uffd *u, u64 start, u64 len)
{
    u64 end = start + len, at = start;
    long r = uffd_check_range(u, start, len);
    struct vma *v;

    if (r)
        return r;
    if (!u->mm)
        return -MM_ENOMEM;
    v = vma_overlap(u->mm, start, end);
    if (!v)
        return -MM_EINVAL;
    for (const struct vma *o = v; o && o->start < end; o = o->next)
        if (!may_unregister(u, o))
            return -MM_EINVAL;
    while (!r && at < end && (v = vma_overlap(u->mm, at, end))) {
        u64 stop = v->end < end ? v->end : end;
        struct mm_uffd *of = v->uffd;
        bool wake = v->flags & VM_UFFD_MISSING;
        if (at < v->start)
            at = v->start;
        if (of)
            r = unregister_one(&v, at, stop);
        if (of && wake)
            uffd_wake(of, at, stop);
        at = stop;
    }
    u->k->generation++;
    return r;
}

void mm_uffd_close(struct mm_uffd *u)
{
    struct kernel *k = u->k;

    for (struct vma *v = u->mm ? u->mm->first : NULL; v; v = v->next) {
        if (v->uffd == u && unregister_one(&v, v->start, v->end))
            uffd_reset(v);                /* no memory for a split that a whole mapping does not need */
    }
    uffd_wake(u, 0, ~(u64)0);
    uffd_event_drop(k, u->events);
    uffd_free(u);
    k->generation++;
}

/* ---- fork ---------------------------------------------------------------------------------------------------------- */

/* dup_userfaultfd(): the child's copy of a registered mapping.  With EVENT_FORK the child's address space gets a
 * userfaultfd of its own, announced by an event; else it is not registered.  false: no memory. */
bool uffd_fork(struct vma *child, struct uffd_event **events)
{
    struct mm_uffd *of = child->uffd;
    struct uffd_event *e;

    if (!of)
        return true;
    if (!(of->features & MM_UFFD_FEATURE_EVENT_FORK)) {
        uffd_reset(child);
        return true;
    }
    for (e = *events; e && e->uffd != of; e = e->next)
        ;
    if (!e) {
        e = uffd_event_new(of, MM_UFFD_EVENT_FORK, 0, 0);
        if (!e)
            return false;
        e->msg.child = uffd_new(child->mm, of->flags, of->features);
        if (!e->msg.child) {
            uffd_event_drop(of->k, e);
            return false;
        }
        e->next = *events;
        *events = e;
    }
    child->uffd = e->msg.child;
    return true;
}
