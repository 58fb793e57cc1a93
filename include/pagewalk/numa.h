/* SPDX-License-Identifier: MIT
 * numa.h - memory that is near some CPUs and far from others: nodes, their distances, and what each translation and access of a
 * machine (mmu.h) costs by where it goes.  Page tables lie on nodes, too: a walk may be remote though its page is local.
 *
 * The machine itself does not change: a meter observes it and counts.  Where pages come to lie is software's business
 * (kernel.h has Linux's: first touch, mbind, set_mempolicy).
 *
 * Exact: what is counted.  ESTIMATED: cycles, as if every access and every table read went to memory, at the local latency times the
 * distance.  Distances are those of ACPI's SLIT: 10 is local, 20 twice as far.
 * Not seen, and so not counted: accesses that a front end settles by slots or marks (mmu.h). */
#ifndef PAGEWALK_NUMA_H
#define PAGEWALK_NUMA_H

#include "pagewalk/mmu.h"
#include "pagewalk/types.h"

#define NUMA_NODES_MAX 8u
#define NUMA_CPUS_MAX 64u
#define NUMA_LOCAL 10u         /* distance of a node to itself                                                     */
#define NUMA_LOCAL_CYCLES 240u /* guess: 80 ns of a server's memory at 3 GHz                                       */

struct numa {
    unsigned nodes;
    u64 end[NUMA_NODES_MAX];   /* of their memory, which lies one behind the other from 0; multiples of a page     */
    u8 distance[NUMA_NODES_MAX][NUMA_NODES_MAX];
    u8 cpu_node[NUMA_CPUS_MAX];
    u32 local_cycles;          /* ESTIMATED                                                                        */
};

/* Equal shares of memory (multiples of 4 MiB, the rest is the last's) and of CPUs, each as far as `distance` from the others.
 * false: too many nodes for so little memory or so few CPUs, or no distance (11 to 255). */
bool numa_even(struct numa *n, unsigned nodes, u64 ram_bytes, unsigned cpus, unsigned distance);
/* Beyond the last node's memory: the last node. */
unsigned numa_node(const struct numa *n, u64 pa);
u32 numa_cycles(const struct numa *n, unsigned from, unsigned to);

/* What CPUs of one node (first index) did on the memory of another. */
struct numa_counts {
    u64 accesses[NUMA_NODES_MAX][NUMA_NODES_MAX];
    u64 reads[NUMA_NODES_MAX][NUMA_NODES_MAX];  /* page-table entries read by walks, those that ended in a fault included */
    u64 cycles;                                  /* ESTIMATED: of all of them                                          */
    u64 remote_cycles;                           /* ESTIMATED: of these, what they took longer than if all were local  */
};

struct numa_meter {
    const struct numa *numa;
    const struct mmu *mmu;
    struct numa_counts counts;
    struct pw_out explain;     /* a line for each table read and each access; put is NULL: none                        */
};

/* Counts every translation of the machine from now on: takes its observer.  meter must outlive it. */
void numa_observe(struct numa_meter *meter, const struct numa *n, struct mmu *m);

/* The entries that a walk read: their addresses from the root down.  r is the result of a translation on that CPU that was answered by
 * a walk, and its tables are still what they were.  Returns how many (at most 5). */
unsigned numa_walk_reads(const struct mmu *m, unsigned cpu, const struct mmu_result *r, u64 *pa);

#endif
