/* SPDX-License-Identifier: MIT
 * text_machine.c - what the machine did: instructions, TLBs, page walks.  Part of the text view. */
#include "report/text_internal.h"

/* ---- work ------------------------------------------------------------------------------------------------------ */

void text_work(struct text_view *v)
{
    const struct summary *s = v->sum;

    text_title(v, "Instructions", "exact");
    text_number(v, s->instructions);
    text_detail(v, "loads %s", format_num(s->loads).text);
    text_detail(v, "stores %s", format_num(s->stores).text);
    text_end(v);
}

/* ---- TLBs ------------------------------------------------------------------------------------------------------ */

struct tlb_row { const char *name; struct num accesses, misses; const struct num *by_size; };

/* Which page sizes had any first-level miss. */
static unsigned sizes_seen(const struct summary *s)
{
    unsigned seen = 0;

    for (unsigned side = 0; side < SIDES; side++)
        for (unsigned i = 0; i < SIZES; i++)
            seen |= (unsigned)(num_positive(s->side[side].l1_miss[i])) << i;
    return seen;
}

static void tlb_row(struct text_view *v, const struct tlb_row *row, unsigned seen, bool by_size)
{
    double rate = num_share(row->misses, row->accesses), per_1000 = num_share(row->misses, v->sum->instructions);
    unsigned column = v->field + 15;

    text_label(v, row->name, "");
    text_number(v, row->accesses);
    screen_right(&v->screen, row->misses.known ? PLAIN : DIM, column, format_num(row->misses).text);
    screen_right(&v->screen, PLAIN, column += 10, format_rate(rate).text);
    screen_right(&v->screen, PLAIN, column += 10, format_ratio(per_1000 < 0 ? -1 : per_1000 * 1000).text);
    for (unsigned i = 0; by_size && i < SIZES; i++)
        if (seen >> i & 1)
            screen_right(&v->screen, PLAIN, column += 14, format_num(row->by_size[i]).text);
    text_end(v);
}

void text_tlbs(struct text_view *v)
{
    static const char *const size[SIZES] = { "4 KiB", "2 MiB", "1 GiB" };
    const struct summary_side *i = &v->sum->side[SIDE_I], *d = &v->sum->side[SIDE_D];
    const struct tlb_row rows[] = {
        { "L1 instruction", i->lookups, i->l1_misses, i->l1_miss },
        { "L1 data", d->lookups, d->l1_misses, d->l1_miss },
        { "L2 instruction", i->l1_misses, i->stlb_misses, i->stlb_miss },
        { "L2 data", d->l1_misses, d->stlb_misses, d->stlb_miss },
    };
    unsigned seen = sizes_seen(v->sum), several = seen & (seen - 1), column = v->field + 15;
    unsigned sizes = (unsigned)__builtin_popcount(seen);
    bool by_size = several && column + 20 + 14 * sizes + 10 <= v->screen.width;

    text_section(v, "TLBs", "modelled");
    screen_right(&v->screen, DIM, v->field, "accesses");
    screen_right(&v->screen, DIM, column, "misses");
    screen_right(&v->screen, DIM, column += 10, "rate");
    screen_right(&v->screen, DIM, column += 10, "MPKI");
    for (unsigned k = 0; by_size && k < SIZES; k++)
        if (seen >> k & 1)
            screen_right(&v->screen, DIM, column += 14, size[k]);
    if (seen && !several)
        screen_printf(&v->screen, DIM, "  (%s pages)", size[__builtin_ctz(seen)]);
    text_end(v);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++)
        tlb_row(v, &rows[r], seen, by_size);
}

/* ---- walks ----------------------------------------------------------------------------------------------------- */

/* Level 0 is the last. */
static const char *const level_name[LEVELS] = { "PTE", "PDE", "PDPTE", "PML4E" };

static void by_level(struct text_view *v, const char *lead, const struct num *n)
{
    for (unsigned l = 0; l < LEVELS; l++)
        if (!n[l].known || n[l].n)
            text_detail(v, "%s%s %s", lead, level_name[l], format_num(n[l]).text);
}

void text_walks(struct text_view *v)
{
    const struct summary *s = v->sum;
    double reads = num_share(s->reads, s->walks);

    text_section(v, "Page walks", "modelled");
    text_number(v, s->walks);
    text_detail(v, "instruction %s", format_num(s->side[SIDE_I].walks).text);
    text_detail(v, "data %s", format_num(s->side[SIDE_D].walks).text);
    if (!s->walks_faulted.known || s->walks_faulted.n)
        text_detail(v, "ending in a fault %s", format_num(s->walks_faulted).text);
    text_end(v);
    if (s->walks.known && !s->walks.n)
        return;
    text_label(v, "entries read", "");
    text_number(v, s->reads);
    text_detail(v, "%s a walk", format_ratio(reads).text);
    by_level(v, "", s->read);
    text_end(v);
    text_label(v, "structure caches", "");
    text_number(v, s->psc_hits);
    text_detail(v, "hit by %s of the walks", format_percent(num_share(s->psc_hits, s->walks)).text);
    by_level(v, "to the ", s->psc_hit);
    text_end(v);
    text_label(v, "cycles", "estimated");
    text_number(v, s->cycles_walk);
    text_detail(v, "%s a walk", format_ratio(num_share(s->cycles_walk, s->walks)).text);
    text_detail(v, "and %s in L2 TLB hits", format_num(s->cycles_stlb).text);
    text_end(v);
}
