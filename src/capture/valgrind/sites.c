/* SPDX-License-Identifier: GPL-2.0-or-later
 * sites.c - the instructions that have cost something, by address.  Called by access.c for each access that misses the
 * first level or faults, and by blocks.c when costs are added to their lines. */
#include "cap.h"

enum { FIRST_SLOTS = 1 << 12 };
static struct sim_site *site;      /* open addressing; ip 0: vacant */
static UWord mask, used;

static inline UWord slot_of(Addr ip) { return (ip * 0x9e3779b97f4a7c15ull) >> 32 & mask; }

static struct sim_site *find(Addr ip)
{
    UWord i = slot_of(ip);
    while (site[i].ip && site[i].ip != ip)
        i = (i + 1) & mask;
    return &site[i];
}

static void grow(void)
{
    struct sim_site *old = site;
    UWord slots = old ? mask + 1 : 0;
    mask = old ? 2 * slots - 1 : FIRST_SLOTS - 1;
    site = VG_(calloc)("pagewalk.sites", mask + 1, sizeof *site);
    for (UWord i = 0; i < slots; i++)
        if (old[i].ip)
            *find(old[i].ip) = old[i];
    VG_(free)(old);
}

struct sim_site *cap_site_at(Addr ip)
{
    struct sim_site *s = LIKELY(site != NULL) ? find(ip) : NULL;
    if (LIKELY(s && s->ip == ip))
        return s;
    if (2 * used >= mask) {
        grow();
        s = find(ip);
    }
    used++;
    s->ip = ip;
    return s;
}

void cap_fold_sites(Addr start, Addr last)
{
    for (UWord i = 0; site && i <= mask; i++)
        if (site[i].cost && site[i].ip >= start && site[i].ip <= last)
            cap_fold_cost(&site[i]);
}
