/* SPDX-License-Identifier: MIT
 * play.h - plays a case on the processor of the emulator (svm.c or vmx.c behind cpu.c) or on the model (model.c), and says for each
 * access what happened and what the manual expects.  Called by guest.c and host.c; freestanding. */
#ifndef NESTED_PLAY_H
#define NESTED_PLAY_H

#include "case.h"

/* What an access did: outcome as in the oracles; LOST: something else, which `error` tells. */
enum { NESTED_LOST = 15 };
struct nested_raw {
    u64 outcome, error;
    u64 address, linear;        /* address: CR2 of a #PF, or the gpa of an exit                                      */
    u64 value;                  /* loaded or fetched                                                                 */
    u64 logged, log;            /* pages put into the page-modification log, and their addresses folded              */
};

struct nested_seen {
    struct nested_raw raw;
    u64 data;                   /* the 8 bytes where the access goes when everything lets it                         */
    u64 entry[NESTED_ENTRIES];
    u32 entries;
};

enum { TOLD_WORDS = 10 };       /* in a line of the guest, before the entries (guest.c)                            */

struct nested_expected {
    struct nested_answer answer;
    struct nested_seen want;
};

/* ---- what it is played on ------------------------------------------------------------------------------------------ */

struct nested_engine;
u64 *nested_memory(struct nested_engine *e); /* from address 0                                                       */
/* The access, with nothing cached before it.  c->cpu has CPL and AC. */
void nested_access(struct nested_engine *e, const struct nested_case *c, const struct nested_cpu *cpu, const struct nested_step *s,
                   struct nested_raw *out);

/* The guest's registers. */
static inline u64 nested_cr0(const struct nested_cpu *c)
{
    return 0x31u | (c->format == GUEST_UNPAGED ? 0 : 1u << 31) | (u64)c->guest.wp << 16; /* NE, ET, PE; PG; WP       */
}
static inline u64 nested_cr4(const struct nested_cpu *c)
{
    const struct oracle_cpu *g = &c->guest;
    return (c->format <= GUEST_PAE ? 1u << 5 : 0) | (u64)c->pse << 4 | (u64)g->la57 << 12 | (u64)g->smep << 20 | (u64)g->smap << 21;
}
static inline u64 nested_efer(const struct nested_cpu *c)
{
    return (c->format == GUEST_LONG ? 0x500u : 0) | (u64)c->guest.nxe << 11; /* LMA, LME; NXE                        */
}

static inline u64 nested_fold(u64 h, u64 word)
{
    h = (h ^ word) * 0x9e3779b97f4a7c15ull;
    return h ^ h >> 29;
}
/* Of the log in FIXED, when its index was `first` and is now `next`. */
void nested_tell_log(struct nested_engine *e, u32 first, u32 next, struct nested_raw *out);

/* ---- playing ------------------------------------------------------------------------------------------------------- */

struct nested_listener {
    bool (*accessed)(void *ctx, const struct nested_case *c, u32 step, const struct nested_expected *x,
                     const struct nested_seen *got); /* false ends the case                                          */
    void *ctx;
};
void nested_play(struct nested_engine *e, const struct nested_case *c, const struct nested_listener *l);
u64 nested_operand(const struct nested_step *s);
u64 nested_narrow(const struct nested_cpu *c, u64 value); /* to the width of the guest's accesses                    */
/* What the access will find where it goes when everything lets it. */
void nested_put_data(struct nested_engine *e, const struct nested_case *c, const struct nested_step *s);
/* What must happen in this access, by the manual or with the departures in cpu. */
void nested_expect(struct nested_engine *e, const struct nested_case *c, const struct nested_cpu *cpu, const struct nested_step *s,
                   struct nested_expected *x);

bool nested_permitted(const struct nested_expected *x, const struct nested_seen *got);
/* The same under another expectation; the entries of `got` are those of x. */
bool nested_permitted_by(const struct nested_expected *other, const struct nested_expected *x, const struct nested_seen *got);
/* Without what is free, into a running digest. */
u64 nested_digest(u64 h, const struct nested_expected *x, const struct nested_seen *got);

#endif
