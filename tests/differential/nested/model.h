/* SPDX-License-Identifier: MIT
 * model.h - the engine of play.h that is the model.  Called by host.c. */
#ifndef NESTED_MODEL_H
#define NESTED_MODEL_H

#include "play.h"

struct nested_engine *model_start(const struct params *p, const struct part *part);

#endif
