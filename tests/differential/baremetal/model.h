/* SPDX-License-Identifier: MIT
 * model.h - the engine of the host: machines of libpagewalk-machine, one for each CPU profile, on one memory. */
#ifndef BAREMETAL_MODEL_H
#define BAREMETAL_MODEL_H

#include "engine.h"

/* Exits with a sentence when there is no memory or the machine refuses. */
struct engine *model_create(const struct part *part, const struct params *p);
void model_destroy(struct engine *e);

#endif
