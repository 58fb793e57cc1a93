/* SPDX-License-Identifier: MIT
 * differences.h - the named list: how each emulator is known to depart from the manual. */
#ifndef BAREMETAL_DIFFERENCES_H
#define BAREMETAL_DIFFERENCES_H

#include "emulator.h"
#include "play.h"

struct named {
    enum emulator emulator;
    u32 quirk;                  /* enum quirk                                                                        */
    const char *name;           /* the heading in docs/differential.md                                               */
};
const struct named *named_at(u32 i); /* NULL past the last                                                          */

/* The fewest named quirks of the emulator that together make `got` what must happen; 0: none do.  x: what must happen
 * by the manual. */
u32 named_quirks(enum emulator emulator, const struct expected_at *at, const struct expectation *x,
                 const struct outcome *got);

#endif
