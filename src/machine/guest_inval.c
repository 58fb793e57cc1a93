/* SPDX-License-Identifier: MIT
 * guest_inval.c - the hypervisor's invalidations: INVEPT, INVVPID.  Called by the embedder.  SDM3 28.3.3, SDM3 30.3
 * (the instructions).  What names a guest by VPID or ASID goes through c->own, as if that guest were in force. */
#include "machine/guest.h"
#include "machine/invalidate.h"

/* ---- INVEPT: by EP4TA ---------------------------------------------------------------------------------------------- */

static bool of_table(const struct nested *n, u32 context, u64 frame)
{
    return n->context.key[context] >> 16 == frame;
}

static void forget_ep4ta(struct cpu *c, u64 eptp)
{
    u64 frame = (eptp & X86_PTE_ADDR) >> PAGE_LG2;
    for (u32 i = 0; i < c->nested->context.used; i++) {
        u32 context = c->nested->context.order[i];
        if (of_table(c->nested, context, frame))
            forget_context(c, context);
    }
    u32 number = guest_table_number(c, frame);
    if (number)
        nested_forget_table(c->nested, number);
}

/* Combined and guest-physical mappings of all; linear ones stay (28.3.3.1). */
static void forget_every_ep4ta(struct cpu *c)
{
    for (u32 i = 0; i < c->nested->context.used; i++) {
        u32 context = c->nested->context.order[i];
        if (!of_table(c->nested, context, GUEST_NO_TABLE))
            forget_context(c, context);
    }
    nested_forget_all(c->nested);
}

enum { INVEPT_SINGLE = 1, INVEPT_ALL = 2 };

enum mmu_vm_result mmu_invept(struct mmu *m, unsigned cpu, u64 type, u64 eptp)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    if (!c->nested || m->part.vendor != MMU_INTEL)
        return MMU_VM_UD;
    if (!c->nested->in_guest && c->reg.cpl)
        return MMU_VM_GP;
    if ((type != INVEPT_SINGLE && type != INVEPT_ALL) || (type == INVEPT_SINGLE && !guest_eptp_fits(m, c, eptp)))
        return MMU_VM_FAIL;
    c->nested->stats.invept++;
    if (type == INVEPT_SINGLE)
        forget_ep4ta(c, eptp);
    else
        forget_every_ep4ta(c);
    return MMU_VM_SUCCEED;
}

/* ---- INVVPID: by VPID ----------------------------------------------------------------------------------------------- */

enum { INVVPID_ADDRESS, INVVPID_SINGLE, INVVPID_ALL, INVVPID_RETAIN_GLOBALS, INVVPID_TYPES };

/* Addresses are canonical by the host's mode. */
static bool invvpid_possible(const struct cpu *c, u64 type, u64 desc, u64 va)
{
    u64 cr4 = c->nested->in_guest ? c->nested->host.cr4 : c->reg.cr4;
    u32 shift = cr4 & X86_CR4_LA57 ? 7 : 16;
    if (type >= INVVPID_TYPES || desc >> 16)
        return false;
    if (type != INVVPID_ALL && !desc)
        return false;
    return type != INVVPID_ADDRESS || (u64)((s64)(va << shift) >> shift) == va;
}

static void forget_address(struct cpu *c, u64 va)
{
    for (u32 left = c->own; left; left &= left - 1) {
        u32 context = (u32)__builtin_ctz(left);
        tlb_remove_page_every(c, va, context, true);
        psc_remove_matching(&c->psc, TAG_CONTEXT, (u64)context << TAG_CONTEXT_SHIFT, NULL);
    }
}

static void forget_in_vpid(struct mmu *m, unsigned cpu, u64 type, u64 va)
{
    switch (type) {
    case INVVPID_ADDRESS: forget_address(&m->cpu[cpu], va); break;
    case INVVPID_RETAIN_GLOBALS: forget_all_nonglobal(m, cpu); break;
    default: forget_all(m, cpu); break;
    }
}

enum mmu_vm_result mmu_invvpid(struct mmu *m, unsigned cpu, u64 type, u64 desc, u64 va)
{
    CHECK(cpu < m->cpus);
    struct cpu *c = &m->cpu[cpu];
    if (!c->nested || m->part.vendor != MMU_INTEL)
        return MMU_VM_UD;
    if (!c->nested->in_guest && c->reg.cpl)
        return MMU_VM_GP;
    if (!invvpid_possible(c, type, desc, va))
        return MMU_VM_FAIL;
    c->nested->stats.invvpid++;
    u8 own = c->own, host = guest_contexts(c, 0);
    c->own = type == INVVPID_ALL ? c->contexts & (u8)~host : guest_contexts(c, (u16)desc);
    forget_in_vpid(m, cpu, type, va);
    c->own = own;
    return MMU_VM_SUCCEED;
}
