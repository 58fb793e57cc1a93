/* SPDX-License-Identifier: MIT
 * emulator.h - starts an emulator on the image and reads what the guest tells. */
#ifndef BAREMETAL_EMULATOR_H
#define BAREMETAL_EMULATOR_H

#include <stdio.h>

#include "case.h"

enum emulator { QEMU, BOCHS };

/* A way to run: an emulator with a processor. */
struct way {
    const char *name, *title;
    enum emulator emulator;
    const char *cpu;            /* the emulator's word for it                                                        */
    bool la57;
    u64 ram_bytes, low_end, high_end;
};
const struct way *way_find(const char *name);
const struct way *way_at(u32 i); /* each comparison has its own (ways.c); NULL past the last                        */

struct running { FILE *from; int pid; char directory[64]; };

/* NULL, or why the emulator cannot be had here (a sentence for `skip:`). */
const char *emulator_missing(const struct way *w);
/* image: the file as built; it is copied, with the parameters.  Exits with a sentence when that fails. */
void emulator_start(const struct way *w, const char *image, const struct params *p, struct running *r);
void emulator_stop(struct running *r, bool failed); /* failed: shows what it said last                              */

#endif
