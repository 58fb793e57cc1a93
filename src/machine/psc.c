/* SPDX-License-Identifier: MIT
 * psc.c - see psc.h. */
#include "machine/psc.h"

bool psc_possible(const struct mmu_psc_desc *d)
{
    return d->level >= 1 && d->level < MAX_LEVELS && d->ways && d->entries % d->ways == 0 &&
           assoc_possible(d->ways, d->entries / d->ways, MMU_LRU);
}

void psc_create(struct pscs *s, struct carve *carver, const struct mmu_psc_desc *desc, u32 count)
{
    struct psc *psc = carve(carver, count * sizeof *psc), scratch;
    u8 n = 0;
    for (u8 level = 1; level < MAX_LEVELS; level++) /* sorted, so that the first hit is the lowest */
        for (u32 i = 0; i < count; i++) {
            const struct mmu_psc_desc *d = &desc[i];
            if (d->level != level)
                continue;
            struct psc *p = carver->base ? &psc[n++] : &scratch;
            *p = (struct psc){ .level = level };
            assoc_create(&p->a, carver, d->ways, (u32)d->entries / d->ways, MMU_LINEAR, MMU_LRU, 0);
        }
    if (carver->base)
        *s = (struct pscs){ psc, n };
}

u32 psc_find(struct pscs *s, u64 va, u64 space, u64 *data)
{
    for (u32 i = 0; i < s->n; i++) {
        struct psc *p = &s->at[i];
        if (!p->used)
            continue;
        u64 number = psc_number(va, p->level);
        u32 set = assoc_set(&p->a, number);
        int way = assoc_find(&p->a, set, number | space);
        if (way < 0)
            continue;
        if (p->a.mru[set] != way)
            assoc_touch(&p->a, set, (u32)way);
        *data = p->a.data[assoc_at(&p->a, set, (u32)way)];
        return p->level;
    }
    return 0;
}

void psc_fill(struct pscs *s, u32 level, u64 va, u64 space, u64 data)
{
    for (u32 i = 0; i < s->n; i++) {
        struct psc *p = &s->at[i];
        if (p->level != level)
            continue;
        u64 number = psc_number(va, level), tag = number | space;
        u32 set = assoc_set(&p->a, number);
        int way = assoc_find(&p->a, set, tag);
        assoc_put(&p->a, set, way >= 0 ? (u32)way : assoc_place(&p->a, set), tag, data);
        p->used = true;
    }
}

void psc_remove_path(struct pscs *s, u64 va, u64 space)
{
    for (u32 i = 0; i < s->n; i++) {
        struct assoc *a = &s->at[i].a;
        u64 number = psc_number(va, s->at[i].level);
        u32 set = assoc_set(a, number);
        int way = s->at[i].used ? assoc_find(a, set, number | space) : ASSOC_NONE;
        if (way >= 0)
            assoc_remove(a, set, (u32)way);
    }
}

void psc_remove_matching(struct pscs *s, u64 mask, u64 value, const u64 *va)
{
    for (u32 i = 0; i < s->n; i++) {
        struct assoc *a = &s->at[i].a;
        u64 number = va ? psc_number(*va, s->at[i].level) : 0;
        bool left = false;
        for (u32 set = 0; s->at[i].used && set <= a->set_mask; set++)
            for (u32 way = 0; way < a->ways; way++) {
                u64 tag = a->tag[assoc_at(a, set, way)];
                if (tag && (tag & mask) == value && (!va || tag_number(tag) == number))
                    assoc_remove(a, set, way);
                else
                    left |= tag != 0;
            }
        s->at[i].used = left;
    }
}

void psc_clear(struct pscs *s)
{
    for (u32 i = 0; i < s->n; i++) {
        if (s->at[i].used)
            assoc_clear(&s->at[i].a);
        s->at[i].used = false;
    }
}
