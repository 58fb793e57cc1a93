/* SPDX-License-Identifier: MIT
 * results.c - what a session has counted, as lines of a results file (contract: results.h; names: docs/formats.md). */
#include "pagewalk/results.h"

#include "base/text.h"

/* ---- pieces ------------------------------------------------------------------------------------------------------- */

static void put(const struct pw_out *out, const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    out->put(out->ctx, s, n);
}

void results_put_begin(const struct pw_out *out, const char *kind) { put(out, kind); }
void results_put_end(const struct pw_out *out) { put(out, "\n"); }

void results_put_field(const struct pw_out *out, const char *s)
{
    put(out, "\t");
    put(out, s);
}

static void put_hex(const struct pw_out *out, u8 c)
{
    struct text t = { 0 };
    text_char(&t, '%');
    for (int shift = 4; shift >= 0; shift -= 4)
        text_char(&t, "0123456789ABCDEF"[c >> shift & 15]);
    text_emit(&t, out);
}

void results_put_escaped(const struct pw_out *out, const char *s)
{
    for (; *s; s++) {
        if ((u8)*s >= 0x20 && *s != 0x7f && *s != '%')
            out->put(out->ctx, s, 1);
        else
            put_hex(out, (u8)*s);
    }
}

void results_put_string(const struct pw_out *out, const char *s)
{
    put(out, "\t");
    results_put_escaped(out, s);
}

void results_put_number(const struct pw_out *out, u64 n)
{
    struct text t = { 0 };
    text_char(&t, '\t');
    text_dec(&t, n);
    text_emit(&t, out);
}

void results_put_unknown(const struct pw_out *out) { put(out, "\t?"); }

void results_put_table(const struct pw_out *out, const char *name, const char *const *columns)
{
    put(out, "table");
    results_put_field(out, name);
    for (; *columns; columns++)
        results_put_field(out, *columns);
    results_put_end(out);
}

void results_put_count(const struct pw_out *out, const char *a, const char *b, const char *c, u64 n)
{
    put(out, "count\t");
    put(out, a);
    put(out, b);
    put(out, c);
    results_put_number(out, n);
    results_put_end(out);
}

void results_put_text(const struct pw_out *out, const char *name, const char *value)
{
    put(out, "text");
    results_put_field(out, name);
    results_put_string(out, value);
    results_put_end(out);
}

static void numbers(const struct pw_out *out, const u64 *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        results_put_number(out, v[i]);
}
#define NUMBERS(out, v) numbers(out, v, sizeof v / sizeof v[0])

void results_put_cost(const struct pw_out *out, const struct sim_cost *c)
{
    const u64 v[] = { c->l1i_miss, c->l1d_miss, c->walks_i, c->walks_d, c->walk_reads, c->walk_cycles, c->minor, c->major, c->cow,
                      c->zeroed, c->shootdowns };
    NUMBERS(out, v);
}

/* ---- the machine --------------------------------------------------------------------------------------------------- */

void results_put_machine(const struct pw_out *out, const struct mmu_stats *s, const u64 skipped[MMU_SIDES])
{
    static const char *const side[] = { "i.", "d." }, *const size[] = { "4k", "2m", "1g" }, *const level[] = { "0", "1", "2", "3" };
    for (unsigned i = 0; i < MMU_SIDES; i++) {
        results_put_count(out, "tlb.", side[i], "lookups", s->lookups[i] + skipped[i]);
        for (unsigned j = 0; j < MMU_SIZES; j++) {
            results_put_count(out, i ? "tlb.d." : "tlb.i.", "l1_miss.", size[j], s->l1_miss[i][j]);
            results_put_count(out, i ? "tlb.d." : "tlb.i.", "stlb_hit.", size[j], s->stlb_hit[i][j]);
            results_put_count(out, "walks.", side[i], size[j], s->walks[i][j]);
        }
        results_put_count(out, "walks.", side[i], "faulted", s->walks_faulted[i]);
    }
    for (unsigned l = 0; l < 4; l++) {
        results_put_count(out, "walks.reads.", level[l], "", s->reads[l]);
        results_put_count(out, "walks.psc_hit.", level[l], "", s->psc_hit[l]);
    }
    results_put_count(out, "walks.rewalks_dirty", "", "", s->rewalks_dirty);
    results_put_count(out, "walks.ad_writes", "", "", s->ad_writes);
    results_put_count(out, "cycles.walk", "", "", s->cycles_walk);
    results_put_count(out, "cycles.stlb", "", "", s->cycles_stlb);
}

void results_put_guest(const struct pw_out *out, const struct sim_guest *g)
{
    static const char *const level[] = { "0", "1", "2", "3" };
    if (!g->kind)
        return;
    results_put_text(out, "guest.kind", g->kind == MMU_EPT ? "ept" : "npt");
    for (unsigned l = 0; l < 4; l++) {
        results_put_count(out, "guest.reads.", level[l], "", g->reads[l]);
        results_put_count(out, "guest.psc_hit.", level[l], "", g->psc_hit[l]);
    }
    results_put_count(out, "guest.", "translations", "", g->translations);
    results_put_count(out, "guest.", "gpa_hit", "", g->gpa_hit);
    results_put_count(out, "guest.", "splintered", "", g->splintered);
    results_put_count(out, "guest.", "exits", "", g->exits);
    results_put_count(out, "guest.", "host_page_bytes", "", (u64)1 << g->host_page_lg2);
    results_put_count(out, "guest.", "host_pages", "", g->host_pages);
    results_put_count(out, "guest.", "host_table_pages", "", g->host_table_pages);
}

void results_count_guest(struct mmu_stats *s, const struct sim_guest *g)
{
    for (unsigned l = 0; l < 4; l++)
        s->reads[l] += g->reads[l];
}

static const char *const repl_name[] = { "LRU", "tree-PLRU", "(MRU+1)%3-PLRU4", "NRU", "random" };

static void array(const struct pw_out *out, const struct mmu_tlb_desc *t)
{
    static const struct { char name[4]; u8 bit; } ports[] = { { "I", MMU_PORT_I }, { "L", MMU_PORT_LOAD }, { "S", MMU_PORT_STORE } },
                                                  sizes[] = { { "4K", 1 }, { "2M", 2 }, { "1G", 4 } };
    const u64 v[] = { (u64)t->ways * t->sets, t->ways, t->sets };
    const char *between = "";
    results_put_begin(out, "row");
    results_put_string(out, t->name);
    results_put_number(out, t->level);
    put(out, "\t");
    for (unsigned i = 0; i < 3; i++)
        put(out, t->ports & ports[i].bit ? ports[i].name : "");
    put(out, "\t");
    for (unsigned i = 0; i < 3; i++)
        if (t->sizes & sizes[i].bit) {
            put(out, between);
            put(out, sizes[i].name);
            between = " ";
        }
    NUMBERS(out, v);
    results_put_string(out, repl_name[t->repl]);
    results_put_string(out, t->source);
    results_put_end(out);
}

void results_put_arrays(const struct pw_out *out, const struct mmu_profile *p)
{
    static const char *const columns[] = { "$name", "level", "$ports", "$sizes", "entries", "ways", "sets", "$replacement", "$source", NULL };
    results_put_table(out, "arrays", columns);
    for (unsigned i = 0; i < p->tlbs; i++)
        array(out, &p->tlb[i]);
}

void results_put_caches(const struct pw_out *out, const struct cache_stats stats[MMU_SIDES], const u64 accesses[MMU_SIDES][2])
{
    static const char *const side[] = { "l1.i.", "l1.d." };
    for (unsigned i = 0; i < MMU_SIDES; i++) {
        const struct cache_stats *s = &stats[i];
        results_put_count(out, side[i], i ? "loads" : "fetches", "", accesses[i][0]);
        results_put_count(out, side[i], i ? "loads_missed" : "fetches_missed", "", s->missed[0]);
        if (i) {
            results_put_count(out, side[i], "stores", "", accesses[i][1]);
            results_put_count(out, side[i], "stores_missed", "", s->missed[1]);
            results_put_count(out, side[i], "written_back", "", s->written_back);
        }
        results_put_count(out, side[i], "lines_missed", "", s->misses[0] + s->misses[1]);
        results_put_count(out, side[i], "moved", "", s->moved);
        results_put_count(out, side[i], "synonyms", "", s->synonyms);
        results_put_count(out, side[i], "homonyms", "", s->homonyms);
    }
}

void results_put_cache_arrays(const struct pw_out *out, const struct mmu_profile *p)
{
    static const char *const columns[] = { "$name", "$side", "$form", "ways", "sets", "line_bytes", "$replacement", "$source", NULL };
    static const char *const form[] = { "pipt", "vipt", "vipt_one", "vivt" };
    results_put_table(out, "caches", columns);
    for (unsigned i = 0; i < p->caches; i++) {
        const struct mmu_cache_desc *c = &p->cache[i];
        const u64 v[] = { c->ways, c->sets, c->line_bytes };
        results_put_begin(out, "row");
        results_put_string(out, c->name);
        results_put_field(out, c->side == MMU_SIDE_I ? "instruction" : "data");
        results_put_field(out, form[c->form]);
        NUMBERS(out, v);
        results_put_string(out, repl_name[c->repl]);
        results_put_string(out, c->source);
        results_put_end(out);
    }
}

/* ---- the kernel ---------------------------------------------------------------------------------------------------- */

struct before { u64 (*of)(void *ctx, const char *name); void *ctx; };

static void fault_count(const struct pw_out *out, const char *name, u64 n, const struct before *before)
{
    results_put_count(out, "faults.", name, "", n + (before->of ? before->of(before->ctx, name) : 0));
}

void results_put_faults(const struct pw_out *out, const struct proc *p, u64 (*before)(void *ctx, const char *name), void *ctx)
{
    const struct mm_counters *c = proc_counters(p);
    const struct before b = { before, ctx };
    fault_count(out, "minor", c->minor, &b);
    fault_count(out, "major", c->major, &b);
    for (unsigned i = 0; i < MM_FAULT_KINDS; i++)
        fault_count(out, mm_fault_kind_name((enum mm_fault_kind)i), c->faults[i], &b);
    fault_count(out, "copied_pages", c->copied_pages, &b);
    fault_count(out, "zeroed_pages", c->zeroed_pages, &b);
}

void results_put_kernel(const struct pw_out *out, const struct proc *p)
{
    const struct mm_counters *c = proc_counters(p);
    struct mm_rss rss;
    mm_rss(p, &rss);
    results_put_count(out, "rss.", "anon", "", rss.anon_pages);
    results_put_count(out, "rss.", "file", "", rss.file_pages);
    results_put_count(out, "rss.", "shmem", "", rss.shmem_pages);
    results_put_count(out, "rss.", "peak", "", rss.peak_rss_pages);
    results_put_count(out, "rss.", "tables", "", rss.table_pages);
    results_put_count(out, "rss.", "peak_tables", "", rss.peak_table_pages);
    results_put_count(out, "maps.", "peak", "", rss.peak_map_count);
    results_put_count(out, "maps.", "limit", "", rss.max_map_count);
    results_put_count(out, "tlb.", "flush_pages", "", c->flush_pages);
    results_put_count(out, "tlb.", "flush_full", "", c->flush_full);
    results_put_count(out, "tlb.", "shootdown_ipis", "", c->ipis);
}

void results_put_syscalls(const struct pw_out *out, const struct follower *f)
{
    static const char *const columns[] = { "$name", "calls", "errors", "divergent", NULL };
    const struct follow_count *s = follow_counts(f);
    results_put_table(out, "syscalls", columns);
    for (u32 i = 0; i < TRACE_CALLS; i++) {
        const u64 v[] = { s[i].calls, s[i].errors, s[i].divergent };
        if (!s[i].calls)
            continue;
        results_put_begin(out, "row");
        results_put_string(out, trace_call_name(i));
        NUMBERS(out, v);
        results_put_end(out);
    }
}

void results_put_divergences(const struct pw_out *out, const struct follower *f)
{
    static const char *const columns[] = { "$call", "$recorded", "$modelled", "count", NULL };
    const struct follow_differences *d = follow_differences(f);
    results_put_table(out, "divergences", columns);
    for (u32 i = 0; i < d->rows; i++) {
        results_put_begin(out, "row");
        results_put_string(out, d->row[i].call);
        results_put_string(out, d->row[i].recorded);
        results_put_string(out, d->row[i].modelled);
        results_put_number(out, d->row[i].count);
        results_put_end(out);
    }
}

/* ---- who and what --------------------------------------------------------------------------------------------------- */

#define EVENT_COLUMNS "instructions", "loads", "stores", RESULTS_COST_COLUMNS, NULL

void results_put_lines_begin(const struct pw_out *out)
{
    static const char *const columns[] = { "$object", "$file", "$function", "line", EVENT_COLUMNS };
    results_put_table(out, "lines", columns);
}

static void mapping_row(void *ctx, const struct sim_mapping *m)
{
    const struct pw_out *out = ctx;
    results_put_begin(out, "row");
    results_put_string(out, m->name);
    results_put_string(out, m->kind);
    results_put_string(out, m->perms);
    results_put_number(out, m->bytes);
    for (int i = 0; i < 3; i++)
        results_put_unknown(out);
    results_put_cost(out, &m->cost);
    results_put_end(out);
}

static void mapping_faults_row(void *ctx, const struct sim_mapping *m)
{
    const struct pw_out *out = ctx;
    results_put_begin(out, "row");
    results_put_string(out, m->name);
    NUMBERS(out, m->faults);
    results_put_end(out);
}

void results_put_mappings(const struct pw_out *out, struct sim *s)
{
    static const char *const columns[] = { "$name", "$kind", "$perms", "bytes", EVENT_COLUMNS };
    const char *faults[MM_FAULT_KINDS + 2] = { "$mapping" };
    for (unsigned i = 0; i < MM_FAULT_KINDS; i++)
        faults[i + 1] = mm_fault_kind_name((enum mm_fault_kind)i);
    faults[MM_FAULT_KINDS + 1] = NULL;
    results_put_table(out, "mappings", columns);
    sim_each_mapping(s, mapping_row, (void *)out);
    results_put_table(out, "faults_by_mapping", faults);
    sim_each_mapping(s, mapping_faults_row, (void *)out);
}
