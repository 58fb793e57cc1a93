/* SPDX-License-Identifier: MIT
 * bench_walker.h - the bench's CPUs without TLBs: a straight page walker that shares no code with the machine. */
#ifndef PAGEWALK_TESTS_KERNEL_BENCH_WALKER_H
#define PAGEWALK_TESTS_KERNEL_BENCH_WALKER_H

static inline void bench_mmu_begin(struct bench *b) { (void)b; }
static inline void bench_mmu_end(struct bench *b) { (void)b; }
static inline void bench_mmu_set(struct bench *b, unsigned cpu, enum hw_reg r, u64 v) { (void)b, (void)cpu, (void)r, (void)v; }
static inline void bench_mmu_invlpg(struct bench *b, unsigned cpu, u64 va) { (void)b, (void)cpu, (void)va; }
static inline void bench_mmu_invpcid(struct bench *b, unsigned cpu, u64 t, u64 p, u64 va) { (void)b, (void)cpu, (void)t, (void)p, (void)va; }

/* Walk for a user access; 0 and no fault, or the #PF error code.  SDM3 4.5 and 4.6.1, straight down. */
static u32 bench_walk(struct bench *b, unsigned cpu, u64 va, char kind)
{
    u64 table = b->regs[cpu][HW_CR3] & 0x000ffffffffff000ull, *e = NULL;
    bool rw = true, xd = false;
    u32 err = 4u | (kind == 'w' ? 2u : 0) | (kind == 'x' ? 16u : 0);

    for (int shift = 39; shift >= 12; shift -= 9) {
        e = (u64 *)(void *)(b->hw.ram + table) + (va >> shift & 511);
        if (!(*e & 1))
            return err;
        rw = rw && (*e & 2);
        xd = xd || (*e >> 63);
        if (!(*e & 4))
            return err | 1;
        if (shift == 21 && (*e & 0x80))
            break;
        table = *e & 0x000ffffffffff000ull;
    }
    if ((kind == 'w' && !rw) || (kind == 'x' && xd))
        return err | 1;
    *e |= 0x20 | (kind == 'w' ? 0x40 : 0);
    return 0;
}

#endif
