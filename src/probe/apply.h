/* SPDX-License-Identifier: MIT
 * apply.h - from what was measured to a profile. */
#ifndef PAGEWALK_PROBE_APPLY_H
#define PAGEWALK_PROBE_APPLY_H

#include "pagewalk/profile.h"
#include "probe/costs.h"
#include "probe/probe.h"

/* What the profile leads to expect of loads of 4 KiB pages. */
struct probe_hint apply_hint(const struct mmu_profile *p);

struct apply_where { int cpu; double ghz; bool huge_control; const char *date; };
/* `p` with what was measured in its place, each source marked measured, not clear or not measured. */
void apply_result(const struct mmu_profile *p, const struct probe_result *r, const struct apply_where *w, struct mmu_profile_store *to);
/* After that: walks as large memory of its own shows them, and the line of costs. */
void apply_costs(const struct costs_found *c, const struct probe_result *r, const struct apply_where *w, struct mmu_profile_store *to);

#endif
