/* SPDX-License-Identifier: MIT
 * main.c - the kinds of nested entries, their levels, the accesses and the kinds of the guest's entries, EPT and NPT: machine against
 * oracle.
 *     nested-exhaustive              a sample that takes seconds: about one in 64 of the larger families, with mmu_guest_walk() too
 *     nested-exhaustive --full       all of them (`make exhaustive`)
 *     nested-exhaustive --every N    about one in N, a power of two
 * Ends with the number of cases and differences, and processor time; exit status 1 if there was a difference. */
#include "families.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Of 64: controls and modes of the guest; the rest by number, so that every pair meets. */
void family_context(bool npt, unsigned number, struct nested_cpu *c)
{
    unsigned n = number * 37 % 64, m = number * 11 % 64, k = number * 29 % 64;

    *c = (struct nested_cpu){ .format = GUEST_LONG, .nxe = true };
    if (npt) {
        c->nxe = n & 1;
        c->gmet = k & 1;
        c->rogpt = k >> 1 & 1;
    } else {
        c->ad = n & 1;
        c->modes = n >> 1 & 1;
    }
    c->logs = (npt || c->ad) && !(k >> 2 & 3);
    c->log_index = (const unsigned[]){ 511, 0, 1, 512 }[k >> 4];
    c->guest.wp = n >> 2 & 1;
    c->guest.nxe = n >> 3 & 1;
    c->guest.cpl = n >> 4 & 1 ? 3 : 0;
    c->guest.ac = m & 1;
    c->guest.smep = m >> 1 & 1;
    c->guest.smap = m >> 2 & 1;
    c->five_levels = (m >> 3 & 3) == 3;
    c->guest.la57 = (m >> 4 & 3) == 3;
}

static void all_families(struct judge *j, const struct nested_cpu *part, unsigned every)
{
    j->caches = false;
    judge_create(j, part);
    size_cases(j, part->npt);
    format_cases(j, part->npt, every);
    entry_cases(j, part->npt, every);
    order_cases(j, part->npt, every);
    judge_destroy(j);
    j->caches = true;
    judge_create(j, part);
    size_cases(j, part->npt);
    order_cases(j, part->npt, every > 1 ? 8 * every : 64);
    judge_destroy(j);
}

int main(int argc, char **argv)
{
    static const struct nested_cpu part[] = {
        { .npt = false, .has_1g = true, .execute_only = true, .maxphyaddr = 46 },
        { .npt = false, .has_1g = true, .info = true, .maxphyaddr = 48 },
        { .npt = true, .has_1g = true, .maxphyaddr = 48 },
        { .npt = false, .no_2m = true, .maxphyaddr = 39 }, /* small pages alone */
        { .npt = true, .maxphyaddr = 40 },                 /* no pages of 1 GiB */
    };
    unsigned every = 64;
    static struct judge j;

    if (argc == 2 && !strcmp(argv[1], "--full"))
        every = 1;
    else if (argc == 3 && !strcmp(argv[1], "--every") && atoi(argv[2]) > 0)
        every = (unsigned)atoi(argv[2]);
    if ((argc != 1 && every == 64) || every & (every - 1)) {
        fprintf(stderr, "usage: nested-exhaustive [--full | --every N], N a power of two\n");
        return 2;
    }
    j.walk_too = every > 1;
    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        all_families(&j, &part[i], part[i].has_1g ? every : 16 * every);
    printf("nested: %llu cases, %llu differences, %.1f s\n", (unsigned long long)j.cases, (unsigned long long)j.differences,
           (double)clock() / CLOCKS_PER_SEC);
    return j.differences ? 1 : 0;
}
