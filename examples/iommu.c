/* SPDX-License-Identifier: MIT
 * iommu.c - devices have addresses too: a program's buffer, a device that takes one address and one length, and an IOMMU
 * between them, driven by the kernel (pagewalk/dma.h on pagewalk/iommu.h).
 *   scatter   the buffer's frames lie all over memory.  Without an IOMMU the device must be given a bounce buffer that lies in
 *             one piece, and every byte is copied; with one the scattered frames are one address, and nothing is
 *   late      the device goes on writing after its buffer was given back, when the frame is another process's already */
#include "guest.h"

#include "pagewalk/dma.h"
#include "pagewalk/iommu.h"

#define BUFFER 0x100000000ull
#define PAGES 16u
#define BYTES (PAGES * PAGE_BYTES)
#define OTHER_BYTES (4 * BYTES)   /* freed frames wait in the kernel's batches for a while: the other process takes more */
#define MS 1000000ull

static const u16 nic = 3 << 3; /* 00:03.0 */

struct board { struct guest g; struct iommu *iommu; struct dma dma; };

static bool read_register(void *ctx, u32 reg, unsigned bytes, u64 *value) { return iommu_read(ctx, reg, bytes, value); }
static bool write_register(void *ctx, u32 reg, unsigned bytes, u64 value) { return iommu_write(ctx, reg, bytes, value); }

static void board_start(struct board *b, bool with_iommu, enum dma_mode mode)
{
    const u64 ram_bytes = 64ull << 20;
    struct kernel_config kernel;
    struct iommu_config cfg;
    struct dma_port port;

    kernel_config_init(&kernel);
    guest_start(&b->g, ram_bytes, &kernel);
    cfg = iommu_default(b->g.ram, ram_bytes);
    b->iommu = iommu_create(guest_memory(iommu_bytes(&cfg)), iommu_bytes(&cfg), &cfg);
    port = (struct dma_port){ b->iommu, read_register, write_register };
    if (!b->iommu || (with_iommu && (dma_start(&b->dma, b->g.k, &port, mode) || dma_attach(&b->dma, nic))))
        guest_die("no IOMMU", 0);
}

/* A buffer whose frames are every second one: another process took those between. */
static void scattered_buffer(struct guest *g)
{
    struct proc *user = g->p, *other = proc_new(g->k, "other");

    guest_map(g, BUFFER, BYTES);
    g->p = other;
    guest_map(g, BUFFER, BYTES);
    for (u64 at = BUFFER; at < BUFFER + BYTES; at += PAGE_BYTES) {
        g->p = user;
        proc_run_on(g->k, 0, user);
        guest_store(g, at, 1);
        g->p = other;
        proc_run_on(g->k, 0, other);
        guest_store(g, at, 2);
    }
    g->p = user;
    proc_run_on(g->k, 0, user);
}

static u8 device_byte(u64 i) { return (u8)(i * 7 + i / 251); }

/* The device writes what it received to one address. */
static bool device_writes(struct board *b, u64 address, u64 bytes, struct iommu_result *r)
{
    static u8 received[BYTES];

    for (u64 i = 0; i < bytes; i++)
        received[i] = device_byte(i);
    return iommu_dma_write(b->iommu, nic, address, received, bytes, r) == bytes;
}

static u64 wrong_bytes(struct guest *g)
{
    u64 wrong = 0;

    for (u64 i = 0; i < BYTES; i++)
        wrong += *guest_touch(g, BUFFER + i, MMU_LOAD) != device_byte(i);
    return wrong;
}

/* Bytes copied until the program has what the device received. */
static u64 scatter(bool with_iommu, u64 *stretches)
{
    static struct board b;
    static pfn_t page[PAGES];
    struct iommu_result r;
    u64 copied = 0;

    board_start(&b, with_iommu, DMA_STRICT);
    scattered_buffer(&b.g);
    if (with_iommu) {
        struct dma_mapping m;
        if (dma_map(&b.dma, nic, b.g.p, BUFFER, BYTES, DMA_FROM_DEVICE, page, &m) || !device_writes(&b, m.iova, BYTES, &r))
            guest_die("the device cannot write", r.iova);
        dma_unmap(&b.dma, &m);
        *stretches = b.dma.stats.stretches;
    } else {
        const u64 bounce = (64ull << 20) - BYTES; /* in one piece, set aside when the machine started              */
        if (!device_writes(&b, bounce, BYTES, &r))
            guest_die("the device cannot write", r.iova);
        for (; copied < BYTES; copied += PAGE_BYTES)
            memcpy(guest_touch(&b.g, BUFFER + copied, MMU_STORE), b.g.ram + bounce + copied, PAGE_BYTES);
    }
    if (wrong_bytes(&b.g))
        guest_die("the program has not what the device received", BUFFER);
    return copied;
}

static void fill(struct guest *g, u64 bytes, u64 value)
{
    guest_map(g, BUFFER, bytes);
    for (u64 at = BUFFER; at < BUFFER + bytes; at += sizeof(u64))
        guest_store(g, at, value);
}

static u64 words_other_than(struct guest *g, u64 bytes, u64 value)
{
    u64 n = 0;

    for (u64 at = BUFFER; at < BUFFER + bytes; at += sizeof(u64))
        n += guest_load(g, at) != value;
    return n;
}

/* The buffer is unmapped and given back, another process gets its frames, and the device writes to its old address. */
struct late { u64 overwritten, fault; };

static struct late late(bool with_iommu, enum dma_mode mode, u64 after_ns)
{
    static struct board b;
    static pfn_t page[PAGES];
    struct dma_mapping m = { 0 };
    struct iommu_result r;
    struct late l;
    u64 address;

    board_start(&b, with_iommu, mode);
    fill(&b.g, BYTES, 1);
    address = (u64)(guest_touch(&b.g, BUFFER, MMU_LOAD) - b.g.ram); /* fresh memory: the frames are neighbours      */
    if (with_iommu) {
        if (dma_map(&b.dma, nic, b.g.p, BUFFER, BYTES, DMA_FROM_DEVICE, page, &m))
            guest_die("no mapping", BUFFER);
        address = m.iova;
    }
    device_writes(&b, address, BYTES, &r); /* in time */
    if (with_iommu)
        dma_unmap(&b.dma, &m);
    mm_munmap(b.g.p, BUFFER, BYTES);
    b.g.p = proc_new(b.g.k, "other");
    proc_run_on(b.g.k, 0, b.g.p);
    fill(&b.g, OTHER_BYTES, 7);
    sim_set_now(b.g.sim, after_ns);
    if (with_iommu)
        dma_tick(&b.dma);
    device_writes(&b, address, BYTES, &r); /* late */
    l.overwritten = words_other_than(&b.g, OTHER_BYTES, 7);
    iommu_read(b.iommu, IOMMU_FRCD + 8, 8, &l.fault);
    return l;
}

static void show_late(const char *name, bool with_iommu, enum dma_mode mode, u64 after_ns)
{
    const struct late l = late(with_iommu, mode, after_ns);

    printf("%-34s %4llu words of another process overwritten", name, (unsigned long long)l.overwritten);
    if (l.fault >> 63)
        printf("; fault: device 00:%02x.%x, reason 0x%x", (unsigned)l.fault >> 3 & 31, (unsigned)l.fault & 7, (unsigned)(l.fault >> 32 & 255));
    printf("\n");
}

int main(void)
{
    u64 stretches = 0, bounced, mapped;

    bounced = scatter(false, &stretches);
    mapped = scatter(true, &stretches);
    printf("scatter: %u pages in %llu stretches of memory\n", PAGES, (unsigned long long)stretches);
    printf("  bounce buffer: %llu bytes copied\n  IOMMU:         %llu bytes copied\n", (unsigned long long)bounced, (unsigned long long)mapped);
    printf("late: the device writes after its buffer was unmapped\n");
    show_late("  no IOMMU:", false, DMA_STRICT, 0);
    show_late("  deferred, 1 ms after unmapping:", true, DMA_DEFERRED, 1 * MS);
    show_late("  deferred, 11 ms after unmapping:", true, DMA_DEFERRED, 11 * MS);
    show_late("  strict, at once:", true, DMA_STRICT, 0);
    return 0;
}
