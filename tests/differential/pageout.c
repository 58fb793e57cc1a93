/* SPDX-License-Identifier: MIT
 * pageout.c - MADV_PAGEOUT and what follows, on the host and in the model.  Which pages the host sends away is its choice, so
 * they are compared as sets: every page that left did so on both sides or could have (the model's set contains the host's);
 * what a fault makes of each is compared where both let it go.  Exit status 77 when the host has no swap or another version. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pagewalk/sim.h"

#define A 0x200000000000ull
#define PG PAGE_BYTES
#define PAGES 48u
#define AT(p) ((volatile u8 *)(uintptr_t)(A + (u64)(p) * PG))
#define RW (PROT_READ | PROT_WRITE)
#define MADV_OUT 21

static struct sim *sim;
static struct kernel *k;
static struct proc *p;
static unsigned differences, compared;

static void expect(bool ok, const char *what)
{
    if (ok)
        return;
    printf("pageout: %s failed\n", what);
    exit(1);
}

/* Bits 55 to 63 of the host's word. */
static u64 host_word(unsigned page)
{
    int fd = open("/proc/self/pagemap", O_RDONLY);
    u64 word = 0;

    expect(pread(fd, &word, 8, (off_t)((A / PG + page) * 8)) == 8, "pagemap");
    close(fd);
    return word & ~((1ull << 55) - 1);
}

static bool gone(u64 word) { return word >> 62 & 1; }

static void touch(unsigned page, bool write)
{
    struct sim_outcome done;

    if (write)
        *AT(page) = 1;
    else
        (void)*AT(page);
    sim_access(sim, 0, A + page * PG, 1, write ? MMU_STORE : MMU_LOAD, NULL, &done);
}

/* Pages 0 to 15 written, 16 to 23 read only, 24 to 31 locked, 32 to 39 given away, 40 to 47 never touched. */
static void prepare(void)
{
    expect(mmap((void *)A, PAGES * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == (void *)A, "mmap");
    expect(mm_mmap(p, A, PAGES * PG, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0) == (long)A, "the model's mmap");
    for (unsigned i = 0; i < 40; i++)
        touch(i, i < 16 || i >= 24);
    expect(!mlock((void *)(A + 24 * PG), 8 * PG) && !mm_mlock2(p, A + 24 * PG, 8 * PG, 0), "mlock");
    expect(!madvise((void *)(A + 32 * PG), 8 * PG, MADV_FREE) && !mm_madvise(p, A + 32 * PG, 8 * PG, MADV_FREE), "MADV_FREE");
}

static void page_out(unsigned from, unsigned pages, bool allowed)
{
    bool host = !madvise((void *)(A + from * PG), pages * PG, MADV_OUT), model = !mm_madvise(p, A + from * PG, pages * PG, MADV_OUT);

    compared++;
    if (host == allowed && model == allowed)
        return;
    differences++;
    printf("MADV_PAGEOUT of pages from %u: host %d, model %d\n", from, host, model);
}

static void compare_sets(void)
{
    for (unsigned i = 0; i < PAGES; i++) {
        u64 host = host_word(i), model = mm_pagemap(p, A + i * PG);
        compared++;
        if (host == model || (i < 16 && gone(model))) /* the host may keep what it does not like to write          */
            continue;
        if (i >= 32 && i < 40 && !model)              /* ... or drop                                               */
            continue;
        differences++;
        printf("page %u: host %#llx, model %#llx\n", i, (unsigned long long)host, (unsigned long long)model);
    }
}

/* A fault on a page that left on both sides: once, minor or major as the swap cache says; then the same word. */
static void compare_return(unsigned page, bool write)
{
    struct rusage before, after;
    bool both = gone(host_word(page)) && gone(mm_pagemap(p, A + page * PG));
    const struct mm_counters *c = proc_counters(p);
    u64 model = c->minor + c->major;
    long host;

    if (!both)
        return;
    getrusage(RUSAGE_SELF, &before);
    touch(page, write);
    getrusage(RUSAGE_SELF, &after);
    host = after.ru_minflt + after.ru_majflt - before.ru_minflt - before.ru_majflt;
    compared += 2;
    if (host == (long)(c->minor + c->major - model) && host_word(page) == mm_pagemap(p, A + page * PG))
        return;
    differences++;
    printf("page %u came back: host %ld faults, %#llx; model %ld, %#llx\n", page, host, (unsigned long long)host_word(page),
           (long)(c->minor + c->major - model), (unsigned long long)mm_pagemap(p, A + page * PG));
}

static void start_model(void)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct sim_config cfg = { .machine = { .cpus = 1, .ram_bytes = 64ull << 20, .maxphyaddr = 46, .vendor = cpu->vendor,
                                           .features = cpu->features & ~(u32)MMU_PKU, .profile = cpu, .seed = 1 } };
    size_t bytes;

    kernel_config_init(&cfg.kernel);
    cfg.kernel.swap_bytes = 1 << 20;
    cfg.machine.ram = mmap(NULL, cfg.machine.ram_bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bytes = sim_bytes(&cfg);
    sim = sim_create(mmap(NULL, bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), bytes, &cfg);
    expect(sim, "the model");
    k = sim_kernel(sim);
    p = proc_new(k, "p");
    proc_run_on(k, 0, p);
}

static bool host_swaps(void)
{
    char text[4096];
    int fd = open("/proc/swaps", O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = 0;
    return strchr(text, '\n') && strchr(text, '\n')[1];
}

int main(void)
{
    struct utsname u;

    if (uname(&u) || strncmp(u.release, "6.18", 4) || !host_swaps()) {
        printf("skip: this host has no swap device, or is not Linux 6.18\n");
        return 77;
    }
    start_model();
    prepare();
    page_out(24, 8, false);
    page_out(0, 24, true);
    page_out(32, 16, true);
    compare_sets();
    for (unsigned i = 0; i < 16; i++)
        compare_return(i, i & 1);
    compare_sets();
    expect(!mm_check(k), "mm_check");
    printf("pageout: %u comparisons with the host, %u differences\n", compared, differences);
    return differences != 0;
}
