/* SPDX-License-Identifier: MIT
 * text.c - the summary on one screen: what virtual memory did to the program.  Called by the command after a run and
 * by `pagewalk report`.
 *
 * The layout is columns of label, main number, details; the certainty of each section stands at the right margin.
 * What is unknown is printed as unknown; sections whose numbers are all 0 shrink to a line or go. */
#include "report/text_internal.h"

#include "pagewalk/mmu.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

/* The first column, where the rows are named. */
#define LABEL_COLUMNS 19
#define FLUSHES_SHOWN 5

/* ---- pieces ---------------------------------------------------------------------------------------------------- */

void text_title(struct text_view *v, const char *title, const char *certainty)
{
    v->certainty = certainty;
    screen_put(&v->screen, BOLD, title);
}

void text_section(struct text_view *v, const char *title, const char *certainty)
{
    screen_end(&v->screen);
    text_title(v, title, certainty);
}

void text_label(struct text_view *v, const char *text, const char *certainty)
{
    v->certainty = certainty;
    screen_printf(&v->screen, PLAIN, "  %s", text);
}

void text_end(struct text_view *v)
{
    if (v->certainty[0])
        screen_right(&v->screen, DIM, v->screen.width, v->certainty);
    v->certainty = "";
    screen_end(&v->screen);
}

void text_number(struct text_view *v, struct num n)
{
    screen_right(&v->screen, n.known ? PLAIN : DIM, v->field, format_num(n).text);
}

void text_words(struct text_view *v, struct words w) { screen_right(&v->screen, PLAIN, v->field, w.text); }

/* Does it still fit on this line, in front of the certainty? */
static bool fits(const struct text_view *v, const char *text)
{
    unsigned tail = v->certainty[0] ? format_columns(v->certainty) + 1 : 1; /* a comma may follow                   */
    return v->screen.column + 2 + format_columns(text) + tail <= v->screen.width;
}

void text_detail(struct text_view *v, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (v->screen.column > v->field + 3) {
        bool here = fits(v, text);
        screen_put(&v->screen, PLAIN, here ? ", " : ",");
        if (!here)
            text_end(v);
    }
    screen_to(&v->screen, v->field + 3);
    screen_put(&v->screen, PLAIN, text);
}

/* ---- who ran and how it ended ---------------------------------------------------------------------------------- */

/* The arguments usually begin with the program's name. */
static void command_line(const struct summary *s, char *to, size_t to_bytes, unsigned columns)
{
    char all[2048];
    const char *program = s->program ? s->program : "(unknown program)", *args = s->arguments ? s->arguments : "";

    if (!strncmp(args, program, strlen(program)))
        format_name(to, to_bytes, args, columns, CUT_END);
    else {
        snprintf(all, sizeof all, "%s%s%s", program, *args ? " " : "", args);
        format_name(to, to_bytes, all, columns, CUT_END);
    }
}

static void how_it_ended(const struct summary *s, char *to, size_t to_bytes)
{
    if (!s->exit_kind || !s->exit_value.known)
        snprintf(to, to_bytes, "unknown exit");
    else if (!strcmp(s->exit_kind, "signalled"))
        snprintf(to, to_bytes, "killed by signal %llu (%s)", (unsigned long long)s->exit_value.n,
                 s->exit_value.n < NSIG ? strsignal((int)s->exit_value.n) : "?");
    else
        snprintf(to, to_bytes, "exit status %llu", (unsigned long long)s->exit_value.n);
}

static void head(struct text_view *v)
{
    const struct summary *s = v->sum;
    const struct mmu_profile *profile = s->profile ? mmu_profile_find(s->profile) : NULL;
    /* The results name the CPU; those of older versions only its profile. */
    const char *title = s->profile_title ? s->profile_title : profile ? profile->title : s->profile ? s->profile : "unknown CPU";
    char line[1024], end[128], cpu[128];

    how_it_ended(s, end, sizeof end);
    command_line(s, line, sizeof line, v->screen.width - format_columns(end) - 2);
    screen_put(&v->screen, BOLD, line);
    screen_right(&v->screen, s->exit_kind && !strcmp(s->exit_kind, "signalled") ? ALARM : PLAIN, v->screen.width, end);
    text_end(v);
    format_name(cpu, sizeof cpu, title, 60, CUT_END);
    format_name(line, sizeof line, s->kernel ? s->kernel : "unknown", 20, CUT_END);
    screen_printf(&v->screen, DIM, "on %s with Linux %s; %s thread%s, %s CPU%s", cpu, line, format_num(s->threads).text,
                  s->threads.known && s->threads.n == 1 ? "" : "s", format_num(s->cpus).text, s->cpus.known && s->cpus.n == 1 ? "" : "s");
    text_end(v);
}

/* ---- the one number -------------------------------------------------------------------------------------------- */

static void headline(struct text_view *v)
{
    const struct summary *s = v->sum;
    struct num spent = num_add(s->cycles_walk, s->cycles_stlb);
    double share = num_share(spent, s->cycles);
    enum style style = share >= 0.25 ? ALARM : share >= 0.10 ? WARN : share >= 0 ? GOOD : DIM;

    text_section(v, "Address translation", "estimated");
    screen_right(&v->screen, style, v->field, share < 0 ? "unknown" : format_percent(share).text);
    text_detail(v, "of the cycles");
    if (share >= 0) {
        text_detail(v, "page walks %s", format_percent(num_share(s->cycles_walk, s->cycles)).text);
        text_detail(v, "L2 TLB hits %s", format_percent(num_share(s->cycles_stlb, s->cycles)).text);
    }
    text_end(v);
}

/* ---- what the reader should know -------------------------------------------------------------------------------- */

/* --check-flush: how often, then the first of each kind that was missing, in full however wide. */
static void flushes(struct text_view *v)
{
    const struct results_table *t = results_table(v->report->results, "flushes");
    const struct summary *s = v->sum;
    char text[512];

    text_label(v, "check-flush", "");
    text_number(v, s->flush_uses);
    text_detail(v, "uses of cached entries");
    screen_put(&v->screen, PLAIN, ", ");
    screen_printf(&v->screen, num_positive(s->flush_missing) ? ALARM : GOOD, "%s without the invalidation due", format_num(s->flush_missing).text);
    text_end(v);
    for (size_t i = 0, shown = 0; i < table_rows(t) && shown < FLUSHES_SHOWN; i++) {
        if (!num_positive(table_num(t, i, table_column(t, "missing"))))
            continue;
        format_name(text, sizeof text, table_text(t, i, table_column(t, "$use")), sizeof text, CUT_END);
        screen_printf(&v->screen, WARN, "    %s x %s", format_num(table_num(t, i, table_column(t, "count"))).text, text);
        text_end(v);
        format_name(text, sizeof text, table_text(t, i, table_column(t, "$change")), sizeof text, CUT_END);
        screen_printf(&v->screen, PLAIN, "      %s", text);
        text_end(v);
        shown++;
    }
}

static void notes(struct text_view *v)
{
    const struct summary *s = v->sum;

    if (s->check_accesses.known) {
        text_label(v, "check", "");
        text_number(v, s->check_accesses);
        text_detail(v, "translations compared with the naive twin");
        screen_put(&v->screen, PLAIN, ", ");
        screen_printf(&v->screen, num_positive(s->check_differences) ? ALARM : GOOD, "%s differ", format_num(s->check_differences).text);
        text_end(v);
    }
    if (s->flush_uses.known)
        flushes(v);
    if (s->kernel_looks.known) {
        text_label(v, "check-kernel", "");
        text_number(v, s->kernel_looks);
        text_detail(v, "looks: %s lines of maps", format_num(s->kernel_lines).text);
        text_detail(v, "%s pages", format_num(s->kernel_pages).text);
        text_detail(v, "%s signals", format_num(s->kernel_signals).text);
        screen_put(&v->screen, PLAIN, ", ");
        screen_printf(&v->screen, num_positive(s->divergent) ? ALARM : GOOD, "%s differences", format_num(s->divergent).text);
        text_end(v);
    }
    if (num_positive(s->children_not_followed)) {
        text_end(v);
        screen_printf(&v->screen, WARN, "Not in these numbers: %s child process%s; --trace-children follows them.",
                      format_num(s->children_not_followed).text, s->children_not_followed.n == 1 ? "" : "es");
        text_end(v);
    }
}

static void legend(struct text_view *v)
{
    text_end(v);
    screen_put(&v->screen, DIM, "exact: counted. modelled: with this CPU's TLBs. estimated: with its timing.");
    text_end(v);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static unsigned widest(const struct summary *s)
{
    const struct num numbers[] = { s->instructions, s->side[SIDE_I].lookups, s->side[SIDE_D].lookups, s->cycles_walk };
    unsigned w = 13;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        unsigned columns = format_columns(format_num(numbers[i]).text);
        w = columns > w ? columns : w;
    }
    return w;
}

void report_text(const struct report *r, const struct report_text_options *o, FILE *out)
{
    static void (*const sections[])(struct text_view *v) = {
        head, text_trace, headline, text_work, text_tlbs, text_walks, text_guest, text_caches, text_faults, text_memory, text_syscalls, text_upkeep, notes,
        text_rankings, text_others, text_paths, text_heap, text_regions, text_cow, text_processes, legend,
    };
    struct text_view v = { .certainty = "", .screen = { .out = out, .width = o->width < 80 ? 80 : o->width, .colour = o->colour },
                           .report = r, .sum = &r->summary, .top = o->top };

    v.field = LABEL_COLUMNS + widest(v.sum);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++)
        sections[i](&v);
}
