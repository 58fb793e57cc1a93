/* SPDX-License-Identifier: MIT
 * explain.c - mmu_walk(): what an access would meet with cold caches, entry by entry, with the rule that decided.
 * Changes nothing.  For explanations, listings and tests. */
#include "machine/access.h"
#include "machine/guest.h"
#include "machine/walk.h"

/* The rule behind a reserved bit: the first that applies, in the order of 4.5. */
static const char *reserved_rule(const struct cpu *c, const struct part *part, u64 e, u32 level)
{
    u64 bad = e & c->mode.mbz[level][(e & c->mode.leaf[level]) != 0];
    if (bad & X86_PTE_XD) /* not in the four bytes of 32-bit paging */
        return "XD=1 with EFER.NXE=0 is reserved (SDM3 4.5)";
    if (bad & X86_PTE_ADDR & ~(u64)0 << part->maxphyaddr)
        return "address bits at and above MAXPHYADDR are reserved (SDM3 4.5)";
    if (bad & X86_PTE_PS)
        return level == 2 ? "PDPTE.PS=1 without 1-GiB pages is reserved (SDM3 4.5)"
                          : "bit 7 is reserved at this level (SDM3 4.5)";
    if (bad & X86_PTE_G)
        return "AMD: bit 8 must be zero at this level (APM2 5.3)";
    return "address bits below the page's size are reserved (SDM3 4.5)";
}

static const char *verdict_rule(const struct mmu *m, const struct cpu *c, const struct mmu_step *s)
{
    return s->verdict == MMU_STEP_NOT_PRESENT ? "P=0 in this entry (SDM3 4.7)"
                                              : reserved_rule(c, &m->part, s->entry, s->level);
}

static void tell_steps(const struct cpu *c, const struct walk *w, struct mmu_walk *out)
{
    for (u32 level = c->mode.levels - 1u;; level--) {
        if (level == w->last && w->verdict == WALK_EXIT)
            return;
        bool last = level == w->last;
        out->step[out->steps++] = (struct mmu_step){
            .entry_pa = w->pa[level], .entry = w->entry[level], .level = (u8)level,
            .leaf = last && w->verdict == MMU_STEP_LEAF, .verdict = last ? w->verdict : MMU_STEP_NEXT,
        };
        if (last)
            return;
    }
}

static u8 marks(const struct cpu *c, const struct walk *w, bool store)
{
    u8 n = 0;
    for (u32 level = w->top;; level--) {
        n += walk_marked(&c->mode, w, level, store) != w->entry[level];
        if (level == w->last)
            return n;
    }
}

/* APM2 5.7.3 in its order; NULL: allowed. */
static const char *shadow_rule(const struct cpu *c, enum mmu_kind kind, unsigned flags, u64 data)
{
    bool user_page = data & R_US, user = shadow_user(c, flags);
    if (!data_shadow(data))
        return "shadow-stack access to a page that is none: R/W=0 and D=1 in the leaf, R/W=1 above (APM2 5.7.2)";
    if (user != user_page)
        return user ? "user shadow-stack access to a supervisor page (APM2 5.7.3)"
                    : "supervisor shadow-stack access to a user page (APM2 5.7.3)";
    if (allow(c, flags, data) >> kind & 1)
        return NULL;
    return user_page ? "PKRU forbids the access (SDM3 4.6.2)" : "PKRS forbids the access (SDM3 4.6.2)";
}

/* A leaf was reached: rights, then the result. */
static void judge_leaf(const struct cpu *c, const struct walk *w, enum mmu_kind kind, unsigned flags,
                       struct mmu_walk *out)
{
    u64 va = out->r.va, data = walk_data(c, va, w);
    bool implicit = flags & MMU_IMPLICIT, shadow = flags & SHADOW_FLAGS;
    u32 rights = (u32)(data & DATA_RIGHTS), key = data_key(data);
    out->user = (rights & R_US) != 0;
    out->writable = (rights & R_RW) != 0;
    out->nx = (rights & R_XD) != 0;
    out->global = (data & DATA_G) != 0;
    out->pkey = (u8)key;
    out->shadow = data_shadow(data) && c->reg.cr4 & X86_CR4_CET;
    const char *refused = shadow ? shadow_rule(c, kind, flags, data) : rights_rule(&c->reg, c->mode.paging, kind, implicit, rights, key);
    if (refused) {
        out->rule = refused;
        out->r.status = MMU_FAULT_PF;
        out->r.error = PF_P | error_of(c, kind, flags) |
                       (rights_key_denies(c->now, kind, implicit, rights, key) ? PF_PK : 0);
        return;
    }
    out->rule = "the access is allowed (SDM3 4.6)";
    out->r.status = MMU_OK;
    out->r.pa = (data & DATA_PA) | (va & PAGE_MASK_LOW);
    out->r.page_lg2 = unit_lg2[data_size(data)];
    out->r.wrote_ad = marks(c, w, kind == MMU_STORE);
}

/* The nested table refuses. */
static void exits(const struct guest_access *g, struct mmu_walk *out)
{
    out->rule = g->rule;
    out->r.status = MMU_EXIT;
    out->r.pa = 0;
    out->r.page_lg2 = 0;
}

/* A guest's leaf allows the access: A and D in its entries, then the page.  The rest of the order stands in nested.h. */
static void judge_page(const struct cpu *c, const struct walk *w, struct guest_access *g, struct mmu_walk *out)
{
    u64 data = walk_data(c, out->r.va, w);
    u32 unit;
    u8 marked = out->r.wrote_ad;
    out->r.wrote_ad = 0;
    if (guest_may_mark(g, w)) {
        out->r.wrote_ad = marked;
        if (guest_page(g, &data, &unit)) {
            out->r.pa = (data & DATA_PA) | (out->r.va & PAGE_MASK_LOW);
            return;
        }
    }
    exits(g, out);
}

static void unpaged(const struct mmu *m, struct guest_access *g, struct mmu_walk *out)
{
    struct nested_page p;
    if (!guest_unpaged(g, &p)) {
        exits(g, out);
    } else {
        out->rule = "paging is off in the guest (SDM3 4.1.1); the nested table allows the access";
        out->r.pa = p.pa;
        out->r.page_lg2 = unit_lg2[p.size];
    }
    out->r.reads = (u8)g->cost->reads;
    out->r.cycles = m->timing.walk_base_cycles + g->cost->reads * m->timing.read_far_cycles;
}

static bool settled_without_walk(const struct cpu *c, unsigned flags, struct mmu_walk *out)
{
    if (flags & SHADOW_FLAGS && !(c->reg.cr4 & X86_CR4_CET)) {
        out->r.status = MMU_FAULT_UD;
        out->rule = "CR4.CET=0: there are no shadow-stack accesses (APM2 5.7)";
        return true;
    }
    if (flags & MMU_WRUSS && c->reg.cpl == 3) {
        out->r.status = MMU_FAULT_GP;
        out->rule = "WRUSS is an instruction of CPL 0 (APM2 5.7.1)";
        return true;
    }
    if (c->mode.paging != PAGING_LONG)
        out->r.va &= 0xffffffff;
    if (!canonical(&c->mode, out->r.va)) {
        out->r.status = flags & MMU_SS ? MMU_FAULT_SS : MMU_FAULT_GP;
        out->rule = "the address is not canonical (SDM1 3.3.7.1)";
        return true;
    }
    if (c->mode.paging != PAGING_OFF)
        return false;
    out->r.pa = out->r.va;
    out->r.page_lg2 = PAGE_LG2;
    out->rule = "paging is off (SDM3 4.1.1)";
    return true;
}

/* g: whose tables these are, or NULL. */
static void walk_told(const struct mmu *m, const struct cpu *c, enum mmu_kind kind, unsigned flags, struct guest_access *g,
                      struct mmu_walk *out)
{
    struct walk w;
    walk_any(m, c, out->r.va, &w, g);
    tell_steps(c, &w, out);
    if (w.verdict == WALK_EXIT) {
        exits(g, out);
    } else if (w.verdict == MMU_STEP_LEAF) {
        judge_leaf(c, &w, kind, flags, out);
        if (g && out->r.status == MMU_OK)
            judge_page(c, &w, g, out);
    } else {
        out->rule = verdict_rule(m, c, &out->step[out->steps - 1]);
        out->r.status = MMU_FAULT_PF;
        out->r.error = error_of(c, kind, flags) | (w.verdict == MMU_STEP_RESERVED ? PF_P | PF_RSVD : 0);
    }
    u32 reads = walk_reads(&w) + (g ? g->cost->reads : 0);
    out->r.reads = (u8)reads;
    out->r.cycles = m->timing.walk_base_cycles + reads * m->timing.read_far_cycles;
}

void mmu_walk(const struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags, struct mmu_walk *out)
{
    CHECK(cpu < m->cpus && (unsigned)kind <= MMU_FETCH);
    const struct cpu *c = &m->cpu[cpu];
    if (c->nested_on) {
        struct mmu_guest_walk both;
        mmu_guest_walk(m, cpu, va, kind, flags, &both);
        *out = both.w;
        return;
    }
    *out = (struct mmu_walk){ .r = { .va = va, .kind = (u8)kind, .by = MMU_BY_WALK, .pieces = 1 } };
    if (!settled_without_walk(c, flags, out))
        walk_told(m, c, kind, flags, NULL, out);
}

void mmu_guest_walk(const struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags, struct mmu_guest_walk *out)
{
    CHECK(cpu < m->cpus && (unsigned)kind <= MMU_FETCH);
    const struct cpu *c = &m->cpu[cpu];
    struct cost cost = { 0, 0 };
    *out = (struct mmu_guest_walk){ .w = { .r = { .va = va, .kind = (u8)kind, .by = MMU_BY_WALK, .pieces = 1 } } };
    if (!c->nested_on) {
        mmu_walk(m, cpu, va, kind, flags, &out->w);
        return;
    }
    bool settled = settled_without_walk(c, flags, &out->w);
    struct guest_access g = guest_begin(m, c, NULL, out->w.r.va, kind, flags, &cost);
    g.steps = out;
    if (!settled)
        walk_told(m, c, kind, flags, &g, &out->w);
    else if (out->w.r.status == MMU_OK)
        unpaged(m, &g, &out->w);
    out->exit = g.exit;
}
