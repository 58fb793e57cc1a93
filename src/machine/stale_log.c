/* SPDX-License-Identifier: MIT
 * stale_log.c - the last store to each page-table entry, with who made it; see stale.h.  A table of fixed size, two places
 * an address: of those that meet in it, the older is forgotten, and then its maker is not known. */
#include "machine/stale.h"

#include <string.h>

#define LOG_SETS ((size_t)1 << LOG_LG2)

void log_create(struct store_log *log, struct carve *c)
{
    log->at = carve(c, 2 * LOG_SETS * sizeof *log->at);
    log->pa = carve(c, 2 * LOG_SETS * sizeof *log->pa);
    if (!c->base)
        return;
    for (size_t i = 0; i < 2 * LOG_SETS; i++)
        log->at[i].serial = 0;
    log_actor(log, 0, "");
}

void log_actor(struct store_log *log, unsigned cpu, const char *who)
{
    size_t n = 0;
    log->now.cpu = cpu;
    for (; who[n] && n < sizeof log->now.who - 1; n++)
        log->now.who[n] = who[n];
    log->now.who[n] = 0;
}

static size_t set_of(u64 pa) { return (pa >> 3) * 0x9e3779b97f4a7c15ull >> (64 - LOG_LG2) << 1; }

void log_store(struct store_log *log, u64 pa, u64 old_value, u64 new_value)
{
    size_t i = set_of(pa);
    if (!(log->at[i].serial && log->pa[i] == pa) &&
        ((log->at[i + 1].serial && log->pa[i + 1] == pa) || log->at[i + 1].serial < log->at[i].serial))
        i++;
    log->pa[i] = pa;
    log->at[i] = log->now;
    log->at[i].serial = ++log->serial;
    log->at[i].old_value = old_value;
    log->at[i].new_value = new_value;
}

struct mmu_store log_find(const struct store_log *log, u64 pa)
{
    for (size_t i = set_of(pa), end = i + 2; i < end; i++)
        if (log->at[i].serial && log->pa[i] == pa)
            return log->at[i];
    return (struct mmu_store){ .serial = 0 };
}
