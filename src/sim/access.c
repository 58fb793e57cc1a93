/* SPDX-License-Identifier: MIT
 * access.c - one access: translate, deliver the trap, retry; and who pays for what.
 *
 * Called by the embedder for the program's accesses (CPL 3) and for those the kernel makes on its behalf (CPL 0,
 * AC=1).  An access that hits the first level costs nothing here beyond mmu_translate(); everything else is in
 * functions kept out of line.
 *
 * Who pays: a translation not answered by the first level is charged to the access's site and to the mapping of its
 * address; a fault to the site of the access that trapped, or of the system call that asked for it, as the kernel
 * reports it (kernel_on_fault), never from the trap's result, so that none counts twice; a shootdown to the same, and to the
 * mapping that the first page of its range belongs to.  Sums over sites and over
 * mappings equal the machine's counters: misses that found a translation, walks whether they found one or not. */
#include "sim_internal.h"

#include "base/check.h"

/* A kernel that resumes this often without helping is broken. */
#define TRIES_MAX 64u

static struct sim_cost *cost_of(struct sim *s, struct sim_site *site)
{
    if (!site->cost)
        site->cost = sim_alloc(s, sizeof *site->cost, 8);
    return site->cost ? site->cost : &s->overflow;
}

static void add_translation(struct sim_cost *c, const struct mmu_result *r, bool miss)
{
    const bool fetch = r->kind == MMU_FETCH;

    *(fetch ? &c->l1i_miss : &c->l1d_miss) += miss;
    if (r->by == MMU_BY_WALK) {
        *(fetch ? &c->walks_i : &c->walks_d) += 1;
        c->walk_reads += r->reads;
        c->walk_cycles += r->cycles;
    }
}

/* Was the last translation of this side a first-level miss in the machine's own count?  A walk need not be one: it
 * may have faulted, or set D for an entry that was there (SDM3 4.8). */
static bool counted_as_miss(struct sim *s, unsigned cpu, enum mmu_side side)
{
    const u64 *miss = mmu_stats(s->mmu, cpu)->l1_miss[side], before = s->misses_seen[cpu][side];

    s->misses_seen[cpu][side] = miss[MMU_4K] + miss[MMU_2M] + miss[MMU_1G];
    return s->misses_seen[cpu][side] != before;
}

static __attribute__((noinline)) void charge(struct sim *s, unsigned cpu, const struct mmu_result *r,
                                             struct sim_site *site)
{
    bool miss;

    if (r->status == MMU_FAULT_GP || r->status == MMU_FAULT_SS)
        return; /* refused before any translation (SDM3 3.3.7.1)                                               */
    miss = counted_as_miss(s, cpu, r->kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D);
    if (site)
        add_translation(cost_of(s, site), r, miss);
    if (s->kernel) {
        const struct proc *p = proc_current(s->kernel, cpu);
        struct sim_mapping *row = sim_row_at(s, p, r->va);
        add_translation(&row->cost, r, miss);
        if (p == s->watched && p)
            where_translated(s, r, miss, row);
    }
}

static void add_fault(struct sim_cost *c, const struct mm_trap_result *r)
{
    *(r->major ? &c->major : &c->minor) += 1;
    c->cow += r->copied_pages;
    c->zeroed += r->zeroed_pages;
}

void sim_fault_seen(void *ctx, struct proc *p, u64 addr, const struct mm_trap_result *r)
{
    struct sim *s = ctx;
    struct sim_mapping *row = sim_row_at(s, p, addr);

    row->faults[r->kind]++;
    if (p == s->watched)
        where_faulted(s, p, addr, r);
    if (!r->resume)
        return; /* a signal: no fault in the sense of ru_minflt                                                */
    add_fault(&row->cost, r);
    if (s->payer)
        add_fault(cost_of(s, s->payer), r);
    if (RARE(s->fault_seen && p == s->watched))
        s->fault_seen(s->fault_ctx, addr, s->payer ? s->payer->ip : 0, r);
}

void sim_shootdown_seen(void *ctx, struct proc *p, u64 start, u64 end, unsigned ipis)
{
    struct sim *s = ctx;

    (end == ~(u64)0 ? sim_row_of_all(s) : sim_row_at(s, p, start))->cost.shootdowns += ipis;
    if (s->payer)
        cost_of(s, s->payer)->shootdowns += ipis;
}

void sim_on_fault(struct sim *s, void (*seen)(void *ctx, u64 va, u64 ip, const struct mm_trap_result *r), void *ctx)
{
    s->fault_seen = seen;
    s->fault_ctx = ctx;
}

static const u8 vector_of[] = { [MMU_FAULT_PF] = 14, [MMU_FAULT_GP] = 13, [MMU_FAULT_SS] = 12 };

/* Delivers the trap; true: try again.  Fills out when a signal ends it. */
static __attribute__((noinline)) bool deliver(struct sim *s, unsigned cpu, const struct mmu_result *r, bool user,
                                              struct sim_site *site, struct sim_outcome *out)
{
    const struct hw_trap trap = { .vector = vector_of[r->status], .user = user, .error = r->error, .cr2 = r->va };
    struct mm_trap_result res = { .signo = MM_SIGSEGV, .addr = r->va };

    if (s->kernel) {
        s->payer = site;
        if (RARE(s->check_flush))
            flush_check_fault(s, cpu, r->va);
        kernel_trap(s->kernel, cpu, &trap, &res);
        if (RARE(s->check_flush))
            flush_check_fault_over(s);
        s->payer = s->call_site;
        if (res.resume)
            return true;
    }
    out->signo = res.signo;
    out->code = res.code;
    out->addr = res.addr;
    out->waits = res.waits;
    return false;
}

/* A guest's memory that the host has not given yet: it does; each try is charged as a walk. */
static __attribute__((noinline)) void retry_in_guest(struct sim *s, unsigned cpu, enum mmu_kind kind, struct sim_site *site,
                                                     struct mmu_result *r)
{
    const u64 va = r->va;

    for (unsigned tries = 0; r->status == MMU_EXIT; tries++) {
        CHECK(tries < TRIES_MAX);
        sim_guest_exited(s, cpu);
        mmu_translate(s->mmu, cpu, va, kind, 0, r);
        charge(s, cpu, r, site);
    }
}

/* One page's part.  True: made; false: trapped, and *r says how. */
static inline bool translate(struct sim *s, unsigned cpu, u64 va, enum mmu_kind kind, struct sim_site *site,
                             struct mmu_result *r)
{
    mmu_translate(s->mmu, cpu, va, kind, 0, r);
    if (LIKELY(r->status == MMU_OK && r->by == MMU_BY_L1))
        return true;
    charge(s, cpu, r, site);
    if (RARE(r->status == MMU_EXIT))
        retry_in_guest(s, cpu, kind, site, r);
    return r->status == MMU_OK;
}

/* KPTI: the program's accesses are made with its own tables, those of the kernel with the kernel's. */
static __attribute__((noinline)) void choose_tables(struct sim *s, unsigned cpu, bool user)
{
    if (user)
        kernel_to_user(s->kernel, cpu);
    else
        kernel_from_user(s->kernel, cpu);
}

/* An access of at most one page's length: at most two parts.  A trap on either restarts both, as the processor
 * restarts the instruction.  Which part is looked at first is the machine's business: one that ends beyond the canonical
 * addresses raises #GP before #PF. */
static inline void access_once(struct sim *s, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind, bool user,
                               struct sim_site *site, struct sim_outcome *out)
{
    const u64 second = page_down(va + size_bytes - 1);
    const bool crosses = second != page_down(va);
    const u64 first = RARE(crosses) && mmu_first_page(s->mmu, cpu, va, size_bytes, kind) == second ? second : va;
    struct mmu_result r;

    for (unsigned tries = 0;; tries++) {
        CHECK(tries < TRIES_MAX);
        if (RARE(s->kpti))
            choose_tables(s, cpu, user);
        if (LIKELY(translate(s, cpu, first, kind, site, &r) && (!crosses || translate(s, cpu, second, kind, site, &r))))
            break;
        if (!deliver(s, cpu, &r, user, site, out))
            break;
    }
    out->status = r.status;
}

void sim_access(struct sim *s, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind, struct sim_site *site,
                struct sim_outcome *out)
{
    *out = (struct sim_outcome){ 0 };
    while (RARE(size_bytes > PAGE_BYTES)) { /* longer ones are made page by page, like rep movs                 */
        const u32 part = (u32)(PAGE_BYTES - (va & PAGE_MASK_LOW));
        access_once(s, cpu, va, part, kind, true, site, out);
        if (out->signo || out->waits)
            return;
        va += part;
        size_bytes -= part;
    }
    access_once(s, cpu, va, size_bytes, kind, true, site, out);
}

/* The supervisor's view of user memory for the time of a copy: CPL 0, and AC=1 as STAC sets it. */
struct supervisor { u64 cpl, ac; };

static struct supervisor enter_supervisor(struct sim *s, unsigned cpu)
{
    const struct supervisor saved = { mmu_get(s->mmu, cpu, MMU_CPL), mmu_get(s->mmu, cpu, MMU_AC) };

    mmu_set(s->mmu, cpu, MMU_CPL, 0);
    mmu_set(s->mmu, cpu, MMU_AC, 1);
    return saved;
}

static void leave_supervisor(struct sim *s, unsigned cpu, struct supervisor saved)
{
    mmu_set(s->mmu, cpu, MMU_AC, saved.ac);
    mmu_set(s->mmu, cpu, MMU_CPL, saved.cpl);
}

bool sim_touch_user(struct sim *s, unsigned cpu, u64 va, enum mmu_kind kind, struct sim_site *site)
{
    const struct supervisor saved = enter_supervisor(s, cpu);
    struct sim_outcome out = { 0 };

    access_once(s, cpu, va, 1, kind, false, site, &out);
    leave_supervisor(s, cpu, saved);
    return !out.signo && !out.waits;
}

u64 sim_kernel_access(struct sim *s, unsigned cpu, u64 va, u64 len_bytes, bool write, struct sim_site *site)
{
    const struct supervisor saved = enter_supervisor(s, cpu);
    struct sim_outcome out = { 0 };
    u64 done = 0;

    while (done < len_bytes) {
        const u64 at = va + done, room = PAGE_BYTES - (at & PAGE_MASK_LOW);
        access_once(s, cpu, at, 1, write ? MMU_STORE : MMU_LOAD, false, site, &out);
        if (out.signo || out.waits)
            break;
        done += len_bytes - done < room ? len_bytes - done : room;
    }
    leave_supervisor(s, cpu, saved);
    return done;
}

void sim_call_site(struct sim *s, struct sim_site *site) { s->call_site = s->payer = site; }
