/* SPDX-License-Identifier: MIT
 * segments.c - a program in segments, and its kernel behind a call gate: what an emulator does with pagewalk/segment.h.  The
 * program copies a string out of its data segment through the kernel, once inside its limit and once beyond.
 *
 *     cc segments.c -lpagewalk-machine && ./a.out */
#include "pagewalk/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_BYTES (1u << 20)
enum { KERNEL_CODE = 0x08, KERNEL_DATA = 0x10, USER_CODE = 0x1b, USER_DATA = 0x23, USER_STACK = 0x2b, TASK = 0x30, CALL = 0x3b };
enum { GDT = 0x1000, TASK_STATE = 0x2000, KERNEL_STACK = 0x4000, USER_BASE = 0x20000 };

static u8 *ram;
static struct seg_result r;

static void machine(struct seg *s)
{
    const struct mmu_profile *p = mmu_profile_find("skylake");
    struct mmu_config cfg = { .cpus = 1, .ram_bytes = RAM_BYTES, .maxphyaddr = 40, .vendor = MMU_INTEL, .features = p->features, .profile = p };
    struct mmu *m;
    size_t bytes;

    cfg.ram = ram = aligned_alloc(4096, RAM_BYTES);
    memset(ram, 0, RAM_BYTES);
    bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    m = mmu_create(aligned_alloc(64, bytes), bytes, &cfg);
    mmu_set(m, 0, MMU_CR0, 1);       /* protected mode, no paging                                                  */
    mmu_set(m, 0, MMU_EFER, 0);
    seg_init(s, m, 0);
}

static void entry(struct seg *s, u16 selector, u32 base, u32 limit, u16 rights)
{
    seg_poke(s, selector, seg_encode(base, limit, rights | SEG_P | SEG_DB | (limit > 0xfffff ? SEG_G : 0)));
}

static void tables(struct seg *s)
{
    const u16 user = SEG_S | 3 << SEG_DPL_LSB, code = SEG_CODE | SEG_READABLE;

    seg_lgdt(s, GDT, 0x3f, &r);
    entry(s, KERNEL_CODE, 0, 0xffffffff, SEG_S | code);
    entry(s, KERNEL_DATA, 0, 0xffffffff, SEG_S | SEG_WRITABLE);
    entry(s, USER_CODE, USER_BASE, 0xfff, user | code);
    entry(s, USER_DATA, USER_BASE + 0x1000, 0xff, user | SEG_WRITABLE);
    entry(s, USER_STACK, USER_BASE + 0x2000, 0xfff, user | SEG_WRITABLE);
    seg_poke(s, TASK, seg_encode(TASK_STATE, 0x67, SEG_P | SEG_TYPE_TSS));
    seg_poke(s, CALL, seg_encode_gate(KERNEL_CODE, 0x5000, 1, SEG_P | 3 << SEG_DPL_LSB | SEG_TYPE_GATE));
    memcpy(ram + TASK_STATE + 4, (u32[]){ KERNEL_STACK, KERNEL_DATA }, 8);
    memcpy(ram + USER_BASE + 0x1000 + 0xf0, "fifteen letters", 16);
}

/* To privilege 3: a return to where nobody came from. */
static void start_program(struct seg *s)
{
    seg_jump(s, KERNEL_CODE, 0x100, 4, &r);
    seg_load(s, SEG_SS, KERNEL_DATA, &r);
    seg_ltr(s, TASK, &r);
    memcpy(ram + KERNEL_STACK - 16, (u32[]){ 0, USER_CODE, 0x1000, USER_STACK }, 16);
    s->sp = KERNEL_STACK - 16;
    seg_return(s, 4, 0, &r);
    seg_load(s, SEG_DS, USER_DATA, &r);
}

/* The kernel's side: reads through the segment that the caller gave, with the caller's rights: its RPL is 3. */
static void kernel(struct seg *s)
{
    u32 offset;

    memcpy(&offset, ram + s->sp + 8, sizeof offset); /* behind the return address                                 */
    printf("  kernel at cpl %u, stack 0x%x:", s->cpl, (unsigned)s->sp);
    for (; seg_access(s, SEG_DS, offset, 1, MMU_LOAD, &r) && ram[r.linear]; offset++)
        putchar(ram[r.linear]);
    printf("%s\n", r.vector ? " #GP" : "");
}

static void call(struct seg *s, u32 offset)
{
    printf("call with 0x%x\n", offset);
    s->sp -= 4;
    if (!seg_access(s, SEG_SS, s->sp, 4, MMU_STORE, &r))
        return;
    memcpy(ram + r.linear, &offset, sizeof offset);
    if (!seg_call(s, CALL, 0, 4, &r))
        return;
    kernel(s);
    seg_return(s, 4, 4, &r);
    printf("  back at cpl %u, stack 0x%x\n", s->cpl, (unsigned)s->sp);
}

int main(void)
{
    struct seg s;

    machine(&s);
    tables(&s);
    start_program(&s);
    call(&s, 0xf0);
    memset(ram + USER_BASE + 0x10f8, 'x', 8); /* no end any more: the limit is one                                 */
    call(&s, 0xf8);
    if (!seg_load(&s, SEG_DS, KERNEL_DATA, &r))
        printf("the kernel's data for ds: vector %u, error 0x%x\n  %s\n", r.vector, r.error, r.rule);
    if (!seg_access(&s, SEG_CS, 0, 1, MMU_STORE, &r))
        printf("a store to code: vector %u, error 0x%x\n  %s\n", r.vector, r.error, r.rule);
    free(s.mmu);
    free(ram);
    return 0;
}
