/* SPDX-License-Identifier: MIT
 * oracle.c - see oracle.h. */
#include "oracle.h"

static struct oracle_line *at(struct oracle *o, unsigned set, unsigned way) { return &o->line[set * o->ways + way]; }

/* A tree of two or four ways, drawn out: bit 1 is the root, 2 the left pair, 3 the right; true: the victim is to the right. */
static void use_tree(struct oracle *o, unsigned set, unsigned way)
{
    bool *bit = &o->bit[set * o->ways];

    if (o->ways == 2) {
        bit[1] = way == 0;
    } else if (o->ways == 4) {
        bit[1] = way == 0 || way == 1;
        if (way == 0 || way == 1)
            bit[2] = way == 0;
        else
            bit[3] = way == 2;
    }
}

static unsigned tree_victim(const struct oracle *o, unsigned set)
{
    const bool *bit = &o->bit[set * o->ways];

    if (o->ways == 1)
        return 0;
    if (o->ways == 2)
        return bit[1] ? 1 : 0;
    if (!bit[1])
        return bit[2] ? 1 : 0;
    return bit[3] ? 3 : 2;
}

static void use_bits(struct oracle *o, unsigned set, unsigned way)
{
    unsigned used = 0;

    o->bit[set * o->ways + way] = true;
    for (unsigned w = 0; w < o->ways; w++)
        used += o->bit[set * o->ways + w];
    for (unsigned w = 0; w < o->ways; w++)
        if (used == o->ways && w != way)
            o->bit[set * o->ways + w] = false;
}

static unsigned victim(struct oracle *o, unsigned set)
{
    unsigned oldest = 0;

    for (unsigned w = 0; w < o->ways; w++)
        if (!at(o, set, w)->valid)
            return w;
    if (o->policy == 't')
        return tree_victim(o, set);
    for (unsigned w = 0; w < o->ways && o->policy == 'n'; w++)
        if (!o->bit[set * o->ways + w])
            return w;
    for (unsigned w = 1; w < o->ways; w++)
        if (at(o, set, w)->used < at(o, set, oldest)->used)
            oldest = w;
    return oldest;
}

static void use(struct oracle *o, unsigned set, unsigned way)
{
    at(o, set, way)->used = ++o->now;
    if (o->policy == 't')
        use_tree(o, set, way);
    if (o->policy == 'n')
        use_bits(o, set, way);
}

struct oracle_answer oracle_access(struct oracle *o, uint64_t va, uint64_t pa, const uint64_t *store)
{
    const uint64_t va_line = va / o->line_bytes, pa_line = pa / o->line_bytes, by = o->form == 'V' ? va_line : pa_line;
    struct oracle_answer a = { .set = (unsigned)((o->form == 'p' ? pa_line : va_line) % o->sets) };
    struct oracle_line new = { .valid = true, .by = by, .pa = pa_line, .value = o->ram[pa_line] }, *l;

    for (unsigned w = 0; w < o->ways; w++)
        if (at(o, a.set, w)->valid && at(o, a.set, w)->by == by)
            a.hit = true, a.way = w;
    if (!a.hit) {
        for (unsigned i = 0; i < o->sets * o->ways; i++) {
            l = &o->line[i];
            if (!l->valid || l->pa != pa_line)
                continue;
            if (o->form == 'o') {
                new.value = l->value;
                new.dirty = l->dirty;
                l->valid = false;
                a.moved = true;
            } else {
                a.synonym = true;
            }
        }
        a.way = victim(o, a.set);
        l = at(o, a.set, a.way);
        if (l->valid && l->dirty) {
            a.written_back = true;
            o->ram[l->pa] = l->value;
            if (!a.moved)
                new.value = o->ram[pa_line];
        }
        *l = new;
    }
    l = at(o, a.set, a.way);
    a.homonym = l->pa != pa_line;
    if (store) {
        l->value = *store;
        l->dirty = true;
    }
    a.value = l->value;
    use(o, a.set, a.way);
    return a;
}
