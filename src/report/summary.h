/* SPDX-License-Identifier: MIT
 * summary.h - the counts and texts of a results file under typed names, with the sums that every view shows.
 * text.c and json.c see a results file through this and places.h only, so a name of docs/formats.md stands in one
 * place (summary.c, places.c). */
#ifndef PAGEWALK_REPORT_SUMMARY_H
#define PAGEWALK_REPORT_SUMMARY_H

#include "report/results.h"

enum { SIZE_4K, SIZE_2M, SIZE_1G, SIZES };
enum { SIDE_I, SIDE_D, SIDES };
#define LEVELS 4          /* 0 is the last                                                                      */
#define FAULT_KINDS_MAX 32
#define PAGE_BYTES_RSS 4096u

struct summary_side {
    struct num lookups;
    struct num l1_miss[SIZES], l1_misses;       /* a plural is the sum over the sizes                           */
    struct num stlb_hit[SIZES], stlb_hits;
    struct num stlb_miss[SIZES], stlb_misses;   /* == l1_miss - stlb_hit                                        */
    struct num walk[SIZES], walks_done;         /* walks that found a translation                               */
    struct num walks_faulted, walks;            /* walks == walks_done + walks_faulted                          */
};

struct fault_kind { const char *name; struct num n; };

struct summary {
    const char *program, *arguments, *profile, *profile_title, *kernel, *tool, *exit_kind; /* NULL: unknown                      */
    const char *recording, *trace_form;                       /* recorded or replayed; a trace of this tool       */
    const char *kernel_certainty;                             /* of faults and memory: they are a trace's model's  */
    struct num trace_records, trace_left_out;
    struct num pid, parent, exit_value, threads, cpus, children, children_not_followed;
    struct num instructions, loads, stores, modifies, fetches, kernel_accesses;
    struct summary_side side[SIDES];
    struct num walks, walks_faulted, rewalks_dirty, ad_writes;
    struct num read[LEVELS], reads, psc_hit[LEVELS], psc_hits;
    struct num cycles_walk, cycles_stlb, cycles_base, cycles; /* cycles == the sum of the three: the whole of shares */
    struct num minor, major, faults, copied_pages, zeroed_pages, faults_tool;
    struct fault_kind kind[FAULT_KINDS_MAX];
    unsigned kinds;
    struct num rss_anon, rss_file, rss_shmem, rss, rss_peak, tables, peak_tables, maps_peak, maps_limit;
    struct num flush_pages, flush_full, shootdown_ipis;
    struct num check_accesses, check_differences;
    struct num flush_uses, flush_missing, flush_not_needed;   /* --check-flush                                  */
    struct num kernel_calls, kernel_signals, kernel_looks, kernel_lines, kernel_pages; /* --check-kernel          */
    struct num syscalls, divergent;                           /* sums over the tables                           */
};

/* The strings belong to r. */
void summarize(const struct results *r, struct summary *s);
/* The status that a shell would show for this exit; unknown when the file does not say. */
struct num summary_status(const struct summary *s);

#endif
