/* SPDX-License-Identifier: GPL-2.0-or-later
 * write_where.c - when and where: the tables of the results file that say how counters grew with the instructions executed,
 * and what each part of the address space cost.  Called by write.c. */
#include "put.h"

/* ---- when ------------------------------------------------------------------------------------------------------ */

static void interval_row(void *ctx, const struct sim_interval *i)
{
    const struct sim_counters *n = &i->n;
    const ULong v[] = { i->end, n->minor, n->major, n->copied_pages, n->zeroed_pages, n->l1i_miss, n->l1d_miss, n->walks_i, n->walks_d,
                        n->walk_cycles, i->anon_pages, i->file_pages, i->shmem_pages, i->table_pages };
    (void)ctx;
    put_begin("row");
    for (UInt c = 0; c < sizeof v / sizeof v[0]; c++)
        put_number(v[c]);
    put_end();
}

static void write_timeline(void)
{
    static const HChar *const columns[] = { "end", "minor", "major", "copied", "zeroed", "l1i_miss", "l1d_miss", "walks_i", "walks_d",
                                            "walk_cycles", "anon", "file", "shmem", "tables", NULL };
    put_count("timeline.interval", sim_interval_work(cap.sim));
    put_table("timeline", columns);
    sim_each_interval(cap.sim, interval_row, NULL);
}

/* ---- where ----------------------------------------------------------------------------------------------------- */

static void region_row(void *ctx, const struct sim_region *r)
{
    ULong touched = 0;
    (void)ctx;
    for (UInt i = 0; i < 8; i++)
        touched += (ULong)__builtin_popcountll(r->touched[i]);
    put_begin("row");
    put_number(r->start);
    put_string(r->mapping ? r->mapping->name : "");
    put_string(r->mapping ? r->mapping->kind : "");
    put_number(touched);
    put_number(r->misses);
    put_number(r->walks);
    put_number(r->walk_cycles);
    put_number(r->faults);
    put_number(r->whole);
    put_number(r->large);
    put_end();
}

/* One kind of cell of a row: "COLUMN:COUNT COLUMN:COUNT ...", those of 0 left out. */
static void put_cells(const struct sim_heat_cell *cell, Bool misses)
{
    const HChar *between = "";
    put_bytes("\t", 1);
    for (UInt c = 0; c < SIM_HEAT_COLUMNS; c++) {
        UInt n = misses ? cell[c].misses : cell[c].touched;
        HChar text[32];
        if (!n)
            continue;
        put_bytes(text, (SizeT)VG_(snprintf)(text, sizeof text, "%s%u:%u", between, c, n));
        between = " ";
    }
}

static void heat_row(void *ctx, const struct sim_heat_row *r)
{
    (void)ctx;
    put_begin("row");
    put_number(r->start);
    put_cells(r->cell, True);
    put_cells(r->cell, False);
    put_end();
}

void cap_write_where(void)
{
    static const HChar *const regions[] = { "start", "$mapping", "$kind", "touched_pages", "misses", "walks", "walk_cycles", "faults", "whole", "large", NULL };
    static const HChar *const heat[] = { "start", "$misses", "$touched", NULL };
    sim_worked(cap.sim, cap_totals.instructions);
    write_timeline();
    put_table("regions", regions);
    sim_each_region(cap.sim, region_row, NULL);
    put_count("heat.row_bytes", sim_heat_row_bytes(cap.sim));
    put_count("heat.column", sim_interval_work(cap.sim) * (SIM_INTERVALS / SIM_HEAT_COLUMNS));
    put_table("heat", heat);
    sim_each_heat_row(cap.sim, heat_row, NULL);
}
