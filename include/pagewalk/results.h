/* SPDX-License-Identifier: MIT
 * results.h - writing what a session has counted as lines of a results file (docs/formats.md).
 *
 * Whoever writes such a file, at the end of a live run or of a replay, writes these parts through the same functions;
 * the file's first and last line are its own.  Lines are whole; out is called several times for each. */
#ifndef PAGEWALK_RESULTS_H
#define PAGEWALK_RESULTS_H

#include "pagewalk/sim.h"
#include "pagewalk/trace.h"

/* ---- pieces: a line is results_put_begin(), fields, results_put_end() --------------------------------------------------- */

void results_put_begin(const struct pw_out *out, const char *kind);
void results_put_field(const struct pw_out *out, const char *s);     /* as it is                                          */
void results_put_escaped(const struct pw_out *out, const char *s); /* without a TAB in front                            */
void results_put_string(const struct pw_out *out, const char *s);    /* escaped                                           */
void results_put_number(const struct pw_out *out, u64 n);
void results_put_unknown(const struct pw_out *out);
void results_put_end(const struct pw_out *out);
void results_put_table(const struct pw_out *out, const char *name, const char *const *columns); /* ended by NULL          */
void results_put_count(const struct pw_out *out, const char *a, const char *b, const char *c, u64 n); /* name in three parts */
void results_put_text(const struct pw_out *out, const char *name, const char *value);
/* Values for these columns. */
#define RESULTS_COST_COLUMNS "l1i_miss", "l1d_miss", "walks_i", "walks_d", "walk_reads", "walk_cycles", "minor", "major", "cow", \
    "zeroed", "shootdowns"
void results_put_cost(const struct pw_out *out, const struct sim_cost *c);

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* skipped: accesses that never reached the machine because they were sure to hit, by side. */
void results_put_machine(const struct pw_out *out, const struct mmu_stats *s, const u64 skipped[MMU_SIDES]);
void results_put_kernel(const struct pw_out *out, const struct proc *p);
/* before: how many there were before (an execve), by the names of the results file; NULL: none. */
void results_put_faults(const struct pw_out *out, const struct proc *p, u64 (*before)(void *ctx, const char *name), void *ctx);
void results_put_arrays(const struct pw_out *out, const struct mmu_profile *p);
/* What the host's tables added; nothing without a guest.  And its entries among those that walks read. */
void results_put_guest(const struct pw_out *out, const struct sim_guest *g);
void results_count_guest(struct mmu_stats *s, const struct sim_guest *g);
/* First-level caches: what they counted, summed over CPUs, and the accesses that were made, by side: loads and fetches,
 * stores.  Then the caches themselves. */
void results_put_caches(const struct pw_out *out, const struct cache_stats stats[MMU_SIDES], const u64 accesses[MMU_SIDES][2]);
void results_put_cache_arrays(const struct pw_out *out, const struct mmu_profile *p);
void results_put_syscalls(const struct pw_out *out, const struct follower *f);
void results_put_divergences(const struct pw_out *out, const struct follower *f);
void results_put_lines_begin(const struct pw_out *out);
void results_put_mappings(const struct pw_out *out, struct sim *s);

#endif
