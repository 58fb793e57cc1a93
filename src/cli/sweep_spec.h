/* SPDX-License-Identifier: MIT
 * sweep_spec.h - what `pagewalk sweep` is asked for: recordings, and for each setting of a replay the values to try. */
#ifndef PAGEWALK_CLI_SWEEP_SPEC_H
#define PAGEWALK_CLI_SWEEP_SPEC_H

#include "pagewalk/types.h"

enum { SWEEP_SETTINGS_MAX = 16 };

struct sweep_words { char **word; size_t n; };

struct sweep_setting { const char *name; struct sweep_words value; }; /* name: a long option of `pagewalk replay`     */

struct sweep_spec {
    struct sweep_words recording;      /* paths from the root                                                         */
    struct sweep_words called;         /* the same, as they name results: without a slash, each different             */
    struct sweep_setting setting[SWEEP_SETTINGS_MAX]; /* in the order of the file                                     */
    unsigned settings;
    char *results;                     /* the folder, from the root                                                   */
};

/* False: what is wrong has been said, with its line. */
bool sweep_read(const char *file, struct sweep_spec *spec);
void sweep_free(struct sweep_spec *spec);

#endif
