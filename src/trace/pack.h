/* SPDX-License-Identifier: MIT
 * pack.h - from the ring of a running program to its recording. */
#ifndef PAGEWALK_TRACE_PACK_H
#define PAGEWALK_TRACE_PACK_H

#include "trace/ring.h"

/* Reads until the ring is closed, or gone() says that its writer is gone; takes fd.  0, or errno. */
int pack(struct ring_head *ring, int fd, const char *settings, bool (*gone)(void *ctx), void *ctx);

#endif
