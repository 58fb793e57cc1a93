/* SPDX-License-Identifier: MIT
 * mpu_cmds.h - what the files of `mpu ...` share. */
#ifndef PAGEWALK_SCRIPT_MPU_CMDS_H
#define PAGEWALK_SCRIPT_MPU_CMDS_H

#include "interp_internal.h"
#include "pagewalk/mpu.h"

struct mpu_world {
    struct mpu mpu;
    struct mpu_swap swap;    /* ram is NULL while nothing is swapped                                              */
    u8 *shadow;              /* the window's bytes as they should be                                              */
};

/* "key=N" at any word from `at` on; *out stays when it is not there.  false: answered with an error. */
bool mpu_take_value(struct interp *in, const struct words *w, unsigned at, const char *key, u64 max, u64 *out);
/* As need_number(), of 32 bits. */
bool need_u32(struct interp *in, const struct words *w, unsigned at, u32 *out);

void mpu_swap_end(struct mpu_world *x);           /* nothing is swapped any more                                 */
command_fn mpu_swap_cmd, mpu_load_cmd, mpu_store_cmd, mpu_sync_cmd;

#endif
