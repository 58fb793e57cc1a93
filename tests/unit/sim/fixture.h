/* SPDX-License-Identifier: MIT
 * fixture.h - a session with two CPUs for the tests of src/sim, and the checks that hold after every step. */
#ifndef PAGEWALK_TESTS_UNIT_SIM_FIXTURE_H
#define PAGEWALK_TESTS_UNIT_SIM_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "pagewalk/sim.h"

#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define ANON (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS)

struct fixture { struct sim_config cfg; struct sim *s; struct kernel *k; struct mmu *m; void *block; size_t block_bytes; };

static inline void *sparse(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(at, MAP_FAILED);
    return at;
}

static inline void fixture_begin(struct fixture *f, const char *profile, u64 ram_bytes)
{
    memset(f, 0, sizeof *f);
    f->cfg.machine = (struct mmu_config){ .cpus = 2, .ram = sparse(ram_bytes), .ram_bytes = ram_bytes, .seed = 1 };
    f->cfg.machine.profile = mmu_profile_find(profile);
    assert_non_null(f->cfg.machine.profile);
    f->cfg.machine.vendor = f->cfg.machine.profile->vendor;
    f->cfg.machine.features = f->cfg.machine.profile->features;
    kernel_config_init(&f->cfg.kernel);
    f->block_bytes = sim_bytes(&f->cfg);
    assert_true(f->block_bytes > 0);
    f->block = sparse(f->block_bytes);
    f->s = sim_create(f->block, f->block_bytes, &f->cfg);
    assert_non_null(f->s);
    f->k = sim_kernel(f->s);
    f->m = sim_mmu(f->s);
}

static inline void fixture_end(struct fixture *f)
{
    munmap(f->block, f->block_bytes);
    munmap(f->cfg.machine.ram, f->cfg.machine.ram_bytes);
}

static inline void check(struct fixture *f)
{
    const char *broken = mm_check(f->k);
    if (broken)
        print_error("mm_check: %s\n", broken);
    assert_null(broken);
}

static inline struct proc *process(struct fixture *f, const char *name, unsigned cpu)
{
    struct proc *p = proc_new(f->k, name);
    assert_non_null(p);
    proc_run_on(f->k, cpu, p);
    check(f);
    return p;
}

static inline u64 map(struct fixture *f, struct proc *p, u64 len, int prot, int flags)
{
    const long at = mm_mmap(p, 0, len, prot, flags, NULL, 0);
    assert_true(at > 0);
    check(f);
    return (u64)at;
}

/* An access; the signal number, 0 when it was made. */
static inline int touch(struct fixture *f, unsigned cpu, u64 va, enum mmu_kind kind, struct sim_site *site)
{
    struct sim_outcome out;
    sim_access(f->s, cpu, va, 1, kind, site, &out);
    check(f);
    return out.signo;
}

static inline void see_cost(void *ctx, const struct sim_mapping *m) { sim_cost_add(ctx, &m->cost); }

static inline struct sim_cost mapping_sum(struct fixture *f)
{
    struct sim_cost sum = { 0 };
    sim_each_mapping(f->s, see_cost, &sum);
    return sum;
}

#endif
