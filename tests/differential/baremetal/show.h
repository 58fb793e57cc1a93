/* SPDX-License-Identifier: MIT
 * show.h - a difference for people: every register, entry and outcome. */
#ifndef BAREMETAL_SHOW_H
#define BAREMETAL_SHOW_H

#include "play.h"

struct difference {
    const struct test_case *c;
    const struct step *s;
    const struct expectation *x;
    const struct outcome *model, *got; /* got: the emulator's, or NULL                                              */
};
void show_difference(const char *way, const struct difference *d, const char *what);

#endif
