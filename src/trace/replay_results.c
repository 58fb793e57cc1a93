/* SPDX-License-Identifier: MIT
 * replay_results.c - the results file of a replay (docs/formats.md).
 *
 * What the program did is as the run's own results say: its name, its end, what it executed and from which lines.  What the
 * machine and the kernel did about it is counted anew, in the order in which a live run writes it, so that two files can
 * be compared as they are. */
#include "replay_internal.h"

#include "base/crc32.h"
#include "pagewalk/results.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A line of the run's results and what it begins with. */
struct line { const char *at; size_t n; };

struct writer {
    struct replay *r;
    FILE *f;
    struct pw_out out;
    const char *recorded;           /* the results of the run                                                          */
    bool faults_done, lines_done;
    u64 skipped[MMU_SIDES], instructions;
};

static void put(void *ctx, const char *text, size_t n) { fwrite(text, 1, n, ctx); }

static bool begins(struct line l, const char *with)
{
    size_t n = strlen(with);
    return l.n >= n && !memcmp(l.at, with, n);
}

/* ---- lines of code ------------------------------------------------------------------------------------------------- */

/* "row\tobject\tfile\tfunction\tline\tinstructions\tloads\tstores" and the costs. */
static size_t fields(struct line l, const char *at[8])
{
    size_t n = 0;
    for (const char *p = l.at; n < 8 && p < l.at + l.n; p++)
        if (*p == '\t')
            at[n++] = p + 1;
    return n;
}

static size_t unescape(char *to, const char *s, const char *end)
{
    size_t n = 0;
    for (; s < end; s++) {
        if (*s == '%' && s + 2 < end + 1) {
            char hex[3] = { s[1], s[2], 0 };
            to[n++] = (char)strtoul(hex, NULL, 16);
            s += 2;
        } else {
            to[n++] = *s;
        }
    }
    to[n++] = 0;
    return n;
}

static int compare_keys(const char *a, const char *b)
{
    for (int part = 0; part < 3; part++) {
        int d = strcmp(a, b);
        if (d)
            return d;
        a += strlen(a) + 1;
        b += strlen(b) + 1;
    }
    unsigned long long x = strtoull(a, NULL, 10), y = strtoull(b, NULL, 10);
    return x < y ? -1 : x > y;
}

static int by_key(const void *a, const void *b)
{
    return compare_keys(((const struct replay_line *)a)->key, ((const struct replay_line *)b)->key);
}

static void cost_row(struct writer *w, const char *front, size_t n, const struct replay_line *l)
{
    static const struct sim_cost nothing;
    fwrite(front, 1, n, w->f);
    results_put_cost(&w->out, l ? &l->cost : &nothing);
    results_put_end(&w->out);
}

/* A row of the run's, with what its line costs now. */
static void line_row(struct writer *w, struct line l)
{
    const char *at[8];
    static char key[3 * 4096 + 32];
    struct replay_line want = { .key = key };
    size_t n = 0;
    if (fields(l, at) < 8 || (size_t)(at[4] - at[0]) > sizeof key)
        return;
    for (int i = 0; i < 4; i++)
        n += unescape(key + n, at[i], at[i + 1] - 1);
    const char *end = memchr(at[6], '\t', (size_t)(l.at + l.n - at[6]));
    cost_row(w, l.at, (size_t)((end ? end : l.at + l.n) - l.at),
             bsearch(&want, w->r->lines.line, w->r->lines.lines, sizeof want, by_key));
}

/* ---- the rest --------------------------------------------------------------------------------------------------------- */

void replay_stats(const struct replay *r, struct mmu_stats *sum)
{
    u64 *a = (u64 *)sum;
    *sum = (struct mmu_stats){ 0 };
    for (unsigned c = 0; c < r->cpus; c++) {
        const u64 *b = (const u64 *)mmu_stats(r->mmu, c);
        for (size_t i = 0; i < sizeof *sum / sizeof *a; i++)
            a[i] += b[i];
    }
    for (size_t i = 0; i < sizeof *sum / sizeof *a; i++)
        a[i] -= ((const u64 *)&r->before)[i];
}

static void machine(struct writer *w)
{
    struct mmu_stats s;
    replay_stats(w->r, &s);
    if (!w->instructions) {
        w->skipped[MMU_SIDE_I] = w->r->marked[MMU_SIDE_I];
        w->skipped[MMU_SIDE_D] = w->r->marked[MMU_SIDE_D];
    }
    const struct sim_guest guest = sim_guest(w->r->sim);
    results_count_guest(&s, &guest);
    results_put_machine(&w->out, &s, w->skipped);
    results_put_guest(&w->out, &guest);
    results_put_count(&w->out, "cycles.", "base", "", w->instructions);
}

/* 0 also for what is not known. */
static u64 count_in(const char *results, const char *name)
{
    char line[96];
    const char *at;
    snprintf(line, sizeof line, "\ncount\t%s\t", name);
    at = strstr(results, line);
    return at ? strtoull(at + strlen(line), NULL, 10) : 0;
}

/* Faults of the programs that ran in this process before are in its counts, but not in its recording. */
static u64 before_exec(void *ctx, const char *name)
{
    char count[64];
    snprintf(count, sizeof count, "before_exec.%s", name);
    return count_in(ctx, count);
}

static void kernel(struct writer *w)
{
    results_put_faults(&w->out, follow_proc(w->r->follower), before_exec, (void *)w->recorded);
    results_put_count(&w->out, "faults.", "tool", "", 0);
    results_put_kernel(&w->out, follow_proc(w->r->follower));
}

/* Lines that are counted anew; each group is written where its first line stands. */
static void cpus(struct writer *w) { results_put_count(&w->out, "cpus", "", "", w->r->cpus); }
static void settings(struct writer *w) { replay_put_settings(w->r, &w->out); }
static void profile(struct writer *w) { results_put_text(&w->out, "profile", w->r->profile->name); }
static void profile_title(struct writer *w) { results_put_text(&w->out, "profile.title", w->r->profile->title); }
static void arrays(struct writer *w) { results_put_arrays(&w->out, w->r->profile); }
static void syscalls(struct writer *w) { results_put_syscalls(&w->out, w->r->follower); }
static void divergences(struct writer *w) { results_put_divergences(&w->out, w->r->follower); }
static void mappings(struct writer *w) { results_put_mappings(&w->out, w->r->sim); }

static const struct { const char *begins; bool table; void (*write)(struct writer *w); } anew[] = {
    { "text\tprofile\t", false, profile },
    { "text\tprofile.title\t", false, profile_title },
    { "text\tkernel\t", false, settings },
    { "text\trecording\t", false, NULL },
    { "count\tcpus\t", false, cpus },
    { "count\ttlb.i.lookups\t", false, machine },
    { "count\ttlb.", false, NULL },
    { "count\twalks.", false, NULL },
    { "count\tcycles.", false, NULL },
    { "text\tguest.", false, NULL },
    { "count\tguest.", false, NULL },
    { "count\tfaults.minor\t", false, kernel },
    { "count\tfaults.", false, NULL },
    { "count\trss.", false, NULL },
    { "count\tmaps.", false, NULL },
    { "count\tcheck.", false, NULL },
    { "count\tcheck_flush.", false, NULL },
    { "count\ttimeline.", false, NULL },
    { "table\tarrays\t", true, arrays },
    { "table\tsyscalls\t", true, syscalls },
    { "table\tdivergences\t", true, divergences },
    { "table\tmappings\t", true, mappings },
    { "table\tfaults_by_mapping\t", true, NULL },
    { "table\tflushes\t", true, NULL },
};
enum { ANEW = sizeof anew / sizeof anew[0] };

enum state { COPY, LINES, DROP };

static enum state table_line(struct writer *w, struct line l)
{
    if (begins(l, "table\tlines\t")) {
        results_put_lines_begin(&w->out);
        return LINES;
    }
    for (int i = 0; i < ANEW; i++)
        if (anew[i].table && begins(l, anew[i].begins) && anew[i].write)
            anew[i].write(w);
    return DROP;                 /* what a replay does not keep account of has no table */
}

static void plain_line(struct writer *w, struct line l)
{
    for (int i = 0; i < ANEW; i++)
        if (!anew[i].table && begins(l, anew[i].begins)) {
            if (anew[i].write)
                anew[i].write(w);
            return;
        }
    fwrite(l.at, 1, l.n, w->f);
    fputc('\n', w->f);
}

static void rewrite(struct writer *w, const char *at, const char *end)
{
    enum state state = COPY;
    while (at < end) {
        const char *eol = memchr(at, '\n', (size_t)(end - at));
        struct line l = { at, (size_t)((eol ? eol : end) - at) };
        at = eol ? eol + 1 : end;
        if (begins(l, "end\t"))
            return;
        if (begins(l, "table\t"))
            state = table_line(w, l);
        else if (!begins(l, "row\t"))
            plain_line(w, l);
        else if (state == LINES)
            line_row(w, l);
    }
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------- */

/* Accesses that never reached the machine: those the recording left out, and those that were marked. */
static void count_skipped(struct writer *w, const char *results)
{
    w->instructions = count_in(results, "instructions");
    if (!w->instructions)
        return;                  /* a cut recording: its own accesses are all that is known of                        */
    w->skipped[MMU_SIDE_I] = count_in(results, "fetches") - w->r->model_accesses[MMU_SIDE_I];
    w->skipped[MMU_SIDE_D] = count_in(results, "loads") + count_in(results, "stores") - count_in(results, "modifies") -
                             w->r->model_accesses[MMU_SIDE_D];
}

void replay_put_end(FILE *f, const char *text, size_t n)
{
    size_t lines = 0;
    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    fprintf(f, "end\t%zu\t%08x\n", lines, crc32_add(0, text, n));
}

/* What can be said of the run of a recording that was cut off. */
static char *unknown_run(const struct replay *r, size_t *n)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, n);
    const struct pw_out out = { put, f };
    static const char *const unknown[] = { "exit.value", "pid", "parent", "instructions", "loads", "stores", "modifies", "fetches", "kernel_accesses",
                                           "threads", "cpus" };
    if (!f)
        return NULL;
    fputs("pagewalk-results 1\n", f);
    results_put_text(&out, "program", r->name ? r->name : "");
    fputs("text\tprofile\t\ntext\tprofile.title\t\ntext\tkernel\t6.18\ntext\ttool\t" PAGEWALK_VERSION "\n", f);
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        fprintf(f, "count\t%s\t?\n", unknown[i]);
    fputs("count\tchildren\t0\ncount\tchildren_not_followed\t0\ncount\ttlb.i.lookups\t?\ncount\tfaults.minor\t?\n"
          "table\tarrays\t\ntable\tsyscalls\t\ntable\tdivergences\t\ntable\tlines\t\ntable\tmappings\t\n", f);
    fclose(f);
    return text;
}

static char *recorded_results(const struct replay *r, size_t *n, struct decode_error *why)
{
    char *whole = decode_results(r->path, n, why);
    return whole ? whole : unknown_run(r, n);
}

char *replay_results(struct replay *r, size_t *len_bytes, struct replay_error *err)
{
    struct decode_error why = { "cannot be written: not enough memory" };
    if (r->foreign)
        return foreign_results(r, len_bytes, err);
    if (!r->follower || !follow_proc(r->follower)) {
        snprintf(err->text, sizeof err->text, "%s ends before the program began", r->path);
        return NULL;
    }
    size_t recorded_bytes = 0;
    char *recorded = recorded_results(r, &recorded_bytes, &why), *text = NULL;
    struct writer w = { .r = r, .recorded = recorded, .f = recorded ? open_memstream(&text, len_bytes) : NULL };
    if (!w.f) {
        snprintf(err->text, sizeof err->text, "%s %s", r->path, why.text);
        free(recorded);
        return NULL;
    }
    w.out = (struct pw_out){ put, w.f };
    if (r->lines.lines)
        qsort(r->lines.line, r->lines.lines, sizeof r->lines.line[0], by_key);
    count_skipped(&w, recorded);
    rewrite(&w, recorded, recorded + recorded_bytes);
    fflush(w.f);
    replay_put_end(w.f, text, *len_bytes);
    fclose(w.f);
    free(recorded);
    return text;
}
