/* SPDX-License-Identifier: MIT
 * engine.h - what a case is played on: the emulated processor (cpu.c, in the guest) or the model (model.c, on the
 * host).  Called by play.c, which both sides share. */
#ifndef BAREMETAL_ENGINE_H
#define BAREMETAL_ENGINE_H

#include "case.h"

struct engine;

#define CR2_MARK 0x123456789ab0ull /* in CR2 before every access */

struct request { u64 va; u64 value; u8 kind, size, cpl, ac; };
struct raw { u32 vector; u32 error; u64 cr2; u64 value; }; /* vector 0: no fault                                    */

volatile u8 *engine_bytes(struct engine *e, u64 pa);        /* physical memory, inside RAM                          */
static inline volatile u64 *engine_word(struct engine *e, u64 pa) { return (volatile u64 *)engine_bytes(e, pa); }
const u64 *engine_memory(struct engine *e);                /* from address 0, for the oracle                        */

/* Registers as the context says, then MOV CR3; nothing is cached afterwards.  engine_end() leaves that root. */
void engine_begin(struct engine *e, const struct test_case *c);
void engine_end(struct engine *e, const struct test_case *c);

void engine_context(struct engine *e, const struct context *to);
void engine_cr3(struct engine *e, u64 cr3, bool keep);    /* keep: bit 63                                           */
void engine_toggle_pge(struct engine *e);                  /* CR4.PGE the other way and back                        */
void engine_invlpg(struct engine *e, u64 va);
void engine_invpcid(struct engine *e, u32 type, u64 pcid, u64 va);
u32 engine_write(struct engine *e, u32 which, u64 value);  /* enum written; the vector: 0 or 13                      */
void engine_access(struct engine *e, const struct request *q, struct raw *out);

#endif
