/* SPDX-License-Identifier: MIT
 * carve.h - cutting the embedder's one block into arrays.  create.c carves twice with the same code: with no base
 * to learn the size, then for real. */
#ifndef PAGEWALK_MACHINE_CARVE_H
#define PAGEWALK_MACHINE_CARVE_H

#include "pagewalk/types.h"

struct carve { u8 *base; size_t used_bytes; }; /* base NULL: only count                                           */

/* A piece on its own cache lines; NULL when only counting. */
static inline void *carve(struct carve *c, size_t bytes)
{
    u8 *piece = c->base ? c->base + c->used_bytes : NULL;
    c->used_bytes += (bytes + 63) & ~(size_t)63;
    return piece;
}

#endif
