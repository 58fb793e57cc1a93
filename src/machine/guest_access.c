/* SPDX-License-Identifier: MIT
 * guest_access.c - where an access of a guest meets the nested table: each entry of the guest's tables, A and D in them, and the
 * page itself.  Called by walk.h and miss.c (and explain.c, changing nothing).  The order of steps stands in nested.h. */
#include "machine/guest.h"

#include "machine/access.h"

/* What an access to an entry of the guest's tables takes. */
static u8 entry_needs(const struct nested *n, bool write)
{
    return N_R | (n->kind == MMU_NPT ? N_U : 0) | (write ? N_W : 0);
}

static void tell_entry(struct guest_access *g, u32 level, u64 gpa, u64 pa)
{
    const struct mode *mode = &g->c->mode;
    u64 e = mode->paging == PAGING_32 ? phys_read4(g->m, pa) : phys_read(g->m, pa);
    if (g->steps->steps < MMU_NESTED_STEPS)
        g->steps->step[g->steps->steps++] = (struct mmu_nested_step){ .gpa = gpa, .entry_pa = pa, .entry = e, .level = (u8)level,
                                                                      .for_level = (u8)level, .verdict = (u8)walk_judge(mode, e, level) };
}

bool guest_entry(struct guest_access *g, u32 level, u64 gpa, u64 *pa)
{
    const struct nested *n = g->c->nested;
    struct nested_ask ask = { .gpa = gpa, .what = ASK_ENTRY, .level = (u8)level, .need = entry_needs(n, n->tables_written) };
    struct nested_page p = { .pa = gpa };
    if (level == g->host_level) { /* writable is known, the gpa is not */
        gpa = 0;
    } else if (nested_translate(g, &ask, &p)) {
        g->gpa[level] = gpa;
        g->known |= 1u << level;
        g->writable |= (u32)((p.rights & (N_W | N_D)) == (N_W | N_D)) << level;
    } else {
        return false;
    }
    *pa = p.pa;
    if (g->steps)
        tell_entry(g, level, gpa, p.pa);
    return true;
}

bool guest_may_mark(struct guest_access *g, const struct walk *w)
{
    const struct mode *mode = &g->c->mode;
    for (u32 level = w->top;; level--) {
        bool missing = walk_marked(mode, w, level, g->kind == MMU_STORE) != w->entry[level];
        struct nested_ask ask = { .gpa = g->gpa[level], .what = ASK_MARK, .level = (u8)level, .need = entry_needs(g->c->nested, true) };
        struct nested_page p;
        if (missing && !(g->writable >> level & 1) && !nested_translate(g, &ask, &p))
            return false;
        if (level == w->last)
            return true;
    }
}

/* ---- the page ------------------------------------------------------------------------------------------------------ */

static bool supervisor(const struct guest_access *g)
{
    return g->c->reg.cpl != 3 || g->flags & MMU_IMPLICIT;
}

/* user_va: all entries of the guest say U; without paging every address is such a one. */
static struct nested_ask ask_page(const struct guest_access *g, u64 gpa, bool user_va)
{
    const struct nested *n = g->c->nested;
    static const u8 need[3] = { [MMU_LOAD] = N_R, [MMU_STORE] = N_W, [MMU_FETCH] = N_X };
    struct nested_ask ask = { .gpa = gpa, .what = ASK_PAGE, .level = MMU_GUEST_PAGE, .need = need[g->kind] };
    if (g->kind == MMU_FETCH && user_va)
        ask.need = N_XU;
    if (n->kind == MMU_NPT && !(n->gmet && supervisor(g)))
        ask.need |= N_U;
    if (n->gmet && supervisor(g) && g->kind == MMU_FETCH)
        ask.not = N_U;
    return ask;
}

static u8 may_keep(const struct nested *n, u64 data, u32 rights)
{
    if (n->gmet && data & R_US && !(rights & N_U))
        return KEEP_NOT; /* the supervisor's alone, but by the guest a user's page */
    return rights & N_R ? KEEP : KEEP_FETCH;
}

/* The guest's rights with the nested ones: what a store has to walk for is not dirty. */
static u64 combine(const struct nested *n, u64 data, const struct nested_page *p)
{
    bool executable = p->rights & (data & R_US ? N_XU : N_X), trap = n->gmet && !(data & R_US) && p->rights & N_U;
    if ((p->rights & (N_W | N_D)) != (N_W | N_D))
        data &= ~DATA_D;
    return (data & ~DATA_PA) | page_down(p->pa) | (!executable || trap ? R_XD : 0);
}

bool guest_page(struct guest_access *g, u64 *data, u32 *unit)
{
    const struct nested *n = g->c->nested;
    u64 gpa = (*data & DATA_PA) | (g->va & PAGE_MASK_LOW);
    struct nested_ask ask = ask_page(g, gpa, *data & R_US);
    struct nested_page p;
    g->data = *data;
    if (!nested_translate(g, &ask, &p))
        return false;
    *unit = unit_lg2[p.size] < unit_lg2[data_size(*data)] ? p.size : data_size(*data);
    *data = combine(n, *data, &p);
    g->keep = may_keep(n, *data, p.rights);
    if (g->steps) {
        g->steps->gpa = gpa;
        g->steps->nested_lg2 = unit_lg2[p.size];
    }
    if (g->live)
        g->live->nested->stats.splintered += *unit != data_size(*data) && g->keep;
    return true;
}

bool guest_unpaged(struct guest_access *g, struct nested_page *p)
{
    struct nested_ask ask = ask_page(g, g->va, true);
    if (!nested_translate(g, &ask, p))
        return false;
    if (g->steps) {
        g->steps->gpa = g->va;
        g->steps->nested_lg2 = unit_lg2[p->size];
    }
    return true;
}
