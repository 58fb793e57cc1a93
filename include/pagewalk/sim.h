/* SPDX-License-Identifier: MIT
 * sim.h - a session: one machine with one kernel on it, driven by events, with accounting.
 *
 * The embedder (the capture tool, the script interpreter, a test) tells it what a program does; the session makes
 * the machine translate, delivers traps to the kernel, retries, and keeps who caused what.  Freestanding like the
 * libraries below it: memory comes from the block given at creation.
 *
 * Threads: one value, no locks. */
#ifndef PAGEWALK_SIM_H
#define PAGEWALK_SIM_H

#include "pagewalk/cache.h"
#include "pagewalk/kernel.h"
#include "pagewalk/mmu.h"
#include "pagewalk/nested.h"

struct sim;

struct sim_config {
    struct mmu_config machine;    /* ram may be a sparse mapping; it is only touched where page tables live    */
    struct kernel_config kernel;
    bool no_kernel;               /* machine only (the script's `machine` command)                            */
    bool check_flush;             /* with the checker for missing invalidations (mmu.h)                       */
    u8 guest;                     /* enum mmu_nested: the kernel is a guest's, in a virtual machine           */
    u8 host_page_lg2;             /* the pages that the guest's memory is made of: 12 or 21                   */
};

/* Virtual size wanted for the block (sparse mapping; touched as used); 0: impossible configuration. */
size_t sim_bytes(const struct sim_config *cfg);
struct sim *sim_create(void *block, size_t block_bytes, const struct sim_config *cfg);
struct mmu *sim_mmu(struct sim *s);
struct kernel *sim_kernel(struct sim *s); /* NULL with no_kernel                                              */
/* The virtual clock; moves forward only. */
void sim_set_now(struct sim *s, u64 now_ns);

/* ---- costs ------------------------------------------------------------------------------------------------- */

/* What one cause (an instruction, a mapping) has cost.  All but cycles are events; cycles are ESTIMATED. */
struct sim_cost { u64 l1i_miss, l1d_miss, walks_i, walks_d, walk_reads, walk_cycles, minor, major, cow, zeroed, shootdowns; };

/* Costs are nothing but u64. */
static inline void sim_cost_add(struct sim_cost *to, const struct sim_cost *c)
{
    u64 *a = (u64 *)to;
    const u64 *b = (const u64 *)c;

    for (size_t i = 0; i < sizeof *to / sizeof *a; i++)
        a[i] += b[i];
}

/* A place in the program: the embedder makes one for each instruction that accesses memory and passes it with the
 * access.  cost is NULL until it first costs something; then it lives as long as the session. */
struct sim_site { u64 ip; struct sim_cost *cost; };

/* ---- events ------------------------------------------------------------------------------------------------ */

struct sim_outcome {
    u8 signo, code;   /* 0: the access was made                                                               */
    u8 status;        /* enum mmu_status of the last try                                                      */
    bool waits;       /* not made: the process waits for userfaultfd; repeat the access when it was answered  */
    u64 addr;         /* si_addr when signo is not 0                                                          */
};
/* An access of the process current on `cpu`: splits at page ends, delivers traps, retries until it succeeds or a
 * signal comes.  site may be NULL. */
void sim_access(struct sim *s, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind, struct sim_site *site,
                struct sim_outcome *out);
/* A system call's access to user memory, page by page, as the kernel makes it (CPL 0, AC=1).  Returns the bytes
 * accessed before the first that could not be, or that waits (= len_bytes when all were). */
u64 sim_kernel_access(struct sim *s, unsigned cpu, u64 va, u64 len_bytes, bool write, struct sim_site *site);

/* The place that pays for faults no access announced (MAP_POPULATE, mlock: the fault handler called by a system
 * call); stays until changed.  NULL: nobody. */
void sim_call_site(struct sim *s, struct sim_site *site);

/* ---- mappings: costs by what the address belongs to ---------------------------------------------------------- */

struct sim_mapping {
    char name[256];           /* path, [heap], [stack], "anon 0x..."; cut from the left when longer           */
    char kind[8];             /* heap, stack, anon, file, shared, special                                     */
    char perms[5];            /* rwxp                                                                          */
    u64 bytes;                /* peak size seen                                                               */
    u64 faults[MM_FAULT_KINDS];
    struct sim_cost cost;
};
/* Start all mappings' costs and faults at zero. */
void sim_forget_costs(struct sim *s);
/* Calls see() for each mapping that cost anything. */
void sim_each_mapping(struct sim *s, void (*see)(void *ctx, const struct sim_mapping *m), void *ctx);

/* ---- when: counters against work done ----------------------------------------------------------------------------- *
 * The embedder says how much work (instructions, say) the watched process has done; what is counted in between belongs
 * to the interval that the work lies in.  Intervals begin short; when SIM_INTERVALS are full, pairs of them become one. */

#define SIM_INTERVALS 1000u
struct sim_counters { u64 minor, major, copied_pages, zeroed_pages, l1i_miss, l1d_miss, walks_i, walks_d, walk_cycles; };
struct sim_interval {
    u64 end;                      /* work done at its end                                                     */
    struct sim_counters n;        /* in it; walk_cycles is ESTIMATED                                          */
    u32 anon_pages, file_pages, shmem_pages, table_pages; /* at its end                                       */
};
/* From now on p is watched, and it has done no work yet; what was seen before is forgotten.  NULL: nobody. */
void sim_watch(struct sim *s, struct proc *p);
/* Before each event that may count: the work done so far.  What is less than before is taken for as much. */
void sim_worked(struct sim *s, u64 work);
/* The closed intervals and the one that is still open; sums over them are the process's counters. */
void sim_each_interval(struct sim *s, void (*see)(void *ctx, const struct sim_interval *i), void *ctx);
u64 sim_interval_work(const struct sim *s); /* length of an interval; the last may be shorter                 */

/* Told of each fault of the watched process that was not a signal: where, by which instruction (0: unknown), and what came of
 * it.  NULL: nobody. */
void sim_on_fault(struct sim *s, void (*seen)(void *ctx, u64 va, u64 ip, const struct mm_trap_result *r), void *ctx);

/* ---- where: the watched process's address space --------------------------------------------------------------------- */

/* 2 MiB, aligned.  A page is touched when the process, or the kernel for it, has accessed it; pages inside a larger one
 * count when they were missed. */
struct sim_region {
    u64 start;
    u64 misses, walks, walk_cycles, faults; /* first-level misses, both sides                                 */
    u64 touched[8];               /* by page                                                                  */
    u64 mapped_pages;             /* made present by faults, with their neighbours                            */
    const struct sim_mapping *mapping; /* that of most of its costs                                           */
    u32 votes;                    /* for that mapping                                                         */
    bool whole;                   /* one anonymous private mapping had all of it: a huge page could be there  */
    bool large;                   /* a page of 2 MiB or more was used                                         */
};
void sim_each_region(struct sim *s, void (*see)(void *ctx, const struct sim_region *r), void *ctx);
/* How many pages of [start, end) were touched. */
u64 sim_touched_pages(const struct sim *s, u64 start, u64 end);

/* What was missed and touched first, where and when: at most SIM_HEAT_ROWS pieces of the address space of equal size that
 * anything happened in, by the SIM_INTERVALS / SIM_HEAT_COLUMNS intervals of a column. */
#define SIM_HEAT_ROWS 256u
#define SIM_HEAT_COLUMNS 200u
struct sim_heat_cell { u32 misses, touched; };
struct sim_heat_row { u64 start; const struct sim_heat_cell *cell; };
/* By address. */
void sim_each_heat_row(struct sim *s, void (*see)(void *ctx, const struct sim_heat_row *row), void *ctx);
u64 sim_heat_row_bytes(const struct sim *s);

/* ---- first-level caches (--l1) ------------------------------------------------------------------------------------- *
 * One for instructions and one for data on each CPU, as the profile says, looked up beside translation.  They see the
 * accesses that the embedder tells them of: the program's; not the kernel's copies, and not the walker's reads. */

/* From now on.  false: the profile does not know its caches. */
bool sim_caches_begin(struct sim *s);
/* An access of the process current on `cpu`, after sim_access() made it: each of its lines. */
void sim_cache_access(struct sim *s, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind);
/* Marks (cache.h) for the CPU that runs: i and d; those of the CPU before are unbound. */
void sim_cache_marks(struct sim *s, unsigned cpu, struct cache_marks *i, struct cache_marks *d);
/* After each access that reached the machine: drops marks if translations may have changed. */
void sim_cache_settle(struct sim *s, unsigned cpu);
/* NULL before sim_caches_begin(). */
const struct cache *sim_cache(const struct sim *s, unsigned cpu, enum mmu_side side);

/* ---- guests (--guest) ------------------------------------------------------------------------------------------------ *
 * With sim_config.guest every walk goes through the host's tables as well; the host gives memory when it is first touched.  EPT
 * needs an Intel profile, NPT one of AMD.  Not with check_flush, nor with sim_check_begin(): those know one table.
 * Costs (walk_reads, walk_cycles) then count both tables, struct mmu_stats the guest's entries; these here the host's. */
struct sim_guest {
    u8 kind;                      /* enum mmu_nested; MMU_NESTED_OFF: no guest, and all else is 0              */
    u8 host_page_lg2;
    u64 reads[4], psc_hit[4];     /* the host's entries, by level                                             */
    u64 translations, gpa_hit;    /* guest-physical addresses looked up; found in the cache                    */
    u64 splintered;               /* translations kept in pieces of the host's smaller pages                   */
    u64 exits;                    /* the host had to give memory                                              */
    u64 host_pages, host_table_pages; /* there are now; all else since sim_forget_costs()                      */
};
struct sim_guest sim_guest(const struct sim *s);
/* An access of the embedder's own ended in MMU_EXIT: the host gives what was missing, then it can be made again. */
void sim_guest_exited(struct sim *s, unsigned cpu);

/* What a user may ask for, as words: "ept", "npt", "any" (the profile's vendor's), "no"; NULL or "": not said. */
enum sim_guest_wish { SIM_GUEST_UNSAID, SIM_GUEST_EPT, SIM_GUEST_NPT, SIM_GUEST_ANY, SIM_GUEST_NO };
/* false: another word. */
bool sim_guest_word(const char *word, enum sim_guest_wish *to);
/* For sim_config.guest.  false: *why says in words why this profile cannot. */
bool sim_guest_kind(const struct mmu_profile *p, enum sim_guest_wish wish, u8 *kind, const char **why);

/* ---- missing invalidations (--check-flush) ---------------------------------------------------------------------- */

/* Who is told of each report; the session's memory must have been made with check_flush.  NULL: nobody. */
void sim_on_stale(struct sim *s, void (*seen)(void *ctx, const struct mmu_stale *u), void *ctx);
/* What is done from now on, on this CPU, in a few words (copied): to whom stores to page tables are put down. */
void sim_doing(struct sim *s, unsigned cpu, const char *what);

/* ---- the naive twin (--check) --------------------------------------------------------------------------------- *
 * A straight-line second implementation of the profile's TLBs that shares no code with the machine.  When on, it
 * answers every translation beside the machine and differences are counted. */
bool sim_check_begin(struct sim *s);  /* false: no memory                                                      */
struct sim_check { u64 accesses, differences; u64 first_va; unsigned first_cpu; u8 first_expected_by, first_got_by; };
void sim_check_result(const struct sim *s, struct sim_check *out);

#endif
