/* SPDX-License-Identifier: MIT
 * cache.c - making a cache and looking into it (cache.h).
 *
 * A look: the set by the index address, the tag among its ways; a miss takes an empty way or the policy's victim.  Only a
 * miss has to ask whether the line stands elsewhere: where else it may stand follows from the address's bits inside the
 * page, which no mapping changes. */
#include "internal.h"

#include "pagewalk/profile.h"

#include <string.h>

/* ---- making ------------------------------------------------------------------------------------------------------ */

static struct cache *lay_out(struct carve *carve_from, const struct mmu_cache_desc *d, u64 seed)
{
    struct cache *c = carve(carve_from, sizeof *c), none;
    u64 *marked = carve(carve_from, d->sets * sizeof *marked);

    assoc_create(c ? &c->a : &none.a, carve_from, d->ways, d->sets, MMU_LINEAR, (enum mmu_repl)d->repl, seed);
    if (c)
        c->marked = marked;
    return c;
}

size_t cache_bytes(const struct mmu_cache_desc *d)
{
    struct carve size = { 0 };

    (void)lay_out(&size, d, 0);
    return size.used_bytes;
}

struct cache *cache_create(void *block, const struct mmu_cache_desc *d, u64 seed)
{
    struct carve from = { .base = block };
    struct cache *c;

    CHECK(!mmu_cache_unfit(d));
    memset(block, 0, sizeof *c);
    c = lay_out(&from, d, seed);
    c->d = d;
    c->line_lg2 = (u8)__builtin_ctz(d->line_bytes);
    c->colours_lg2 = d->form == MMU_PIPT ? 0 : (u8)__builtin_ctz(cache_colours(d));
    cache_bind_marks(c, NULL);
    return c;
}

u32 cache_colours(const struct mmu_cache_desc *d)
{
    const u32 way_bytes = (u32)d->sets * d->line_bytes;

    return way_bytes > PAGE_BYTES ? way_bytes / (u32)PAGE_BYTES : 1;
}

u32 cache_colour(const struct mmu_cache_desc *d, u64 addr) { return (u32)(addr >> PAGE_LG2) & (cache_colours(d) - 1); }

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static u64 index_number(const struct cache *c, u64 va, u64 pa) { return (c->d->form == MMU_PIPT ? pa : va) >> c->line_lg2; }
static u64 tag_of(const struct cache *c, u64 va, u64 pa) { return TAG_VALID | (c->d->form == MMU_VIVT ? va : pa) >> c->line_lg2; }

/* The physical line in one set, but not under this tag. */
static bool copy_in_set(const struct cache *c, u32 set, u64 pa_line, u64 tag, u32 *way)
{
    const size_t first = assoc_at(&c->a, set, 0);

    for (*way = 0; *way < c->a.ways; ++*way)
        if (c->a.tag[first + *way] && c->a.tag[first + *way] != tag && c->a.data[first + *way] >> 1 == pa_line)
            return true;
    return false;
}

/* Another copy of the physical line: in the sets whose numbers differ in colour alone, and for VIVT in this one, too. */
static bool find_copy(const struct cache *c, u32 set, u64 pa, u64 tag, u32 *at_set, u32 *at_way)
{
    const u32 set_of_colour = (u32)(PAGE_BYTES >> c->line_lg2);
    const bool virtual_tag = c->d->form == MMU_VIVT;

    for (u32 colour = 0; colour < 1u << c->colours_lg2; colour++) {
        *at_set = (set ^ colour * set_of_colour) & c->a.set_mask;
        if ((colour || virtual_tag) && copy_in_set(c, *at_set, pa >> c->line_lg2, virtual_tag ? tag : 0, at_way))
            return true;
    }
    return false;
}

/* VIPT_ONE: the copy leaves its set.  Returns its dirty bit. */
static u64 take_copy(struct cache *c, struct cache_result *r)
{
    const u64 dirty = c->a.data[assoc_at(&c->a, r->from_set, r->from_way)] & DATA_DIRTY;

    mark_drop(c, r->from_set);
    assoc_remove(&c->a, r->from_set, r->from_way);
    r->moved = true;
    c->stats.moved++;
    return dirty;
}

static void evict(struct cache *c, struct cache_result *r)
{
    const size_t at = assoc_at(&c->a, r->set, r->way);

    if (!c->a.tag[at])
        return;
    r->evicted = true;
    r->victim_pa = data_pa(c, c->a.data[at]);
    r->written_back = c->a.data[at] & DATA_DIRTY;
    c->stats.written_back += r->written_back;
}

static void miss(struct cache *c, u64 pa, u64 tag, struct cache_result *r)
{
    u64 dirty = 0;

    if ((c->colours_lg2 || c->d->form == MMU_VIVT) && find_copy(c, r->set, pa, tag, &r->from_set, &r->from_way)) {
        if (c->d->form == MMU_VIPT_ONE)
            dirty = take_copy(c, r);
        else
            r->synonym = true;
        c->stats.synonyms += r->synonym;
    }
    r->way = assoc_place(&c->a, r->set);
    evict(c, r);
    assoc_put(&c->a, r->set, r->way, tag, pa >> c->line_lg2 << 1 | dirty);
}

void cache_look(struct cache *c, u64 va, u64 pa, bool store, struct cache_result *r)
{
    const u64 tag = tag_of(c, va, pa);
    const u32 set = assoc_set(&c->a, index_number(c, va, pa));
    const int way = assoc_find(&c->a, set, tag);
    u64 *data;

    *r = (struct cache_result){ .hit = way >= 0, .set = set, .way = (u32)way };
    c->stats.looks[store]++;
    if (r->hit) {
        assoc_touch(&c->a, set, r->way);
    } else {
        c->stats.misses[store]++;
        miss(c, pa, tag, r);
    }
    data = &c->a.data[assoc_at(&c->a, set, r->way)];
    r->homonym = *data >> 1 != pa >> c->line_lg2;
    c->stats.homonyms += r->homonym;
    *data |= store ? DATA_DIRTY : 0;
    if (r->homonym)
        mark_drop(c, set); /* to be counted each time                                                             */
    else
        mark_put(c, set, va, *data & DATA_DIRTY);
}

u32 cache_access(struct cache *c, u64 va, u64 pa, u64 pa_next, u32 size_bytes, bool store)
{
    const u64 line = (u64)1 << c->line_lg2, first_page = page_down(va);
    u64 at = va & ~(line - 1);
    struct cache_result r;
    u32 missed = 0;

    for (u64 left = (va - at + size_bytes + line - 1) >> c->line_lg2; left; left--, at += line) {
        const u64 frame = page_down(at) == first_page ? pa : pa_next;

        cache_look(c, at, page_down(frame) | (at & PAGE_MASK_LOW), store, &r);
        missed += !r.hit;
    }
    c->stats.accesses[store]++;
    c->stats.missed[store] += missed != 0;
    return missed;
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

struct visit { void (*see)(void *ctx, u32 set, u32 way, u64 pa); void *ctx; u32 dirty; };

static void flush_line(void *ctx, const struct cache_line *l)
{
    struct visit *v = ctx;

    v->dirty += l->dirty;
    if (l->dirty && v->see)
        v->see(v->ctx, l->set, l->way, l->pa);
}

u32 cache_flush(struct cache *c, void (*see)(void *ctx, u32 set, u32 way, u64 pa), void *ctx)
{
    struct visit v = { see, ctx, 0 };

    cache_each_line(c, flush_line, &v);
    c->stats.written_back += v.dirty;
    cache_unmark(c);
    assoc_clear(&c->a);
    return v.dirty;
}

const struct cache_stats *cache_stats(const struct cache *c) { return &c->stats; }

void cache_each_line(const struct cache *c, void (*see)(void *ctx, const struct cache_line *l), void *ctx)
{
    for (u32 set = 0; set <= c->a.set_mask; set++)
        for (u32 way = 0; way < c->a.ways; way++) {
            const u64 tag = c->a.tag[assoc_at(&c->a, set, way)], data = c->a.data[assoc_at(&c->a, set, way)];

            if (tag)
                see(ctx, &(struct cache_line){ set, way, (tag & ~TAG_VALID) << c->line_lg2, data_pa(c, data), data & DATA_DIRTY });
        }
}
