/* SPDX-License-Identifier: MIT
 * bench.h - a test bench for the kernel: memory, CPUs without TLBs, and a straight page walker that shares no code
 * with the machine.  A reference by the walker traps into the kernel and retries, as a program's access would.
 * With BENCH_MACHINE the CPUs are the machine's, with TLBs, PCIDs and the missing-invalidation checker (bench_machine.h): what
 * the walker says of page tables must then come out of the TLBs, too. */
#ifndef PAGEWALK_TESTS_KERNEL_BENCH_H
#define PAGEWALK_TESTS_KERNEL_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "pagewalk/kernel.h"

struct bench {
    struct hw hw;
    struct kernel *k;
    struct proc *p;
    void *block;
    size_t block_bytes;
    u64 regs[4][6];
    u64 invlpgs, ipis, cr3_writes;
    struct mm_trap_result last;
    struct mmu *m;                    /* with BENCH_MACHINE                                                           */
    void *m_block, *check_block;
    unsigned swallow;                 /* invalidations that get lost (bench_machine.h)                                */
    u64 missing;                      /* reports of missing invalidations                                             */
};

/* What the walker and the machine have in common. */
static void bench_mmu_set(struct bench *b, unsigned cpu, enum hw_reg r, u64 v);
static void bench_mmu_invlpg(struct bench *b, unsigned cpu, u64 va);
static void bench_mmu_invpcid(struct bench *b, unsigned cpu, u64 t, u64 p, u64 va);

static u64 bench_read_reg(void *c, unsigned cpu, enum hw_reg r) { return ((struct bench *)c)->regs[cpu][r]; }

static void bench_write_reg(void *c, unsigned cpu, enum hw_reg r, u64 v)
{
    struct bench *b = c;
    b->regs[cpu][r] = r == HW_CR3 ? v & ~((u64)1 << 63) : v;
    b->cr3_writes += r == HW_CR3;
    bench_mmu_set(b, cpu, r, v);
}

static void bench_invlpg(void *c, unsigned cpu, u64 va)
{
    ((struct bench *)c)->invlpgs++;
    bench_mmu_invlpg(c, cpu, va);
}

static void bench_invpcid(void *c, unsigned cpu, u64 t, u64 p, u64 v) { bench_mmu_invpcid(c, cpu, t, p, v); }

static void bench_send_ipi(void *c, unsigned cpu, unsigned target)
{
    struct bench *b = c;
    (void)cpu;
    b->ipis++;
    kernel_ipi(b->k, target);
}

static bool bench_touch(void *c, unsigned cpu, u64 va, enum hw_touch k)
{
    (void)c;
    (void)cpu;
    (void)va;
    (void)k;
    return true;
}

static u64 bench_now(void *c) { (void)c; return 0; }

#ifdef BENCH_MACHINE
#include "bench_machine.h"
#else
#include "bench_walker.h"
#endif

/* One access on a CPU: the number of faults it took, or -(signal * 256 + code). */
static int bench_on(struct bench *b, unsigned cpu, u64 va, char kind)
{
    for (int faults = 0; faults < 10; faults++) {
        struct hw_trap t = { .vector = 14, .user = true };
        t.error = bench_walk(b, cpu, va, kind);
        if (!t.error)
            return faults;
        t.cr2 = va;
        kernel_trap(b->k, cpu, &t, &b->last);
        if (!b->last.resume)
            return -(b->last.signo * 256 + b->last.code);
    }
    fail_msg("access to 0x%llx faults for ever", (unsigned long long)va);
    return 0;
}

static inline int bench_read(struct bench *b, u64 va) { return bench_on(b, 0, va, 'r'); }
static inline int bench_write(struct bench *b, u64 va) { return bench_on(b, 0, va, 'w'); }
static inline int bench_exec(struct bench *b, u64 va) { return bench_on(b, 0, va, 'x'); }

#define SEGV_MAP (-(MM_SIGSEGV * 256 + MM_SEGV_MAPERR))
#define SEGV_ACC (-(MM_SIGSEGV * 256 + MM_SEGV_ACCERR))
#define BUS_ADR (-(MM_SIGBUS * 256 + MM_BUS_ADRERR))

#ifndef BENCH_MAP
#define BENCH_MAP MAP_PRIVATE
#endif

static void *bench_sparse(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, BENCH_MAP | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

/* heap_bytes 0: what kernel_bytes() asks for. */
static void bench_start(struct bench *b, unsigned cpus, u64 ram_bytes, const struct kernel_config *cfg,
                        size_t heap_bytes)
{
    memset(b, 0, sizeof *b);
    b->hw = (struct hw){ .ctx = b, .cpus = cpus, .ram = bench_sparse(ram_bytes), .ram_bytes = ram_bytes,
                         .read_reg = bench_read_reg, .write_reg = bench_write_reg, .invlpg = bench_invlpg,
                         .invpcid = bench_invpcid, .send_ipi = bench_send_ipi, .touch_user = bench_touch,
                         .now_ns = bench_now };
    bench_mmu_begin(b);
    b->block_bytes = heap_bytes ? heap_bytes : kernel_bytes(&b->hw, cfg);
    b->block = bench_sparse(b->block_bytes);
    b->k = kernel_create(b->block, b->block_bytes, &b->hw, cfg);
    assert_non_null(b->k);
    b->p = proc_new(b->k, "test");
    assert_non_null(b->p);
    proc_run_on(b->k, 0, b->p);
}

static inline void bench_stop(struct bench *b)
{
    bench_mmu_end(b);
    munmap(b->hw.ram, b->hw.ram_bytes);
    munmap(b->block, b->block_bytes);
}

static inline void bench_check(struct bench *b)
{
    const char *e = mm_check(b->k);
    if (e)
        fail_msg("mm_check: %s", e);
}

/* ---- text of the views ------------------------------------------------------------------------------------------ */

struct bench_text { size_t len; char buf[65536]; };

static void bench_put(void *c, const char *text, size_t len)
{
    struct bench_text *t = c;
    if (t->len + len < sizeof t->buf) {
        memcpy(t->buf + t->len, text, len);
        t->len += len;
        t->buf[t->len] = 0;
    }
}

static inline void bench_maps(struct bench *b, struct bench_text *t)
{
    struct pw_out out = { bench_put, t };
    t->len = 0;
    t->buf[0] = 0;
    mm_show_maps(b->p, &out);
}

#endif
