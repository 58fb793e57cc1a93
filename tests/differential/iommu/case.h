/* SPDX-License-Identifier: MIT
 * case.h - one case of the IOMMU's comparison, made from a seed and a number alone: the guest on QEMU and the host beside the
 * model make the same one.  Included by guest.c and host.c.
 *
 * Tables, then one to four requests of four devices; before each one entry may change, and something may be invalidated, or
 * not: what the caches still hold is compared, too.  Left out is what the specification leaves open: a domain number for two
 * different tables, a context entry that changes under a cached translation, addresses where interrupts live. */
#ifndef PAGEWALK_TESTS_IOMMU_CASE_H
#define PAGEWALK_TESTS_IOMMU_CASE_H

#include <stdint.h>

/*  ARENA   page 0 root table   1 context table   2 to 6 page tables, the last level at 2   8 queue   9 its status
 *  frames  those that 4 KiB and 2 MiB pages lead to, and those of 1 GiB pages; their first and last 128 bytes are compared */
#define ARENA 0x1000000u
#define FRAMES_4K 0x1200000u
#define GIB 0x40000000u              /* where pages of 1 GiB lead                                                  */
#define FRAMES_1G (GIB + FRAMES_4K)
#define RAM_BYTES 0x50000000u
#define QUEUE_PAGE 8u
#define STATUS_PAGE 9u
#define FRAMES 17u
#define EDGE_BYTES 128u
#define TABLE(level) (ARENA + (2u + (level)) * 4096u)
#define RESULTS 0x2000000u           /* what the guest found: words, from here on                                 */
#define OUTSIDE 0x80000000u          /* nobody answers                                                            */

#define DEVICES 4u
#define FIRST_SLOT 4u                /* devices are 00:04.0 to 00:07.0                                            */
#define SOURCE(device) ((FIRST_SLOT + (device)) << 3)
#define STEPS 4u
#define STORES 40u

enum { INV_NONE, INV_GLOBAL, INV_DOMAIN, INV_PAGES };
struct store { uint32_t pa; uint64_t value; };
struct step {
    struct store change; uint8_t changes;
    uint8_t inv, by_queue, mask; uint16_t domain; uint64_t at; /* before the request                               */
    uint8_t device, write, clear; uint32_t bytes; uint64_t iova;
};
struct iommu_case { struct store store[STORES]; uint32_t stores, steps; struct step step[STEPS]; };

/* What one request left: status, record, and a sum over the frames' edges. */
struct outcome { uint32_t fsts, sum; uint64_t low, high; };

static inline uint32_t case_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state * 2654435761u >> 8;
}

/* A bit that leads to nothing else in memory. */
static inline uint64_t case_bit(uint32_t *r)
{
    const uint32_t n = case_random(r) % 44;

    return (uint64_t)1 << (n < 12 ? n : n + 20);
}

/* All that a request can reach: eight frames of small pages, and three at each place where the other pages lead, for the
 * third is met by requests that cross into it. */
static inline uint32_t case_frame(uint32_t n)
{
    static const uint32_t other[] = { FRAMES_4K + (2u << 20), FRAMES_1G, FRAMES_1G + (2u << 20) };

    return n < 8 ? FRAMES_4K + n * 4096u : other[(n - 8) / 3] + (n - 8) % 3 * 4096u;
}

/* Two entries of each table are used: such that an address that is passed through leads to the frames, too. */
static inline uint32_t case_index(uint32_t level, uint32_t n) { return level == 1 ? (FRAMES_4K >> 21) + n : n; }

/* An entry of a level: mostly right, often lacking a right, sometimes a page, now and then with a bit that is wrong. */
static inline uint64_t case_entry(uint32_t *r, uint32_t level)
{
    const uint32_t frame = case_frame(case_random(r) % 8);
    uint64_t e = (level ? TABLE(level - 1) : frame) | (case_random(r) % 12 ? 3u : case_random(r) % 4);

    if (level && level < 3 && case_random(r) % 12 == 0)
        e = (level == 1 ? FRAMES_4K : GIB) | (case_random(r) % 4 ? 0x83u : 0x80u + case_random(r) % 4) | (case_random(r) % 6 ? 0 : 0x1000);
    if (case_random(r) % 10 == 0)
        e |= (case_random(r) & 0x77cu) | (uint64_t)(case_random(r) % 1024) << 52 * (case_random(r) % 2);
    if (case_random(r) % 32 == 0)
        e ^= case_bit(r);
    if (case_random(r) % 40 == 0)
        e = OUTSIDE | 3;
    return case_random(r) % 48 ? e : 0;
}

static inline void case_put(struct iommu_case *c, uint32_t pa, uint64_t value)
{
    c->store[c->stores].pa = pa;
    c->store[c->stores++].value = value;
}

static inline void case_context(uint32_t *r, struct iommu_case *c, uint32_t device)
{
    static const uint8_t type[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 1, 3 };
    const uint32_t aw = case_random(r) % 12 ? 1 + case_random(r) % 2 : case_random(r) % 8, pa = ARENA + 4096 + SOURCE(device) * 16;
    uint64_t low = TABLE(aw < 4 ? aw + 1 : 1) | type[case_random(r) % sizeof type] << 2 | 1, high = aw | (device + 1) << 8;

    if (case_random(r) % 6 == 0)
        low |= 2;
    if (case_random(r) % 24 == 0)
        low ^= case_bit(r);
    if (case_random(r) % 24 == 0)
        high ^= case_bit(r);
    if (case_random(r) % 40 == 0)
        low = OUTSIDE | 1;
    if (case_random(r) % 30 == 0)
        low &= ~(uint64_t)1;
    case_put(c, pa, low);
    case_put(c, pa + 8, high);
}

static inline uint64_t case_iova(uint32_t *r)
{
    uint64_t a = 0;

    for (uint32_t level = 0; level < 4; level++)
        a |= (uint64_t)case_index(level, case_random(r) % 5 == 0) << (12 + 9 * level);
    if (case_random(r) % 20 == 0)
        a ^= (uint64_t)1 << (36 + case_random(r) % 27);
    return a;
}

static inline void case_step(uint32_t *r, struct step *s)
{
    const uint32_t level = case_random(r) % 4;

    s->changes = case_random(r) % 3 == 0;
    s->change.pa = TABLE(level) + case_index(level, case_random(r) % 4 == 0) * 8;
    s->change.value = case_entry(r, level);
    s->inv = (uint8_t)(case_random(r) % 4);
    s->by_queue = case_random(r) & 1;
    s->domain = (uint16_t)(1 + case_random(r) % DEVICES);
    s->mask = case_random(r) % 2 ? 0 : (uint8_t)(case_random(r) % 19);
    s->at = case_iova(r) & ~(((uint64_t)4096 << s->mask) - 1) & 0xffffffffffff;
    s->device = (uint8_t)(case_random(r) % DEVICES);
    s->write = case_random(r) & 1;
    s->clear = (uint8_t)(case_random(r) % 4);
    s->bytes = 1 + case_random(r) % 64;
    s->iova = case_iova(r) | (case_random(r) % 8 ? case_random(r) % 64 : 4096 - 1 - case_random(r) % 64);
}

static inline void case_make(struct iommu_case *c, uint32_t seed, uint32_t number)
{
    uint32_t r = seed * 2654435761u ^ (number + 1) * 2246822519u;

    r = r ? r : 1;
    for (int i = 0; i < 4; i++)
        (void)case_random(&r);
    c->stores = 0;
    case_put(c, ARENA, (ARENA + 4096) | 1);
    case_put(c, ARENA + 8, 0);
    if (case_random(&r) % 40 == 0)
        c->store[case_random(&r) % 2].value ^= case_bit(&r);
    if (case_random(&r) % 80 == 0)
        c->store[0].value = OUTSIDE | 1;
    for (uint32_t d = 0; d < DEVICES; d++)
        case_context(&r, c, d);
    for (uint32_t level = 0; level < 5; level++)
        for (uint32_t i = 0; i < 2; i++)
            case_put(c, TABLE(level) + case_index(level, i) * 8, case_entry(&r, level));
    c->steps = 1 + case_random(&r) % STEPS;
    for (uint32_t i = 0; i < c->steps; i++)
        case_step(&r, &c->step[i]);
}

/* The frames as a number; word(pa) reads 4 bytes. */
#define CASE_SUM(sum, word)                                                                    \
    do {                                                                                       \
        (sum) = 0;                                                                             \
        for (uint32_t f_ = 0; f_ < FRAMES; f_++)                                               \
            for (uint32_t i_ = 0; i_ < 2 * EDGE_BYTES; i_ += 4) {                              \
                const uint32_t at_ = i_ < EDGE_BYTES ? i_ : 4096 - 2 * EDGE_BYTES + i_;        \
                (sum) = ((sum) ^ word(case_frame(f_) + at_)) * 16777619u;    \
                (sum) ^= (sum) >> 15;                                                          \
            }                                                                                  \
    } while (0)

#endif
