/* SPDX-License-Identifier: MIT
 * walk.c - the walks of legacy modes (32-bit paging, PAE), and what a finished one means.  Called by translate.c and
 * explain.c.  SDM3 4.3, 4.4.  And the walk of a guest's own tables in long mode. */
#include "machine/walk.h"

/* Two levels of 4-byte entries (4.3). */
static void walk_32(const struct mmu *m, const struct cpu *c, u64 va, struct walk *w, struct guest_access *guest)
{
    u64 table = c->reg.cr3 & c->mode.addr_mask;
    *w = (struct walk){ .all = ~(u64)0, .top = 1 };
    for (u32 level = 1;; level--) {
        w->pa[level] = table + (va >> (12 + 10 * level) & 1023) * 4;
        w->last = (u8)level;
        w->verdict = WALK_EXIT;
        if (guest && !guest_entry(guest, level, w->pa[level], &w->pa[level]))
            return;
        w->entry[level] = phys_read4(m, w->pa[level]);
        w->verdict = (u8)walk_judge(&c->mode, w->entry[level], level);
        if (w->verdict == MMU_STEP_NOT_PRESENT || w->verdict == MMU_STEP_RESERVED)
            return;
        w->above = w->all;
        w->all &= w->entry[level];
        if (w->verdict == MMU_STEP_LEAF)
            return;
        table = w->entry[level] & c->mode.addr_mask;
    }
}

/* PAE: Intel holds the four PDPTEs in registers, checked when loaded (4.4.1); AMD reads and checks them at use
 * (APM2 5.5.3).  PDPTEs carry no rights. */
static void walk_pae(const struct mmu *m, const struct cpu *c, u64 va, struct walk *w, struct guest_access *guest)
{
    u64 index = va >> 30 & 3, pa = (c->reg.cr3 & 0xffffffe0) + index * 8;
    bool amd = m->part.vendor == MMU_AMD;
    if (amd && guest && !guest_entry(guest, 2, pa, &pa)) {
        *w = (struct walk){ .top = 2, .last = 2, .verdict = WALK_EXIT };
        return;
    }
    u64 e = amd ? phys_read(m, pa) : c->pdpte[index];
    enum mmu_step_verdict verdict = walk_judge(&c->mode, e, 2);
    if (verdict != MMU_STEP_NEXT) {
        *w = (struct walk){ .top = 2, .last = 2, .verdict = (u8)verdict, .no_read = !amd };
    } else {
        struct walk_start s = { .table = e & c->mode.addr_mask, .all = ~(u64)0, .level = 1 };
        guest ? walk_down_guest(m, c, va, &s, w, guest) : walk_down(m, &c->mode, va, &s, w);
        w->top = amd ? 2 : 1;
    }
    w->pa[2] = pa;
    w->entry[2] = e;
}

void walk_down_guest(const struct mmu *m, const struct cpu *c, u64 va, const struct walk_start *s, struct walk *w, struct guest_access *guest)
{
    walk_levels(m, &c->mode, va, s, w, FORMAT_X86, guest);
}

void walk_any(const struct mmu *m, const struct cpu *c, u64 va, struct walk *w, struct guest_access *guest)
{
    struct walk_start root = walk_root(c);
    if (c->mode.paging == PAGING_32)
        walk_32(m, c, va, w, guest);
    else if (c->mode.paging == PAGING_PAE)
        walk_pae(m, c, va, w, guest);
    else if (guest)
        walk_down_guest(m, c, va, &root, w, guest);
    else
        walk_down(m, &c->mode, va, &root, w);
}

/* PSE-36: bits 20:13 of a 4 MiB PDE are bits 39:32 of the address; those above MAXPHYADDR were reserved. */
static u64 frame_4m(u64 e)
{
    return (e & 0xffc00000) | (e >> 13 & 0xff) << 32;
}

u64 walk_data_legacy(const struct cpu *c, u64 va, const struct walk *w)
{
    u64 e = w->entry[w->last];
    u32 size = w->last == 0 ? (u32)MMU_4K : c->mode.paging == PAGING_32 ? (u32)UNIT_4M : (u32)MMU_2M;
    u64 offset = ((u64)1 << unit_lg2[size]) - 1;
    u64 frame = size == UNIT_4M ? frame_4m(e) : e & DATA_PA & ~offset;
    return frame | (va & offset & ~PAGE_MASK_LOW) | path_rights(w->all, w->any) | (e & X86_PTE_D ? DATA_D : 0) |
           (c->mode.global && e & X86_PTE_G ? DATA_G : 0) | (u64)size << DATA_SIZE_SHIFT |
           leaf_alone_readonly(w);
}
