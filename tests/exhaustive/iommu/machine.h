/* SPDX-License-Identifier: MIT
 * machine.h - the IOMMU under test with its memory, and the judging of one case.
 *
 *     page 0 root table   1 context table of bus 0   2 to 6 page tables, the top one at 6, the last at 2   7 to 15 frames */
#ifndef PAGEWALK_TESTS_IOMMU_MACHINE_H
#define PAGEWALK_TESTS_IOMMU_MACHINE_H

#include "oracle.h"

#include "pagewalk/iommu.h"

#define PAGES 16u
#define CONTEXT_PAGE 1u
#define TABLE_PAGE(level) (2u + (level)) /* level 0 is the last                                                      */

struct machine {
    uint64_t ram[PAGES * 512];
    uint8_t block[1 << 16] __attribute__((aligned(64)));
    struct iommu *m;
    struct oracle_in in;             /* settings, and the case's request                                           */
};

extern u64 cases, differences;

/* A machine of these settings; tables of zeros. */
void machine_new(struct machine *x, const struct iommu_config *cfg);
struct iommu_config machine_config(unsigned address_bits, unsigned maxphyaddr, unsigned features); /* bits: 2M, 1G, PT, SC */
/* RTADDR, and translation on or off. */
void machine_root(struct machine *x, uint64_t rtaddr, bool enabled);
/* Root entry 0 and context entry `source` for so many levels of tables. */
void machine_context(struct machine *x, unsigned source, unsigned levels, uint64_t low_more);
void machine_forget(struct machine *x);
/* The request of x->in on both, with cold caches and then warm ones. */
void judge(struct machine *x);
void told(const struct machine *x, const char *what, u64 want, u64 got); /* counts a difference                     */
uint32_t rnd(void);

/* families.c */
void rights_of_paths(unsigned step);
void single_bits(void);
void root_entries(void);
void context_entries(void);
void addresses(void);
void random_tables(u64 n);
/* memory.c */
void fault_logs(u64 n);
void invalidations(void);
void queues(void);

#endif
