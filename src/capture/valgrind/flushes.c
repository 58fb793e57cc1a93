/* SPDX-License-Identifier: GPL-2.0-or-later
 * flushes.c - `pagewalk run --check-flush`: what the missing-invalidation checker (mmu.h) finds while the program runs, for
 * the results file.  Reports of one kind (rule, cache, kind of access, CPU) are one row with the first of them as its
 * example.  After MAX_ROWS kinds the rest are counted in the last row.
 *
 * Stores to page tables are put down to the memory system call being done, and within a fault to that. */
#include "put.h"

enum { MAX_ROWS = 64, LINE_BYTES = 320 };
static struct row {
    struct mmu_stale first;
    HChar use[LINE_BYTES], change[LINE_BYTES];
    ULong count;
} rows[MAX_ROWS];
static UInt used;
static struct mmu_stale_counts counted_before; /* before this process began                                     */

static Bool same_kind(const struct mmu_stale *a, const struct mmu_stale *b)
{
    return a->rule == b->rule && a->missing == b->missing && a->array == b->array && a->cache_level == b->cache_level &&
           a->kind == b->kind && a->cpu == b->cpu;
}

/* mmu_stale_put() gives two lines, one a call. */
static void take_line(void *ctx, const char *text, size_t len_bytes)
{
    struct row *r = ctx;
    HChar *to = r->use[0] ? r->change : r->use;
    while (len_bytes && *text == ' ')
        text++, len_bytes--;
    if (len_bytes && text[len_bytes - 1] == '\n')
        len_bytes--;
    if (len_bytes >= LINE_BYTES)
        len_bytes = LINE_BYTES - 1;
    VG_(memcpy)(to, text, len_bytes);
    to[len_bytes] = 0;
}

static void see_stale(void *ctx, const struct mmu_stale *s)
{
    UInt i = 0;
    (void)ctx;
    while (i < used && i < MAX_ROWS - 1 && !same_kind(&rows[i].first, s))
        i++;
    if (i == used) {
        rows[used++] = (struct row){ .first = *s };
        mmu_stale_put(s, "", &(struct pw_out){ take_line, &rows[i] });
    }
    rows[i].count++;
}

void cap_check_flushes(void) { sim_on_stale(cap.sim, see_stale, NULL); }

void cap_forget_flushes(void)
{
    used = 0;
    counted_before = mmu_check_flush_counts(cap.mmu);
}

void cap_put_flush_counts(void)
{
    struct mmu_stale_counts n = mmu_check_flush_counts(cap.mmu);
    if (!cap.opt.check_flush)
        return;
    put_count("check_flush.uses", n.uses - counted_before.uses);
    put_count("check_flush.missing", n.missing - counted_before.missing);
    put_count("check_flush.not_needed", n.not_needed - counted_before.not_needed);
}

void cap_put_flush_table(void)
{
    static const HChar *const columns[] = { "$use", "$change", "rule", "missing", "count", NULL };
    if (!cap.opt.check_flush)
        return;
    put_table("flushes", columns);
    for (UInt i = 0; i < used; i++) {
        put_begin("row");
        put_string(rows[i].use);
        put_string(rows[i].change);
        put_number(rows[i].first.rule);
        put_number(rows[i].first.missing);
        put_number(rows[i].count);
        put_end();
    }
}
