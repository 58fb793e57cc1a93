/* SPDX-License-Identifier: MIT
 * cpus.c - `pagewalk cpus`: the CPU profiles, and where each of their numbers comes from. */
#include "cli/cli.h"

#include "pagewalk/profile.h"
#include "probe/resolve.h"

#include <getopt.h>
#include <jansson.h>
#include <string.h>

/* ---- words for the data ------------------------------------------------------------------------------------------- */

static const char *const repl_name[] = {
    [MMU_LRU] = "LRU", [MMU_PLRU] = "tree-PLRU", [MMU_PLRU_3X4] = "(MRU+1)%3-PLRU4", [MMU_NRU] = "NRU", [MMU_RANDOM] = "random" };
static const char *const hash_name[] = { [MMU_LINEAR] = "linear", [MMU_XOR] = "xor" };
static const char *const form_name[] = { [MMU_PIPT] = "pipt", [MMU_VIPT] = "vipt", [MMU_VIPT_ONE] = "vipt_one", [MMU_VIVT] = "vivt" };
static const char *const psc_name[] = { "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };

struct names { char text[40]; };

static struct names join(const char *const *word, unsigned words, unsigned mask, const char *between)
{
    struct names n = { "" };

    for (unsigned i = 0; i < words; i++)
        if (mask >> i & 1)
            snprintf(n.text + strlen(n.text), sizeof n.text - strlen(n.text), "%s%s", n.text[0] ? between : "", word[i]);
    return n;
}

static struct names sizes_of(const struct mmu_tlb_desc *t)
{
    static const char *const size[] = { "4K", "2M", "1G" };
    return join(size, 3, t->sizes, " ");
}

static struct names ports_of(const struct mmu_tlb_desc *t)
{
    static const char *const port[] = { "fetch", "load", "store" };
    return join(port, 3, t->ports, "+");
}

/* ---- the list ------------------------------------------------------------------------------------------------------ */

/* Entries for 4 KiB pages that one kind of access finds at one level; arrays searched together add up. */
static unsigned entries(const struct mmu_profile *p, unsigned level, unsigned port)
{
    unsigned n = 0;

    for (unsigned i = 0; i < p->tlbs; i++)
        if (p->tlb[i].level == level && (p->tlb[i].ports & port) && (p->tlb[i].sizes & 1u << MMU_4K))
            n += (unsigned)p->tlb[i].ways * p->tlb[i].sets;
    return n;
}

static void put_entries(unsigned n)
{
    if (n)
        printf(" %7u", n);
    else
        printf(" %7s", "-");
}

static void list_profiles(void)
{
    const struct mmu_profile *p;

    printf("%-14s %7s %7s %7s %7s  %s\n", "profile", "L1I", "L1D", "L2I", "L2D", "CPU");
    for (unsigned i = 0; (p = mmu_profile_at(i)); i++) {
        printf("%-14s", p->name);
        put_entries(entries(p, 1, MMU_PORT_I));
        put_entries(entries(p, 1, MMU_PORT_LOAD));
        put_entries(entries(p, 2, MMU_PORT_I));
        put_entries(entries(p, 2, MMU_PORT_LOAD));
        printf("  %s\n", p->title);
    }
    printf("\nEntries for 4 KiB pages; `pagewalk cpus PROFILE` shows every array and where its numbers come from.\n"
           "`host` is this machine by its CPUID; a profile may also be a file (`pagewalk probe` measures and writes one).\n");
}

/* ---- one profile --------------------------------------------------------------------------------------------------- */

static void show_tlb(const struct mmu_tlb_desc *t)
{
    printf("  %-14s %2u  %5u = %3u ways x %4u sets  %-10s %-16s %-6s %s\n", t->name, t->level, (unsigned)t->ways * t->sets, t->ways,
           t->sets, sizes_of(t).text, repl_name[t->repl], hash_name[t->hash], ports_of(t).text);
    if (t->pcids == MMU_PCIDS_NONE)
        printf("                     with PCIDs: only global entries outlive a MOV CR3\n");
    else if (t->pcids)
        printf("                     with PCIDs: keeps entries of %u, those loaded last\n", t->pcids);
    printf("                     source: %s\n", t->source ? t->source : "unknown");
}

static void show_psc(const struct mmu_psc_desc *c)
{
    printf("  %-14s     %5u = %3u ways x %4u sets\n                     source: %s\n", psc_name[c->level], c->entries, c->ways,
           c->ways ? c->entries / c->ways : 0, c->source ? c->source : "unknown");
}

static void show_cache(const struct mmu_cache_desc *c)
{
    printf("  %-14s     %5u = %3u ways x %4u sets  %-10u %-16s %s\n                     source: %s\n", c->name, (unsigned)c->ways * c->sets, c->ways,
           c->sets, c->line_bytes, repl_name[c->repl], form_name[c->form], c->source ? c->source : "unknown");
}

static void show_profile(const struct mmu_profile *p)
{
    const struct mmu_timing *t = &p->timing;

    printf("%s: %s\nphysical addresses of %u bits, virtual addresses of %u bits\nfeatures:", p->name, p->title, p->maxphyaddr, p->va_bits);
    for (unsigned bit = 0; bit < 32; bit++)
        if (p->features >> bit & 1 && mmu_feature_name(bit))
            printf(" %s", mmu_feature_name(bit));
    putchar('\n');
    printf("\nTLBs            level  entries                   pages      replacement      index  searched for\n");
    for (unsigned i = 0; i < p->tlbs; i++)
        show_tlb(&p->tlb[i]);
    printf("\nPaging-structure caches\n");
    for (unsigned i = 0; i < p->pscs; i++)
        show_psc(&p->psc[i]);
    printf("\nFirst-level caches (--l1)  lines                   bytes      replacement      form\n");
    for (unsigned i = 0; i < p->caches; i++)
        show_cache(&p->cache[i]);
    printf("\nTiming (estimated cycles)\n  second-level hit %u; walk %u, and %u for each entry read from a near cache line (the last %u), %u from a far one\n"
           "                     source: %s\n", t->stlb_hit_cycles, t->walk_base_cycles, t->read_near_cycles, t->near_lines,
           t->read_far_cycles, t->source ? t->source : "unknown");
    if (p->notes && *p->notes)
        printf("\n%s\n", p->notes);
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static json_t *json_tlb(const struct mmu_tlb_desc *t)
{
    json_t *pcids = t->pcids ? json_integer(t->pcids == MMU_PCIDS_NONE ? 0 : t->pcids) : json_null();

    return json_pack("{s:s, s:i, s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:o, s:s?}", "name", t->name, "level", t->level,
                     "ports", ports_of(t).text, "sizes", sizes_of(t).text, "entries", t->ways * t->sets, "ways", t->ways,
                     "sets", t->sets, "replacement", repl_name[t->repl], "index", hash_name[t->hash],
                     "pcids", pcids, "source", t->source);
}

static json_t *json_cache(const struct mmu_cache_desc *c)
{
    return json_pack("{s:s, s:s, s:i, s:i, s:i, s:s, s:s, s:s?}", "name", c->name, "side", c->side == MMU_SIDE_I ? "instruction" : "data", "ways",
                     c->ways, "sets", c->sets, "line_bytes", c->line_bytes, "replacement", repl_name[c->repl], "form", form_name[c->form], "source",
                     c->source);
}

static json_t *json_profile(const struct mmu_profile *p)
{
    const struct mmu_timing *t = &p->timing;
    json_t *tlbs = json_array(), *pscs = json_array(), *caches = json_array();

    for (unsigned i = 0; i < p->tlbs; i++)
        json_array_append_new(tlbs, json_tlb(&p->tlb[i]));
    for (unsigned i = 0; i < p->pscs; i++)
        json_array_append_new(pscs, json_pack("{s:s, s:i, s:i, s:s?}", "entry", psc_name[p->psc[i].level], "entries", p->psc[i].entries,
                                              "ways", p->psc[i].ways, "source", p->psc[i].source));
    for (unsigned i = 0; i < p->caches; i++)
        json_array_append_new(caches, json_cache(&p->cache[i]));
    return json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o, s:{s:s, s:i, s:i, s:i, s:i, s:i, s:s?}, s:s?}", "name", p->name, "title", p->title,
                     "maxphyaddr", p->maxphyaddr, "va_bits", p->va_bits, "tlbs", tlbs, "structure_caches", pscs, "caches", caches, "timing",
                     "certainty", "estimated", "stlb_hit_cycles", t->stlb_hit_cycles, "walk_base_cycles", t->walk_base_cycles,
                     "read_near_cycles", t->read_near_cycles, "read_far_cycles", t->read_far_cycles, "near_lines", t->near_lines,
                     "source", t->source, "notes", p->notes);
}

static void print_json(const struct mmu_profile *only)
{
    json_t *list = json_array(), *all;
    const struct mmu_profile *p;

    if (only)
        json_array_append_new(list, json_profile(only));
    for (unsigned i = 0; !only && (p = mmu_profile_at(i)); i++)
        json_array_append_new(list, json_profile(p));
    all = json_pack("{s:i, s:o}", "format", 1, "profiles", list);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

/* ---- the command ---------------------------------------------------------------------------------------------------- */

int cmd_cpus(int argc, char **argv)
{
    static const struct option longs[] = { { "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 } };
    const struct mmu_profile *only = NULL;
    bool json = false;
    int option;

    opterr = 0;
    optind = 0;
    while ((option = getopt_long(argc, argv, ":h", longs, NULL)) != -1) {
        if (option == 'h')
            return print_help(command_find("cpus"));
        if (option != 'j')
            return bad_option("cpus", option, argv);
        json = true;
    }
    if (argc - optind > 1)
        return bad_usage("cpus", "one profile at a time");
    if (optind < argc) {
        only = find_profile("cpus", argv[optind]);
        if (!only)
            return STATUS_OURS;
    }
    if (json)
        print_json(only);
    else if (only)
        show_profile(only);
    else
        list_profiles();
    profile_release(only);
    return fflush(stdout) || ferror(stdout) ? STATUS_OURS : 0;
}
