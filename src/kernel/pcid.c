/* SPDX-License-Identifier: MIT
 * pcid.c - which address space a CPU has in CR3, under which PCID, and whether what its TLBs hold of it is current.
 * Called by proc.c (context switches) and tlbflush.c.  Linux arch/x86/mm/tlb.c; SDM3 4.10.1, 4.10.4.1.
 *
 *   address space    a number that is never used again, and a generation: how often it was flushed
 *   CPU              six address-space numbers ("ASIDs"), each with the address space and the generation it is good for
 *   PCID             the ASID + 1; the program's half under KPTI: that with bit 11
 *
 * A switch looks for the ASID of the address space: found and current, CR3 is written with bit 63 (NOFLUSH) and the
 * translations stay; found but behind, or given away anew (round robin), they go.  Without PCIDs every switch flushes.
 * A CPU with nothing to run keeps what it has (lazy); it is brought up to date when it takes the address space up
 * again.  Unlike Linux an address space that ends does not wait for lazy CPUs: they are moved to the kernel's tables.
 *
 * KPTI: the top table is a pair of frames.  The first is the kernel's, where user memory cannot be executed; the second
 * is the program's.  CR3 changes half on every way in and out; what must be forgotten of the program's PCID is noted in
 * user_flush and done on the way out. */
#include "calls.h"

#define KERNEL_CTX 1                      /* init_mm: the tables of a CPU that runs no program's                 */
#define USER_PCID 0x800ull

/* ---- CR3 ----------------------------------------------------------------------------------------------------------- */

static void load_cr3(struct kernel *k, unsigned cpu, bool keep)
{
    const struct cpu *c = &k->cpu[cpu];
    u64 top = pfn_to_pa(c->loaded ? c->loaded->top : k->idle_top) + (c->user_tables ? PAGE_BYTES : 0);
    u64 pcid = k->pcid ? (c->asid + 1ull) | (c->user_tables ? USER_PCID : 0) : 0;

    k->hw.write_reg(k->hw.ctx, cpu, HW_CR3, top | pcid | (keep && k->pcid ? X86_CR3_NOFLUSH : 0));
}

/* invalidate_user_asid(): without PCIDs the way out flushes anyway. */
static void user_pcid_due(struct kernel *k, unsigned cpu)
{
    if (k->kpti && k->pcid)
        k->cpu[cpu].user_flush |= (u8)(1u << k->cpu[cpu].asid);
}

void kernel_from_user(struct kernel *k, unsigned cpu)
{
    struct cpu *c = &k->cpu[cpu];

    if (!c->user_tables)
        return;
    c->user_tables = false;
    load_cr3(k, cpu, true);
}

void kernel_to_user(struct kernel *k, unsigned cpu)
{
    struct cpu *c = &k->cpu[cpu];
    u8 bit = (u8)(1u << c->asid);

    if (!k->kpti || c->user_tables || !c->loaded || c->lazy)
        return;
    c->user_tables = true;
    load_cr3(k, cpu, !(c->user_flush & bit));
    c->user_flush &= (u8)~bit;
}

/* All of the current address space.  pre: the CPU is in the kernel. */
void tlb_flush_all(struct kernel *k, unsigned cpu)
{
    user_pcid_due(k, cpu);
    load_cr3(k, cpu, false);
}

/* INVLPG acts on the kernel's PCID; the program's page goes by INVPCID, or with all of its PCID on the way out. */
void tlb_flush_one(struct kernel *k, unsigned cpu, u64 va)
{
    k->hw.invlpg(k->hw.ctx, cpu, va);
    if (!k->kpti || !k->pcid)
        return;
    if (k->hw.has_invpcid)
        k->hw.invpcid(k->hw.ctx, cpu, 0, (k->cpu[cpu].asid + 1ull) | USER_PCID, va);
    else
        user_pcid_due(k, cpu);
}

/* ---- switching ----------------------------------------------------------------------------------------------------- */

static u64 ctx_of(const struct mm *mm) { return mm ? mm->ctx_id : KERNEL_CTX; }
static u64 gen_of(const struct mm *mm) { return mm ? mm->tlb_gen : 1; }

/* choose_new_asid(); false: what is held under it must go. */
static bool choose_asid(struct kernel *k, struct cpu *c, const struct mm *mm)
{
    if (!k->pcid) {
        c->asid = 0;
        return false;
    }
    for (u8 asid = 0; asid < DYN_ASIDS; asid++)
        if (c->ctx[asid].ctx_id == ctx_of(mm)) {
            c->asid = asid;
            return c->ctx[asid].tlb_gen >= gen_of(mm);
        }
    if (c->next_asid == DYN_ASIDS)
        c->next_asid = 0;
    c->asid = c->next_asid++;
    return false;
}

static void load(struct kernel *k, unsigned cpu, const struct mm *mm, bool current)
{
    struct cpu *c = &k->cpu[cpu];

    if (!current) {
        c->ctx[c->asid] = (struct tlb_ctx){ ctx_of(mm), gen_of(mm) };
        user_pcid_due(k, cpu);
    }
    *(current ? &c->kept : &c->flushed) += 1;
    EXPLAIN(k, "CPU %d: address space %d under number %d, translations %s", cpu, ctx_of(mm), c->asid,
            TEXT(current ? "kept" : "dropped"));
    load_cr3(k, cpu, current);
}

/* switch_mm(); next NULL: the kernel's own tables. */
void mm_switch(struct kernel *k, unsigned cpu, struct mm *next)
{
    struct cpu *c = &k->cpu[cpu];
    struct mm *prev = c->loaded;
    u64 bit = 1ull << cpu;
    bool was_lazy = c->lazy;

    kernel_from_user(k, cpu);
    c->lazy = false;
    if (prev == next) {
        if (next)
            next->cpus |= bit;
        if (was_lazy && c->ctx[c->asid].tlb_gen != gen_of(next))
            load(k, cpu, next, false);
        return;
    }
    if (prev && !k->q.stale_cpumask)
        prev->cpus &= ~bit;
    if (next)
        next->cpus |= bit;
    c->loaded = next;
    load(k, cpu, next, choose_asid(k, c, next));
}

/* enter_lazy_tlb(): nobody runs there; the tables stay. */
void mm_lazy(struct kernel *k, unsigned cpu)
{
    kernel_from_user(k, cpu);
    k->cpu[cpu].lazy = k->cpu[cpu].loaded != NULL;
}

/* The address space ends: no CPU may have its tables. */
void mm_unload(struct mm *mm)
{
    for (unsigned cpu = 0; cpu < mm->k->hw.cpus; cpu++)
        if (mm->k->cpu[cpu].loaded == mm)
            mm_switch(mm->k, cpu, NULL);
}

/* ---- beginning ----------------------------------------------------------------------------------------------------- */

#define TRIM_NS 1000000000ull

void mm_tlb_init(struct mm *mm)
{
    mm->ctx_id = ++mm->k->last_ctx_id;
    mm->trim_due_ns = mm->k->hw.now_ns(mm->k->hw.ctx) + TRIM_NS;
}

/* pre: CR4 is set; loads CR3 of every CPU. */
void pcid_init(struct kernel *k)
{
    k->last_ctx_id = KERNEL_CTX;
    for (unsigned cpu = 0; cpu < k->hw.cpus; cpu++) {
        k->cpu[cpu].ctx[0] = (struct tlb_ctx){ KERNEL_CTX, 1 };
        k->cpu[cpu].next_asid = 1;
        load_cr3(k, cpu, false);
    }
}

/* ---- views and checks ------------------------------------------------------------------------------------------------ */

void mm_tlb(const struct proc *p, struct mm_tlb *out)
{
    const struct mm *mm = p->mm;

    *out = mm ? (struct mm_tlb){ mm->ctx_id, mm->tlb_gen, mm->cpus } : (struct mm_tlb){ 0 };
}

static void show_ctx(const struct kernel *k, const struct cpu *c, unsigned asid, const struct pw_out *out)
{
    struct text t = { .len = 0 };

    text_str(&t, "pcid=");
    text_0x(&t, k->pcid ? asid + 1 : 0);
    text_str(&t, " mm=");
    text_dec(&t, c->ctx[asid].ctx_id);
    text_str(&t, " generation=");
    text_dec(&t, c->ctx[asid].tlb_gen);
    if (asid == c->asid)
        text_str(&t, !c->loaded ? " loaded kernel" : c->lazy ? " loaded lazy" : " loaded");
    if (c->user_flush >> asid & 1)
        text_str(&t, " user-flush-due");
    text_char(&t, '\n');
    text_emit(&t, out);
}

void kernel_show_tlbstate(const struct kernel *k, unsigned cpu, const struct pw_out *out)
{
    const struct cpu *c = &k->cpu[cpu];
    struct text t = { .len = 0 };

    CHECK(cpu < k->hw.cpus);
    for (unsigned asid = 0; asid < DYN_ASIDS; asid++)
        if (c->ctx[asid].ctx_id)
            show_ctx(k, c, asid, out);
    text_str(&t, "switches kept=");
    text_dec(&t, c->kept);
    text_str(&t, " flushed=");
    text_dec(&t, c->flushed);
    text_char(&t, '\n');
    text_emit(&t, out);
}

static bool exists(const struct kernel *k, const struct mm *mm)
{
    const struct mm *m = k->mms;

    while (m && m != mm)
        m = m->next;
    return m != NULL;
}

static const char *check_cpu(const struct kernel *k, unsigned cpu)
{
    const struct cpu *c = &k->cpu[cpu];

    if (c->loaded && !exists(k, c->loaded))
        return "tlb: a CPU has the tables of an address space that ended";
    if (c->loaded && !(c->loaded->cpus >> cpu & 1))
        return "tlb: a CPU is not in the mask of the address space it has loaded";
    if (c->ctx[c->asid].ctx_id != ctx_of(c->loaded))
        return "tlb: the number in CR3 belongs to another address space";
    if (!c->lazy && c->ctx[c->asid].tlb_gen != gen_of(c->loaded))
        return "tlb: a CPU runs with translations of an old generation";
    if (!c->lazy != (!c->loaded || c->proc != NULL))
        return "tlb: lazy although a process runs, or not although none does";
    return NULL;
}

/* KPTI: both halves of a top table lead to the same tables. */
static const char *check_halves(const struct mm *mm)
{
    const u64 *e = table_entry(mm->k, pfn_to_pa(mm->top), TOP_LEVEL, 0);

    for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
        if (e[i] != (e[PTRS_PER_TABLE + i] ? e[PTRS_PER_TABLE + i] | X86_PTE_XD : 0))
            return "kpti: the halves of a top table differ";
    return NULL;
}

const char *pcid_check(const struct kernel *k)
{
    const char *err = NULL;

    for (unsigned cpu = 0; cpu < k->hw.cpus && !err; cpu++)
        err = check_cpu(k, cpu);
    for (const struct mm *mm = k->kpti ? k->mms : NULL; mm && !err; mm = mm->next)
        err = check_halves(mm);
    return err;
}
