/* SPDX-License-Identifier: MIT
 * stale.h - the missing-invalidation checker (mmu.h, "missing invalidations").  Called by miss.c and, through told(), by
 * translate.c while it is on; by create.c and regs.c for stores and MOV CR3.  SDM3 4.10.4.2, 4.10.4.3.
 *
 * Beside every way of every TLB array and structure cache stands an origin: the entries that its content was built from.
 * stale.c keeps origins (a walk makes one, a copy from the second level copies it, a structure cache lends its own to the
 * walks that start there) and finds uses whose entries memory no longer holds; stale_judge.c says whether that matters;
 * stale_log.c knows who stored what.
 *
 * What must hold while the checker is on: every access comes this way (told() sees to it: somebody always listens), and
 * the origin of a way that is not empty has that entry's tag. */
#ifndef PAGEWALK_MACHINE_STALE_H
#define PAGEWALK_MACHINE_STALE_H

#include "machine/access.h"
#include "machine/carve.h"
#include "machine/walk.h"

struct origin {
    u64 tag;                          /* of the cached entry; 0: nothing is known                                */
    u64 root;                         /* the table that CR3 named                                               */
    u64 pa[MAX_LEVELS], entry[MAX_LEVELS];
    u64 told;                         /* of the change reported last (stale.c); 0: none                         */
    u8 top, last;                     /* levels top down to last are there                                      */
};

/* ---- who stored ------------------------------------------------------------------------------------------------ */

#define LOG_LG2 15
struct store_log { struct mmu_store *at; u64 *pa; u64 serial; struct mmu_store now; }; /* now: who and cpu of the next */

void log_create(struct store_log *log, struct carve *c);
void log_actor(struct store_log *log, unsigned cpu, const char *who);
void log_store(struct store_log *log, u64 pa, u64 old_value, u64 new_value);
/* The last store there, all zeros when none is known. */
struct mmu_store log_find(const struct store_log *log, u64 pa);
/* Where a store to CR3 of a CPU is logged: no entry has this address. */
static inline u64 log_cr3(unsigned cpu) { return ~(u64)cpu * 8; }

/* ---- judging --------------------------------------------------------------------------------------------------- */

/* One use of cached content. */
struct use {
    const struct access *a;
    const struct origin *o;
    u64 data;                         /* the translation used; for a structure cache, what its walk found; 0: a fault */
    bool path;                        /* o is a structure cache's                                               */
    bool global;
    struct walk now;                  /* what the tables say: filled by stale_judge()                           */
};

/* Has anything changed that could matter?  The quick answer, before stale_judge(). */
bool stale_differs(const struct use *u);
/* Fills the change, its rule and whether an invalidation was missing.  false: nothing to tell. */
bool stale_judge(struct use *u, struct mmu_stale *out);

/* ---- the checker ----------------------------------------------------------------------------------------------- */

struct stale_check {
    void (*found)(void *ctx, const struct mmu_stale *s);
    void *ctx;
    struct mmu_stale_counts counts;
    struct store_log log;
    u32 tlb_ways, psc_ways;           /* of one CPU                                                             */
    struct origin *origin;            /* [cpus][tlb_ways + psc_ways]                                            */
};

/* Sees to it that somebody listens while the checker is on. */
void stale_listen(struct mmu *m);
/* A hit of the first level or the second, after it was made. */
void stale_hit(const struct access *a);
/* A walk that began at a structure cache, before its effects. */
void stale_path(const struct access *a, const struct walk_start *s, u64 data);
/* A walk whose translation has been kept. */
void stale_filled(const struct access *a, const struct walk_start *s, const struct walk *w, u64 data);

#endif
