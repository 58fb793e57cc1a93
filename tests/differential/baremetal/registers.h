/* SPDX-License-Identifier: MIT
 * registers.h - what a write of a register must give, by the manual.  Called by expect.c and play.c. */
#ifndef BAREMETAL_REGISTERS_H
#define BAREMETAL_REGISTERS_H

#include "playing.h"

/* What the register of enum written holds, by the context and CR3 of the case. */
u64 register_value(const struct playing *p, u32 which);
/* Does writing it raise #GP?  quirks: enum quirk. */
bool write_refused(const struct playing *p, u32 which, u64 value, u32 quirks);

#endif
