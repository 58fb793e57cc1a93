/* SPDX-License-Identifier: MIT
 * judge.h - one machine with a guest beside the oracle: the tables of both dimensions at fixed places, an access to both, everything
 * compared that an embedder or a guest could see.  Called by the enumerations (families.h).
 *
 * A place is what one nested walk leads to: the guest's table of a level, or the page.  Each has nested tables of its own but for
 * the root.  The low 30 bits of a place's gpa are those of its host address, and those of the linear address are the page's, so that
 * every level may hold a leaf; all other bits differ. */
#ifndef EXHAUSTIVE_NESTED_JUDGE_H
#define EXHAUSTIVE_NESTED_JUDGE_H

#include "oracle.h"

#include <pagewalk/nested.h>

enum { LEVELS = 5, PLACES = LEVELS + 1, PAGE = LEVELS }; /* place 0: the guest's table of the last level ... PAGE     */

struct place {
    uint64_t gpa, host;
    uint64_t table[LEVELS];    /* nested tables by level; the top one is the root's                                 */
};

struct judge {
    struct mmu *mmu;
    uint64_t *ram;
    struct nested_cpu cpu;     /* the context, as the oracle knows it                                               */
    struct place place[PLACES];
    uint64_t va;
    uint64_t cr2;              /* what CR2 must hold                                                                */
    uint64_t log;              /* where the page-modification log is                                                */
    uint64_t nested_reads, logged; /* counted so far                                                                */
    bool walk_too;             /* also ask mmu_guest_walk(), which must agree entry by entry and change nothing     */
    bool caches;               /* of the next machine: every cache there is; each access is then made twice          */
    uint64_t cases, differences;
};

/* Another machine, what j asks for and has counted stays.  Of part: npt, has_1g, no_2m, execute_only, info, maxphyaddr. */
void judge_create(struct judge *j, const struct nested_cpu *part);
void judge_destroy(struct judge *j);
/* Leaves the guest, if in one, and enters another: c but for part's fields and roots. */
void judge_context(struct judge *j, const struct nested_cpu *c);

/* Places, tables and the linear address, for the formats of j->cpu. */
void judge_lay_out(struct judge *j);

static inline unsigned nested_top(const struct judge *j) { return j->cpu.five_levels ? 4 : 3; }
static inline unsigned guest_top(const struct judge *j) { return j->cpu.guest.la57 ? 4 : 3; }
/* The nested entry of a place's walk, and the guest's entry at a level (long mode). */
static inline uint64_t *nested_entry(const struct judge *j, unsigned place, unsigned level)
{
    const struct place *p = &j->place[place];
    return &j->ram[p->table[level] / 8 + (p->gpa >> (12 + 9 * level) & 511)];
}
static inline uint64_t *guest_entry(const struct judge *j, unsigned level)
{
    return &j->ram[j->place[level].host / 8 + (j->va >> (12 + 9 * level) & 511)];
}
/* What an entry names, without any other bit: a table, or the page of a leaf. */
uint64_t nested_names(const struct judge *j, unsigned place, unsigned level, bool leaf);
uint64_t guest_names(const struct judge *j, unsigned level, bool leaf);
/* Everything present and allowed, pages of 4 KiB, A and D clear. */
void judge_plain(struct judge *j);
uint64_t nested_plain(const struct judge *j, unsigned place, unsigned level, bool leaf);
uint64_t guest_plain(const struct judge *j, unsigned level, bool leaf);

/* Both translate; what differs is printed and counted.  Afterwards memory is as before, and nothing is cached. */
void judge_case(struct judge *j, const struct oracle_access *a);
/* Loads, stores and fetches at j->va. */
void judge_kinds(struct judge *j);

static inline uint64_t judge_noise(uint64_t *state)
{
    *state ^= *state << 13; /* xorshift64 */
    *state ^= *state >> 7;
    return *state ^= *state << 17;
}

#endif
