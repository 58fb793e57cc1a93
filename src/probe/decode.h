/* SPDX-License-Identifier: MIT
 * decode.h - from CPUID to a profile.  A pure function of the dump, so that it is tested on recorded ones.
 *
 * What CPUID says is taken; what it does not say (replacement, index, structure caches, timing, hidden leaves) comes
 * from the nearest known profile by vendor, family and model, and every source line says which is which. */
#ifndef PAGEWALK_PROBE_DECODE_H
#define PAGEWALK_PROBE_DECODE_H

#include "pagewalk/profile.h"
#include "probe/cpuid.h"

/* Fills the store with a profile named `name`.  Always succeeds: at worst all is the nearest profile's, and its notes
 * say so. */
void decode_profile(const struct cpuid_dump *d, const char *name, struct mmu_profile_store *to);
/* The known profile that it leans on. */
const struct mmu_profile *decode_nearest(const struct cpuid_dump *d);

#endif
