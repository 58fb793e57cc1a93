/* SPDX-License-Identifier: MIT
 * guest.h - a process with real memory on a simulated machine: what an embedder of libpagewalk-sim writes to let "a
 * program" load and store.  The kernel keeps the bytes of its pages in the machine's RAM (kernel_config.contents), so a
 * copy-on-write fault copies them, and a fresh page is zero.  Used by checkpoint.c, gc_barrier.c and pinning.c. */
#ifndef PAGEWALK_EXAMPLES_GUEST_H
#define PAGEWALK_EXAMPLES_GUEST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "pagewalk/sim.h"

struct guest {
    struct sim *sim;
    struct kernel *k;
    struct proc *p;
    u8 *ram;
    /* A signal handler of the program: true: it has done something about it, try again. */
    bool (*on_signal)(void *ctx, u64 addr);
    void *ctx;
};

static inline void *guest_memory(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (at == MAP_FAILED) {
        perror("no memory for the machine");
        exit(2);
    }
    return at;
}

static inline void guest_die(const char *why, u64 at)
{
    fprintf(stderr, "%s at 0x%llx\n", why, (unsigned long long)at);
    exit(1);
}

static inline void guest_start(struct guest *g, u64 ram_bytes, const struct kernel_config *kernel)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct sim_config cfg = { .machine = { .cpus = 1, .ram_bytes = ram_bytes, .maxphyaddr = 46, .vendor = cpu->vendor,
                                           .features = cpu->features, .profile = cpu, .seed = 1 },
                              .kernel = *kernel };
    size_t bytes;

    cfg.kernel.contents = true;
    g->ram = cfg.machine.ram = guest_memory(ram_bytes);
    bytes = sim_bytes(&cfg);
    g->sim = sim_create(guest_memory(bytes), bytes, &cfg);
    if (!g->sim)
        guest_die("no such machine", 0);
    g->k = sim_kernel(g->sim);
    g->p = proc_new(g->k, "guest");
    proc_run_on(g->k, 0, g->p);
}

/* Where the byte at va is in host memory, after an access of this kind: faults are delivered, signals handled. */
static inline u8 *guest_touch(struct guest *g, u64 va, enum mmu_kind kind)
{
    struct sim_outcome out;
    struct mmu_result r;

    for (;;) {
        sim_access(g->sim, 0, va, 1, kind, NULL, &out);
        if (out.waits)
            guest_die("nobody answers the fault", va);
        if (!out.signo)
            break;
        if (!g->on_signal || !g->on_signal(g->ctx, out.addr))
            guest_die("the program is killed by a signal", out.addr);
    }
    mmu_translate(sim_mmu(g->sim), 0, va, kind, 0, &r);
    return g->ram + r.pa;
}

/* Words lie in one page. */
static inline u64 guest_load(struct guest *g, u64 va)
{
    u64 v;

    memcpy(&v, guest_touch(g, va, MMU_LOAD), sizeof v);
    return v;
}

static inline void guest_store(struct guest *g, u64 va, u64 value)
{
    memcpy(guest_touch(g, va, MMU_STORE), &value, sizeof value);
}

static inline u64 guest_map(struct guest *g, u64 va, u64 bytes)
{
    long at = mm_mmap(g->p, va, bytes, MM_PROT_READ | MM_PROT_WRITE,
                      MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | (va ? MM_MAP_FIXED : 0), NULL, 0);

    if (at < 0)
        guest_die("mmap fails", va);
    return (u64)at;
}

/* xorshift64: the same program each time. */
static inline u64 guest_random(u64 *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    return *s ^= *s << 17;
}

#endif
