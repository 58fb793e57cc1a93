/* SPDX-License-Identifier: MIT
 * chase.h - tours on this machine. */
#ifndef PAGEWALK_PROBE_CHASE_H
#define PAGEWALK_PROBE_CHASE_H

#include "probe/probe.h"

struct chase;

/* Pins the caller to the logical CPU it runs on until chase_end().  NULL: why, in words, in *why. */
struct chase *chase_begin(const char **why);
void chase_end(struct chase *c);
struct bench chase_bench(struct chase *c);

int chase_cpu(const struct chase *c);
bool chase_control_is_huge(const struct chase *c); /* the control tours lie in one huge page                       */
double chase_ghz(const struct chase *c);           /* of the core while it was measured; 0: nothing was yet       */

#endif
