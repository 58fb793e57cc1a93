/* SPDX-License-Identifier: MIT
 * cache_cmds.c - `cache ...`: a first-level cache (pagewalk/cache.h) with its bytes over memory, and page mappings made by
 * hand.  Called by interp.c.  A machine of its own, like the MPU. */
#include "cache_cmds.h"

#include "base/check.h"
#include "pagewalk/profile.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_MAX (64u << 20)

static const struct flag_name forms[] = { { "pipt", MMU_PIPT }, { "vipt", MMU_VIPT }, { "vipt_one", MMU_VIPT_ONE }, { "vivt", MMU_VIVT }, { NULL, 0 } };
static const struct flag_name policies[] = {
    { "lru", MMU_LRU }, { "plru", MMU_PLRU }, { "plru3x4", MMU_PLRU_3X4 }, { "nru", MMU_NRU }, { "random", MMU_RANDOM }, { NULL, 0 } };

void cache_drop(struct interp *in)
{
    if (in->cache) {
        free(in->cache->block);
        free(in->cache->m.line);
        free(in->cache->m.ram);
    }
    free(in->cache);
    in->cache = NULL;
}

static void put_field(struct text *t, const char *name, u64 v)
{
    text_char(t, ' ');
    text_str(t, name);
    text_char(t, '=');
    text_dec(t, v);
}

static void put_address(struct text *t, const char *name, u64 v)
{
    text_char(t, ' ');
    text_str(t, name);
    text_char(t, '=');
    text_0x(t, v);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static bool make(struct interp *in, const struct mmu_cache_desc *d, u64 ram_bytes, bool coloured)
{
    struct cache_world *c;

    cache_drop(in);
    in->cache = c = calloc(1, sizeof *c);
    if (!c)
        return fail(in, "no memory", NULL);
    c->d = *d;
    c->coloured = coloured;
    c->block = aligned_alloc(64, cache_bytes(d));
    c->m = (struct cache_memory){ .line = calloc((size_t)d->sets * d->ways, d->line_bytes), .ram = calloc(1, ram_bytes), .ram_bytes = ram_bytes };
    if (!c->block || !c->m.line || !c->m.ram) {
        cache_drop(in);
        return fail(in, "no memory", NULL);
    }
    c->m.cache = cache_create(c->block, &c->d, 1);
    in->t.len = 0;
    text_str(&in->t, "ok");
    put_field(&in->t, "bytes", (u64)d->sets * d->ways * d->line_bytes);
    put_field(&in->t, "colours", cache_colours(d));
    line_end(in);
    return true;
}

/* What may follow from word `at` on. */
static bool options(struct interp *in, const struct words *w, unsigned at, struct mmu_cache_desc *d, u64 *ram_bytes, bool *coloured)
{
    struct word value;
    u64 policy;

    for (; at < w->n; at++) {
        if (word_is(w->w[at], "coloured"))
            *coloured = true;
        else if (word_value(w->w[at], "memory", &value) && word_number(value, ram_bytes) && *ram_bytes && *ram_bytes <= MEMORY_MAX &&
                 !(*ram_bytes & PAGE_MASK_LOW))
            continue;
        else if (word_value(w->w[at], "replacement", &value) && word_choice(value, policies, &policy))
            d->repl = (u8)policy;
        else
            return fail(in, "replacement=lru|plru|plru3x4|nru|random, memory=SIZE in pages up to 64M, or coloured, not", &w->w[at]);
    }
    return true;
}

static bool cache_new(struct interp *in, const struct words *w)
{
    struct mmu_cache_desc d = { .name = "cache", .side = MMU_SIDE_D, .repl = MMU_LRU };
    u64 form, ways, sets, line, ram_bytes = 1 << 20;
    bool coloured = false;

    if (!word_choice(w->w[2], forms, &form))
        return fail(in, "pipt, vipt, vipt_one or vivt, not", &w->w[2]);
    if (!need_number(in, w, 3, &ways) || !need_number(in, w, 4, &sets) || !need_number(in, w, 5, &line) ||
        !options(in, w, 6, &d, &ram_bytes, &coloured))
        return false;
    d.form = (u8)form;
    d.ways = (u16)ways;
    d.sets = (u16)sets;
    d.line_bytes = (u16)line;
    if (d.ways != ways || d.sets != sets || d.line_bytes != line || mmu_cache_unfit(&d))
        return fail(in, mmu_cache_unfit(&d) ? mmu_cache_unfit(&d) : "no cache is so large", NULL);
    return make(in, &d, ram_bytes, coloured);
}

static bool cache_cpu(struct interp *in, const struct words *w)
{
    static const struct flag_name sides[] = { { "i", MMU_SIDE_I }, { "d", MMU_SIDE_D }, { NULL, 0 } };
    char name[NAME_BYTES] = "";
    const struct mmu_profile *p;
    struct mmu_cache_desc d;
    u64 side, ram_bytes = 1 << 20;
    bool coloured = false;

    if (w->w[2].len < sizeof name)
        memcpy(name, w->w[2].s, w->w[2].len);
    p = mmu_profile_find(name);
    if (!p)
        return fail(in, "no such CPU profile:", &w->w[2]);
    if (!word_choice(w->w[3], sides, &side))
        return fail(in, "i or d, not", &w->w[3]);
    for (unsigned i = 0; i < p->caches; i++)
        if (p->cache[i].side == side) {
            d = p->cache[i];
            return options(in, w, 4, &d, &ram_bytes, &coloured) &&
                   (mmu_cache_unfit(&d) ? fail(in, mmu_cache_unfit(&d), NULL) : make(in, &d, ram_bytes, coloured));
        }
    return fail(in, "the profile does not know this cache:", &w->w[2]);
}

/* ---- mappings ---------------------------------------------------------------------------------------------------- */

static bool frame_used(const struct cache_world *c, u64 frame)
{
    for (unsigned i = 0; i < c->maps; i++)
        if (c->map[i].frame == frame)
            return true;
    return false;
}

/* The lowest free one; with colouring, of the page's colour.  ~0: none. */
static u64 free_frame(const struct cache_world *c, u64 page)
{
    for (u64 frame = 0; frame < c->m.ram_bytes; frame += PAGE_BYTES)
        if (!frame_used(c, frame) && (!c->coloured || cache_colour(&c->d, frame) == cache_colour(&c->d, page)))
            return frame;
    return ~(u64)0;
}

static unsigned map_of(const struct cache_world *c, u64 va)
{
    unsigned i = 0;

    while (i < c->maps && !(c->map[i].space == c->space && c->map[i].page == page_down(va)))
        i++;
    return i;
}

static bool cache_map(struct interp *in, const struct words *w)
{
    struct cache_world *c = in->cache;
    u64 va, pa = 0;
    unsigned at;

    if (!need_number(in, w, 2, &va) || (!word_is(w->w[3], "any") && !need_number(in, w, 3, &pa)))
        return false;
    if (word_is(w->w[3], "any") && (pa = free_frame(c, va)) == ~(u64)0)
        return fail(in, c->coloured ? "no frame of this colour is free" : "no frame is free", NULL);
    if ((va | pa) & PAGE_MASK_LOW || pa >= c->m.ram_bytes)
        return fail(in, "pages begin at multiples of 4096, frames in memory", NULL);
    in->t.len = 0;
    if (c->coloured && cache_colour(&c->d, va) != cache_colour(&c->d, pa)) {
        text_str(&in->t, "refused:");
        put_field(&in->t, "page_colour", cache_colour(&c->d, va));
        put_field(&in->t, "frame_colour", cache_colour(&c->d, pa));
        line_end(in);
        return true;
    }
    at = map_of(c, va);
    if (at == CACHE_MAPS)
        return fail(in, "there are 256 mappings already", NULL);
    c->maps += at == c->maps;
    c->map[at].space = c->space;
    c->map[at].page = va;
    c->map[at].frame = pa;
    text_str(&in->t, "ok");
    put_address(&in->t, "pa", pa);
    put_field(&in->t, "page_colour", cache_colour(&c->d, va));
    put_field(&in->t, "frame_colour", cache_colour(&c->d, pa));
    line_end(in);
    return true;
}

static bool cache_space(struct interp *in, const struct words *w)
{
    u64 space;

    if (!need_number(in, w, 2, &space))
        return false;
    in->cache->space = space;
    done_ok(in);
    return true;
}

/* ---- accesses ---------------------------------------------------------------------------------------------------- */

static bool take_place(struct interp *in, const struct words *w, u64 *va, u64 *pa)
{
    const struct cache_world *c = in->cache;
    unsigned at;

    if (!need_number(in, w, 2, va))
        return false;
    if (*va & 7)
        return fail(in, "8 bytes at a multiple of 8, not", &w->w[2]);
    at = map_of(c, *va);
    if (at == c->maps)
        return fail(in, "nothing is mapped at", &w->w[2]);
    *pa = c->map[at].frame + (*va & PAGE_MASK_LOW);
    return true;
}

static void put_access(struct interp *in, u64 pa, u64 value, const struct cache_result *r)
{
    cache_explain_result(in, pa, r);
    in->t.len = 0;
    text_str(&in->t, r->hit ? "hit" : "miss");
    put_field(&in->t, "set", r->set);
    put_field(&in->t, "way", r->way);
    put_address(&in->t, "pa", pa);
    put_address(&in->t, "value", value);
    if (r->evicted)
        put_address(&in->t, r->written_back ? "written_back" : "dropped", r->victim_pa);
    if (r->moved)
        put_field(&in->t, "moved_from_set", r->from_set);
    text_str(&in->t, r->synonym ? " synonym" : "");
    text_str(&in->t, r->homonym ? " homonym" : "");
    line_end(in);
}

static bool cache_load_cmd(struct interp *in, const struct words *w)
{
    struct cache_result r;
    u64 va, pa, value;

    if (!take_place(in, w, &va, &pa))
        return false;
    cache_explain_look(in, va, pa);
    value = cache_load(&in->cache->m, va, pa, &r);
    put_access(in, pa, value, &r);
    return true;
}

static bool cache_store_cmd(struct interp *in, const struct words *w)
{
    struct cache_result r;
    u64 va, pa, value;

    if (!take_place(in, w, &va, &pa) || !need_number(in, w, 3, &value))
        return false;
    cache_explain_look(in, va, pa);
    cache_store(&in->cache->m, va, pa, value, &r);
    put_access(in, pa, value, &r);
    return true;
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

static bool cache_memory_cmd(struct interp *in, const struct words *w)
{
    const struct cache_memory *m = &in->cache->m;
    u64 pa, value;

    if (!need_number(in, w, 2, &pa))
        return false;
    if (pa & 7 || pa >= m->ram_bytes)
        return fail(in, "8 bytes of memory, aligned, not", &w->w[2]);
    memcpy(&value, m->ram + pa, sizeof value);
    in->t.len = 0;
    text_0x(&in->t, value);
    line_end(in);
    return true;
}

static bool cache_flush_cmd(struct interp *in, const struct words *w)
{
    (void)w;
    in->t.len = 0;
    text_str(&in->t, "ok");
    put_field(&in->t, "written", cache_memory_flush(&in->cache->m));
    line_end(in);
    return true;
}

static void put_line(void *ctx, const struct cache_line *l)
{
    struct interp *in = ctx;
    const struct cache_world *c = in->cache;
    u64 first;

    memcpy(&first, c->m.line + ((size_t)l->set * c->d.ways + l->way) * c->d.line_bytes, sizeof first);
    in->t.len = 0;
    text_str(&in->t, "line");
    put_field(&in->t, "set", l->set);
    put_field(&in->t, "way", l->way);
    put_address(&in->t, "tag", l->tag_addr);
    put_address(&in->t, "pa", l->pa);
    put_address(&in->t, "first", first);
    text_str(&in->t, l->dirty ? " dirty" : "");
    line_end(in);
}

static bool cache_lines(struct interp *in, const struct words *w)
{
    (void)w;
    cache_each_line(in->cache->m.cache, put_line, in);
    done_dot(in);
    return true;
}

static bool cache_stats_cmd(struct interp *in, const struct words *w)
{
    const struct cache_stats *s = cache_stats(in->cache->m.cache);

    (void)w;
    in->t.len = 0;
    text_str(&in->t, "ok");
    put_field(&in->t, "loads", s->looks[0]);
    put_field(&in->t, "missed", s->misses[0]);
    put_field(&in->t, "stores", s->looks[1]);
    put_field(&in->t, "missed", s->misses[1]);
    put_field(&in->t, "written_back", s->written_back);
    put_field(&in->t, "moved", s->moved);
    put_field(&in->t, "synonyms", s->synonyms);
    put_field(&in->t, "homonyms", s->homonyms);
    line_end(in);
    return true;
}

bool cmd_cache(struct interp *in, const struct words *w)
{
    static const struct { const char *name; command_fn *fn; u8 words_min, words_max; bool makes; const char *usage; } verbs[] = {
        { "new", cache_new, 6, WORDS_MAX, true, "cache new pipt|vipt|vipt_one|vivt WAYS SETS LINE [replacement=NAME] [memory=SIZE] [coloured]" },
        { "cpu", cache_cpu, 4, WORDS_MAX, true, "cache cpu PROFILE i|d [replacement=NAME] [memory=SIZE] [coloured]" },
        { "map", cache_map, 4, 4, false, "cache map VA PA|any" },
        { "space", cache_space, 3, 3, false, "cache space N" },
        { "load", cache_load_cmd, 3, 3, false, "cache load VA" },
        { "store", cache_store_cmd, 4, 4, false, "cache store VA VALUE" },
        { "memory", cache_memory_cmd, 3, 3, false, "cache memory PA" },
        { "flush", cache_flush_cmd, 2, 2, false, "cache flush" },
        { "lines", cache_lines, 2, 2, false, "cache lines" },
        { "stats", cache_stats_cmd, 2, 2, false, "cache stats" },
    };

    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (!word_is(w->w[1], verbs[i].name))
            continue;
        if (w->n < verbs[i].words_min || w->n > verbs[i].words_max)
            return fail(in, verbs[i].usage, NULL);
        return in->cache || verbs[i].makes ? verbs[i].fn(in, w) : fail(in, "there is no cache: begin with cache new or cache cpu", NULL);
    }
    return fail(in, "a cache does not know", &w->w[1]);
}
