/* SPDX-License-Identifier: MIT
 * hw_model.c - the hardware behind hw.h is the machine of mmu.h.  Called by the kernel only.
 * One table turns the kernel's register names into the machine's; the rest passes calls on.  A register write that
 * the machine refuses is a bug of the kernel and ends the program, as a #GP in a kernel would. */
#include "sim_internal.h"

#include "arch/x86_pte.h"
#include "base/check.h"

static const u8 reg_of[] = {
    [HW_CR0] = MMU_CR0, [HW_CR2] = MMU_CR2, [HW_CR3] = MMU_CR3,
    [HW_CR4] = MMU_CR4, [HW_EFER] = MMU_EFER, [HW_PKRU] = MMU_PKRU,
};

static u64 read_reg(void *ctx, unsigned cpu, enum hw_reg reg)
{
    return mmu_get(((struct sim *)ctx)->mmu, cpu, (enum mmu_reg)reg_of[reg]);
}

static void write_reg(void *ctx, unsigned cpu, enum hw_reg reg, u64 value)
{
    CHECK(mmu_set(((struct sim *)ctx)->mmu, cpu, (enum mmu_reg)reg_of[reg], value));
}

static void invlpg(void *ctx, unsigned cpu, u64 va) { mmu_invlpg(((struct sim *)ctx)->mmu, cpu, va); }

static void invpcid(void *ctx, unsigned cpu, u64 type, u64 pcid, u64 va)
{
    CHECK(mmu_invpcid(((struct sim *)ctx)->mmu, cpu, type, pcid, va));
}

static void send_ipi(void *ctx, unsigned cpu, unsigned target)
{
    (void)cpu;
    kernel_ipi(((struct sim *)ctx)->kernel, target);
}

static bool touch_user(void *ctx, unsigned cpu, u64 va, enum hw_touch kind)
{
    struct sim *s = ctx;

    return sim_touch_user(s, cpu, va, kind == HW_WRITE ? MMU_STORE : MMU_LOAD, s->call_site);
}

static u64 now_ns(void *ctx) { return ((struct sim *)ctx)->now_ns; }

/* Of the bits the kernel asks about.  PCIDs need PGE in Linux (setup_pcid). */
static u64 cr4_allowed(u32 features)
{
    bool pcid = (features & (MMU_PCID | MMU_PGE)) == (MMU_PCID | MMU_PGE);

    return (features & MMU_PKU ? X86_CR4_PKE : 0) | (pcid ? X86_CR4_PCIDE : 0);
}

void sim_bind_hw(struct sim *s, const struct mmu_config *machine, u64 ram_bytes)
{
    s->hw = (struct hw){
        .ctx = s, .cpus = machine->cpus, .cr4_allowed = cr4_allowed(machine->features), .ram = machine->ram, .ram_bytes = ram_bytes,
        .read_reg = read_reg, .write_reg = write_reg, .invlpg = invlpg, .invpcid = invpcid,
        .send_ipi = send_ipi, .touch_user = touch_user, .now_ns = now_ns,
        .no_1g_pages = !(machine->features & MMU_PDPE1GB),
        .has_invpcid = machine->features & MMU_INVPCID,
    };
}
