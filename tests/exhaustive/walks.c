/* SPDX-License-Identifier: MIT
 * walks.c - see families.h.  A shape is one choice at each level from the root down: a table entry with any of
 * 16 combinations of R/W, U/S, XD and A; one of the ways to end early (not present, reserved); or, at the last
 * level of the shape, a leaf with 32 combinations of R/W, U/S, XD, A and D.  Bits that the manual calls ignored are
 * filled with noise, as are the low bits of the address and the page frame.  With four levels all shapes are made;
 * with five, those in which at most three levels deviate from a permissive path (for the leaf, only A and D count
 * as no deviation).
 *
 * Shapes are written side by side, a batch at a time, and a batch is run in all contexts (contexts.c): what the
 * oracle says of a path is asked once, every access is asked of the machine.  As no path is met twice between two
 * flushes, structure caches never answer; filling them takes a third of the time, so that the full run has them for
 * one of the processors only, the sample for all. */
#include "batch.h"
#include "families.h"

#include <stddef.h>

#define P 1ull
#define RW (1ull << 1)
#define US (1ull << 2)
#define A (1ull << 5)
#define D (1ull << 6)
#define PS (1ull << 7)
#define XD (1ull << 63)

/* Bits of an entry whose value the manual says is ignored, but for the protection key of a leaf. */
static uint64_t ignored_bits(const struct batch *b, unsigned level, bool leaf)
{
    uint64_t always = 0xe00ull | 0x18ull | 0x7full << 52; /* 11:9; PWT and PCD; 58:52 */
    if (leaf) /* also G, and PAT; the page frame is added where the leaf is made */
        return always | 1ull << 8 | (level ? 1ull << 12 : PS);
    /* also D and 62:59; bit 8 but for AMD's upper levels */
    return always | D | 0xfull << 59 | (level >= 3 && b->j->cpu.amd ? 0 : 1ull << 8);
}

/* Writes the shape from `last` up into the batch. */
static void one_shape(struct batch *b, unsigned last)
{
    if (batch_skips(b))
        return;
    struct judge *j = b->j;
    unsigned tag = b->shapes;
    uint64_t frames = (1ull << j->cpu.maxphyaddr) - 1, noise = batch_noise(b), va = judge_va(j, tag, noise & 0xfff);

    for (unsigned level = last; level <= b->top; level++) {
        uint64_t entry = b->shape[level];
        bool leaf = level == 0 || (entry & PS && level < 3);
        if (!(entry & P) || entry >> 11 & 1) { /* ends here, and stays as it is but for the marker (see ends_early) */
            *judge_entry(j, tag, level) = entry & ~(1ull << 11);
            continue;
        }
        entry |= noise & ignored_bits(b, level, leaf);
        if (leaf)
            entry |= (noise << 12 & frames & (~0ull << (12 + 9 * level))) | (uint64_t)b->key << 59;
        else
            entry |= TABLE_PA(level - 1);
        *judge_entry(j, tag, level) = entry;
        noise = noise << 23 | noise >> 41;
    }
    batch_add(b, va);
}

/* Entries that end a walk at a level: bit 11 marks those that are not to get noise. */
static unsigned ends_early(const struct batch *b, unsigned level, uint64_t out[12])
{
    const struct oracle_cpu *c = &b->j->cpu;
    uint64_t whole = P | RW | US | 1ull << 11;
    unsigned n = 0;

    out[n++] = 0;
    out[n++] = ~P & ~(1ull << 11);
    if (c->maxphyaddr < 52) {
        out[n++] = whole | 1ull << c->maxphyaddr;
        out[n++] = whole | 1ull << 51 | A;
        if (level == 1 || level == 2)
            out[n++] = whole | PS | 1ull << 51;
    }
    if (level >= 3)
        out[n++] = whole | PS;
    if (level >= 3 && c->amd)
        out[n++] = whole | 1ull << 8;
    if (level == 1) {
        out[n++] = whole | PS | 1ull << 13;
        out[n++] = (whole | PS | D | 1ull << 20) & ~US;
    }
    if (level == 2) {
        out[n++] = whole | PS | 1ull << 29;
        out[n++] = (whole | PS | D | 1ull << 13) & ~RW;
    }
    return n;
}

/* Every shape of the levels from `level` down, below what shape[] already holds. */
static void shapes_below(struct batch *b, unsigned level)
{
    uint64_t ending[12];
    unsigned endings = ends_early(b, level, ending), allowed = b->allowed;

    for (unsigned i = 0; i < endings; i++) {
        b->shape[level] = ending[i];
        one_shape(b, level);
    }
    for (unsigned i = 0; i < 16; i++) {
        uint64_t rights = P | (i & 1 ? 0 : RW) | (i & 2 ? 0 : US) | (i & 4 ? XD : 0) | (i & 8 ? A : 0);
        if (level <= 2 && (!(i & 7) || allowed)) {
            b->shape[level] = rights | (level ? PS : 0);
            one_shape(b, level);
            b->shape[level] |= D;
            one_shape(b, level);
        }
        if (level == 0 || (i && !allowed))
            continue;
        b->shape[level] = rights;
        if (rights & XD && !b->j->cpu.nxe) { /* reserved: what stands below does not matter */
            one_shape(b, level);
            continue;
        }
        b->allowed = i ? allowed - 1 : allowed;
        shapes_below(b, level - 1);
    }
    b->allowed = allowed;
}

void walk_cases(struct judge *j, unsigned every)
{
    static const struct oracle_cpu part[] = {
        { .amd = false, .has_1g = true, .maxphyaddr = 46 },
        { .amd = true, .has_1g = true, .maxphyaddr = 48 },
        { .amd = false, .has_1g = false, .maxphyaddr = 39 }, /* only PDPTEs differ: a sixteenth of the contexts */
    };
    static struct batch b;

    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        j->no_structure_caches = every == 1 && part[i].has_1g;
        judge_create(j, &part[i]);
        for (unsigned format = 0; format < 4; format++) {
            struct oracle_cpu c = { .la57 = format & 1, .nxe = format >> 1 };
            judge_context(j, &c);
            batch_begin(&b, j, every, part[i].has_1g ? 1 : 16);
            shapes_below(&b, b.top);
            batch_end(&b);
        }
        judge_destroy(j);
    }
}
