/* SPDX-License-Identifier: MIT
 * bench_machine.h - the bench's CPUs are the machine's (BENCH_MACHINE): TLBs, structure caches, PCIDs, and the checker that
 * reports each use of what the kernel should have invalidated.  A test may lose invalidations on purpose (b->swallow); one
 * that does not must find none missing. */
#ifndef PAGEWALK_TESTS_KERNEL_BENCH_MACHINE_H
#define PAGEWALK_TESTS_KERNEL_BENCH_MACHINE_H

#include "arch/x86_pte.h"
#include "pagewalk/mmu.h"

#ifndef BENCH_PROFILE
#define BENCH_PROFILE "skylake"
#endif

/* What gets lost. */
enum { LOSE_INVLPG = 1, LOSE_INVPCID = 2, LOSE_RELOAD = 4,  /* MOV CR3 of what it holds already                         */
       LOSE_SWITCH = 8,                                     /* MOV CR3 to another PCID keeps what that has              */
       LOSE_REMOTE = 16 };                                  /* whatever a CPU does when asked by another                */

struct bench_report { struct mmu_stale s; char text[512]; size_t len; };
static struct bench_report bench_first; /* of this bench                                                              */

static void bench_report_put(void *ctx, const char *text, size_t len)
{
    struct bench_report *r = ctx;
    for (; len && r->len < sizeof r->text - 1; len--)
        r->text[r->len++] = *text++;
    r->text[r->len] = 0;
}

static void bench_found(void *ctx, const struct mmu_stale *s)
{
    struct bench *b = ctx;
    if (!s->missing || b->missing++)
        return;
    bench_first = (struct bench_report){ .s = *s };
    mmu_stale_put(s, "", &(struct pw_out){ bench_report_put, &bench_first });
}

static void bench_pte_stored(void *ctx, u64 pa, u64 old_value, u64 new_value)
{
    mmu_check_flush_stored(((struct bench *)ctx)->m, pa, old_value, new_value);
}

static void *bench_aligned(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

static struct mmu_config bench_machine(const struct bench *b)
{
    struct mmu_config cfg = { .cpus = b->hw.cpus, .ram = b->hw.ram, .ram_bytes = b->hw.ram_bytes };
    cfg.profile = mmu_profile_find(BENCH_PROFILE);
    cfg.vendor = cfg.profile->vendor;
    cfg.features = cfg.profile->features;
    return cfg;
}

static void bench_mmu_begin(struct bench *b)
{
    struct mmu_config cfg = bench_machine(b);
    size_t bytes = mmu_bytes(&cfg), check_bytes = mmu_check_flush_bytes(&cfg);
    bench_first = (struct bench_report){ .len = 0 };
    b->m_block = bench_aligned(bytes);
    b->check_block = bench_aligned(check_bytes);
    b->m = mmu_create(b->m_block, bytes, &cfg);
    assert_non_null(b->m);
    mmu_check_flush_begin(b->m, b->check_block, check_bytes, bench_found, b);
    mmu_check_flush_actor(b->m, MMU_NO_CPU, "the kernel");
    b->hw.pte_stored = bench_pte_stored;
    b->hw.cr4_allowed = X86_CR4_PCIDE;
    b->hw.has_invpcid = true;
    for (unsigned cpu = 0; cpu < b->hw.cpus; cpu++) {
        b->regs[cpu][HW_CR0] = mmu_get(b->m, cpu, MMU_CR0);
        b->regs[cpu][HW_CR4] = mmu_get(b->m, cpu, MMU_CR4);
        b->regs[cpu][HW_EFER] = mmu_get(b->m, cpu, MMU_EFER);
        mmu_set(b->m, cpu, MMU_CPL, 3);
    }
}

static void bench_mmu_end(struct bench *b)
{
    struct mmu_config cfg = bench_machine(b);
    munmap(b->check_block, mmu_check_flush_bytes(&cfg));
    munmap(b->m_block, mmu_bytes(&cfg));
}

/* ---- what the kernel does, or would have done ---------------------------------------------------------------------- */

static bool bench_loses(const struct bench *b, unsigned cpu, unsigned kind)
{
    return b->swallow & (kind | (cpu ? LOSE_REMOTE : 0));
}

static u64 bench_cr3(const struct bench *b, unsigned cpu, u64 v)
{
    const u64 held = mmu_get(b->m, cpu, MMU_CR3);
    const bool reload = !((v ^ held) & ~X86_CR3_NOFLUSH);
    return bench_loses(b, cpu, reload ? LOSE_RELOAD : LOSE_SWITCH) ? v | X86_CR3_NOFLUSH : v;
}

static void bench_mmu_set(struct bench *b, unsigned cpu, enum hw_reg r, u64 v)
{
    static const u8 reg_of[] = { [HW_CR0] = MMU_CR0, [HW_CR2] = MMU_CR2, [HW_CR3] = MMU_CR3, [HW_CR4] = MMU_CR4,
                                 [HW_EFER] = MMU_EFER, [HW_PKRU] = MMU_PKRU };
    assert_true(mmu_set(b->m, cpu, (enum mmu_reg)reg_of[r], r == HW_CR3 ? bench_cr3(b, cpu, v) : v));
}

static void bench_mmu_invlpg(struct bench *b, unsigned cpu, u64 va)
{
    if (!bench_loses(b, cpu, LOSE_INVLPG))
        mmu_invlpg(b->m, cpu, va);
}

static void bench_mmu_invpcid(struct bench *b, unsigned cpu, u64 type, u64 pcid, u64 va)
{
    if (!bench_loses(b, cpu, LOSE_INVPCID))
        assert_true(mmu_invpcid(b->m, cpu, type, pcid, va));
}

/* ---- accesses --------------------------------------------------------------------------------------------------- */

/* Pages touched before are looked at again beside each access, on every CPU: what is stale there shows.  A fault is nobody's. */
enum { BENCH_PLACES = 32 };
static u64 bench_place[BENCH_PLACES];
static unsigned bench_places;

static void bench_revisit(struct bench *b)
{
    struct mmu_result r;
    for (unsigned cpu = 0; cpu < b->hw.cpus; cpu++) {
        if (!proc_current(b->k, cpu))
            continue;
        kernel_to_user(b->k, cpu);
        for (unsigned i = 0; i < BENCH_PLACES; i++) {
            mmu_translate(b->m, cpu, bench_place[i], MMU_LOAD, 0, &r);
            mmu_translate(b->m, cpu, bench_place[i], MMU_STORE, 0, &r);
        }
    }
}

/* As the walker: 0 and no fault, or the #PF error code. */
static u32 bench_walk(struct bench *b, unsigned cpu, u64 va, char kind)
{
    struct mmu_result r;
    if (b->regs[cpu][HW_PKRU] != mmu_get(b->m, cpu, MMU_PKRU)) /* WRPKRU of the program itself                      */
        mmu_set(b->m, cpu, MMU_PKRU, b->regs[cpu][HW_PKRU]);
    kernel_to_user(b->k, cpu);
    mmu_translate(b->m, cpu, va, kind == 'w' ? MMU_STORE : kind == 'x' ? MMU_FETCH : MMU_LOAD, 0, &r);
    bench_place[bench_places++ % BENCH_PLACES] = va;
    if (!b->swallow)
        bench_revisit(b);
    if (b->missing && !b->swallow)
        fail_msg("%s", bench_first.text);
    assert_true(r.status == MMU_OK || r.status == MMU_FAULT_PF);
    return r.status == MMU_OK ? 0 : r.error;
}

#endif
