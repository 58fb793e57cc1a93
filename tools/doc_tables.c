/* SPDX-License-Identifier: MIT
 * doc_tables.c - the tables of docs/chapters, from the data the machine itself is built from (arch/).
 *   doc_tables entries | registers | error-code | profiles
 * tools/chapters.sh puts them into the chapters. */
#include "arch/x86_pte.h"
#include "pagewalk/mmu.h"

#include <stdio.h>
#include <string.h>

/* ---- entries: long mode, four levels ---------------------------------------------------------------------------- */

/* What the conditions of x86_pte_fields.def ask, for the richest processor. */
struct facts { unsigned m, leaf_low, pse36_last, levels, entry_bytes; bool nxe, page1gb, pat, amd, pdpte; };
enum form { T = 1, L = 2, B = T | L };

static void field(const char *name, unsigned low, unsigned high, unsigned m, const char *meaning)
{
    char bits[32];
    if (low == high)
        snprintf(bits, sizeof bits, "%u", low);
    else if (high == m - 1)
        snprintf(bits, sizeof bits, "M-1:%u", low);
    else
        snprintf(bits, sizeof bits, "%u:%u", high, low);
    printf("| %s | %s | %s |\n", bits, name, meaning);
}

static void entry(const char *title, int level, enum form form)
{
    static const unsigned leaf_low[] = { 12, 21, 30, 0, 0 };
    const struct facts facts = { .m = 52, .leaf_low = leaf_low[level], .pse36_last = 12, .levels = 4, .entry_bytes = 8,
                                 .nxe = true, .page1gb = true, .pat = true }, *f = &facts;
    printf("\n**%s**\n\n| bits | name | meaning |\n|---|---|---|\n", title);
#define FIELD(name, low, high, first, last, forms, condition, meaning)                                   \
    if (level >= (first) && level <= (last) && ((forms) & form) && (condition))                           \
        field(#name, low, high, f->m, meaning);
#include "arch/x86_pte_fields.def"
#undef FIELD
}

static void entries(void)
{
    puts("M is MAXPHYADDR. A bit that no row claims must be 0 in a present entry.");
    entry("An entry that points to a table (PML4E; PDPTE and PDE with PS=0)", 3, T);
    entry("PDPTE that maps a 1 GiB page", 2, L);
    entry("PDE that maps a 2 MiB page", 1, L);
    entry("PTE: maps a 4 KiB page", 0, L);
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static void registers(void)
{
    puts("| register | bit | name | needs |\n|---|---|---|---|");
#define CR_BIT(reg, name, bit, needs) \
    printf("| %s | %d | %s | %s |\n", #reg, bit, #name, strcmp(#needs, "0") ? #needs : "");
#include "arch/x86_cr_bits.def"
#undef CR_BIT
}

/* ---- the error code ---------------------------------------------------------------------------------------------- */

static void error_code(void)
{
    static const struct { unsigned bit; const char *name, *one; } rows[] = {
        { PF_P, "P", "the page was present: its rights, a reserved bit or its key refused" },
        { PF_W, "W/R", "a write" },
        { PF_U, "U/S", "made at CPL 3 (not: an implicit supervisor access)" },
        { PF_RSVD, "RSVD", "a reserved bit was set in an entry" },
        { PF_I, "I/D", "a fetch, where the processor can refuse fetches (NXE or SMEP)" },
        { PF_PK, "PK", "the protection key refused" },
        { PF_SS, "SS", "a shadow-stack access" },
    };
    puts("| bit | name | 1 means |\n|---|---|---|");
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        printf("| %d | %s | %s |\n", __builtin_ctz(rows[i].bit), rows[i].name, rows[i].one);
}

/* ---- profiles ---------------------------------------------------------------------------------------------------- */

static void arrays(const struct mmu_profile *p, unsigned level, unsigned ports)
{
    static const char *const size[] = { "4K", "2M", "1G" };
    const char *between = "";
    for (unsigned i = 0; i < p->tlbs; i++) {
        const struct mmu_tlb_desc *d = &p->tlb[i];
        if (d->level != level || !(d->ports & ports))
            continue;
        printf("%s%u", between, d->ways * d->sets);
        for (unsigned s = 0; s < MMU_SIZES; s++)
            if (d->sizes >> s & 1)
                printf(" %s", size[s]);
        between = "; ";
    }
    printf(" | ");
}

static void profiles(void)
{
    puts("Entries by page size; `pagewalk cpus NAME` tells ways, sets, index, replacement and the source of each number.\n");
    puts("| profile | processor | first level, code | first level, loads | second level, data |\n|---|---|---|---|---|");
    for (unsigned i = 0; mmu_profile_at(i); i++) {
        const struct mmu_profile *p = mmu_profile_at(i);
        printf("| %s | %s | ", p->name, p->title);
        arrays(p, 1, MMU_PORT_I);
        arrays(p, 1, MMU_PORT_LOAD);
        arrays(p, 2, MMU_PORT_LOAD);
        puts("");
    }
}

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*print)(void); } tables[] = {
        { "entries", entries }, { "registers", registers }, { "error-code", error_code }, { "profiles", profiles },
    };
    for (unsigned i = 0; argc == 2 && i < sizeof tables / sizeof tables[0]; i++)
        if (!strcmp(argv[1], tables[i].name)) {
            tables[i].print();
            return 0;
        }
    fputs("usage: doc_tables entries|registers|error-code|profiles\n", stderr);
    return 2;
}
