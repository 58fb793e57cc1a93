/* SPDX-License-Identifier: MIT
 * foreign_results.c - the results file of the replay of another tool's trace (docs/formats.md).  Called by replay_results.c.
 *
 * The trace says what was accessed, and some say by which program; the rest of a live run's results is unknown and written so,
 * or has no table.  Its lines of code are its instructions' addresses. */
#include "replay_internal.h"

#include "pagewalk/results.h"

#include <stdlib.h>
#include <string.h>

static void put(void *ctx, const char *text, size_t n) { fwrite(text, 1, n, ctx); }

/* ---- what the trace says ------------------------------------------------------------------------------------------------- */

static const struct { const char *name; enum foreign_fact fact; } facts[] = {
    { "exit.value", FOREIGN_EXIT },     { "pid", FOREIGN_PID },       { "parent", FOREIGN_PARENT },     { "instructions", FOREIGN_INSTRUCTIONS },
    { "loads", FOREIGN_LOADS },         { "stores", FOREIGN_STORES }, { "modifies", FOREIGN_MODIFIES }, { "fetches", FOREIGN_FETCHES },
    { "threads", FOREIGN_THREADS },     { "trace.records", FOREIGN_RECORDS },
};

static void put_count(FILE *f, const char *name, struct foreign_count c)
{
    if (c.known)
        fprintf(f, "count\t%s\t%llu\n", name, (unsigned long long)c.n);
    else
        fprintf(f, "count\t%s\t?\n", name);
}

static void put_run(struct replay *r, FILE *f, const struct pw_out *out)
{
    const struct foreign *t = foreign_of(r);
    if (foreign_program(t))
        results_put_text(out, "program", foreign_program(t));
    if (foreign_arguments(t))
        results_put_text(out, "arguments", foreign_arguments(t));
    results_put_text(out, "profile", r->profile->name);
    results_put_text(out, "profile.title", r->profile->title);
    replay_put_settings(r, out);
    results_put_text(out, "tool", PAGEWALK_VERSION);
    results_put_text(out, "trace.form", foreign_form(t));
    if (foreign_fact(t, FOREIGN_EXIT).known)
        results_put_text(out, "exit.kind", "exited");
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
        put_count(f, facts[i].name, foreign_fact(t, facts[i].fact));
    results_put_count(out, "cpus", "", "", r->cpus);
    results_put_count(out, "trace.left_out", "", "", foreign_left_out(r));
}

static void put_note(const struct pw_out *out, const char *note)
{
    if (!note)
        return;
    results_put_begin(out, "row");
    results_put_string(out, note);
    results_put_end(out);
}

static void put_notes(const struct replay *r, const struct pw_out *out)
{
    static const char *const columns[] = { "$note", NULL };
    const char *note[3] = { "It holds no mappings: what it accesses is taken for private anonymous memory, mapped by the GiB.",
                            r->settings.page_lg2 == 30 ? "Its pages are of 1 GiB, from hugetlbfs: they do not count as resident memory." : NULL,
                            foreign_left_out(r) ? "Accesses to addresses that no program can have were left out." : NULL };
    results_put_table(out, "trace_notes", columns);
    for (unsigned i = 0; i < 3; i++)
        put_note(out, note[i]);
    for (unsigned i = 0; foreign_note(foreign_of(r), i); i++)
        put_note(out, foreign_note(foreign_of(r), i));
}

/* ---- what the machine and the kernel did ------------------------------------------------------------------------------------ */

/* Counts of a side that the trace does not hold. */
struct knowing { FILE *f; bool known[MMU_SIDES]; char line[128]; size_t n; };

static bool is_unknown(const struct knowing *k)
{
    static const struct { const char *begins; enum mmu_side side; } of[] = {
        { "count\ttlb.i.", MMU_SIDE_I }, { "count\twalks.i.", MMU_SIDE_I }, { "count\ttlb.d.", MMU_SIDE_D }, { "count\twalks.d.", MMU_SIDE_D },
    };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++)
        if (!k->known[of[i].side] && !strncmp(k->line, of[i].begins, strlen(of[i].begins)))
            return true;
    return false;
}

static void put_line(struct knowing *k)
{
    k->line[k->n] = 0;
    if (is_unknown(k))
        strcpy(strrchr(k->line, '\t') + 1, "?");
    fprintf(k->f, "%s\n", k->line);
    k->n = 0;
}

/* Lines of the machine's counts come in pieces. */
static void put_known(void *ctx, const char *text, size_t n)
{
    struct knowing *k = ctx;
    for (; n; text++, n--)
        if (*text == '\n')
            put_line(k);
        else if (k->n + 2 < sizeof k->line)
            k->line[k->n++] = *text;
}

static void put_machine(struct replay *r, FILE *f)
{
    struct knowing k = { .f = f, .known = { [MMU_SIDE_I] = foreign_fact(foreign_of(r), FOREIGN_FETCHES).known,
                                            [MMU_SIDE_D] = foreign_fact(foreign_of(r), FOREIGN_LOADS).known } };
    const struct pw_out known = { put_known, &k };
    struct mmu_stats s;
    replay_stats(r, &s);
    results_put_machine(&known, &s, r->marked);
    put_count(f, "cycles.base", foreign_fact(foreign_of(r), FOREIGN_INSTRUCTIONS));
}

static int by_ip(const void *a, const void *b)
{
    const u64 x = ((const struct sim_site *)a)->ip, y = ((const struct sim_site *)b)->ip;
    return x < y ? -1 : x > y;
}

static void put_lines(struct replay *r, const struct pw_out *out)
{
    char function[32];
    results_put_lines_begin(out);
    if (r->lines.sites)
        qsort(r->lines.site, r->lines.sites, sizeof r->lines.site[0], by_ip);
    for (u32 i = 0; i < r->lines.sites; i++) {
        if (!r->lines.site[i].cost)
            continue;
        snprintf(function, sizeof function, "0x%llx", (unsigned long long)r->lines.site[i].ip);
        results_put_begin(out, "row");
        results_put_string(out, "");
        results_put_string(out, "");
        results_put_string(out, function);
        for (int column = 0; column < 4; column++) /* the line, instructions, loads, stores                            */
            results_put_unknown(out);
        results_put_cost(out, r->lines.site[i].cost);
        results_put_end(out);
    }
}

char *foreign_results(struct replay *r, size_t *len_bytes, struct replay_error *err)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len_bytes);
    const struct pw_out out = { put, f };
    if (!f) {
        snprintf(err->text, sizeof err->text, "%s cannot be written: not enough memory", r->path);
        return NULL;
    }
    fputs("pagewalk-results 1\n", f);
    put_run(r, f, &out);
    put_machine(r, f);
    results_put_faults(&out, follow_proc(r->follower), NULL, NULL);
    results_put_kernel(&out, follow_proc(r->follower));
    put_notes(r, &out);
    results_put_arrays(&out, r->profile);
    put_lines(r, &out);
    results_put_mappings(&out, r->sim);
    fflush(f);
    replay_put_end(f, text, *len_bytes);
    fclose(f);
    return text;
}
