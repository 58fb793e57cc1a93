/* SPDX-License-Identifier: MIT
 * resolve.h - what a user may write where a CPU profile is wanted: a built-in profile's name, `host`, `host:N`, or a
 * file (a profile, or a recorded CPUID dump). */
#ifndef PAGEWALK_PROBE_RESOLVE_H
#define PAGEWALK_PROBE_RESOLVE_H

#include "pagewalk/profile.h"

enum resolve { RESOLVED, RESOLVE_UNKNOWN_NAME, RESOLVE_FAILED };
struct resolve_error { char text[512]; }; /* RESOLVE_FAILED: one sentence without its end, the file's name in it */

/* RESOLVED: *out is the profile, to be given back with profile_release().  A word without a slash that is neither a
 * known name nor a file's is RESOLVE_UNKNOWN_NAME. */
enum resolve profile_resolve(const char *word, const struct mmu_profile **out, struct resolve_error *err);
void profile_release(const struct mmu_profile *p);

bool profile_is_built_in(const struct mmu_profile *p);
/* Its text (mmu_profile_write), to be freed; NULL: no memory. */
char *profile_text(const struct mmu_profile *p);

#endif
