/* SPDX-License-Identifier: MIT
 * differences.h - the named differences of the emulators: docs/differential.md says how each was established.  Called by host.c. */
#ifndef NESTED_DIFFERENCES_H
#define NESTED_DIFFERENCES_H

#include "play.h"

/* An access whose outcome the manual does not permit; memory is as it was before. */
struct nested_difference {
    const struct nested_case *c;
    const struct nested_step *s;
    const struct nested_expected *x;
    const struct nested_seen *got;
    u8 who;                     /* one of enum nested_who                                                            */
};

enum nested_who { WHO_QEMU = 1, WHO_BOCHS = 2 };
struct nested_named { u32 departs; u8 who; const char *name; }; /* who: mask                                         */
const struct nested_named *nested_named_at(u32 i); /* NULL past the last                                             */
/* The fewest departures that give this outcome to the last bit, among those the emulator is known for; 0: none do. */
u32 nested_named(struct nested_engine *e, const struct nested_difference *d);

#endif
