/* SPDX-License-Identifier: MIT
 * families.c - requests: entries of every kind at every place, addresses at every edge. */
#include "machine.h"

#include <string.h>

#define ALL_FEATURES 16u

static struct machine x;

static const unsigned widths[] = { 39, 48, 57 };

/* An entry of a kind: absent, each of the rights, ignored bits set, a page where it may be one, tables outside memory,
 * a reserved bit, and both a missing right and a reserved bit. */
#define KINDS 12u
static uint64_t entry_of_kind(unsigned kind, unsigned level)
{
    const uint64_t to = level ? TABLE_PAGE(level - 1) * 4096ull : 9 * 4096ull;

    switch (kind) {
    case 0: return 0;
    case 1: return to | 1;
    case 2: return to | 2;
    case 3: return to | 3;
    case 4: return to | 3 | 0x57c | 0xbff0000000000000;
    case 5: return 3 | 0x80;
    case 6: return 1 | 0x80 | 1ull << 30;
    case 7: return to | 3 | 0x80;
    case 8: return (PAGES + 5) * 4096ull | 3;
    case 9: return to | 3 | 0x800;
    case 10: return to | 1 | 1ull << 51;
    default: return to | 0x7f8;
    }
}

static void both_accesses(void)
{
    for (unsigned w = 0; w < 2; w++) {
        x.in.write = w;
        judge(&x);
    }
}

static void paths_of(unsigned levels, unsigned step)
{
    unsigned all = 1;

    for (unsigned l = 0; l < levels; l++)
        all *= KINDS;
    x.in.iova = 0x123;
    for (unsigned n = 0; n < all; n += step) {
        unsigned k = n;

        for (unsigned l = 0; l < levels; l++, k /= KINDS)
            x.ram[TABLE_PAGE(l) * 512] = entry_of_kind(k % KINDS, l);
        both_accesses();
    }
}

void rights_of_paths(unsigned step)
{
    for (unsigned w = 0; w < 3; w++)
        for (unsigned f = 0; f < ALL_FEATURES; f++) {
            const struct iommu_config c = machine_config(widths[w], f & 4 ? 48 : 40, f);

            machine_new(&x, &c);
            machine_context(&x, 8, 3 + w, 0);
            paths_of(3 + w, w == 2 ? 61 * step : w ? 3 * step : step);
        }
}

/* Each feature is there and is not, with each of the others. */
static const unsigned some_features[] = { 0x0, 0x3, 0x5, 0x9, 0x6, 0xa, 0xc, 0xf };

void single_bits(void)
{
    for (unsigned f = 0; f < 8; f++)
        for (unsigned m = f % 2; m < 3; m += 2) {
            const struct iommu_config c = machine_config(57, m == 0 ? 32 : m == 1 ? 46 : 52, some_features[f]);

            machine_new(&x, &c);
            machine_context(&x, 8, 5, 0);
            for (unsigned i = 0; i < 5 * 64 * 64 * 4; i++) {
                const unsigned level = i % 5, a = i / 5 % 64, b = i / 320 % 64, rights = i / 20480;

                for (unsigned l = 0; l < 5; l++)
                    x.ram[TABLE_PAGE(l) * 512] = entry_of_kind(3, l);
                x.ram[TABLE_PAGE(level) * 512] = (entry_of_kind(0, level) | (level ? TABLE_PAGE(level - 1) * 4096ull : 0) | rights) ^
                                                 (1ull << a | 1ull << b);
                both_accesses();
            }
        }
}

void root_entries(void)
{
    for (unsigned m = 32; m <= 52; m += 10) {
        const struct iommu_config c = machine_config(48, m, 15);

        for (unsigned i = 0; i < 2 * 128 * 4; i++) {
            machine_new(&x, &c);
            machine_context(&x, 8, 4, 0);
            x.ram[0] ^= i & 1;
            x.ram[i / 2 % 128 / 64] ^= 1ull << (i / 2 % 64);
            x.in.source = i / 256 % 2 ? 8 : 0xff08; /* the table of another bus is not there                        */
            machine_root(&x, i / 512 % 2 ? PAGES * 4096ull - 4096 * (i & 1) : 0, true);
            both_accesses();
        }
        for (unsigned ttm = 0; ttm < 8; ttm++) {
            machine_new(&x, &c);
            machine_context(&x, 8, 4, 0);
            machine_root(&x, (ttm & 3) << 10, ttm & 4);
            both_accesses();
        }
    }
}

void context_entries(void)
{
    static const uint64_t addresses[] = { 0, 1ull << 38, 1ull << 39, 1ull << 47, 1ull << 48, 1ull << 56 };

    for (unsigned w = 0; w < 3; w++)
        for (unsigned f = 0; f < 2; f++) { /* with pass-through and without */
            const struct iommu_config c = machine_config(widths[w], f ? 52 : 39, f * 4);

            machine_new(&x, &c);
            machine_context(&x, 8, 3, 0);
            for (unsigned l = 0; l < 5; l++)
                x.ram[TABLE_PAGE(l) * 512] = entry_of_kind(3, l);
            for (unsigned i = 0; i < 8 * 16 * 129 * 6; i++) {
                const unsigned aw = i % 8, low = i / 8 % 16, bit = i / 128 % 129;
                uint64_t *e = x.ram + CONTEXT_PAGE * 512 + 16;

                x.in.iova = addresses[i / (128 * 129)];
                e[0] = (aw < 4 ? TABLE_PAGE(aw + 1) * 4096ull : PAGES * 4096ull) | low;
                e[1] = aw | 0xbeef00;
                if (bit < 128)
                    e[bit / 64] ^= 1ull << bit % 64;
                both_accesses();
            }
        }
}

void addresses(void)
{
    for (unsigned w = 0; w < 3; w++)
        for (unsigned levels = 3; levels <= 5; levels++)
            for (unsigned pass = 0; pass < 2; pass++) {
                const struct iommu_config c = machine_config(widths[w], 52, 15);

                machine_new(&x, &c);
                machine_context(&x, 8, levels, pass ? 2 << 2 : 0);
                for (unsigned l = 0; l < 5; l++)
                    for (unsigned i = 0; i < 512; i++)
                        x.ram[TABLE_PAGE(l) * 512 + i] = entry_of_kind(3, l) + (l ? 0 : 4096ull * (i % 3));
                for (unsigned i = 0; i < 64 * 64 * 4; i++) {
                    x.in.iova = 1ull << i % 64 | 1ull << i / 64 % 64;
                    x.in.iova = i / 4096 & 1 ? x.in.iova - 1 : x.in.iova;
                    x.in.iova = i / 4096 & 2 ? x.in.iova ^ 0xfee00000 : x.in.iova;
                    both_accesses();
                }
            }
    /* Frames at both ends of the interrupts' addresses, in pages of each size. */
    for (unsigned i = 0; i < 3 * 8; i++) {
        static const uint64_t frames[] = { 0xfedff000, 0xfee00000, 0xfee7f000, 0xfeeff000, 0xfef00000, 0xfec00000, 0xfe000000, 0xc0000000 };
        const struct iommu_config c = machine_config(48, 48, 15);
        const unsigned level = i % 3;

        machine_new(&x, &c);
        machine_context(&x, 8, 4, 0);
        for (unsigned l = 0; l < 4; l++)
            x.ram[TABLE_PAGE(l) * 512] = entry_of_kind(3, l);
        x.ram[TABLE_PAGE(level) * 512] = (frames[i / 3] & ~0ull << (12 + 9 * level)) | (level ? 0x83 : 3);
        for (x.in.iova = 0; x.in.iova < 1ull << (12 + 9 * level); x.in.iova += level == 2 ? 1 << 16 : 4096) {
            if (level == 0 || x.in.iova >> 12 < 512)
                both_accesses();
        }
    }
}

void random_tables(u64 n)
{
    for (u64 i = 0; i < n; i++) {
        if (i % 64 == 0) {
            const struct iommu_config c = machine_config(widths[rnd() % 3], 32 + rnd() % 21, rnd() % ALL_FEATURES);
            machine_new(&x, &c);
        }
        machine_context(&x, rnd() % 256, 3 + rnd() % 3, rnd() % 8 ? 0 : rnd() % 16);
        for (unsigned k = 0; k < 4; k++) {
            const unsigned level = rnd() % 5;
            uint64_t e = (uint64_t)(rnd() % 16) << 12 | (rnd() % 4 ? 3 : rnd() % 4) | (rnd() % 4 ? 0 : rnd() % 4096);

            if (rnd() % 8 == 0)
                e ^= 1ull << rnd() % 64;
            x.ram[TABLE_PAGE(level) * 512 + (rnd() % 2 ? 0 : rnd() % 4)] = e;
        }
        x.in.iova = (uint64_t)(rnd() % 4) << 30 | (uint64_t)(rnd() % 4) << 21 | (rnd() % 4) << 12 | rnd() % 4096;
        x.in.write = rnd() & 1;
        judge(&x);
    }
}
