/* SPDX-License-Identifier: MIT
 * summary.c - from the names of docs/formats.md to struct summary. */
#include "report/summary.h"

#include <stdio.h>
#include <string.h>

#define AT(member) offsetof(struct summary, member)

static const struct { const char *name; size_t at; } texts[] = {
    { "program", AT(program) }, { "arguments", AT(arguments) }, { "profile", AT(profile) },
    { "profile.title", AT(profile_title) },
    { "kernel", AT(kernel) },   { "tool", AT(tool) },           { "exit.kind", AT(exit_kind) },
    { "recording", AT(recording) }, { "trace.form", AT(trace_form) },
};

static const struct { const char *name; size_t at; } counts[] = {
    { "pid", AT(pid) }, { "parent", AT(parent) }, { "exit.value", AT(exit_value) },
    { "threads", AT(threads) }, { "cpus", AT(cpus) }, { "children", AT(children) },
    { "children_not_followed", AT(children_not_followed) },
    { "instructions", AT(instructions) }, { "loads", AT(loads) }, { "stores", AT(stores) },
    { "modifies", AT(modifies) }, { "fetches", AT(fetches) }, { "kernel_accesses", AT(kernel_accesses) },
    { "walks.rewalks_dirty", AT(rewalks_dirty) }, { "walks.ad_writes", AT(ad_writes) },
    { "walks.reads.0", AT(read[0]) }, { "walks.reads.1", AT(read[1]) },
    { "walks.reads.2", AT(read[2]) }, { "walks.reads.3", AT(read[3]) },
    { "walks.psc_hit.0", AT(psc_hit[0]) }, { "walks.psc_hit.1", AT(psc_hit[1]) },
    { "walks.psc_hit.2", AT(psc_hit[2]) }, { "walks.psc_hit.3", AT(psc_hit[3]) },
    { "cycles.walk", AT(cycles_walk) }, { "cycles.stlb", AT(cycles_stlb) }, { "cycles.base", AT(cycles_base) },
    { "faults.minor", AT(minor) }, { "faults.major", AT(major) }, { "faults.copied_pages", AT(copied_pages) },
    { "faults.zeroed_pages", AT(zeroed_pages) }, { "faults.tool", AT(faults_tool) },
    { "rss.anon", AT(rss_anon) }, { "rss.file", AT(rss_file) }, { "rss.shmem", AT(rss_shmem) },
    { "rss.peak", AT(rss_peak) }, { "rss.tables", AT(tables) }, { "rss.peak_tables", AT(peak_tables) },
    { "maps.peak", AT(maps_peak) }, { "maps.limit", AT(maps_limit) },
    { "tlb.flush_pages", AT(flush_pages) }, { "tlb.flush_full", AT(flush_full) },
    { "tlb.shootdown_ipis", AT(shootdown_ipis) },
    { "check.accesses", AT(check_accesses) }, { "check.differences", AT(check_differences) },
    { "check_flush.uses", AT(flush_uses) }, { "check_flush.missing", AT(flush_missing) },
    { "check_flush.not_needed", AT(flush_not_needed) },
    { "check_kernel.calls", AT(kernel_calls) }, { "check_kernel.signals", AT(kernel_signals) },
    { "check_kernel.looks", AT(kernel_looks) }, { "check_kernel.lines", AT(kernel_lines) },
    { "check_kernel.pages", AT(kernel_pages) },
    { "trace.records", AT(trace_records) }, { "trace.left_out", AT(trace_left_out) },
};

static struct num sum(const struct num *a, size_t n)
{
    struct num total = num_of(0);

    for (size_t i = 0; i < n; i++)
        total = num_add(total, a[i]);
    return total;
}

static void fill_side(const struct results *r, char side, struct summary_side *s)
{
    static const char *const size[SIZES] = { "4k", "2m", "1g" };
    char name[48];

    snprintf(name, sizeof name, "tlb.%c.lookups", side);
    s->lookups = results_count(r, name);
    for (unsigned i = 0; i < SIZES; i++) {
        snprintf(name, sizeof name, "tlb.%c.l1_miss.%s", side, size[i]);
        s->l1_miss[i] = results_count(r, name);
        snprintf(name, sizeof name, "tlb.%c.stlb_hit.%s", side, size[i]);
        s->stlb_hit[i] = results_count(r, name);
        snprintf(name, sizeof name, "walks.%c.%s", side, size[i]);
        s->walk[i] = results_count(r, name);
        s->stlb_miss[i] = num_sub(s->l1_miss[i], s->stlb_hit[i]);
    }
    snprintf(name, sizeof name, "walks.%c.faulted", side);
    s->walks_faulted = results_count(r, name);
    s->l1_misses = sum(s->l1_miss, SIZES);
    s->stlb_hits = sum(s->stlb_hit, SIZES);
    s->stlb_misses = sum(s->stlb_miss, SIZES);
    s->walks_done = sum(s->walk, SIZES);
    s->walks = num_add(s->walks_done, s->walks_faulted);
}

/* faults.KIND is every faults.* that has no meaning of its own. */
static void see_fault(void *ctx, const char *name, struct num n)
{
    static const char *const others[] = { "minor", "major", "copied_pages", "zeroed_pages", "tool" };
    struct summary *s = ctx;
    const char *kind = name + sizeof "faults." - 1;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (!strcmp(kind, others[i]))
            return;
    if (s->kinds < FAULT_KINDS_MAX)
        s->kind[s->kinds++] = (struct fault_kind){ kind, n };
}

static struct num sum_column(const struct results *r, const char *table, const char *column)
{
    const struct results_table *t = results_table(r, table);
    struct num total = t ? num_of(0) : NUM_UNKNOWN;

    for (size_t i = 0; i < table_rows(t); i++)
        total = num_add(total, table_num(t, i, table_column(t, column)));
    return total;
}

static void add_up(struct summary *s)
{
    s->walks = num_add(s->side[SIDE_I].walks, s->side[SIDE_D].walks);
    s->walks_faulted = num_add(s->side[SIDE_I].walks_faulted, s->side[SIDE_D].walks_faulted);
    s->reads = sum(s->read, LEVELS);
    s->psc_hits = sum(s->psc_hit, LEVELS);
    s->cycles = num_add(num_add(s->cycles_walk, s->cycles_stlb), s->cycles_base);
    s->faults = num_add(s->minor, s->major);
    s->rss = num_add(num_add(s->rss_anon, s->rss_file), s->rss_shmem);
}

void summarize(const struct results *r, struct summary *s)
{
    *s = (struct summary){ 0 };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        *(const char **)((char *)s + texts[i].at) = results_text(r, texts[i].name);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *(struct num *)((char *)s + counts[i].at) = results_count(r, counts[i].name);
    s->kernel_certainty = s->trace_form ? "modelled" : "exact";
    fill_side(r, 'i', &s->side[SIDE_I]);
    fill_side(r, 'd', &s->side[SIDE_D]);
    results_each_count(r, "faults.", see_fault, s);
    s->syscalls = sum_column(r, "syscalls", "calls");
    s->divergent = sum_column(r, "divergences", "count");
    add_up(s);
}

struct num summary_status(const struct summary *s)
{
    if (s->exit_kind && !strcmp(s->exit_kind, "exited"))
        return s->exit_value;
    if (s->exit_kind && !strcmp(s->exit_kind, "signalled"))
        return num_add(s->exit_value, num_of(128));
    return NUM_UNKNOWN;
}
