/* SPDX-License-Identifier: MIT
 * host.c - the model's side of the MPU's comparison: makes the same cases as the guest, plays them on the model, and reads
 * from standard input what the board said.
 *     mpu-compare v7m|v8m ARENA SEED CASES [--full]
 * A difference has a name only if the model, changed in just the points named, gives the board's outcomes to the last bit.
 * Ends with "N passed, M failed"; the lines before count the named differences, and show the first without a name. */
#include "case.h"

#include "pagewalk/mpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the board may do otherwise. */
enum { MISALIGNED = 1, REMEMBERED = 2, FIRST_BYTE = 4, WAYS = 8 };
static const char *const names[] = {
    "a v7-M region whose base is not a multiple of its size holds nothing",
    "rights found where a subregion is off are used for the whole KiB",
    "an unaligned access is judged by the byte it begins at",
};

struct outcome { uint32_t word, mmfar; };

static void set_model(struct mpu *m, const struct mpu_case *c, bool v8, int way)
{
    mpu_init(m, v8 ? MPU_V8M : MPU_V7M, 8);
    for (unsigned n = 0; n < CASE_REGIONS; n++) {
        const uint32_t bytes = 2u << (c->attr[n] >> 1 & 31);
        const bool skipped = way & MISALIGNED && !v8 && c->rbar[n] & (bytes - 1);

        mpu_write(m, MPU_RNR, n);
        mpu_write(m, MPU_RBAR, c->rbar[n]);
        mpu_write(m, MPU_RASR, skipped ? 0 : c->attr[n]);
    }
    mpu_write(m, MPU_SHPR1, c->shpr1);
    mpu_write(m, MPU_SHCSR, c->shcsr);
    mpu_write(m, MPU_CTRL, c->ctrl);
}

static s32 priority_of(const struct mpu_case *c)
{
    if (c->faultmask)
        return MPU_PRIORITY_HARDFAULT;
    if (c->primask)
        return 0;
    return c->basepri ? (s32)c->basepri : MPU_PRIORITY_THREAD;
}

/* Does the address lie in a region of v7-M that is on, in a subregion that is off? */
static bool in_off_subregion(const struct mpu *m, uint32_t addr)
{
    for (unsigned n = 0; n < CASE_REGIONS; n++) {
        const uint32_t attr = m->region[n].attr, lg2 = (attr >> 1 & 31) + 1, bytes = 1u << lg2, base = m->region[n].rbar & ~(bytes - 1);

        if (attr & 1 && lg2 >= 8 && addr - base < bytes && attr >> (8 + ((addr - base) >> (lg2 - 3))) & 1)
            return true;
    }
    return false;
}

/* An earlier step of the case in the same KiB, allowed where a subregion is off, and with the right that is needed now. */
static bool remembered(const struct mpu *m, const struct mpu_case *c, unsigned i, const struct outcome *so_far)
{
    static const uint8_t right[] = { [OP_READ] = MPU_R, [OP_WRITE] = MPU_W, [OP_FETCH] = MPU_X };

    for (unsigned k = 0; k < i; k++) {
        const struct step *e = &c->step[k], *s = &c->step[i];

        if (!(so_far[k].word & 0xff) && e->addr >> 10 == s->addr >> 10 && e->unprivileged == s->unprivileged && in_off_subregion(m, e->addr) &&
            mpu_look(m, e->addr, e->unprivileged, priority_of(c)).rights & right[s->op])
            return true;
    }
    return false;
}

static struct outcome step_on_model(struct mpu *m, const struct mpu_case *c, unsigned i, int way, const struct outcome *so_far)
{
    static const uint8_t by[] = { [OP_READ] = MPU_BY_LOAD, [OP_WRITE] = MPU_BY_STORE, [OP_FETCH] = MPU_BY_FETCH };
    const struct step *s = &c->step[i];
    const struct mpu_access a = { .addr = s->addr, .size_bytes = way & FIRST_BYTE ? 1 : s->size, .by = by[s->op],
                                  .unprivileged = s->unprivileged, .priority = priority_of(c) };
    struct mpu_result r = { 0 };

    if (!(way & REMEMBERED) || !remembered(m, c, i, so_far))
        r = mpu_access(m, &a);
    return (struct outcome){ outcome_word(r.exception, m->cfsr, m->hfsr), m->cfsr & CFSR_MMARVALID ? m->mmfar : 0 };
}

static bool same(const struct mpu_case *c, bool v8, int way, const struct outcome *board, struct outcome *model)
{
    struct mpu m;

    set_model(&m, c, v8, way);
    for (unsigned i = 0; i < c->steps; i++)
        model[i] = step_on_model(&m, c, i, way, model);
    return !memcmp(board, model, c->steps * sizeof *board);
}

static void show(uint32_t number, const struct mpu_case *c, const struct outcome *board, const struct outcome *model)
{
    printf("case %u: ctrl=%u shcsr=%x shpr1=%x basepri=%x primask=%u faultmask=%u\n", number, c->ctrl, c->shcsr, c->shpr1, c->basepri,
           c->primask, c->faultmask);
    for (unsigned n = 0; n < CASE_REGIONS; n++)
        if (c->attr[n] & 1)
            printf("    region %u rbar=%08x attr=%08x\n", n, c->rbar[n], c->attr[n]);
    for (unsigned i = 0; i < c->steps; i++)
        printf("    %s %c 0x%08x size %u: board %07x %08x, model %07x %08x\n", c->step[i].unprivileged ? "unprivileged" : "privileged",
               "rwx"[c->step[i].op], c->step[i].addr, c->step[i].size, board[i].word, board[i].mmfar, model[i].word, model[i].mmfar);
}

int main(int argc, char **argv)
{
    const bool full = argc == 6 && !strcmp(argv[5], "--full");
    uint64_t passed = 0, failed = 0, steps = 0, refused = 0, named[WAYS] = { 0 };
    uint32_t arena, seed, cases;
    bool v8;

    if (argc < 5 || (argc > 5 && !full) || (strcmp(argv[1], "v7m") && strcmp(argv[1], "v8m"))) {
        fprintf(stderr, "usage: mpu-compare v7m|v8m ARENA SEED CASES [--full]\n");
        return 2;
    }
    v8 = !strcmp(argv[1], "v8m");
    arena = (uint32_t)strtoul(argv[2], NULL, 0);
    seed = (uint32_t)strtoul(argv[3], NULL, 0);
    cases = (uint32_t)strtoul(argv[4], NULL, 0);
    for (uint32_t n = 0; n < cases; n++) {
        struct outcome board[3], model[3];
        struct mpu_case c;
        int way = 0;

        case_make(&c, v8, arena, seed, n);
        if (fread(board, sizeof *board, c.steps, stdin) != c.steps) {
            printf("the board stopped before case %u\n", n);
            failed++;
            break;
        }
        for (unsigned i = 0; i < c.steps; i++, steps++)
            refused += (board[i].word & 0xff) != 0;
        while (way < WAYS && !same(&c, v8, way, board, model))
            way++;
        if (way < WAYS) {
            passed++;
            for (int k = 0; 1 << k < WAYS; k++)
                named[k] += way >> k & 1;
            continue;
        }
        (void)same(&c, v8, 0, board, model);
        if (failed++ < 3 || full)
            show(n, &c, board, model);
    }
    printf("%s: %llu accesses, %llu refused\n", argv[1], (unsigned long long)steps, (unsigned long long)refused);
    for (int k = 0; 1 << k < WAYS; k++)
        if (named[k])
            printf("%s: named difference in %llu cases: %s\n", argv[1], (unsigned long long)named[k], names[k]);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed != 0;
}
