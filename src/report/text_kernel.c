/* SPDX-License-Identifier: MIT
 * text_kernel.c - what the kernel did: page faults, memory, system calls, TLB upkeep.  Part of the text view. */
#include "report/startup.h"
#include "report/text_internal.h"

#include <string.h>

#define MAPPINGS_SHARE_LEAST 0.05
#define CODE_PAGES_LEAST 64u /* saving less than 256 KiB of code interests nobody                                       */

/* ---- faults ---------------------------------------------------------------------------------------------------- */

static const struct { const char *kind, *words; } kind_words[] = {
    { "anonymous", "anonymous zero-fill" }, { "zero_page", "shared zero page" }, { "file_read", "file read" },
    { "file_copy", "file copy" }, { "shared_write", "shared file write" }, { "shmem", "shared memory" },
    { "cow_copy", "copy-on-write copy" }, { "cow_reuse", "copy-on-write reuse" }, { "stack", "stack growth" },
    { "huge", "huge page" }, { "spurious", "spurious" }, { "invalid", "invalid" }, { "swap", "from swap" },
};

static const char *words_of_kind(const char *kind)
{
    for (size_t i = 0; i < sizeof kind_words / sizeof kind_words[0]; i++)
        if (!strcmp(kind_words[i].kind, kind))
            return kind_words[i].words;
    return kind;
}

static void kinds(struct text_view *v)
{
    const struct summary *s = v->sum;
    bool shown[FAULT_KINDS_MAX] = { false };

    for (unsigned done = 0; done < s->kinds; done++) {
        unsigned most = FAULT_KINDS_MAX;
        char name[64];
        for (unsigned i = 0; i < s->kinds; i++)
            if (!shown[i] && (most == FAULT_KINDS_MAX || num_descending(s->kind[i].n, s->kind[most].n) < 0))
                most = i;
        shown[most] = true;
        format_name(name, sizeof name, words_of_kind(s->kind[most].name), 40, CUT_END);
        if (!s->kind[most].n.known || s->kind[most].n.n)
            text_detail(v, "%s %s", name, format_num(s->kind[most].n).text);
    }
}

void text_faults(struct text_view *v)
{
    const struct summary *s = v->sum;

    text_section(v, "Page faults", s->kernel_certainty);
    text_number(v, s->faults);
    text_detail(v, "minor %s", format_num(s->minor).text);
    text_detail(v, "major %s", format_num(s->major).text);
    text_detail(v, "pages zeroed %s", format_num(s->zeroed_pages).text);
    text_detail(v, "copied %s", format_num(s->copied_pages).text);
    if (num_positive(s->faults_tool))
        text_detail(v, "(and %s of the instrumentation's own)", format_num(s->faults_tool).text);
    text_end(v);
    if (s->faults.known && !s->faults.n)
        return;
    text_label(v, "by kind", "");
    kinds(v);
    text_end(v);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static void kind_of_memory(struct text_view *v, const char *name, struct num pages)
{
    if (!pages.known || pages.n)
        text_detail(v, "%s %s", name, format_pages(pages).text);
}

/* The program's own code, where its layout wastes something: --symbol-order is the cure. */
static void code(struct text_view *v)
{
    struct startup_code c = startup_code(v->report->results);

    if (!num_positive(c.used_pages) || !c.needed_pages.known || c.mapped_pages.n < 2 * c.needed_pages.n || c.mapped_pages.n - c.needed_pages.n < CODE_PAGES_LEAST)
        return;
    text_label(v, "program's code", "");
    text_words(v, format_pages(c.mapped_pages));
    text_detail(v, "used %s", format_pages(c.used_pages).text);
    text_detail(v, "laid out by first use about %s: --symbol-order", format_pages(c.needed_pages).text);
    text_end(v);
}

/* Only where there are many: each call that splits one comes closer to the limit, and then fails. */
static void mappings(struct text_view *v)
{
    if (num_share(v->sum->maps_peak, v->sum->maps_limit) < MAPPINGS_SHARE_LEAST)
        return;
    text_label(v, "mappings", "");
    text_number(v, v->sum->maps_peak);
    text_detail(v, "at most, %s of the %s there may be", format_percent(num_share(v->sum->maps_peak, v->sum->maps_limit)).text,
                format_num(v->sum->maps_limit).text);
    text_detail(v, "then ENOMEM (vm.max_map_count)");
    text_end(v);
}

void text_memory(struct text_view *v)
{
    const struct summary *s = v->sum;

    text_section(v, "Memory", s->kernel_certainty);
    text_words(v, format_pages(s->rss_peak));
    text_detail(v, "peak resident");
    text_detail(v, "page tables %s", format_pages(s->peak_tables).text);
    text_end(v);
    text_label(v, "at the end", "");
    text_words(v, format_pages(s->rss));
    kind_of_memory(v, "anonymous", s->rss_anon);
    kind_of_memory(v, "file", s->rss_file);
    kind_of_memory(v, "shared", s->rss_shmem);
    kind_of_memory(v, "page tables", s->tables);
    text_end(v);
    mappings(v);
    code(v);
}

/* ---- system calls and TLB upkeep ------------------------------------------------------------------------------- */

static void divergence_example(struct text_view *v)
{
    const struct results_table *t = results_table(v->report->results, "divergences");
    unsigned room = v->screen.width - v->field - 3;
    char call[256], recorded[64], modelled[64];

    for (size_t i = 0; i < table_rows(t) && (i < 3 || v->sum->kernel_looks.known); i++) {
        unsigned used = format_name(recorded, sizeof recorded, table_text(t, i, table_column(t, "$recorded")), 18, CUT_END);
        used += format_name(modelled, sizeof modelled, table_text(t, i, table_column(t, "$modelled")), 18, CUT_END) + 13;
        format_name(call, sizeof call, table_text(t, i, table_column(t, "$call")), room > used + 10 ? room - used : 10, CUT_END);
        screen_to(&v->screen, v->field + 3);
        screen_printf(&v->screen, WARN, "%s = %s, model: %s", call, recorded, modelled);
        text_end(v);
    }
}

void text_syscalls(struct text_view *v)
{
    const struct results_table *t = results_table(v->report->results, "syscalls");
    char name[40];

    if (v->sum->trace_form)
        return;                  /* such traces hold no system calls                                              */
    text_title(v, "Memory calls", "exact");
    text_number(v, v->sum->syscalls);
    for (size_t i = 0; i < table_rows(t); i++) {
        format_name(name, sizeof name, table_text(t, i, table_column(t, "$name")), 20, CUT_END);
        if (num_positive(table_num(t, i, table_column(t, "calls"))))
            text_detail(v, "%s %s", name, format_num(table_num(t, i, table_column(t, "calls"))).text);
    }
    text_end(v);
    text_label(v, "model differs", "");
    text_number(v, v->sum->divergent);
    if (v->sum->divergent.known && !v->sum->divergent.n)
        text_detail(v, "every result is the model's");
    else if (v->sum->divergent.known)
        text_detail(v, "the model gives another result:");
    text_end(v);
    divergence_example(v);
}

void text_upkeep(struct text_view *v)
{
    const struct summary *s = v->sum;

    text_label(v, "TLB flushes", "");
    text_number(v, num_add(s->flush_pages, s->flush_full));
    text_detail(v, "pages %s", format_num(s->flush_pages).text);
    text_detail(v, "full %s", format_num(s->flush_full).text);
    text_detail(v, "shootdown IPIs %s", format_num(s->shootdown_ipis).text);
    text_end(v);
}
