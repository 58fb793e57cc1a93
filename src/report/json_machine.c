/* SPDX-License-Identifier: MIT
 * json_machine.c - TLBs and page walks in the JSON view. */
#include "report/json_internal.h"

/* { "4k": .., "2m": .., "1g": .. } */
static json_t *by_size(const struct num n[SIZES])
{
    json_t *o = json_object();
    json_put(o, "4k", n[SIZE_4K]);
    json_put(o, "2m", n[SIZE_2M]);
    json_put(o, "1g", n[SIZE_1G]);
    return o;
}

/* { "pte": .., "pde": .., "pdpte": .., "pml4e": .. } */
static json_t *by_level(const struct num n[LEVELS])
{
    static const char *const level[LEVELS] = { "pte", "pde", "pdpte", "pml4e" };
    json_t *o = json_object();
    for (unsigned l = 0; l < LEVELS; l++)
        json_put(o, level[l], n[l]);
    return o;
}

static json_t *tlb_level(struct num accesses, struct num misses, const struct num by[SIZES])
{
    json_t *o = json_group("modelled");
    json_put(o, "accesses", accesses);
    json_put(o, "misses", misses);
    json_object_set_new(o, "misses_by_size", by_size(by));
    return o;
}

static json_t *second_level(const struct summary_side *s)
{
    json_t *o = tlb_level(s->l1_misses, s->stlb_misses, s->stlb_miss);
    json_put(o, "hits", s->stlb_hits);
    json_object_set_new(o, "hits_by_size", by_size(s->stlb_hit));
    return o;
}

json_t *json_of_tlb(const struct summary *s)
{
    const struct summary_side *i = &s->side[SIDE_I], *d = &s->side[SIDE_D];
    json_t *o = json_group("modelled");

    json_object_set_new(o, "l1i", tlb_level(i->lookups, i->l1_misses, i->l1_miss));
    json_object_set_new(o, "l1d", tlb_level(d->lookups, d->l1_misses, d->l1_miss));
    json_object_set_new(o, "stlb_instruction", second_level(i));
    json_object_set_new(o, "stlb_data", second_level(d));
    return o;
}

static json_t *walks_side(const struct summary_side *s)
{
    json_t *o = json_group("modelled");
    json_put(o, "total", s->walks);
    json_put(o, "faulted", s->walks_faulted);
    json_object_set_new(o, "by_size", by_size(s->walk));
    return o;
}

json_t *json_of_walks(const struct summary *s)
{
    json_t *o = json_group("modelled"), *cycles = json_group("estimated");

    json_put(o, "total", s->walks);
    json_put(o, "faulted", s->walks_faulted);
    json_put(o, "rewalks_dirty", s->rewalks_dirty);
    json_put(o, "accessed_dirty_writes", s->ad_writes);
    json_object_set_new(o, "instruction", walks_side(&s->side[SIDE_I]));
    json_object_set_new(o, "data", walks_side(&s->side[SIDE_D]));
    json_put(o, "reads", s->reads);
    json_object_set_new(o, "reads_by_level", by_level(s->read));
    json_put(o, "structure_cache_hits", s->psc_hits);
    json_object_set_new(o, "structure_cache_hits_by_level", by_level(s->psc_hit));
    json_put(cycles, "walk", s->cycles_walk);
    json_put(cycles, "stlb_hit", s->cycles_stlb);
    json_put(cycles, "base", s->cycles_base);
    json_object_set_new(cycles, "walk_share", json_of_share(num_share(s->cycles_walk, s->cycles)));
    json_object_set_new(cycles, "translation_share", json_of_share(num_share(num_add(s->cycles_walk, s->cycles_stlb), s->cycles)));
    json_object_set_new(o, "cycles", cycles);
    return o;
}
