/* SPDX-License-Identifier: MIT
 * broadcast.c - AMD's further invalidations: INVLPGA, INVLPGB, TLBSYNC.  Called by the embedder.  APM3 (the instructions),
 * APM2 5.5.3; rules 111, 122.
 *
 * INVLPGB acts on its own CPU at once and leaves a request for each of the others, which TLBSYNC of the same CPU
 * completes: the latest moment that the architecture allows, so that a TLBSYNC that is missing shows.  A request may be
 * completed earlier, and is when more are open than there is room for.  A CPU takes a request with its own registers:
 * paging mode and EFER.TCE.  ASID 0 is the host's; others are guests' (nested.h), and an ASID that no guest had names
 * nothing.  What is named by ASID goes through c->own, as if that guest were in force. */
#include "arch/x86_pte.h"
#include "machine/fast.h"
#include "machine/guest.h"
#include "machine/invalidate.h"

/* ---- INVLPGA ----------------------------------------------------------------------------------------------------- */

enum mmu_status mmu_invlpga(struct mmu *m, unsigned cpu, u64 va, u32 asid)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    if (!(c->reg.efer & X86_EFER_SVME))
        return MMU_FAULT_UD;
    c->stats.invlpga++;
    u8 own = c->own;
    c->own = asid <= 0xffff ? guest_contexts(c, (u16)asid) : 0;
    if (asid)
        forget_page_scope(m, cpu, va, &(struct page_scope){ .every_pcid = true, .with_global = true });
    else
        forget_as_invlpg(m, cpu, va);
    c->own = own;
    return MMU_OK;
}

/* ---- INVLPGB ----------------------------------------------------------------------------------------------------- */

#define RAX_RESERVED 0xfc0ull
#define ECX_RESERVED 0x7fff0000u
#define ECX_STRIDE_2M (1u << 31)
#define EDX_RESERVED 0xf0000000u
#define EDX_PCID_SHIFT 16

static u64 pcid_of(const struct broadcast *b) { return b->edx >> EDX_PCID_SHIFT & 0xfff; }

static bool is_possible(const struct mmu *m, const struct cpu *c, const struct broadcast *b)
{
    if (b->rax & RAX_RESERVED || b->ecx & ECX_RESERVED || b->edx & EDX_RESERVED)
        return false;
    if ((b->ecx & 0xffff) > m->policy.invlpgb_pages_more)
        return false;
    if (b->ecx & ECX_STRIDE_2M && c->mode.paging == PAGING_32 && c->reg.cr4 & X86_CR4_PSE)
        return false; /* 4-MiB pages */
    return !(b->rax & MMU_INVLPGB_PCID && pcid_of(b) && !(c->reg.cr4 & X86_CR4_PCIDE)); /* as INVPCID, rule 113 */
}

/* Every page that is named, for one PCID or all. */
static void forget_pages(struct mmu *m, unsigned cpu, const struct broadcast *b)
{
    u64 step = (u64)1 << (b->ecx & ECX_STRIDE_2M ? 21 : 12), va = page_down(b->rax);
    struct page_scope scope = { .pcid = pcid_of(b), .every_pcid = !(b->rax & MMU_INVLPGB_PCID),
                                .with_global = b->rax & MMU_INVLPGB_GLOBAL, .leaf_only = b->rax & MMU_INVLPGB_FINAL };
    for (u32 i = 0; i <= (b->ecx & 0xffff); i++)
        forget_page_scope(m, cpu, va + i * step, &scope);
}

static void take_own(struct mmu *m, unsigned cpu, const struct broadcast *b)
{
    bool with_global = b->rax & MMU_INVLPGB_GLOBAL;
    if (b->rax & MMU_INVLPGB_VA)
        forget_pages(m, cpu, b);
    else if (b->rax & MMU_INVLPGB_PCID)
        forget_pcid(m, cpu, pcid_of(b), with_global);
    else if (with_global)
        forget_all(m, cpu);
    else
        forget_all_nonglobal(m, cpu);
}

static void take(struct mmu *m, unsigned cpu, const struct broadcast *b)
{
    struct cpu *c = &m->cpu[cpu];
    u8 own = c->own;
    c->own = b->rax & MMU_INVLPGB_ASID ? guest_contexts(c, (u16)b->edx) : c->contexts;
    if (c->own)
        take_own(m, cpu, b);
    c->own = own;
}

static void send(struct mmu *m, unsigned cpu, const struct broadcast *b)
{
    for (unsigned other = 0; other < m->cpus; other++)
        if (other != cpu)
            take(m, other, b);
}

static void leave_open(struct mmu *m, unsigned cpu, const struct broadcast *b)
{
    struct cpu *c = &m->cpu[cpu];
    if (c->broadcasts == COUNT_OF(c->broadcast)) {
        send(m, cpu, &c->broadcast[0]);
        c->broadcasts--;
        for (u32 i = 0; i < c->broadcasts; i++)
            c->broadcast[i] = c->broadcast[i + 1];
    }
    c->broadcast[c->broadcasts++] = *b;
}

enum mmu_status mmu_invlpgb(struct mmu *m, unsigned cpu, u64 rax, u32 ecx, u32 edx)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    struct broadcast b = { rax, ecx, edx };
    if (!part_has(&m->part, MMU_INVLPGB))
        return MMU_FAULT_UD;
    if (!is_possible(m, c, &b))
        return MMU_FAULT_GP;
    c->stats.invlpgb++;
    take(m, cpu, &b);
    leave_open(m, cpu, &b);
    return MMU_OK;
}

enum mmu_status mmu_tlbsync(struct mmu *m, unsigned cpu)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    if (!part_has(&m->part, MMU_INVLPGB))
        return MMU_FAULT_UD;
    c->stats.tlbsync++;
    for (u32 i = 0; i < c->broadcasts; i++)
        send(m, cpu, &c->broadcast[i]);
    c->broadcasts = 0;
    return MMU_OK;
}
