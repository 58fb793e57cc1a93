/* SPDX-License-Identifier: MIT
 * probe_cmd.c - `pagewalk probe`: measures this machine's data TLBs and walks, shows the curve, writes a profile. */
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"

#include "probe/apply.h"
#include "probe/chase.h"
#include "probe/plot.h"
#include "probe/resolve.h"

#include <errno.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILE_DEFAULT "host.profile"
#define ROUNDS 7
#define ROUNDS_QUICK 3

struct probe_options { const char *file; bool quick; };

static int parse(int argc, char **argv, struct probe_options *o)
{
    static const struct option longs[] = { { "output", required_argument, NULL, 'o' }, { "quick", no_argument, NULL, 'k' },
                                           { "help", no_argument, NULL, 'h' }, { 0 } };
    int option;

    *o = (struct probe_options){ .file = FILE_DEFAULT };
    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":o:h", longs, NULL)) != -1) {
        if (option == 'h')
            return STATUS_HELP;
        if (option == 'k')
            o->quick = true;
        else if (option == 'o')
            o->file = optarg;
        else
            return bad_option("probe", option, argv);
    }
    if (optind < argc)
        return bad_usage("probe", "it takes no argument: '%s'", argv[optind]);
    return *o->file ? 0 : bad_usage("probe", "an output file has an empty name");
}

/* ---- showing -------------------------------------------------------------------------------------------------------------- */

static void mark(struct plot *p, unsigned i, const struct level_found *l, const char *name)
{
    if (!l->reach_clear)
        return;
    p->mark[i].pages = l->entries;
    snprintf(p->mark[i].text, sizeof p->mark[i].text, "%s %u", name, l->entries);
}

static void show_curve(FILE *out, const struct probe_result *r)
{
    struct plot p = { .columns = columns_of(out), .utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8") };

    mark(&p, 0, &r->l1, "first level");
    mark(&p, 1, &r->l2, "second level");
    fputs("Cycles that address translation adds to a load, on random tours over so many pages\n\n", out);
    plot_curve(out, &r->curve, &p);
    fputc('\n', out);
}

static void show_level(FILE *out, const char *name, const struct level_found *l, unsigned hint)
{
    if (!l->reach_clear) {
        fprintf(out, "%-24s not clear: %s\n", name, l->why);
        return;
    }
    fprintf(out, "%-24s %u entries: tours of %u pages hit, of %u miss%s\n", name, l->entries, l->step.low, l->step.high,
            !hint ? "" : hint == l->entries ? "; as expected" : "");
    if (hint && hint != l->entries)
        fprintf(out, "%-24s other than the %u that CPUID or the nearest profile says\n", "", hint);
    if (!l->ways_clear)
        fprintf(out, "%-24s not clear: %s\n", "  sets", l->why);
    else if (l->sets == 1)
        fprintf(out, "%-24s one, of %u ways\n", "  sets", l->ways);
    else
        fprintf(out, "%-24s %u of %u ways, %s\n", "  sets", l->sets, l->ways,
                l->hashed ? "chosen by a XOR of two parts of the page number" : "chosen by the page number's low bits");
}

static void show_cycles(FILE *out, const char *name, bool clear, double cycles, double noise, const char *why)
{
    if (clear)
        fprintf(out, "%-24s %.1f cycles (noise %.1f)\n", name, cycles, noise);
    else
        fprintf(out, "%-24s not clear: %s\n", name, why);
}

static void show_result(FILE *out, const struct probe_result *r, const struct probe_hint *hint)
{
    const struct plateaus *h = &r->height;

    show_level(out, "First level, loads", &r->l1, hint->l1_entries);
    show_level(out, "Second level, loads", &r->l2, hint->l2_entries);
    show_cycles(out, "Second-level hit", h->l1_clear, h->l2_hit - h->hit, h->noise, h->l1_why);
    show_cycles(out, "Page walk", h->l2_clear, h->walk - h->hit, h->noise, h->l2_why);
}

static void show_costs(FILE *out, const struct costs_found *c)
{
    if (!c->huge) {
        fprintf(out, "%-24s not measured: the kernel gives no huge pages to compare with\n", "Large memory, faults");
        return;
    }
    for (unsigned i = 0; i < COSTS_SIZES && c->at[i].bytes; i++)
        fprintf(out, "%-24s %.0f cycles a random load of %llu MiB, %.0f more in 4 KiB pages\n", i ? "" : "Large memory", c->at[i].memory,
                (unsigned long long)(c->at[i].bytes >> 20), c->at[i].walk);
    fprintf(out, "%-24s %.0f cycles; zeroing 4 KiB %.0f, copying %.0f\n", "Page fault", c->fault, c->zero, c->copy);
}

/* ---- measuring ------------------------------------------------------------------------------------------------------------ */

/* Writing takes time that is measured: only when there is something new to say. */
static void seen(void *ctx, double done)
{
    unsigned *last = ctx, percent = (unsigned)(done * 100);

    if (percent != *last)
        progress_seen(NULL, percent);
    *last = percent;
}

/* NULL: said why. */
static struct chase *begin(struct apply_where *w)
{
    const char *why;
    struct chase *c = chase_begin(&why);

    if (!c)
        say("cannot measure: %s", why);
    else
        w->cpu = chase_cpu(c);
    return c;
}

static bool measure(const struct probe_options *o, struct chase *c, const struct mmu_profile *host, struct probe_result *r, struct costs_found *costs,
                    struct apply_where *w)
{
    unsigned percent = 0;
    struct probe_plan plan = { o->quick ? ROUNDS_QUICK : ROUNDS, apply_hint(host), seen, &percent };
    struct bench bench = chase_bench(c);
    bool good;

    progress_begin("measuring");
    errno = 0;
    good = probe_run(&bench, &plan, r);
    progress_end();
    if (!good)
        say("cannot measure: pages cannot be mapped: %s", strerror(errno));
    w->ghz = chase_ghz(c);
    progress_begin("measuring memory");
    costs_measure(w->ghz > 0 ? 1 / w->ghz : 0, o->quick, costs);
    progress_end();
    w->huge_control = chase_control_is_huge(c);
    return good;
}

/* The CPUID of the very CPU that is measured: on hybrid processors others differ. */
static const struct mmu_profile *profile_of_cpu(int cpu)
{
    char word[32];
    snprintf(word, sizeof word, "host:%d", cpu);
    return find_profile("probe", word);
}

static bool write_profile(const char *file, const struct mmu_profile *p)
{
    bool standard = !strcmp(file, "-"), good = false;
    char *text = profile_text(p);
    FILE *out = standard ? stdout : fopen(file, "we");

    if (text && out)
        good = fputs(text, out) >= 0 && !fflush(out);
    if (out && !standard)
        good = !fclose(out) && good;
    if (!good)
        say("cannot write %s: %s", standard ? "standard output" : file, text ? strerror(errno) : "not enough memory");
    free(text);
    return good;
}

static bool show_and_write(const struct probe_options *o, const struct mmu_profile *host, const struct probe_result *r, const struct costs_found *costs,
                           const struct apply_where *w)
{
    static struct mmu_profile_store measured;
    FILE *out = strcmp(o->file, "-") ? stdout : stderr;
    struct probe_hint hint = apply_hint(host);
    bool good;

    fprintf(out, "%s, logical CPU %d, at %.2f GHz\n\n", host->title, w->cpu, w->ghz);
    show_curve(out, r);
    show_result(out, r, &hint);
    show_costs(out, costs);
    apply_result(host, r, w, &measured);
    apply_costs(costs, r, w, &measured);
    good = write_profile(o->file, &measured.profile);
    if (good && strcmp(o->file, "-") && strcmp(o->file, "/dev/null"))
        fprintf(out, "\nWritten to %s, each number marked measured or not: pagewalk run --cpu %s%s -- PROGRAM\n", o->file,
                strchr(o->file, '/') ? "" : "./", o->file);
    return good && !fflush(out);
}

int cmd_probe(int argc, char **argv)
{
    static struct probe_result result;
    struct costs_found costs;
    const struct mmu_profile *host;
    struct apply_where where = { 0 };
    struct probe_options o;
    struct chase *c;
    char date[16];
    time_t now = time(NULL);
    int status = parse(argc, argv, &o);
    bool good;

    if (status == STATUS_HELP)
        return print_help(command_find("probe"));
    if (status)
        return status;
    setlocale(LC_CTYPE, "");
    strftime(date, sizeof date, "%Y-%m-%d", gmtime(&now));
    where.date = date;
    c = output_check(o.file) ? begin(&where) : NULL;
    if (!c)
        return STATUS_OURS;
    host = profile_of_cpu(where.cpu);
    good = host && measure(&o, c, host, &result, &costs, &where);
    chase_end(c);
    good = good && show_and_write(&o, host, &result, &costs, &where);
    profile_release(host);
    return good ? 0 : STATUS_OURS;
}
