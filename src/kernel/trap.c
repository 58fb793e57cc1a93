/* SPDX-License-Identifier: MIT
 * trap.c - kernel_trap(): what an exception of the machine comes to.  Called by the embedder.
 *
 *   trap -> find the mapping (grow the stack) -> may it? -> fault_handle() -> resume, wait or signal
 *
 * A fault that succeeds counts as minor or major; one that ends in a signal does not.  A fault that userfaultfd has to
 * answer (FAULT_WAIT) is tried again once it was: at once when the answer came while it was put (uffd_wait.c), else by
 * fault_retry() when the process is woken. */
#include "calls.h"

static void raise(struct kernel *k, struct mm_trap_result *o, u8 signo, u8 code, u64 addr)
{
    static const char *const reason[] = { [MM_SEGV_MAPERR] = "no mapping", [MM_SEGV_ACCERR] = "the mapping forbids it",
                                          [MM_SEGV_PKUERR] = "its protection key forbids it" };

    *o = (struct mm_trap_result){ .signo = signo, .code = code, .kind = MM_FAULT_INVALID, .addr = addr };
    k->actor->counters.faults[MM_FAULT_INVALID]++;
    if (signo == MM_SIGSEGV && code < COUNT_OF(reason) && reason[code])
        EXPLAIN(k, "fault at %x: SIGSEGV, %s", addr, TEXT(reason[code]));
    else
        EXPLAIN(k, "fault at %x: signal %d, code %d", addr, signo, code);
    if (k->on_fault)
        k->on_fault(k->on_fault_ctx, k->actor, addr, o);
}

/* The mapping that contains addr; a grows-down mapping above it is grown to it. */
static struct vma *find_or_grow(struct mm *mm, u64 addr, bool *grew)
{
    struct vma *v = vma_find(mm, addr);

    if (!v || v->start <= addr)
        return v;
    if (!(v->flags & VM_GROWSDOWN) || stack_grow(v, page_down(addr)))
        return NULL;
    *grew = true;
    return v;
}

/* The processor found it, or would as soon as the page were there. */
static bool forbidden_by_key(const struct proc *p, const struct vma *v, u32 error)
{
    return (error & PF_PK) || (!(error & PF_I) && !pkey_allows(p, v, error & PF_W));
}

/* access_error(): a write needs VM_WRITE; a read that met a present page is forbidden by its entry; other reads need
 * any right at all. */
static bool forbidden(const struct vma *v, u32 error)
{
    if (error & PF_W)
        return !(v->flags & VM_WRITE);
    if (error & PF_P)
        return true;
    return !(v->flags & VM_ACCESS);
}

/* One try; for FAULT_SIGSEGV *code says which. */
static enum fault_result attempt(const struct proc *p, struct fault *f, u8 *code)
{
    const struct hw_trap *t = f->trap;

    *code = MM_SEGV_MAPERR;
    f->grew = f->marked_wp = false;
    f->vma = find_or_grow(f->mm, t->cr2, &f->grew);
    if (!f->vma)
        return FAULT_SIGSEGV;
    EXPLAIN(f->mm->k, "mapping %x-%x, rights %d (1 read, 2 write, 4 exec)", f->vma->start, f->vma->end,
            f->vma->flags & VM_ACCESS);
    if (forbidden_by_key(p, f->vma, t->error)) {
        *code = MM_SEGV_PKUERR;
        return FAULT_SIGSEGV;
    }
    if (forbidden(f->vma, t->error)) {
        *code = MM_SEGV_ACCERR;
        return FAULT_SIGSEGV;
    }
    return fault_handle(f);
}

/* Tries until it succeeds or fails; FAULT_WAIT: somebody was asked, and has not answered. */
static enum fault_result attempts(struct proc *p, struct fault *f, u8 *code)
{
    enum fault_result r;

    do {
        r = attempt(p, f, code);
    } while (r == FAULT_WAIT && uffd_answered(p, &f->waits));
    return r;
}

static struct fault fault_of(struct proc *p, const struct hw_trap *t, struct mm_trap_result *o)
{
    return (struct fault){ .mm = p->mm, .addr = page_down(t->cr2), .write = t->error & PF_W, .trap = t, .out = o };
}

static void page_fault(struct kernel *k, struct proc *p, const struct hw_trap *t, struct mm_trap_result *o)
{
    struct fault f = fault_of(p, t, o);
    u8 code;

    EXPLAIN(k, "page fault at %x: %s by %s, page %s", t->cr2,
            TEXT(t->error & PF_I ? "fetch" : t->error & PF_W ? "write" : "read"),
            TEXT(t->user ? "the program" : "the kernel"), TEXT(t->error & PF_P ? "present" : "not present"));
    if (t->error & PF_RSVD) {             /* corrupted tables: the kernel kills */
        raise(k, o, MM_SIGKILL, 0, t->cr2);
        return;
    }
    if (t->cr2 >= TASK_SIZE) {
        raise(k, o, MM_SIGSEGV, MM_SEGV_MAPERR, t->cr2);
        return;
    }
    switch (attempts(p, &f, &code)) {
    case FAULT_DONE:
        o->addr = t->cr2;
        fault_tell(k, t->cr2, o);
        break;
    case FAULT_WAIT:
        o->waits = true;
        break;
    case FAULT_SIGBUS:
        raise(k, o, MM_SIGBUS, MM_BUS_ADRERR, t->cr2);
        break;
    case FAULT_POISON:
        raise(k, o, MM_SIGBUS, k->cfg.memory_failure ? MM_BUS_MCEERR_AR : MM_BUS_ADRERR, t->cr2);
        break;
    case FAULT_SIGSEGV:
        raise(k, o, MM_SIGSEGV, code, t->cr2);
        o->pkey = code == MM_SEGV_PKUERR ? (u8)vma_pkey(f.vma) : 0;
        break;
    case FAULT_OOM:
        raise(k, o, MM_SIGKILL, 0, t->cr2);
        break;
    }
}

/* The process was woken: its fault goes on, as the thread would in the kernel.  What cannot be resolved is left to the
 * repeated access, which traps again. */
void fault_retry(struct proc *p, const struct uffd_wait *w)
{
    struct kernel *k = p->k;
    struct proc *actor = k->actor;
    unsigned cpu = k->this_cpu;
    struct mm_trap_result out = { .addr = w->trap.cr2 };
    struct fault f = fault_of(p, &w->trap, &out);
    u8 code;

    kernel_enter(p);
    f.waits = w->waits;
    if (attempts(p, &f, &code) == FAULT_DONE) {
        out.addr = w->trap.cr2;
        fault_tell(k, w->trap.cr2, &out);
    }
    k->actor = actor;
    k->this_cpu = cpu;
}

/* It waits already, and the access is only repeated: nothing new is asked. */
static bool still_waits(struct proc *p, const struct hw_trap *t)
{
    if (!p->wait.uffd)
        return false;
    if (page_down(p->wait.trap.cr2) == page_down(t->cr2) && t->vector == 14)
        return true;
    uffd_stop_waiting(p);
    return false;
}

void kernel_trap(struct kernel *k, unsigned cpu, const struct hw_trap *trap, struct mm_trap_result *out)
{
    struct proc *p = k->cpu[cpu].proc;

    CHECK(p && p->mm);
    k->this_cpu = cpu;
    k->actor = p;
    kernel_from_user(k, cpu);
    *out = (struct mm_trap_result){ .addr = trap->cr2 };
    if (RARE(still_waits(p, trap)))
        out->waits = true;
    else if (trap->vector == 14)
        page_fault(k, p, trap, out);
    else                                  /* #GP, #SS: an address that is not canonical */
        raise(k, out, trap->vector == 12 ? MM_SIGBUS : MM_SIGSEGV, MM_SI_KERNEL, 0);
}
