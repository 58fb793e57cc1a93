/* SPDX-License-Identifier: MIT
 * profile.h - CPU profiles as text (docs/formats.md, "CPU profiles"), for profiles that are not built in: this machine's,
 * a measured one, one a user wrote.  Freestanding: the capture tool reads them too.
 *
 * A store holds one profile with everything it points to, so it must not be moved or copied.  Whatever the text holds,
 * reading neither crashes nor yields a profile that mmu_create() would refuse. */
#ifndef PAGEWALK_PROFILE_H
#define PAGEWALK_PROFILE_H

#include "pagewalk/mmu.h"

#define MMU_PROFILE_TLBS 24
#define MMU_PROFILE_PSCS 8
#define MMU_PROFILE_CACHES 2
#define MMU_PROFILE_CHARS 12288
#define MMU_PROFILE_TEXT_MAX 65536 /* longer texts are refused                                                 */

struct mmu_profile_store {
    struct mmu_profile profile;
    struct mmu_tlb_desc tlb[MMU_PROFILE_TLBS];
    struct mmu_psc_desc psc[MMU_PROFILE_PSCS];
    struct mmu_cache_desc cache[MMU_PROFILE_CACHES];
    u32 chars_used;
    char chars[MMU_PROFILE_CHARS];
};

/* An empty profile: no name, no arrays. */
void mmu_profile_begin(struct mmu_profile_store *s);
/* A terminated copy in the store, cut when there is no more room; never NULL. */
const char *mmu_profile_keep(struct mmu_profile_store *s, const char *text, size_t len_bytes);
/* One more array or cache; NULL when there is no more room. */
struct mmu_tlb_desc *mmu_profile_add_tlb(struct mmu_profile_store *s, const struct mmu_tlb_desc *t);
struct mmu_psc_desc *mmu_profile_add_psc(struct mmu_profile_store *s, const struct mmu_psc_desc *c);
/* NULL, too, when there is one for this side. */
struct mmu_cache_desc *mmu_profile_add_cache(struct mmu_profile_store *s, const struct mmu_cache_desc *c);

/* Why no machine can be made from it, in words; NULL when one can. */
const char *mmu_profile_unfit(const struct mmu_profile *p);
const char *mmu_cache_unfit(const struct mmu_cache_desc *c); /* the same of one cache                         */

/* Is this the text of a profile, rather than a name?  Looks at the first line only. */
bool mmu_profile_is_text(const char *text, size_t len_bytes);
struct mmu_profile_error { unsigned line; char text[160]; };
/* false: *err says which line is wrong and why; the store holds nothing of use. */
bool mmu_profile_read(struct mmu_profile_store *to, const char *text, size_t len_bytes, struct mmu_profile_error *err);
/* Writes what mmu_profile_read() takes; reading it back gives an equal profile. */
void mmu_profile_write(const struct mmu_profile *p, const struct pw_out *out);

/* Names of the format, which listings use too; NULL past the last or for a bit without a name. */
const char *mmu_feature_name(unsigned bit); /* as in /proc/cpuinfo                                             */

#endif
