/* SPDX-License-Identifier: MIT
 * checks.c - what an access costs on the machines beside the MMU: memory protection units, segments in front of paging, an IOMMU.
 * Each beside mmu_translate() for a page that hits the first level, interleaved round by round. */
#include "checks.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"
#include "pagewalk/iommu.h"
#include "pagewalk/mpu.h"
#include "pagewalk/segment.h"

#define ACCESSES 2000000u
#define RAM_BYTES (1u << 20)
#define ROUNDS_MOST 101

static u8 *ram;
static struct mmu *m;
static struct mpu v7, v8;
static struct seg seg;
static struct iommu *iommu, *iommu_small; /* the second has an IOTLB of one entry                                 */
static u64 sink;

static void make_machine(void)
{
    const struct mmu_profile *p = mmu_profile_find("skylake");
    struct mmu_config cfg = { .cpus = 1, .ram_bytes = RAM_BYTES, .maxphyaddr = 46, .vendor = MMU_INTEL, .features = p->features, .profile = p };
    struct seg_result r;
    size_t bytes;

    cfg.ram = ram = aligned_alloc(4096, RAM_BYTES);
    memset(ram, 0, RAM_BYTES);
    bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    m = mmu_create(aligned_alloc(64, bytes), bytes, &cfg);
    for (u64 i = 0; i < 2; i++)
        mmu_poke(m, 0x10000 + 0x1000 * i, (0x11000 + 0x1000 * i) | 7);
    mmu_poke(m, 0x12000, 0xe7);          /* 2 MiB as they are                                                      */
    mmu_set(m, 0, MMU_CR3, 0x10000);
    seg_init(&seg, m, 0);
    seg_lgdt(&seg, 0x1000, 0x17, &r);
    seg_poke(&seg, 0x08, seg_encode(0, 0xffffffff, SEG_P | SEG_S | SEG_DB | SEG_G | SEG_CODE | SEG_READABLE));
    seg_poke(&seg, 0x10, seg_encode(0x2000, 0x7fff, SEG_P | SEG_S | SEG_DB | SEG_WRITABLE));
    seg_jump(&seg, 0x08, 0, 4, &r);      /* compatibility mode: limits count                                       */
    seg_load(&seg, SEG_DS, 0x10, &r);
}

static void make_mpu(struct mpu *u, enum mpu_arch arch)
{
    mpu_init(u, arch, 16);
    for (unsigned i = 0; i < 8; i++) {
        const struct mpu_want w = { .base = 0x20000000 + (i << 12), .bytes = 4096, .privileged = MPU_R | MPU_W, .unprivileged = MPU_R | MPU_W };
        mpu_set_region(u, i, &w);
    }
    mpu_write(u, MPU_CTRL, CTRL_ENABLE);
}

/* Bus 0, device 0: 64 pages of 4 KiB by three levels of tables. */
static struct iommu *make_iommu(u8 ways)
{
    struct iommu_config cfg = iommu_default(ram, RAM_BYTES);
    struct iommu *made;
    size_t bytes;

    cfg.iotlb_ways = ways;
    cfg.iotlb_sets = ways > 1 ? cfg.iotlb_sets : 1;
    bytes = (iommu_bytes(&cfg) + 63) & ~(size_t)63;
    made = iommu_create(aligned_alloc(64, bytes), bytes, &cfg);
    for (u64 i = 0; i < 4; i++)
        mmu_poke(m, 0x20000 + 0x1000 * i, (0x21000 + 0x1000 * i) | (i == 0 || i == 1 ? 1 : 3));
    mmu_poke(m, 0x21008, 1 | 7 << 8);    /* three levels, domain 7                                                  */
    for (u64 i = 0; i < 64; i++)
        mmu_poke(m, 0x24000 + 8 * i, (0x40000 + 0x1000 * i) | 3);
    iommu_write(made, IOMMU_RTADDR, 8, 0x20000);
    iommu_write(made, IOMMU_GCMD, 4, 1u << 30);
    iommu_write(made, IOMMU_GCMD, 4, 1u << 31);
    return made;
}

static void hits(u32 i)
{
    struct mmu_result r;
    mmu_translate(m, 0, 0x2000 + (i * 8 & 0x7ff8), MMU_LOAD, 0, &r);
    sink += r.pa;
}

static void mpu_one(struct mpu *u, u32 i)
{
    const struct mpu_access a = { .addr = 0x20000000 + (i * 8 & 0x7ff8), .size_bytes = 4, .by = MPU_BY_LOAD, .unprivileged = true,
                                  .priority = MPU_PRIORITY_THREAD };
    sink += mpu_access(u, &a).region;
}

static void mpu_v7(u32 i) { mpu_one(&v7, i); }
static void mpu_v8(u32 i) { mpu_one(&v8, i); }

static void seg_one(u32 i)
{
    struct seg_result r;
    seg_access(&seg, SEG_DS, i * 8 & 0x7ff8, 4, MMU_LOAD, &r);
    sink += r.mmu.pa;
}

static void seg_only(u32 i)
{
    struct seg_result r;
    seg_linear(&seg, SEG_DS, i * 8 & 0x7ff8, 4, MMU_LOAD, &r);
    sink += r.linear;
}

static void seg_reload(u32 i)
{
    struct seg_result r;
    (void)i;
    seg_load(&seg, SEG_DS, 0x10, &r);
    sink += r.vector;
}

static void iommu_one(struct iommu *x, u64 iova)
{
    struct iommu_result r;
    iommu_translate(x, 0, iova, IOMMU_READ, &r);
    sink += r.pa;
}

static void iommu_hit(u32 i) { iommu_one(iommu, i * 8 & 0x7ff8); }
static void iommu_walk(u32 i) { iommu_one(iommu_small, (u64)i % 64 << 12); }

static double time_of(void (*one)(u32 i))
{
    const double start = now_ns();

    for (u32 i = 0; i < ACCESSES; i++)
        one(i);
    return (now_ns() - start) / ACCESSES;
}

void measure_checks(int rounds)
{
    static const struct { const char *name; void (*one)(u32 i); } rows[] = {
        { "MPU, Armv7-M, 8 of 16 regions", mpu_v7 }, { "MPU, Armv8-M, 8 of 16 regions", mpu_v8 },
        { "segment: limit, type, base", seg_only }, { "segment, then a hit of the TLB", seg_one }, { "segment register loaded from its table", seg_reload },
        { "IOMMU: a request, IOTLB hit", iommu_hit }, { "IOMMU: a request, walk of three levels", iommu_walk },
    };
    double check[ROUNDS_MOST], hit[ROUNDS_MOST], ratio[ROUNDS_MOST];

    make_machine();
    make_mpu(&v7, MPU_V7M);
    make_mpu(&v8, MPU_V8M);
    iommu = make_iommu(4);
    iommu_small = make_iommu(1);
    rounds = rounds < ROUNDS_MOST ? rounds : ROUNDS_MOST;
    printf("\n| a check | ns | `mmu_translate()`, hit: ns | check : hit |\n|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (int r = 0; r < rounds; r++) {
            hit[r] = time_of(hits);
            check[r] = time_of(rows[i].one);
            ratio[r] = check[r] / hit[r];
        }
        printf("| %s | %.1f | %.1f | %.2f |\n", rows[i].name, median(check, rounds), median(hit, rounds), median(ratio, rounds));
    }
    free(iommu);
    free(iommu_small);
    free(m);
    free(ram);
}
