/* SPDX-License-Identifier: MIT
 * uffd_wait.c - who waits for userfaultfd's answer, and what there is to read.  Called by faults, by the calls that
 * cause events, and by the requests that answer.
 *   fault  -> uffd_fault() queues the process with its message -> the embedder is told (kernel_on_uffd)
 *          -> answered at once: the fault is tried again by whoever handles it (uffd_answered)
 *          -> later: uffd_wake() takes the process out of the list and fault_retry() goes on with its fault
 * A process waits for one fault at a time; repeating the access meanwhile asks nothing new.  An event belongs to the
 * queue until it is read; while there is one, mappings count as changing. */
#include "calls.h"

/* ---- faults ------------------------------------------------------------------------------------------------------- */

static void enqueue(struct mm_uffd *u, struct proc *p)
{
    struct proc **l = &u->waiting;

    while (*l)
        l = &(*l)->wait.next;
    p->wait.next = NULL;
    *l = p;
}

void uffd_stop_waiting(struct proc *p)
{
    struct proc **l = p->wait.uffd ? &p->wait.uffd->waiting : NULL;

    if (!l)
        return;
    while (*l != p)
        l = &(*l)->wait.next;
    *l = p->wait.next;
    p->wait.uffd = NULL;
}

static struct mm_uffd_msg fault_message(const struct fault *f, const struct mm_uffd *u, u64 reason)
{
    bool exact = f->trap && (u->features & MM_UFFD_FEATURE_EXACT_ADDRESS);
    struct mm_uffd_msg m = { .event = MM_UFFD_EVENT_PAGEFAULT, .address = exact ? f->trap->cr2 : f->addr };

    m.flags = (u8)((f->write ? MM_UFFD_FAULT_WRITE : 0) | (reason == VM_UFFD_WP ? MM_UFFD_FAULT_WP : 0) |
                   (reason == VM_UFFD_MINOR ? MM_UFFD_FAULT_MINOR : 0));
    m.proc = u->features & MM_UFFD_FEATURE_THREAD_ID ? u->k->actor : NULL;
    return m;
}

/* handle_userfault(): FAULT_WAIT, or the signal that there is instead. */
enum fault_result uffd_fault(struct fault *f, u64 reason)
{
    struct kernel *k = f->mm->k;
    struct mm_uffd *u = f->vma->uffd;
    struct proc *p = k->actor;
    bool user = f->trap && f->trap->user;

    CHECK(u && p != &k->nobody);
    if (!pgtable_make(f->mm, f->addr, 1)) /* the upper tables are made before the handler is reached */
        return FAULT_OOM;
    if ((u->features & MM_UFFD_FEATURE_SIGBUS) || (!user && (u->flags & MM_UFFD_USER_MODE_ONLY))) {
        EXPLAIN(k, "userfaultfd: SIGBUS instead of a message", 0);
        return FAULT_SIGBUS;
    }
    uffd_stop_waiting(p);
    p->wait = (struct uffd_wait){ .uffd = u, .msg = fault_message(f, u, reason), .inside = true,
                                  .waits = f->waits < 255 ? (u8)(f->waits + 1) : 255 };
    if (f->trap)
        p->wait.trap = *f->trap;
    EXPLAIN(k, "userfaultfd: %s fault at %x is put to its reader", TEXT(reason == VM_UFFD_WP ? "write-protect" :
            reason == VM_UFFD_MINOR ? "minor" : "missing"), f->addr);
    enqueue(u, p);
    return FAULT_WAIT;
}

/* Tries that a receiver may waste by waking without an answer. */
#define WAITS_MAX 100

/* After FAULT_WAIT, with the handler still on the stack.  true: try again; false: it waits. */
bool uffd_answered(struct proc *p, u8 *waits)
{
    struct kernel *k = p->k;
    struct proc *actor = k->actor;
    unsigned cpu = k->this_cpu;

    *waits = p->wait.waits;
    if (k->on_uffd && *waits <= WAITS_MAX)
        k->on_uffd(k->on_uffd_ctx, p->wait.uffd);
    k->actor = actor;
    k->this_cpu = cpu;
    p->wait.inside = false;
    return !p->wait.uffd;
}

/* Wakes who waits for a page of [start, end): inside its handler it tries again by itself, else here. */
void uffd_wake(struct mm_uffd *u, u64 start, u64 end)
{
    struct proc *woken = NULL, **tail = &woken, **l = &u->waiting;

    while (*l) {
        struct proc *p = *l;
        if (p->wait.msg.address < start || p->wait.msg.address >= end) {
            l = &p->wait.next;
            continue;
        }
        *l = p->wait.next;
        p->wait.next = NULL;
        p->wait.uffd = NULL;
        EXPLAIN(u->k, "userfaultfd: %s wakes up", TEXT(p->name));
        if (!p->wait.inside) {
            *tail = p;
            tail = &p->wait.next;
        }
    }
    while (woken) {
        struct proc *p = woken;
        struct uffd_wait w = p->wait;
        woken = w.next;
        if (p->mm)
            fault_retry(p, &w);
    }
}

struct mm_uffd *mm_uffd_waiting(const struct proc *p) { return p->wait.uffd; }

void kernel_on_uffd(struct kernel *k, void (*fn)(void *ctx, struct mm_uffd *u), void *ctx)
{
    k->on_uffd = fn;
    k->on_uffd_ctx = ctx;
}

/* ---- events ------------------------------------------------------------------------------------------------------- */

/* NULL: no memory. */
struct uffd_event *uffd_event_new(struct mm_uffd *u, u8 event, u64 address, u64 len)
{
    struct uffd_event *e = heap_alloc(u->k, sizeof *e);

    if (e)
        *e = (struct uffd_event){ .uffd = u, .msg = { .event = event, .address = address, .len_bytes = len } };
    return e;
}

/* Unsent or unread ones go; the userfaultfd of a child that nobody will read goes with them. */
void uffd_event_drop(struct kernel *k, struct uffd_event *list)
{
    while (list) {
        struct uffd_event *e = list;
        list = e->next;
        if (e->msg.child)
            mm_uffd_close(e->msg.child);
        heap_free(k, e, sizeof *e);
    }
}

void uffd_event_send(struct uffd_event *list)
{
    while (list) {
        struct uffd_event *e = list, **l = &e->uffd->events;
        list = e->next;
        while (*l)
            l = &(*l)->next;
        e->next = NULL;
        *l = e;
    }
}

/* madvise is about to remove pages.  false: no memory. */
bool uffd_removes(const struct vma *v, u64 start, u64 end)
{
    struct uffd_event *e;

    if (!v->uffd || !(v->uffd->features & MM_UFFD_FEATURE_EVENT_REMOVE))
        return true;
    e = uffd_event_new(v->uffd, MM_UFFD_EVENT_REMOVE, start, end - start);
    if (e)
        uffd_event_send(e);
    return e;
}

/* One event a userfaultfd for the whole range that an unmapping takes.  false: no memory. */
bool uffd_unmaps(const struct vma *v, u64 start, u64 end, struct uffd_event **list)
{
    struct uffd_event **l = list;

    if (!v->uffd || !(v->uffd->features & MM_UFFD_FEATURE_EVENT_UNMAP))
        return true;
    for (; *l; l = &(*l)->next)
        if ((*l)->uffd == v->uffd)
            return true;
    *l = uffd_event_new(v->uffd, MM_UFFD_EVENT_UNMAP, start, end - start);
    return *l;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

long mm_uffd_read(struct mm_uffd *u, struct mm_uffd_msg *out)
{
    struct uffd_event *e = u->events;

    if (!u->features)
        return -MM_EINVAL;
    for (struct proc *p = u->waiting; p; p = p->wait.next) {
        if (p->wait.read)
            continue;
        p->wait.read = true;
        *out = p->wait.msg;
        return 0;
    }
    if (!e)
        return -MM_EAGAIN;
    u->events = e->next;
    *out = e->msg;
    heap_free(u->k, e, sizeof *e);
    return 0;
}
