/* SPDX-License-Identifier: MIT
 * case.h - one case of the MPU's comparison, made from a seed and a number alone: the guest on the board and the host beside
 * the model make the same one.  Included by guest.c and host.c.
 *
 * Registers for six regions, control, priorities; then one to three accesses of a small arena of RAM.  Region 7 is the guest's
 * own and allows everything there.  Left out is what the manuals call UNPREDICTABLE (SIZE below 4, HFNMIENA without ENABLE) but
 * for bases that are not aligned, and what would lock the processor up. */
#ifndef PAGEWALK_TESTS_MPU_CASE_H
#define PAGEWALK_TESTS_MPU_CASE_H

#include <stdint.h>

#define CASE_REGIONS 6
#define ARENA_BYTES 4096u

enum { OP_READ, OP_WRITE, OP_FETCH };

struct step { uint32_t addr; uint8_t op, size, unprivileged; };
struct mpu_case {
    uint32_t ctrl, rbar[CASE_REGIONS], attr[CASE_REGIONS];
    uint32_t shcsr, shpr1, basepri;
    uint8_t primask, faultmask, steps;
    struct step step[3];
};

static inline uint32_t case_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state * 2654435761u >> 8;
}

/* A region of 32 bytes to 8 KiB that touches the arena: v7-M. */
static inline void case_v7_region(uint32_t *r, uint32_t arena, uint32_t *rbar, uint32_t *attr)
{
    const uint32_t size = 4 + case_random(r) % 9, bytes = 2u << size;

    *rbar = arena + case_random(r) % ARENA_BYTES;
    *rbar &= case_random(r) % 16 ? ~(bytes - 1) : ~31u;
    *attr = (case_random(r) % 8) << 24 | (case_random(r) % 3 ? 0 : 1u << 28) | (case_random(r) % 2 ? case_random(r) % 256 << 8 : 0) |
            (case_random(r) & 0x3f) << 16 | size << 1 | (case_random(r) % 4 != 0);
}

/* Base and limit in 32 bytes: v8-M; now and then the limit is below the base. */
static inline void case_v8_region(uint32_t *r, uint32_t arena, uint32_t *rbar, uint32_t *attr)
{
    const uint32_t base = case_random(r) % ARENA_BYTES & ~31u, bytes = case_random(r) % (case_random(r) % 2 ? 256 : 4096);

    *rbar = (arena + base) | (case_random(r) & 0x1f);
    *attr = ((arena + base + bytes) & ~31u) - (case_random(r) % 32 ? 0 : 64) + (case_random(r) & 0xe) + (case_random(r) % 2);
    *attr &= ~0x10u;
}

/* Where a region begins, ends, or an eighth of it does. */
static inline uint32_t case_edge(uint32_t *r, const struct mpu_case *c, int v8)
{
    const uint32_t n = case_random(r) % CASE_REGIONS, bytes = 2u << (c->attr[n] >> 1 & 31);

    if (v8)
        return case_random(r) % 2 ? c->rbar[n] & ~31u : (c->attr[n] | 31) + 1;
    return (c->rbar[n] & ~(bytes - 1)) + case_random(r) % 9 * (bytes / 8);
}

static inline void case_step(uint32_t *r, const struct mpu_case *c, int v8, uint32_t arena, struct step *s)
{
    static const uint32_t never[] = { 0x40000000, 0x5ffffffe, 0xa0000000, 0xe0100000, 0xfffffff0 };

    s->op = (uint8_t)(case_random(r) % 3);
    s->unprivileged = (uint8_t)(case_random(r) & 1);
    s->size = s->op == OP_FETCH ? 2 : (uint8_t)(1u << case_random(r) % 3);
    s->addr = arena + case_random(r) % ARENA_BYTES;
    if (case_random(r) % 2)
        s->addr = case_edge(r, c, v8) + case_random(r) % 8 - 4;
    s->addr &= ARENA_BYTES - 1;
    if (s->op == OP_FETCH || case_random(r) % 8 || s->addr + s->size > ARENA_BYTES)
        s->addr &= ~(s->size - 1u);
    s->addr += arena;
    if (s->op == OP_FETCH && case_random(r) % 16 == 0)
        s->addr = never[case_random(r) % 5];
}

static inline void case_make(struct mpu_case *c, int v8, uint32_t arena, uint32_t seed, uint32_t number)
{
    uint32_t r = (seed * 0x9e3779b9u ^ number * 0x85ebca6bu) | 1;
    int plain = 0;

    for (int i = 0; i < 4; i++)
        (void)case_random(&r);
    c->ctrl = case_random(&r) % 8;
    if (!(c->ctrl & 1))
        c->ctrl &= ~2u;
    for (int n = 0; n < CASE_REGIONS; n++)
        (v8 ? case_v8_region : case_v7_region)(&r, arena, &c->rbar[n], &c->attr[n]);
    if (v8) /* most of them off, or everything would overlap                                                      */
        for (int n = 0; n < CASE_REGIONS; n++)
            c->attr[n] &= case_random(&r) % 3 ? ~1u : ~0u;
    c->shcsr = (case_random(&r) % 4 != 0) << 16;
    c->shpr1 = case_random(&r) % 4 * 0x40;
    c->basepri = case_random(&r) % 4 * 0x40;
    c->primask = case_random(&r) % 8 == 0;
    c->faultmask = case_random(&r) % 8 == 0 && !(c->ctrl & 2);
    c->steps = (uint8_t)(1 + case_random(&r) % 3);
    for (int i = 0; i < c->steps; i++) {
        case_step(&r, c, v8, arena, &c->step[i]);
        /* The call that ends an unprivileged fetch must not be masked, nor may a fault come where none can be taken. */
        plain |= c->step[i].op == OP_FETCH && (c->step[i].unprivileged || c->step[i].addr - arena >= ARENA_BYTES);
    }
    if (plain)
        c->primask = c->faultmask = 0, c->basepri = 0;
}

/* What is told of a step, in two words. */
static inline uint32_t outcome_word(uint32_t exception, uint32_t cfsr, uint32_t hfsr)
{
    return exception | (cfsr & 0xffff) << 8 | (hfsr >> 30 & 1) << 24;
}

#endif
