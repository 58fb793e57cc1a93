/* SPDX-License-Identifier: MIT
 * advise_cmd.c - `pagewalk advise`: tries what could help a recorded run and says what would.
 *
 * First the run is replayed as it was: its dearest mappings name the things to try.  Each is replayed; what is predicted
 * to gain is said, the best first, in a sentence with the call to make, the gain, the memory it costs, and how sure it is. */
#include "cli/alternatives.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/whatif_options.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 8, SENTENCES = 5, HUGE_BYTES = 2 << 20 };
#define WORTH_PERCENT 1.0         /* a smaller gain is not worth a sentence                                           */

struct advice { struct alternative *a; struct change change; char text[640]; };

/* ---- what to try ------------------------------------------------------------------------------------------------------ */

static bool is_memory(const char *kind) { return !strcmp(kind, "anon") || !strcmp(kind, "heap"); }

static void try_setting(struct alternative *a, unsigned *n, const char *format, const char *name)
{
    char *word;
    if (*n == TRIES || asprintf(&word, format, name) < 0)
        return;
    *n += alternative_parse("advise", word, &a[*n]);
    free(word);
}

/* After a[0], the run as it was.  How many there are now. */
static unsigned what_to_try(struct alternative *a)
{
    const struct replay_outcome *o = &a[0].outcome;
    unsigned n = 1, huge = 0, filled = 0;
    try_setting(a, &n, "thp=always%s", "");
    for (int i = 0; i < REPLAY_TOP && o->top[i].name[0]; i++) {
        bool memory = is_memory(o->top[i].kind);
        if (strchr(o->top[i].name, ','))
            continue;
        if (memory && o->top[i].bytes >= HUGE_BYTES && huge++ < 2)
            try_setting(a, &n, "hugepage=%s", o->top[i].name);
        if (!o->assumed && o->top[i].minor >= 64 && (memory || !strcmp(o->top[i].kind, "file")) && filled++ < 2)
            try_setting(a, &n, "populate=%s", o->top[i].name);
    }
    return n;
}

/* ---- sentences ---------------------------------------------------------------------------------------------------------- */

static const char *how_sure(const struct change *c)
{
    return c->high < -WORTH_PERCENT / 2 ? "likely: every assumed cost gives a gain" : c->high < 0 ? "probable" : "uncertain: it depends on the machine's costs";
}

static void memory_words(char *to, size_t room, const struct replay_outcome *from, const struct replay_outcome *o)
{
    double mib = ((double)o->peak_rss_pages - (double)from->peak_rss_pages) / 256;
    if (mib > -0.05 && mib < 0.05)
        snprintf(to, room, "no memory");
    else
        snprintf(to, room, "%.1f MiB of memory %s (peak %.1f MiB)", mib < 0 ? -mib : mib, mib < 0 ? "less" : "more", (double)o->peak_rss_pages / 256);
}

/* What to do about it, in words. */
static void call_words(char *to, size_t room, const struct alternative *a)
{
    const char *huge = a->settings.wish[FOLLOW_HUGEPAGE], *fill = a->settings.wish[FOLLOW_POPULATE];
    if (huge)
        snprintf(to, room, "madvise(MADV_HUGEPAGE) on %s", huge);
    else if (fill && fill[0] == '/')
        snprintf(to, room, "mapping %s with MAP_POPULATE, or madvise(MADV_POPULATE_READ) on it,", fill);
    else if (fill)
        snprintf(to, room, "madvise(MADV_POPULATE_WRITE) on %s", fill);
    else
        snprintf(to, room, "transparent huge pages for all memory (/sys/kernel/mm/transparent_hugepage/enabled: always)");
}

static void sentence(struct advice *d, const struct replay_outcome *from)
{
    const struct replay_outcome *o = &d->a->outcome;
    char call[256], memory[96];
    call_words(call, sizeof call, d->a);
    memory_words(memory, sizeof memory, from, o);
    snprintf(d->text, sizeof d->text,
             "%s would change the run time by %+.1f %% (between %+.1f and %+.1f %%): walk cycles %llu to %llu, faults %llu to %llu, for %s; %s.", call,
             d->change.middle, d->change.low, d->change.high, (unsigned long long)from->walk_cycles, (unsigned long long)o->walk_cycles,
             (unsigned long long)(from->minor + from->major), (unsigned long long)(o->minor + o->major), memory, how_sure(&d->change));
    d->text[0] = (char)(d->text[0] >= 'a' && d->text[0] <= 'z' && strncmp(d->text, "madvise", 7) ? d->text[0] - 32 : d->text[0]);
}

static int best_first(const void *a, const void *b)
{
    double x = ((const struct advice *)a)->change.middle, y = ((const struct advice *)b)->change.middle;
    return x < y ? -1 : x > y;
}

/* How many are worth saying. */
static unsigned judge(struct alternative *a, unsigned n, const struct basis *basis, struct advice *d)
{
    unsigned worth = 0;
    for (unsigned i = 1; i < n; i++) {
        struct change c = estimate_change(basis, &a[0].outcome, &a[i].outcome);
        if (a[i].done && c.known && c.middle <= -WORTH_PERCENT)
            d[worth++] = (struct advice){ .a = &a[i], .change = c };
    }
    qsort(d, worth, sizeof *d, best_first);
    worth = worth < SENTENCES ? worth : SENTENCES;
    for (unsigned i = 0; i < worth; i++)
        sentence(&d[i], &a[0].outcome);
    return worth;
}

static void nothing_helps(const struct alternative *a, unsigned n, const struct basis *basis)
{
    printf("Nothing that was tried would help by %.0f %% or more:", WORTH_PERCENT);
    for (unsigned i = 1; i < n; i++) {
        struct change c = estimate_change(basis, &a[0].outcome, &a[i].outcome);
        printf("%s %s (%+.1f %%)", i > 1 ? "," : "", a[i].name, c.middle);
    }
    printf(".\n");
}

static bool write_json(const char *file, const struct advice *d, unsigned worth)
{
    json_t *all = json_array(), *j;
    for (unsigned i = 0; i < worth; i++)
        json_array_append_new(all, json_pack("{sssss{sfsfsf}}", "settings", d[i].a->name, "text", d[i].text, "run_time_change_percent", "low",
                                             d[i].change.low, "middle", d[i].change.middle, "high", d[i].change.high));
    j = json_pack("{sissso}", "format", 1, "how_sure", "estimated", "advice", all);
    return output_json(file, j);
}

/* ---- the command -------------------------------------------------------------------------------------------------------- */

static bool try_all(struct whatif_options *o, struct alternative *a, unsigned *n)
{
    bool good;
    a[0] = (struct alternative){ .name = "as recorded", .settings = { .thp = -1 } };
    progress_begin("replaying");
    good = whatif_run(&o->replay, a, 1, NULL, NULL);
    *n = good ? what_to_try(a) : 1;
    good = good && whatif_run(&o->replay, a + 1, *n - 1, progress_seen, NULL);
    progress_end();
    for (unsigned i = 0; i < *n; i++)
        if (a[i].error[0] && (i == 0 || !a[0].error[0])) {
            say("%s", a[i].error);
            good = false;
        }
    return good;
}

int cmd_advise(int argc, char **argv)
{
    struct whatif_options o;
    struct alternative a[TRIES];
    struct advice advice[TRIES];
    unsigned n, worth;
    int status = parse_whatif_options("advise", argc, argv, &o);
    bool good;

    if (status == STATUS_HELP)
        return print_help(command_find("advise"));
    if (!status && o.n)
        status = bad_usage("advise", "one recording at a time");
    if (status || !output_check(o.json))
        return STATUS_OURS;
    good = try_all(&o, a, &n);
    if (!a[0].done) {
        alternatives_forget(a, n);
        return STATUS_OURS;
    }
    worth = judge(a, n, whatif_basis(&o, &a[0]), advice);
    if (o.json)
        good = write_json(o.json, advice, worth) && good;
    if (!o.quiet && (!o.json || strcmp(o.json, "-"))) {
        for (unsigned i = 0; i < worth; i++)
            printf("%u. %s\n", i + 1, advice[i].text);
        if (!worth)
            nothing_helps(a, n, &o.basis);
        printf("Run time is estimated; see `pagewalk help whatif`.\n");
    }
    alternatives_forget(a, n);
    return good ? 0 : STATUS_OURS;
}
