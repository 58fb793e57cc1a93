/* SPDX-License-Identifier: MIT
 * decode_internal.h - what the decoders of both vendors share. */
#ifndef PAGEWALK_PROBE_DECODE_INTERNAL_H
#define PAGEWALK_PROBE_DECODE_INTERNAL_H

#include "probe/decode.h"

#define FOUND_MAX 16

#define PORT_D (MMU_PORT_LOAD | MMU_PORT_STORE)
#define PORT_U (MMU_PORT_I | PORT_D)
#define PAGES_4K (1u << MMU_4K)
#define PAGES_2M (1u << MMU_2M)
#define PAGES_1G (1u << MMU_1G)

struct found {                /* one array as CPUID describes it                                                    */
    u8 level, ports, sizes;
    u32 entries, ways;        /* ways 0: not said                                                                   */
    const char *leaf;         /* where it was said                                                                  */
};
struct findings {
    unsigned n;
    struct found row[FOUND_MAX];
    const char *remark;       /* what is odd about the whole, for the notes; NULL                                   */
};

void find_add(struct findings *f, struct found row); /* more than FOUND_MAX, or no entries: dropped              */
void find_intel(const struct cpuid_dump *d, struct findings *f);
void find_amd(const struct cpuid_dump *d, struct findings *f);

/* One array as CPUID describes it, with what it does not say from the nearest profile. */
void put_found(const struct found *f, const struct mmu_profile *near, struct mmu_profile_store *to);
/* The nearest's arrays for pages that no array so far holds. */
void put_missing(const struct mmu_profile *near, struct mmu_profile_store *to);
/* First-level caches. */
void put_caches(const struct cpuid_dump *d, const struct mmu_profile *near, struct mmu_profile_store *to);
/* Structure caches and timing, which CPUID never tells. */
void put_rest(const struct mmu_profile *near, struct mmu_profile_store *to);

#endif
