/* SPDX-License-Identifier: MIT
 * twin.h - the naive twin of --check: a second, straight-line model of the profile's TLBs that shares no code with
 * the machine.  It listens to the machine as an observer, predicts what answers each translation and counts where
 * the machine said otherwise.  Created by sim_check_begin() in the session's block.  Freestanding. */
#ifndef PAGEWALK_SIM_TWIN_H
#define PAGEWALK_SIM_TWIN_H

#include "pagewalk/mmu.h"
#include "pagewalk/sim.h"

struct twin;

/* Bytes that twin_create() needs; the block is aligned to 64. */
size_t twin_bytes(const struct mmu_profile *profile, unsigned cpus);
/* pre: the TLBs of the machine it will watch are empty. */
struct twin *twin_create(void *block, const struct mmu_profile *profile, unsigned cpus);
/* What to hand to mmu_observe(). */
void twin_observer(struct twin *t, struct mmu_observer *out);
void twin_result(const struct twin *t, struct sim_check *out);

#endif
