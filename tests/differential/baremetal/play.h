/* SPDX-License-Identifier: MIT
 * play.h - plays a case on an engine, and says for each access what happened and what the manual expects.  Called by
 * guest.c and replay.c; freestanding. */
#ifndef BAREMETAL_PLAY_H
#define BAREMETAL_PLAY_H

#include "engine.h"

enum { MAX_SEEN = 2 * LEVELS, DATA_WORDS = 2 };

/* What one access left behind.  entry: of those that the walks of the access read, without repetition. */
struct outcome {
    struct raw raw;
    u64 data[DATA_WORDS];       /* the bytes at the access's place in the path's first and second frame              */
    u64 entry[MAX_SEEN];
    u32 entries;
};

struct expectation {
    struct outcome want;
    u64 pa[MAX_SEEN], before[MAX_SEEN];
    u64 free[MAX_SEEN];         /* A and D bits that the access may or may not have set (SDM3 4.8)                   */
    u32 error_free;             /* bits of the error code about which the manual leaves a choice                     */
};

/* Departures from the manual, each by itself; docs/differential.md tells who has which. */
enum quirk {
    QUIRK_RSVD_WITHOUT_P = 1,   /* reserved bits are reported with P=0                                               */
    QUIRK_RSVD_1G_SETS_A = 2,   /* A is set in a 1 GiB entry with reserved bits                                      */
    QUIRK_RMW_READS_FIRST = 4,  /* a read-modify-write faults as a load, when the load would                         */
    QUIRK_SS_GIVES_GP = 8,      /* not canonical through SS: #GP                                                     */
    QUIRK_CANONICAL_BY_PAGE = 16, /* bytes behind the page's end are judged after the page                           */
    QUIRK_AC_IMPLICIT_0 = 32,   /* AC allows implicit accesses, at CPL 0 ...                                         */
    QUIRK_AC_IMPLICIT_3 = 64,   /* ... at CPL 3                                                                      */
    QUIRK_KEPT_AFTER_PF = 128,  /* what was cached of a page outlives a #PF on it                                    */
    QUIRK_PKRU_BY_MODE = 256,   /* PKRU: AD only in user mode, WD for supervisor pages, too                          */
    QUIRK_1G_UNREPORTED = 512,  /* 1 GiB pages work though CPUID does not report them                                */
    QUIRK_CR0_UNCHECKED = 1024, /* no write of CR0 gives #GP                                                         */
    QUIRK_EFER_UNCHECKED = 2048, /* nor of EFER                                                                     */
};

struct playing;
struct expected_at { const struct playing *p; const struct step *s; };
/* What must happen in this access, if those quirks were the manual's. */
void foresee(const struct expected_at *at, u32 quirks, struct expectation *x);

struct listener {
    /* Before an access; NULL: nobody asks.                                                                          */
    void (*before)(void *ctx, const struct test_case *c, u32 step, const struct expected_at *at);
    /* After it; false ends the case.                                                                                */
    bool (*accessed)(void *ctx, const struct test_case *c, u32 step, const struct expectation *x,
                     const struct outcome *got);
    void *ctx;
};
void play(struct engine *e, const struct part *part, const struct test_case *c, const struct listener *l);

/* Is the outcome one that the expectation permits? */
bool permitted(const struct expectation *x, const struct outcome *got);
/* The same under another expectation; the entries of `got` are those of x. */
bool permitted_by(const struct expectation *other, const struct expectation *x, const struct outcome *got);
/* The outcome without what is free, into a running digest. */
u64 digest(u64 h, const struct expectation *x, const struct outcome *got);

#endif
