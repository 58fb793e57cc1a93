/* SPDX-License-Identifier: MIT
 * partition.h - memory before paging: a base register and a limit register, and processes that lie in one piece each.
 *
 * An address of a program is compared with the limit and added to the base: that is all the hardware there is.  The rest is
 * what an operating system had to do with it: find a hole for each process (first, best, worst or next fit), move the processes
 * together when no hole is large enough though all of them are (compaction), and send whole processes to disk and back.
 *
 *     memory  |  A  |  hole  |    B    | hole |  C  |      base of B: where it lies now; its own addresses begin at 0
 *
 * Exact: the placement rules are Knuth's (TAOCP 1, 2.5); bytes copied are counted, time is not.  Everything lives in
 * the struct; there is no contents, only where it is. */
#ifndef PAGEWALK_PARTITION_H
#define PAGEWALK_PARTITION_H

#include "pagewalk/types.h"

#define PART_PROCESSES_MAX 256u
#define PART_NONE (~(u64)0)

enum part_fit { PART_FIRST, PART_BEST, PART_WORST, PART_NEXT };

struct part_process {
    u64 base;                /* PART_NONE: on disk                                                                */
    u64 limit;               /* its bytes; 0: no such process                                                     */
};

struct part {
    u64 bytes;               /* of memory                                                                         */
    u64 unit;                /* sizes are rounded up to it, 1 for none: with 4096, paging's internal waste        */
    u8 fit;                  /* enum part_fit                                                                     */
    bool paged;              /* any frames will do: nothing lies in one piece, and base means nothing             */
    u64 next;                /* next fit: where the last search ended                                             */
    struct part_process process[PART_PROCESSES_MAX];
    u16 order[PART_PROCESSES_MAX]; /* those in memory, by base                                                    */
    u16 in_memory;
    u64 asked, used;         /* bytes of the processes in memory: as asked for, and rounded                       */
    u64 wanted[PART_PROCESSES_MAX]; /* bytes each asked for                                                       */
    u64 failed;              /* placements for which there was no hole                                            */
    u64 failed_fragmented;   /* of these, while free bytes in all would have been enough                          */
    u64 moved_bytes;         /* by compaction                                                                     */
    u64 swapped_bytes;       /* out and in                                                                        */
};
/* Invariant: order lists the processes in memory by base, none reaches into the next, the last ends in memory. */

/* pre: bytes > 0, unit > 0. */
void part_init(struct part *p, u64 bytes, u64 unit, enum part_fit fit, bool paged);

/* Makes process n, of so many bytes, in memory.  false: it exists already, asks for nothing, or no hole is large enough. */
bool part_start(struct part *p, unsigned n, u64 bytes);
/* Ends it, wherever it is.  false: there is none. */
bool part_end(struct part *p, unsigned n);
/* To disk; back, anywhere.  false: it is not there, or no hole is large enough. */
bool part_swap_out(struct part *p, unsigned n);
bool part_swap_in(struct part *p, unsigned n);
/* All processes down, in their order: one hole is left, at the end. */
void part_compact(struct part *p);

/* One access: below the limit, pa = base + va.  false: the limit fault, or (base none) a process on disk;
 * always when paged: a page table would have to say. */
bool part_access(const struct part *p, unsigned n, u64 va, u64 *pa);

u64 part_free_bytes(const struct part *p);
u64 part_largest_hole(const struct part *p); /* paged: all that is free                                           */
unsigned part_holes(const struct part *p);

#endif
