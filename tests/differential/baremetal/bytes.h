/* SPDX-License-Identifier: MIT
 * bytes.h - the bytes that an access finds and leaves in physical memory. */
#ifndef BAREMETAL_BYTES_H
#define BAREMETAL_BYTES_H

#include "engine.h"

struct place { u64 pa[2]; u32 split, len; }; /* the first `split` bytes are at pa[0], the others at pa[1]           */

void bytes_read(struct engine *e, const struct place *p, u8 *out);
void bytes_write(struct engine *e, const struct place *p, const u8 *in);
u64 bytes_join(const u8 *bytes, u32 n); /* least first                                                               */

u32 access_len(u8 kind, u8 size);
/* What to put in memory before an access, so that it can use it and tells by its value where it was. */
void make_bytes(u8 kind, u64 noise, u8 out[CODE_BYTES]);
/* What an access gives back when it finds these bytes. */
u64 value_of(u8 kind, u8 size, const u8 *bytes);
/* What a store leaves, as bytes. */
void stored_by(u8 kind, u8 size, u64 found, u64 operand, u8 out[CODE_BYTES]);

#endif
