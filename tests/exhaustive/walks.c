/* SPDX-License-Identifier: MIT
 * walks.c - see families.h.  A shape is one choice at each level from the root down: a table entry with any of
 * 16 combinations of R/W, U/S, XD and A; one of the ways to end early (not present, reserved); or, at the last
 * level of the shape, a leaf with 32 combinations of R/W, U/S, XD, A and D.  Bits that the manual calls ignored are
 * filled with noise, as are the low bits of the address and the page frame.
 *
 * A context is one choice of WP, SMEP, SMAP, NXE, protection keys, CPL, AC, kind of access.  All shapes are run in
 * all contexts with four levels; with five, the shapes in which at most three levels deviate from a permissive path
 * (for the leaf, only A and D count as no deviation). */
#include "families.h"

#include <stddef.h>

#define P 1ull
#define RW (1ull << 1)
#define US (1ull << 2)
#define A (1ull << 5)
#define D (1ull << 6)
#define PS (1ull << 7)
#define XD (1ull << 63)

struct run {
    struct judge *j;
    struct oracle_access access;
    uint64_t shape[5];       /* entries by level, without noise                                                    */
    uint64_t noise;
    unsigned every, until;   /* a case is made when until reaches 0                                                */
    unsigned top, key;
    unsigned allowed;        /* how many levels may still deviate                                                  */
};

static uint64_t next_noise(struct run *r)
{
    r->noise ^= r->noise << 13; /* xorshift64 */
    r->noise ^= r->noise >> 7;
    r->noise ^= r->noise << 17;
    return r->noise;
}

/* Bits of an entry whose value the manual says is ignored, but for the protection key of a leaf. */
static uint64_t ignored_bits(const struct run *r, unsigned level, bool leaf)
{
    uint64_t always = 0xe00ull | 0x18ull | 0x7full << 52; /* 11:9; PWT and PCD; 58:52 */
    if (leaf) /* also G, and PAT; the page frame is added where the leaf is made */
        return always | 1ull << 8 | (level ? 1ull << 12 : PS);
    /* also D and 62:59; bit 8 but for AMD's upper levels */
    return always | D | 0xfull << 59 | (level >= 3 && r->j->cpu.amd ? 0 : 1ull << 8);
}

/* Writes the shape from `last` up, and lets both sides translate. */
static void one_case(struct run *r, unsigned last)
{
    if (--r->until)
        return;
    r->until = r->every;

    struct judge *j = r->j;
    unsigned tag = judge_fresh_tag(j);
    uint64_t frames = (1ull << j->cpu.maxphyaddr) - 1, noise = next_noise(r);

    r->access.va = judge_va(j, tag, noise & 0xfff);
    for (unsigned level = last; level <= r->top; level++) {
        uint64_t entry = r->shape[level];
        bool leaf = level == 0 || (entry & PS && level < 3);
        if (!(entry & P) || entry >> 11 & 1) { /* ends here, and stays as it is but for the marker (see ends_early) */
            *judge_entry(j, tag, level) = entry & ~(1ull << 11);
            continue;
        }
        entry |= noise & ignored_bits(r, level, leaf);
        if (leaf)
            entry |= (noise << 12 & frames & (~0ull << (12 + 9 * level))) | (uint64_t)r->key << 59;
        else
            entry |= TABLE_PA(level - 1);
        *judge_entry(j, tag, level) = entry;
        noise = noise << 23 | noise >> 41;
    }
    judge_case(j, &r->access);
}

/* Entries that end a walk at a level: bit 11 marks those that are not to get noise. */
static unsigned ends_early(const struct run *r, unsigned level, uint64_t out[12])
{
    const struct oracle_cpu *c = &r->j->cpu;
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
static void shapes_below(struct run *r, unsigned level)
{
    uint64_t ending[12];
    unsigned endings = ends_early(r, level, ending), allowed = r->allowed;

    for (unsigned i = 0; i < endings; i++) {
        r->shape[level] = ending[i];
        one_case(r, level);
    }
    for (unsigned i = 0; i < 16; i++) {
        uint64_t rights = P | (i & 1 ? 0 : RW) | (i & 2 ? 0 : US) | (i & 4 ? XD : 0) | (i & 8 ? A : 0);
        if (level <= 2 && (!(i & 7) || allowed)) {
            r->shape[level] = rights | (level ? PS : 0);
            one_case(r, level);
            r->shape[level] |= D;
            one_case(r, level);
        }
        if (level == 0 || (i && !allowed))
            continue;
        r->shape[level] = rights;
        if (rights & XD && !r->j->cpu.nxe) { /* reserved: what stands below does not matter */
            one_case(r, level);
            continue;
        }
        r->allowed = i ? allowed - 1 : allowed;
        shapes_below(r, level - 1);
    }
    r->allowed = allowed;
}

/* ---- contexts --------------------------------------------------------------------------------------------------- */

/* Protection-key classes: keys off, or the leaf's key with neither, AD or WD set and every other key with the
 * opposite.  User and supervisor keys are paired in two ways, so that neither register can stand in for the other. */
static uint32_t key_register(unsigned class, unsigned key)
{
    static const uint32_t own[] = { 0, 0, 1, 2 }, others[] = { 0, 0x55555555, 0, 0 };
    return (others[class] & ~(3u << 2 * key)) | own[class] << 2 * key;
}

static void one_context(struct run *r, unsigned n, unsigned keys, bool la57)
{
    unsigned user_class = keys & 3, supervisor_class = (keys + (keys >> 2)) & 3;
    struct oracle_cpu c = { .wp = n & 1, .smep = n >> 1 & 1, .smap = n >> 2 & 1, .nxe = n >> 3 & 1, .la57 = la57,
                            .ac = n >> 4 & 1, .cpl = n >> 5 & 1 ? 3 : 0 };

    r->access.implicit = n >> 6 & 1;
    r->key = (n * 5 + keys * 3) & 15;
    c.pke = user_class != 0;
    c.pkru = key_register(user_class, r->key);
    c.pks = supervisor_class != 0 && !r->j->cpu.amd;
    c.pkrs = key_register(supervisor_class, r->key);
    for (int kind = ORACLE_READ; kind <= ORACLE_FETCH; kind++) {
        if (kind == ORACLE_FETCH && (r->access.implicit || (keys != 0 && keys != 2)))
            continue; /* there are no implicit fetches, and keys do not concern fetches: off, and AD, will do */
        r->access.kind = kind;
        r->top = la57 ? 4 : 3;
        r->allowed = la57 ? 3 : 5;
        judge_context(r->j, &c);
        shapes_below(r, r->top);
    }
}

void walk_cases(struct judge *j, unsigned every)
{
    static const struct oracle_cpu part[] = {
        { .amd = false, .has_1g = true, .maxphyaddr = 46 },
        { .amd = true, .has_1g = true, .maxphyaddr = 48 },
        { .amd = false, .has_1g = false, .maxphyaddr = 39 },
    };
    struct run r = { .j = j, .noise = 0x9e3779b97f4a7c15ull, .every = every, .until = every };

    for (size_t i = 0; i < sizeof part / sizeof *part; i++) {
        judge_create(j, &part[i]);
        for (unsigned n = 0; n < 128; n++)
            for (unsigned keys = 0; keys < (part[i].amd ? 4u : 8u); keys++) {
                if (!part[i].has_1g && (n * 7 + keys) % 16)
                    continue; /* only PDPTEs differ: a sixteenth of the contexts, each setting among them */
                one_context(&r, n, keys, false);
                one_context(&r, n, keys, true);
            }
        judge_destroy(j);
    }
}
