/* SPDX-License-Identifier: MIT
 * main.c - every combination of region attributes, places, control bits, privilege, priority and access, and a million
 * random ones: the MPU and the oracle must agree on the exception and on every status register.
 *     mpu [--random N]
 * Prints what was compared; stops at the tenth difference; exit status 1 when there was one. */
#include "oracle.h"

#include "pagewalk/mpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static u64 cases, differences;

static const char whats[] = "rwxsulv"; /* in the order of enum mpu_by                                                */

static void tell(const struct oracle_in *in, const struct oracle_out *want, const struct mpu *m, int got)
{
    printf("v%d ctrl=%x %c 0x%08x size %u %s priority %d shcsr=%x shpr1=%x: oracle %d %x %x %x %x, model %d %x %x %x %x\n", in->version,
           in->ctrl, in->what, in->addr, in->size, in->unprivileged ? "unprivileged" : "privileged", in->priority, in->shcsr, in->shpr1,
           want->exception, want->cfsr, want->hfsr, want->mmfar, want->bfar, got, m->cfsr, m->hfsr, m->mmfar, m->bfar);
    for (unsigned n = 0; n < in->regions; n++)
        if (in->attr[n] & 1)
            printf("    region %u: rbar=%08x attr=%08x\n", n, in->rbar[n], in->attr[n]);
    if (++differences == 10)
        exit(1);
}

/* The model is set by its registers, as software sets it. */
static void set_model(struct mpu *m, const struct oracle_in *in)
{
    mpu_init(m, in->version == 7 ? MPU_V7M : in->version == 8 ? MPU_V8M : MPU_V8_1M, in->regions);
    for (unsigned n = 0; n < in->regions; n++) {
        if (!(in->attr[n] | in->rbar[n]))
            continue;
        mpu_write(m, MPU_RNR, n);
        mpu_write(m, MPU_RBAR, in->version == 7 ? in->rbar[n] & ~0x1fu : in->rbar[n]);
        mpu_write(m, MPU_RASR, in->attr[n]);
    }
    mpu_write(m, MPU_CTRL, in->ctrl);
    mpu_write(m, MPU_SHPR1, in->shpr1);
    mpu_write(m, MPU_SHCSR, in->shcsr);
}

static void judge(struct mpu *m, const struct oracle_in *in)
{
    const struct mpu_access a = { .addr = in->addr, .size_bytes = (u8)in->size, .by = (u8)(strchr(whats, in->what) - whats),
                                  .unprivileged = in->unprivileged, .priority = in->priority };
    const struct oracle_out want = oracle(in);
    struct mpu_result r;
    int got;

    m->cfsr = in->cfsr;
    m->hfsr = in->hfsr;
    m->mmfar = in->mmfar;
    m->bfar = in->bfar;
    r = mpu_access(m, &a);
    got = r.exception == MPU_LOCKUP ? -1 : r.exception;
    cases++;
    if (got != want.exception || m->cfsr != want.cfsr || m->hfsr != want.hfsr || m->mmfar != want.mmfar || m->bfar != want.bfar)
        tell(in, &want, m, got);
}

/* One setting of the regions: all control bits, both privileges, three priorities, three kinds, these addresses. */
static void accesses(struct oracle_in *in, const uint32_t *addrs, unsigned n)
{
    static const int priorities[] = { 256, -1 };
    struct mpu m;

    for (in->ctrl = 0; in->ctrl < 8; in->ctrl++) {
        set_model(&m, in);
        for (unsigned i = 0; i < n * 12; i++) {
            in->addr = addrs[i / 12];
            in->what = whats[i % 3];
            in->unprivileged = i / 3 & 1;
            in->priority = priorities[i / 6 & 1];
            in->size = in->what == 'x' ? 2 : 4;
            judge(&m, in);
        }
    }
}

/* A v7-M region: off, or AP x XN x which subregions are off x size. */
#define V7_VARIANTS (1 + 8 * 2 * 4 * 3)
static void v7_variant(struct oracle_in *in, unsigned n, uint32_t base, unsigned v)
{
    static const uint8_t srd[] = { 0x00, 0x01, 0xfe, 0xaa }, size[] = { 6, 7, 9 }; /* 128, 256, 1024 bytes         */

    in->rbar[n] = base;
    in->attr[n] = !v ? 0 : (v - 1) % 8 << 24 | (v - 1) / 8 % 2 << 28 | (uint32_t)srd[(v - 1) / 16 % 4] << 8 | (uint32_t)size[(v - 1) / 64] << 1 | 1;
}

static void v7_pairs(unsigned step)
{
    static const uint32_t bases[][2] = { { 0x20000000, 0x20000000 }, { 0x20000400, 0x20000000 }, { 0xe0100000, 0xe0100000 } };

    for (unsigned b = 0; b < 3; b++)
        for (unsigned v = 0; v < V7_VARIANTS * V7_VARIANTS; v += step) {
            struct oracle_in in = { .version = 7, .regions = 8, .shcsr = 1 << 16, .size = 4 };
            const uint32_t addrs[] = { bases[b][0], bases[b][0] + 0x24, bases[b][0] + 0x7c, bases[b][0] + 0x80, bases[b][1] + 0x1fc };

            v7_variant(&in, 2, bases[b][0], v / V7_VARIANTS);
            v7_variant(&in, 5, bases[b][1], v % V7_VARIANTS);
            accesses(&in, addrs, 5);
        }
}

/* Every size with every subregion off alone, aligned and not, at both sides of each edge. */
static void v7_sizes(void)
{
    for (unsigned size = 0; size < 32; size++)
        for (unsigned srd = 0; srd < 9; srd++)
            for (unsigned low = 0; low < 2; low++) {
                const uint64_t bytes = 2ull << size;
                const uint32_t base = bytes > 0x80000000 ? 0 : (uint32_t)(0x60000000 / bytes * bytes), eighth = (uint32_t)(bytes / 8);
                struct oracle_in in = { .version = 7, .regions = 16, .shcsr = 1 << 16 };
                uint32_t addrs[20];

                in.rbar[15] = base + (low ? 0x60 : 0);
                in.attr[15] = 3u << 24 | (srd ? 1u << (srd + 7) : 0) | size << 1 | 1;
                for (unsigned i = 0; i < 10; i++) {
                    addrs[2 * i] = base + i * eighth;
                    addrs[2 * i + 1] = base + i * eighth - 4;
                }
                accesses(&in, addrs, 20);
            }
}

/* A v8-M region: off, or AP x XN x PXN x place. */
#define V8_VARIANTS (1 + 4 * 2 * 2 * 5)
static void v8_variant(struct oracle_in *in, unsigned n, uint32_t base, unsigned v)
{
    static const uint32_t place[][2] = { { 0, 0 }, { 0, 0x60 }, { 0x20, 0x40 }, { 0x40, 0xe0 }, { 0x60, 0x20 } };
    const uint32_t *p = place[v ? (v - 1) / 16 : 0];

    if (!v)
        return;
    in->rbar[n] = (base + p[0]) | (v - 1) % 4 << 1 | ((v - 1) / 4 & 1);
    in->attr[n] = (base + p[1]) | ((v - 1) / 8 & 1) << 4 | 1;
}

static void v8_triples(int version, unsigned step)
{
    static const uint32_t bases[] = { 0x20000000, 0xe0100000 };

    for (unsigned b = 0; b < 2; b++)
        for (unsigned v = 0; v < V8_VARIANTS * V8_VARIANTS * 4; v += step) {
            struct oracle_in in = { .version = version, .regions = 16, .shcsr = 1 << 16 };
            const uint32_t addrs[] = { bases[b], bases[b] + 0x1c, bases[b] + 0x20, bases[b] + 0x44, bases[b] + 0x7c };

            v8_variant(&in, 0, bases[b], v / 4 % V8_VARIANTS);
            v8_variant(&in, 9, bases[b], v / 4 / V8_VARIANTS);
            v8_variant(&in, 15, bases[b], v % 4 * 20); /* off, or three of the others                              */
            accesses(&in, addrs, 5);
        }
}

/* Exceptions: enabled or not, priorities of handler and execution, kinds, what was in the registers before. */
static void escalation(void)
{
    static const int priorities[] = { 256, 255, 65, 64, 63, 1, 0, -1, -2 };
    static const uint32_t addrs[] = { 0x20000000, 0x40000000, 0xe000ed94, 0xe0100000, 0x1ffffffe, 0xe00ffffe, 0xdffffffd };

    for (unsigned i = 0; i < 9 * 4 * 4 * 7 * 7 * 2 * 8 * 2; i++) {
        unsigned k = i;
        struct mpu m;
        struct oracle_in in = { .version = i & 1 ? 8 : 7, .regions = 8, .size = 4 };

        in.priority = priorities[k % 9], k /= 9;
        in.shcsr = k % 4 << 16, k /= 4;
        in.shpr1 = (k % 4 & 1 ? 0x40u : 0) | (k % 4 & 2 ? 0x4000u : 0), k /= 4;
        in.what = whats[k % 7], k /= 7;
        in.addr = addrs[k % 7], k /= 7;
        in.unprivileged = k % 2, k /= 2;
        in.ctrl = k % 8, k /= 8;
        if (k)
            in.cfsr = 0x80a2, in.hfsr = 2, in.mmfar = 0x12345678, in.bfar = 0x9abcdef0;
        set_model(&m, &in);
        judge(&m, &in);
    }
}

/* Each byte on both sides of each boundary of the default map. */
static void default_map(void)
{
    for (unsigned block = 0; block < 16; block++) {
        const uint32_t edge = block < 8 ? block << 29 : block == 8 ? 0xe0100000 : block == 9 ? 0xe0000000 : block * 0x11111110;
        const uint32_t addrs[] = { edge, edge - 4, edge + 4, edge - 2, edge + 2 };
        struct oracle_in in = { .version = 7 + (int)(block & 1), .regions = block & 2 ? 8 : 0, .shcsr = 1 << 16 };

        in.size = 4;
        accesses(&in, addrs, 5);
    }
}

static u64 random_state = 88172645463325252ull;
static uint32_t rnd(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

/* Registers of any value, most regions near each other, accesses of any size and alignment. */
static void random_cases(u64 n)
{
    static const int versions[] = { 7, 8, 81 }, priorities[] = { 256, 256, 128, 0, -1, -2 };
    static const uint32_t near[] = { 0x20000000, 0, 0xe0000000, 0x9ffff000 };

    for (u64 i = 0; i < n; i++) {
        struct oracle_in in = { .version = versions[rnd() % 3], .regions = rnd() % 8 ? 16 : 8, .ctrl = rnd() % 4 ? rnd() % 8 | 1 : rnd() % 8 };
        const uint32_t base = near[rnd() % 4];
        struct mpu m;

        for (unsigned r = 0; r < in.regions; r++) {
            in.rbar[r] = rnd() % 8 ? base + rnd() % 4096 : rnd();
            in.attr[r] = in.version == 7 ? (rnd() & 0x173fff01) | (rnd() % 4 ? 4 + rnd() % 9 : rnd() % 32) << 1 : in.rbar[r] + (rnd() % 1024);
            if (in.version != 7 && rnd() % 4)
                in.attr[r] &= ~1u;
        }
        in.shcsr = rnd() % 4 << 16;
        in.shpr1 = rnd() & 0xffff;
        set_model(&m, &in);
        for (unsigned k = 0; k < 8; k++) {
            in.what = whats[rnd() % 2 ? rnd() % 3 : rnd() % 7];
            in.size = in.what == 'x' ? 2 : 1u << rnd() % 4;
            in.addr = base + rnd() % 4096;
            if (in.what == 'x')
                in.addr &= ~1u;
            in.unprivileged = rnd() & 1;
            in.priority = priorities[rnd() % 6];
            judge(&m, &in);
        }
    }
}

int main(int argc, char **argv)
{
    const u64 random = argc == 3 && !strcmp(argv[1], "--random") ? strtoull(argv[2], NULL, 0) : 125000;
    u64 before = 0;

#define FAMILY(text, call) do { call; printf("%12llu  %s\n", (unsigned long long)(cases - before), text); before = cases; } while (0)
    FAMILY("v7-M, two regions", v7_pairs(1));
    FAMILY("v7-M, sizes, subregions, alignment", v7_sizes());
    FAMILY("v8-M, three regions", v8_triples(8, 1));
    FAMILY("v8.1-M, three regions", v8_triples(81, 1));
    FAMILY("exceptions and their escalation", escalation());
    FAMILY("the default memory map", default_map());
    FAMILY("random", random_cases(random));
    printf("%12llu  cases, %llu differences\n", (unsigned long long)cases, (unsigned long long)differences);
    return differences != 0;
}
