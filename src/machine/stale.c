/* SPDX-License-Identifier: MIT
 * stale.c - origins, and uses of what memory no longer holds; see stale.h.  The first part is what mmu.h offers, the
 * second is called along an access. */
#include "machine/stale.h"

#include "machine/fast.h"
#include "machine/guest.h"
#include "machine/invalidate.h"

#include <string.h>

/* ---- turning it on ------------------------------------------------------------------------------------------------- */

/* Somebody listens always, so that no access takes a short way. */
static void nobody_translated(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global)
{
    (void)ctx, (void)cpu, (void)r, (void)pcid, (void)global;
}

void stale_listen(struct mmu *m)
{
    if (m->check && !m->observer.translated)
        m->observer.translated = nobody_translated;
}

static u32 ways_of(const struct assoc *a) { return (a->set_mask + 1) * a->ways; }

static u32 tlb_ways(const struct mmu_profile *p)
{
    u32 n = 0;
    for (u32 i = 0; i < p->tlbs; i++)
        n += (u32)p->tlb[i].ways * p->tlb[i].sets;
    return n;
}

static u32 psc_ways(const struct mmu_profile *p)
{
    u32 n = 0;
    for (u32 i = 0; i < p->pscs; i++)
        n += p->psc[i].entries;
    return n;
}

static struct stale_check *carve_check(struct carve *c, const struct mmu_profile *p, unsigned cpus)
{
    struct stale_check *check = carve(c, sizeof *check);
    u32 tlb = tlb_ways(p), psc = psc_ways(p);
    struct origin *origin = carve(c, (size_t)cpus * (tlb + psc) * sizeof *origin);
    struct store_log log = { .serial = 0 };
    log_create(&log, c);
    if (!c->base)
        return NULL;
    for (size_t i = 0; i < (size_t)cpus * (tlb + psc); i++)
        origin[i].tag = 0;
    *check = (struct stale_check){ .log = log, .tlb_ways = tlb, .psc_ways = psc, .origin = origin };
    return check;
}

size_t mmu_check_flush_bytes(const struct mmu_config *cfg)
{
    struct carve count = { NULL, 0 };
    carve_check(&count, cfg->profile, cfg->cpus);
    return count.used_bytes;
}

void mmu_check_flush_begin(struct mmu *m, void *block, size_t block_bytes,
                           void (*found)(void *ctx, const struct mmu_stale *s), void *ctx)
{
    struct carve c = { block, 0 };
    for (unsigned cpu = 0; cpu < m->cpus; cpu++)
        CHECK(!mmu_in_guest(m, cpu));
    CHECK(!m->check && block && found &&
          block_bytes >= mmu_check_flush_bytes(&(struct mmu_config){ .profile = m->profile, .cpus = m->cpus }));
    m->check = carve_check(&c, m->profile, m->cpus);
    m->check->found = found;
    m->check->ctx = ctx;
    stale_listen(m);
    for (unsigned cpu = 0; cpu < m->cpus; cpu++) {
        mmu_bind_fast(m, cpu, NULL);
        forget_all(m, cpu); /* of what is cached already nobody knows the origin */
    }
}

void mmu_check_flush_actor(struct mmu *m, unsigned cpu, const char *who)
{
    if (m->check)
        log_actor(&m->check->log, cpu, who);
}

void mmu_check_flush_stored(struct mmu *m, u64 pa, u64 old_value, u64 new_value)
{
    if (m->check && old_value != new_value)
        log_store(&m->check->log, pa, old_value, new_value);
}

struct mmu_stale_counts mmu_check_flush_counts(const struct mmu *m)
{
    return m->check ? m->check->counts : (struct mmu_stale_counts){ 0, 0, 0 };
}

/* ---- origins ------------------------------------------------------------------------------------------------------- */

static struct origin *origins_of(const struct stale_check *check, unsigned cpu)
{
    return check->origin + (size_t)cpu * (check->tlb_ways + check->psc_ways);
}

static struct origin *origin_of_tlb(const struct access *a, const struct tlb *t, u32 set, u32 way)
{
    struct origin *o = origins_of(a->m->check, a->cpu);
    for (const struct tlb *before = a->c->tlb; before < t; before++)
        o += ways_of(&before->a);
    return o + assoc_at(&t->a, set, way);
}

/* The origin of the structure-cache entry of a level for va; NULL: there is no entry. */
static struct origin *origin_of_path(const struct access *a, u32 level)
{
    struct origin *o = origins_of(a->m->check, a->cpu) + a->m->check->tlb_ways;
    for (u32 i = 0; i < a->c->psc.n; i++) {
        const struct psc *p = &a->c->psc.at[i];
        u64 number = psc_number(a->va, p->level);
        u32 set = assoc_set(&p->a, number);
        int way = p->level == level ? assoc_find(&p->a, set, number | a->c->mode.pcid_tag) : ASSOC_NONE;
        if (way >= 0)
            return o + assoc_at(&p->a, set, (u32)way);
        o += ways_of(&p->a);
    }
    return NULL;
}

/* What a walk read, from the root on; what stands above its start comes from the structure cache's origin. */
static void trace(const struct access *a, const struct walk_start *s, const struct walk *w, struct origin *o)
{
    const struct origin *above = NULL;
    if (a->c->mode.paging == PAGING_LONG && s->level + 1 < a->c->mode.levels)
        above = origin_of_path(a, s->level + 1u);
    *o = (struct origin){ .root = walk_root(a->c).table, .top = w->top, .last = w->last };
    if (above) {
        *o = *above;
        o->last = w->last;
        o->told = 0;
    }
    for (u32 level = w->top;; level--) {
        o->pa[level] = w->pa[level];
        o->entry[level] = w->entry[level];
        if (level == w->last)
            break;
    }
}

static void set_origin(struct origin *to, const struct origin *from, u64 tag, u32 last)
{
    *to = *from;
    to->tag = tag;
    to->last = (u8)last;
}

static void keep_tlb_origin(const struct access *a, const struct level *l, u64 data, u32 unit, const struct origin *from)
{
    struct tlb *t;
    u32 set, way;
    if (level_where(a->c, l, a->va, data, unit, &t, &set, &way))
        set_origin(origin_of_tlb(a, t, set, way), from, t->a.tag[assoc_at(&t->a, set, way)], from->last);
}

void stale_filled(const struct access *a, const struct walk_start *s, const struct walk *w, u64 data)
{
    const struct port *port = &a->c->port[a->kind];
    struct origin o;
    trace(a, s, w, &o);
    for (u32 level = w->top; a->c->mode.paging == PAGING_LONG && level > w->last; level--) {
        struct origin *p = origin_of_path(a, level);
        if (p)
            set_origin(p, &o, psc_number(a->va, level) | a->c->mode.pcid_tag, level);
    }
    keep_tlb_origin(a, &port->l2, data, data_size(data), &o);
    keep_tlb_origin(a, &port->l1, data, data_size(data), &o);
}

/* ---- uses ---------------------------------------------------------------------------------------------------------- */

/* One change is told once for each cached entry. */
static u64 change_id(const struct mmu_stale *s)
{
    u64 id = (s->now ^ s->entry_pa * 0x9e3779b97f4a7c15ull) + s->rule * 2u + s->missing;
    return id ? id : 1;
}

static void look(struct use *u, struct origin *o, struct mmu_stale *s)
{
    struct stale_check *check = u->a->m->check;
    check->counts.uses++;
    if (!stale_differs(u) || !stale_judge(u, s) || o->told == change_id(s))
        return;
    o->told = change_id(s);
    s->missing ? check->counts.missing++ : check->counts.not_needed++;
    s->by = log_find(&check->log, s->entry_pa);
    if (s->level == MMU_STALE_ROOT)
        s->entry_pa = 0;
    check->found(check->ctx, s);
}

static struct mmu_stale said_of(const struct access *a)
{
    return (struct mmu_stale){ .cpu = a->cpu, .va = a->va, .pcid = a->c->mode.pcid, .kind = (u8)a->kind };
}

void stale_hit(const struct access *a)
{
    const struct port *port = &a->c->port[a->kind];
    const struct level *l = a->r->by == MMU_BY_L1 ? &port->l1 : &port->l2;
    struct mmu_stale s = said_of(a);
    struct found f;
    CHECK(level_find(l, a->va, a->c->mode.pcid_tag, &f));
    struct origin *o = origin_of_tlb(a, f.p->t, f.set, f.way);
    u64 data = found_data(&f), tag = f.p->tag[(size_t)f.set * f.p->ways + f.way];
    CHECK(o->tag == tag);
    s.array = f.p->t->desc->name;
    s.global = data & DATA_G;
    look(&(struct use){ .a = a, .o = o, .data = (data & ~DATA_PA) | (a->r->pa & DATA_PA), .global = s.global }, o, &s);
    if (a->r->by == MMU_BY_STLB)
        keep_tlb_origin(a, &port->l1, data, f.p->unit, o);
}

void stale_path(const struct access *a, const struct walk_start *s, u64 data)
{
    struct mmu_stale said = said_of(a);
    struct origin *o;
    if (a->c->mode.paging != PAGING_LONG || s->level + 1 == a->c->mode.levels)
        return;
    o = origin_of_path(a, s->level + 1u);
    CHECK(o && o->tag == (psc_number(a->va, s->level + 1u) | a->c->mode.pcid_tag));
    said.cache_level = (u8)(s->level + 1);
    look(&(struct use){ .a = a, .o = o, .data = data, .path = true }, o, &said);
}
