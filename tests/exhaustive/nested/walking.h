/* SPDX-License-Identifier: MIT
 * walking.h - one access on its way through both tables: between oracle.c (the access), oracle_nested.c (one nested translation) and
 * oracle_guest.c (the guest's tables). */
#ifndef EXHAUSTIVE_NESTED_WALKING_H
#define EXHAUSTIVE_NESTED_WALKING_H

#include "oracle.h"

#define A_NPT (1ull << 5)
#define D_NPT (1ull << 6)
#define A_EPT (1ull << 8)
#define D_EPT (1ull << 9)

struct walking {
    uint64_t *ram;
    const struct nested_cpu *c;
    struct nested_answer *out;
    bool user_page, writable_page, nx_page; /* what the guest's tables say of the linear address                    */
    /* the guest's entries read so far: host-physical, where they are noted */
    unsigned tables;
    uint64_t table_pa[5];
    unsigned table_note[5];
    bool table_writable[5];  /* and a store there changes nothing in the nested tables                               */
};

static inline bool bit(uint64_t value, unsigned n)
{
    return (value >> n) & 1;
}

/* Bits high..low of value, in place. */
static inline uint64_t bits(uint64_t value, unsigned high, unsigned low)
{
    return high < low ? 0 : ((value >> low) & (~0ull >> (63 - (high - low)))) << low;
}

/* An entry is read, and noted. */
static inline uint64_t read_and_note(struct walking *w, uint64_t pa)
{
    struct nested_answer *out = w->out;
    out->entry[out->entries].pa = pa & ~7ull;
    out->entry[out->entries].before = w->ram[pa / 8];
    out->entry[out->entries].free = 0;
    out->entries++;
    return w->ram[pa / 8];
}

enum { READ = 1, WRITE = 2, FETCH = 4 };

struct nested_access {
    uint64_t gpa;
    unsigned what;           /* READ, WRITE, FETCH, more than one at once                                           */
    bool final;              /* of the page itself, not of a guest's table                                          */
};

struct nested_path {
    int fault;               /* ORACLE_DONE, or one of the outcomes                                                 */
    bool present;
    uint64_t rights;         /* AND of the entries read: EPT bits 0, 1, 2, 10; NPT bits 1, 2, and 63 where all lack it */
    unsigned page_lg2;
    uint64_t host_pa;
    unsigned first, last;    /* notes of its entries                                                                */
};

/* The whole: walks, judges, sets bits, and says what a fault is. */
bool translate_nested(struct walking *w, const struct nested_access *a, struct nested_path *p);
void guest_walk(struct walking *w, uint64_t va, struct oracle_path *out);
/* A 1 GiB entry whose address is not aligned, where that departs from the manual. */
bool departs_in_1g(const struct nested_cpu *c, uint64_t pdpte, bool fault);

#endif
