/* SPDX-License-Identifier: MIT
 * plot.h - a latency curve drawn in text. */
#ifndef PAGEWALK_PROBE_PLOT_H
#define PAGEWALK_PROBE_PLOT_H

#include "probe/probe.h"

#include <stdio.h>

struct plot {
    unsigned columns;         /* of the whole picture; what is too narrow is drawn at the least width               */
    bool utf8;                /* eighths of a cell; otherwise # and blanks                                          */
    struct { unsigned pages; char text[48]; } mark[2]; /* under the axis; pages 0: none                             */
};
void plot_curve(FILE *out, const struct curve *c, const struct plot *p);

#endif
