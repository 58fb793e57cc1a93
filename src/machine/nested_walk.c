/* SPDX-License-Identifier: MIT
 * nested_walk.c - one nested translation: the cache, else a walk of the nested table, its A and D, the log.  Called by
 * guest_access.c and regs.c.  SDM3 28.2, 28.3.1, APM2 15.25.
 *
 *   tag   context (EP4TA's or ASID's number), valid, size as a unit, page number in units           as in tlb.h
 *   data  address of the page, size (DATA_SIZE_SHIFT), N_ rights with N_D in bits 5:0
 *
 * What must hold: n->live[] counts the entries of each size; an entry was allowed to the access that brought it.  What is cached
 * and refuses is walked again from the root, as in translate.c. */
#include "machine/guest.h"

#define CACHED_RIGHTS (N_RIGHTS | N_D)

/* ---- the cache -------------------------------------------------------------------------------------------------- */

static bool allows(const struct nested_ask *ask, u32 rights)
{
    return (rights & ask->need) == ask->need && !(rights & ask->not);
}

static int find(struct nested *n, u64 gpa, u32 size, u32 *set)
{
    u64 number = unit_number(gpa, size);
    *set = assoc_set(&n->gpa, number);
    return n->live[size] ? assoc_find(&n->gpa, *set, tag_make(number, size, n->space)) : ASSOC_NONE;
}

static void drop(struct nested *n, u32 set, u32 way)
{
    n->live[tag_unit(n->gpa.tag[assoc_at(&n->gpa, set, way)])]--;
    assoc_remove(&n->gpa, set, way);
}

static void forget_page_of(struct nested *n, u64 gpa)
{
    for (u32 size = 0; size < MMU_SIZES; size++) {
        u32 set;
        int way = find(n, gpa, size, &set);
        if (way >= 0)
            drop(n, set, (u32)way);
    }
}

static bool cached(struct nested *n, const struct nested_ask *ask, struct nested_page *p)
{
    for (u32 size = 0; size < MMU_SIZES; size++) {
        u32 set;
        int way = find(n, ask->gpa, size, &set);
        if (way < 0)
            continue;
        u64 data = n->gpa.data[assoc_at(&n->gpa, set, (u32)way)], offset = ((u64)1 << unit_lg2[size]) - 1;
        if (!allows(ask, (u32)data & N_RIGHTS) || (ask->need & N_W && !(data & N_D))) {
            forget_page_of(n, ask->gpa);
            return false;
        }
        if (n->gpa.mru[set] != way)
            assoc_touch(&n->gpa, set, (u32)way);
        *p = (struct nested_page){ (data & DATA_PA) | (ask->gpa & offset), (u32)data & CACHED_RIGHTS, (u8)size };
        n->stats.gpa_hit++;
        return true;
    }
    return false;
}

static void keep_page(struct nested *n, u64 gpa, const struct nested_page *p)
{
    if (!n->gpa.ways)
        return;
    u64 number = unit_number(gpa, p->size), offset = ((u64)1 << unit_lg2[p->size]) - 1;
    u32 set = assoc_set(&n->gpa, number), way = assoc_place(&n->gpa, set);
    if (n->gpa.tag[assoc_at(&n->gpa, set, way)])
        drop(n, set, way);
    n->live[p->size]++;
    assoc_put(&n->gpa, set, way, tag_make(number, p->size, n->space), (p->pa & DATA_PA & ~offset) | (u64)p->size << DATA_SIZE_SHIFT | p->rights);
}

void nested_forget(struct nested *n, u64 gpa)
{
    forget_page_of(n, gpa);
    psc_remove_path(&n->psc, gpa, n->space);
}

void nested_forget_table(struct nested *n, u32 number)
{
    u64 tag = (u64)number << TAG_CONTEXT_SHIFT;
    for (u32 set = 0; n->gpa.ways && set <= n->gpa.set_mask; set++)
        for (u32 way = 0; way < n->gpa.ways; way++) {
            u64 here = n->gpa.tag[assoc_at(&n->gpa, set, way)];
            if (here && (here & TAG_CONTEXT) == tag)
                drop(n, set, way);
        }
    psc_remove_matching(&n->psc, TAG_CONTEXT, tag, NULL);
}

void nested_forget_all(struct nested *n)
{
    for (u32 number = 1; number < CONTEXTS; number++)
        nested_forget_table(n, number);
}

/* ---- rights of a path, and as structure caches keep them ---------------------------------------------------------- */

static u32 path_allows(const struct nested *n, u64 all, u64 any)
{
    if (n->kind == MMU_EPT)
        return (u32)(all & (EPT_R | EPT_W | EPT_X)) | (u32)(all >> (n->mbe ? EPT_XU_BIT : 2) & 1) << 3;
    return N_R | (all & X86_PTE_RW ? N_W : 0) | (all & X86_PTE_US ? N_U : 0) | (any >> 63 ? 0 : N_X | N_XU);
}

static struct walk_start start_below(const struct nested *n, u64 path, u32 level)
{
    struct walk_start s = { .table = path & DATA_PA, .level = (u8)(level - 1) };
    if (n->kind == MMU_EPT)
        s.all = (path & (EPT_R | EPT_W | EPT_X)) | (path >> 3 & 1) << EPT_XU_BIT | n->accessed;
    else
        s.all = (path & N_W ? X86_PTE_RW : 0) | (path & N_U ? X86_PTE_US : 0) | n->accessed;
    s.any = n->kind == MMU_EPT || path & N_X ? 0 : X86_PTE_XD;
    return s;
}

static void keep_structures(struct nested *n, u64 gpa, const struct walk_start *s, const struct walk *w)
{
    if (!n->psc.n)
        return;
    u64 all = s->all, any = s->any;
    for (u32 level = w->top; level > w->last; level--) {
        all &= w->entry[level];
        any |= w->entry[level];
        psc_fill(&n->psc, level, gpa, n->space, (w->entry[level] & n->mode.addr_mask) | path_allows(n, all, any));
    }
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

static struct walk_start start_root(const struct nested *n)
{
    return (struct walk_start){ .table = n->root, .all = ~(u64)0, .level = (u8)(n->mode.levels - 1) };
}

static void tell_steps(struct guest_access *g, const struct nested_ask *ask, const struct walk *w)
{
    u32 level = w->top;
    for (u32 reads = walk_reads(w); reads && g->steps->steps < MMU_NESTED_STEPS; reads--, level--)
        g->steps->step[g->steps->steps++] = (struct mmu_nested_step){
            .gpa = ask->gpa, .entry_pa = w->pa[level], .entry = w->entry[level], .nested = 1, .level = (u8)level,
            .for_level = ask->level, .verdict = level == w->last ? w->verdict : (u8)MMU_STEP_NEXT,
        };
}

static void count(struct guest_access *g, const struct nested_ask *ask, const struct walk *w)
{
    u32 level = w->top, reads = walk_reads(w);
    g->cost->reads += reads;
    if (g->steps)
        tell_steps(g, ask, w);
    for (; g->live && reads; reads--, level--) {
        g->live->nested->stats.reads[level]++;
        g->cost->cycles += timing_read(&g->live->near, &g->m->timing, w->pa[level]);
    }
}

/* From s down.  What a gpa has above the table's width, no entry can map. */
static void walk(struct guest_access *g, const struct nested_ask *ask, const struct walk_start *s, struct walk *w)
{
    const struct nested *n = g->c->nested;
    if (ask->gpa >> n->gpa_lg2)
        *w = (struct walk){ .top = s->level, .last = s->level, .verdict = MMU_STEP_NOT_PRESENT, .no_read = true };
    else if (n->kind == MMU_EPT)
        walk_down_ept(g->m, &n->mode, ask->gpa, s, w);
    else
        walk_down(g->m, &n->mode, ask->gpa, s, w);
    count(g, ask, w);
}

static bool leaf_allows(const struct nested *n, const struct nested_ask *ask, const struct walk *w)
{
    return w->verdict == MMU_STEP_LEAF && allows(ask, path_allows(n, w->all, w->any));
}

/* Begins where a structure cache says; from the root when that refuses.  Leaves in s where the (last) walk began. */
static void walk_cached(struct guest_access *g, const struct nested_ask *ask, struct walk_start *s, struct walk *w)
{
    const struct nested *n = g->c->nested;
    u64 path;
    u32 level = g->live ? psc_find(&g->live->nested->psc, ask->gpa, n->space, &path) : 0;
    *s = start_root(n);
    if (level) {
        *s = start_below(n, path, level);
        g->live->nested->stats.psc_hit[s->level]++;
    }
    walk(g, ask, s, w);
    if (level && w->verdict == MMU_STEP_LEAF && !leaf_allows(n, ask, w)) {
        *s = start_root(n);
        walk(g, ask, s, w);
    }
}

/* ---- A, D and the log --------------------------------------------------------------------------------------------- */

static u64 marked(const struct nested *n, const struct nested_ask *ask, const struct walk *w, u32 level)
{
    return w->entry[level] | n->accessed | (level == w->last && ask->need & N_W ? n->dirty : 0);
}

static void log_page(const struct mmu *m, struct nested *n, u64 gpa)
{
    phys_write(m, n->pml + n->pml_index * 8ull, page_down(gpa));
    n->pml_index--;
    n->stats.logged++;
}

/* 28.2.4, 28.2.5.  false: something is to be set and the log is full; nothing has been set. */
static bool mark(struct guest_access *g, const struct nested_ask *ask, struct walk *w)
{
    const struct nested *n = g->c->nested;
    u32 missing = 0;
    if (LIKELY((w->all & n->accessed) == n->accessed && marked(n, ask, w, w->last) == w->entry[w->last]))
        return true;
    for (u32 level = w->last; level <= w->top; level++)
        missing |= (u32)(marked(n, ask, w, level) != w->entry[level]) << level;
    if (!missing)
        return true;
    if (n->logs && (u16)(n->pml_index - g->would_log) >= 512)
        return false;
    bool dirtied = !(w->entry[w->last] & n->dirty) && marked(n, ask, w, w->last) & n->dirty;
    for (; missing; missing &= missing - 1) {
        u32 level = (u32)__builtin_ctz(missing);
        w->entry[level] = marked(n, ask, w, level);
        g->marked++;
        if (g->live)
            phys_write(g->m, w->pa[level], w->entry[level]);
    }
    if (dirtied && n->logs)
        g->live ? log_page(g->m, g->live->nested, ask->gpa) : (void)g->would_log++;
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------------------------------ */

static struct nested_page page_of(const struct nested *n, const struct nested_ask *ask, const struct walk *w)
{
    u64 leaf = w->entry[w->last], offset = ((u64)1 << unit_lg2[w->last]) - 1;
    return (struct nested_page){ .pa = (leaf & n->mode.addr_mask & ~offset) | (ask->gpa & offset), .size = w->last,
                                 .rights = path_allows(n, w->all, w->any) | (!n->dirty || leaf & n->dirty ? N_D : 0) };
}

bool nested_translate(struct guest_access *g, const struct nested_ask *ask, struct nested_page *p)
{
    struct nested *live = g->live ? g->live->nested : NULL;
    const struct nested *n = g->c->nested;
    struct walk_start s;
    struct walk w;
    if (live) {
        live->stats.translations++;
        if (cached(live, ask, p))
            return true;
        live->stats.walks++;
    }
    walk_cached(g, ask, &s, &w);
    if (!leaf_allows(n, ask, &w)) {
        nested_refused(g, ask, &w);
        return false;
    }
    if (!mark(g, ask, &w)) {
        nested_log_full(g, ask);
        return false;
    }
    *p = page_of(n, ask, &w);
    if (live) {
        keep_structures(live, ask->gpa, &s, &w);
        keep_page(live, ask->gpa, p);
    }
    return true;
}
