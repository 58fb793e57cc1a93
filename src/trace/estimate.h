/* SPDX-License-Identifier: MIT
 * estimate.h - from counts to run time: by how many percent one outcome of a replay would be slower than another. */
#ifndef PAGEWALK_TRACE_ESTIMATE_H
#define PAGEWALK_TRACE_ESTIMATE_H

#include "trace/replay.h"

/* What is known of the machine and of the run that the first outcome stands for; 0: unknown. */
struct basis { struct mmu_costs costs; double seconds; };

/* What the change is worked out from, in rows; false past the last. */
struct assumption { const char *what; double low, high; bool measured; };
bool estimate_assumption(const struct basis *b, unsigned i, struct assumption *a);

/* By how many percent the run time would change from one outcome to the other: ESTIMATED, from low to high. */
struct change { bool known; double low, middle, high; };
struct change estimate_change(const struct basis *b, const struct replay_outcome *from, const struct replay_outcome *to);

#endif
