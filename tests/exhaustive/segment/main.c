/* SPDX-License-Identifier: MIT
 * main.c - every combination of descriptor attributes, privileges and instructions, and random worlds: segments and the oracle
 * must agree on the exception and its error code, on every register, and on the memory that tables and stacks lie in.
 *     segment-exhaustive [--random N]
 * Prints what was compared; stops at the tenth difference; exit status 1 when there was one. */
#include "oracle.h"

#include "pagewalk/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_BYTES 0x20000
#define GDT 0x000u
#define LDT 0x080u
#define TSS 0x0c0u
#define STACK_TOP 0x300u

static u64 cases, differences;
static u8 *ram;
static struct mmu *machines[2];      /* without paging; in IA-32e mode                                            */
static struct seg model;

/* ---- machines --------------------------------------------------------------------------------------------------------- */

static struct mmu *make_machine(bool long_mode)
{
    const struct mmu_profile *p = mmu_profile_find("skylake");
    const struct mmu_config cfg = { .cpus = 1, .ram = ram, .ram_bytes = RAM_BYTES, .maxphyaddr = 40, .vendor = MMU_INTEL, .features = p->features, .profile = p };
    const size_t bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    struct mmu *m = mmu_create(aligned_alloc(64, bytes), bytes, &cfg);

    if (!long_mode) {
        mmu_set(m, 0, MMU_CR0, 1);
        mmu_set(m, 0, MMU_EFER, 0);
        return m;
    }
    mmu_poke(m, 0x10000, 0x11007);
    for (u64 i = 0; i < 4; i++)      /* 4 GiB as they are, in pages of 1 GiB                                      */
        mmu_poke(m, 0x11000 + 8 * i, i << 30 | 0xe7);
    mmu_poke(m, 0x10000 + 8 * 255, 0x12007);
    for (u64 i = 0; i < 512; i++)    /* below the hole in the middle: no memory, but pages                          */
        mmu_poke(m, 0x12000 + 8 * i, 1ull << 30 | 0xe7);
    mmu_set(m, 0, MMU_CR3, 0x10000);
    return m;
}

/* ---- worlds -------------------------------------------------------------------------------------------------------------- */

static void put_bytes(struct world *w, unsigned at, unsigned bytes, u64 v)
{
    for (unsigned i = 0; i < bytes; i++)
        w->memory[at + i] = (u8)(v >> 8 * i);
}

static void put_descriptor(struct world *w, unsigned at, u32 base, u32 raw_limit, unsigned access, unsigned flags)
{
    put_bytes(w, at, 8, (raw_limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 | (u64)(raw_limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56);
}

static void put_gate(struct world *w, unsigned at, unsigned selector, u64 offset, unsigned words, unsigned access)
{
    put_bytes(w, at, 8, (offset & 0xffff) | (u64)selector << 16 | (u64)words << 32 | (u64)access << 40 | (offset >> 16 & 0xffff) << 48);
    if (at + 16 <= LDT)
        put_bytes(w, at + 8, 8, offset >> 32);
}

static const struct hidden nothing = { .null = true };

/* A running program: flat code and stack of its privilege, no data segments, an LDT, and a TSS with a stack for 0, 1 and 2, whose
 * descriptors are entries 13, 14 and 15 of the GDT. */
static struct world make_world(char mode, unsigned cpl)
{
    struct world w = { .mode = mode, .cpl = cpl, .gdt_limit = 0x7f, .ip = 0x1234567, .sp = STACK_TOP };

    for (unsigned r = 0; r < REGISTERS; r++)
        w.reg[r] = nothing;
    w.reg[CS] = (struct hidden){ false, 8 + cpl, 0, 0xffffffff, 0x9b + 32 * cpl, mode == 'l' ? 0xa : 0xc };
    w.reg[SS] = (struct hidden){ false, 16 + cpl, 0, 0xffffffff, 0x93 + 32 * cpl, 0xc };
    w.reg[LDTR] = (struct hidden){ false, 0x18, LDT, 0x3f, 0x82, 0 };
    w.reg[TR] = (struct hidden){ false, 0x20, TSS, 0x67, 0x8b, 0 };
    for (unsigned p = 0; p < 3; p++) {
        put_descriptor(&w, GDT + 8 * (13 + p), 0, 0xfffff, 0x92 + 32 * p, 0xc);
        if (mode == 'p') {
            put_bytes(&w, TSS + 4 + 8 * p, 4, 0x3f0);
            put_bytes(&w, TSS + 8 + 8 * p, 4, 8 * (13 + p) + p);
        } else {
            put_bytes(&w, TSS + 4 + 8 * p, 8, 0x3f0);
        }
    }
    for (unsigned i = STACK_TOP; i < MEMORY; i++)
        w.memory[i] = (u8)(i * 7);
    return w;
}

static u32 byte_limit(const struct hidden *h) { return (u32)h->limit; }

static void set_model(const struct world *w)
{
    struct mmu *m = machines[w->mode != 'p'];

    model = (struct seg){ .mmu = m, .cpl = (u8)w->cpl, .ip = w->ip, .sp = w->sp, .gdtr = { w->gdt_base, (u16)w->gdt_limit } };
    mmu_set(m, 0, MMU_CPL, w->cpl == 3 ? 3 : 0);
    for (unsigned r = 0; r < REGISTERS; r++) {
        const struct hidden *h = &w->reg[r];

        model.reg[r] = (struct seg_register){ h->base, byte_limit(h), (u16)h->selector, (u16)(h->access | h->flags << 12), !h->null };
    }
    memcpy(ram, w->memory, MEMORY);
}

static bool same_register(const struct hidden *h, const struct seg_register *d)
{
    if (h->selector != d->selector || h->null == d->usable || h->base != d->base)
        return false;
    return h->null || (byte_limit(h) == d->limit && (h->access | h->flags << 12) == d->rights);
}

static const char *difference(const struct world *w, const struct verdict *v, bool done, const struct seg_result *r)
{
    if (done != (v->vector == 0) || r->vector != v->vector)
        return "vector";
    if (v->vector && r->error != v->error)
        return "error code";
    for (unsigned i = 0; i < REGISTERS; i++)
        if (!same_register(&w->reg[i], &model.reg[i]))
            return seg_reg_names[i];
    if (model.cpl != w->cpl || mmu_get(model.mmu, 0, MMU_CPL) != (w->cpl == 3 ? 3 : 0))
        return "cpl";
    if (model.ip != w->ip || model.sp != w->sp)
        return model.ip != w->ip ? "ip" : "sp";
    return memcmp(ram, w->memory, MEMORY) ? "memory" : NULL;
}

static void tell(const char *what, const char *where, const struct world *before, const struct verdict *v, const struct seg_result *r)
{
    printf("%s, %s: mode %c cpl %u: oracle %d(%x), model %d(%x) %s\n", what, where, before->mode, before->cpl, v->vector, v->error, r->vector, r->error, r->rule);
    if (++differences == 10)
        exit(1);
}

/* ---- one case each -------------------------------------------------------------------------------------------------------- */

static void judge(const char *what, const struct world *before, const struct world *after, const struct verdict *v, bool done, const struct seg_result *r)
{
    const char *where = difference(after, v, done, r);

    cases++;
    if (where)
        tell(what, where, before, v, r);
}

static void load(const struct world *w, int reg, unsigned selector)
{
    struct world after = *w;
    struct seg_result r;
    const struct verdict v = oracle_load(&after, reg, selector);

    set_model(w);
    const bool done = seg_load(&model, (enum seg_reg)reg, (u16)selector, &r);
    judge("load", w, &after, &v, done, &r);
}

static void far(const struct world *w, bool call, unsigned selector, u64 offset, unsigned bytes)
{
    struct world after = *w;
    struct seg_result r;
    const struct verdict v = oracle_far(&after, call, selector, offset, (int)bytes);

    set_model(w);
    const bool done = (call ? seg_call : seg_jump)(&model, (u16)selector, offset, bytes, &r);
    judge(call ? "call" : "jump", w, &after, &v, done, &r);
}

static void go_back(const struct world *w, unsigned bytes, unsigned release)
{
    struct world after = *w;
    struct seg_result r;
    const struct verdict v = oracle_return(&after, (int)bytes, release);

    set_model(w);
    const bool done = seg_return(&model, bytes, (u16)release, &r);
    judge("return", w, &after, &v, done, &r);
}

static void reach(const struct world *w, int reg, u64 offset, unsigned size, enum mmu_kind kind)
{
    const struct verdict v = oracle_access(w, reg, offset, size, "rwx"[kind]);
    struct seg_result r;
    const bool done = seg_linear(&model, (enum seg_reg)reg, offset, size, kind, &r);

    cases++;
    if (done != (v.vector == 0) || r.vector != v.vector || (done ? r.linear != v.linear : r.error != v.error))
        tell("access", "linear", w, &v, &r);
}

/* ---- families ---------------------------------------------------------------------------------------------------------------- */

static const char modes[] = "pcl";

/* Every access byte and flags, by privilege: entry 5 of either table into DS, FS and SS. */
static void loads(void)
{
    for (const char *mode = modes; *mode; mode++)
        for (unsigned i = 0; i < 4 * 2 * 256 * 16; i++) {
            struct world w = make_world(*mode, i & 3);
            const unsigned selector = 5 * 8 + (i >> 2 & 1) * 4;

            put_descriptor(&w, (i >> 2 & 1 ? LDT : GDT) + 5 * 8, 0x89abcdef, 0x54321, i >> 3 & 255, i >> 11);
            for (unsigned rpl = 0; rpl < 4; rpl++) {
                load(&w, DS, selector + rpl);
                load(&w, FS, selector + rpl);
                load(&w, SS, selector + rpl);
            }
        }
}

/* Limits of tables, to the byte; null selectors; no LDT. */
static void table_limits(void)
{
    for (const char *mode = modes; *mode; mode++)
        for (unsigned limit = 0; limit < 0x40; limit++)
            for (unsigned selector = 0; selector < 0x50; selector++) {
                struct world w = make_world(*mode, selector & 3);

                for (unsigned i = 1; i < 8; i++) {
                    put_descriptor(&w, GDT + 8 * i, 0, 0, 0x92 + 32 * (selector & 3), 0);
                    put_descriptor(&w, LDT + 8 * i, 0, 0, 0x92 + 32 * (selector & 3), 0);
                }
                w.gdt_limit = limit;
                w.reg[LDTR].limit = limit;
                w.reg[LDTR].null = limit == 0x3e;
                load(&w, ES, selector);
                load(&w, SS, selector);
                w.cpl = (selector >> 2) & 3;
                load(&w, SS, selector);
                far(&w, false, selector, 0, 4);
            }
}

static void direct(void)
{
    static const u64 offsets[] = { 0x54320, 0x54321, 0x54322, 0x54321fff, 0x54322000, 0x800000000000 };

    for (const char *mode = modes; *mode; mode++)
        for (unsigned i = 0; i < 4 * 4 * 256 * 16; i++) {
            struct world w = make_world(*mode, i & 3);
            const unsigned selector = 5 * 8 + (i >> 2 & 3);

            put_descriptor(&w, GDT + 5 * 8, 0x89abcdef, 0x54321, i >> 4 & 255, i >> 12);
            for (unsigned k = 0; k < 6; k++) {
                far(&w, k & 1, selector, offsets[k], *mode == 'l' && k > 2 ? 8 : 4);
                far(&w, !(k & 1), selector, offsets[k], 2);
            }
        }
}

/* Gates of every type and privilege, to code of every kind. */
static void gates(void)
{
    for (const char *mode = modes; *mode; mode++)
        for (unsigned i = 0; i < 4 * 4 * 2 * 4 * 2 * 256; i++) {
            struct world w = make_world(*mode, i & 3);
            const unsigned type = i >> 4 & 1 ? 12 : 4, access = type + (i >> 5 & 3) * 32 + (i >> 7 & 1) * 128;

            put_gate(&w, GDT + 6 * 8, 5 * 8 + (i & 3), 0x54321, i % 3, access);
            for (unsigned flags = 0; flags < 8; flags += 2) {
                put_descriptor(&w, GDT + 5 * 8, 0, 0xfffff, i >> 8 & 255, flags);
                far(&w, false, 6 * 8 + (i >> 2 & 3), 0, 4);
                far(&w, true, 6 * 8 + (i >> 2 & 3), 0, 4);
            }
        }
}

/* Every byte where a gate's type stands; the upper half; targets that are null or outside; the end of the table. */
static void gate_words(void)
{
    for (const char *mode = modes; *mode; mode++)
        for (unsigned i = 0; i < 256 * 32; i++) {
            struct world w = make_world(*mode, 3);

            put_descriptor(&w, GDT + 5 * 8, 0, 0x54321, 0x98 + (i & 3) * 32, i >> 2 & 1 ? 2 : 4);
            put_gate(&w, GDT + 6 * 8, (i & 8 ? 5 * 8 : 0x200) + (i & 3), i & 16 ? 0x54321 : 0x800054322, i & 31, i >> 5);
            far(&w, i & 1, 6 * 8 + 3, 0, 4);
            put_gate(&w, GDT + 6 * 8, 5 * 8, 0x54321, i & 31, 0xec);
            put_bytes(&w, GDT + 7 * 8 + 5, 1, i >> 5);
            far(&w, true, 6 * 8 + 3, 0, 4);
            w.gdt_limit = 6 * 8 + (i & 15);
            far(&w, true, 6 * 8 + 3, 0, 4);
            put_gate(&w, GDT + 6 * 8, i & 3, 0, 0, 0xec);
            far(&w, i & 4, 6 * 8 + 3, 0, 4);
        }
}

/* The stack in the TSS: every descriptor, RPL, room, and number of parameters; TSS of 16 and 32 bits. */
static void inner_stacks(void)
{
    static const u32 sps[] = { 0x3f0, 0x10, 0x1, 0x0, 0x103f0 };
    static const unsigned words[] = { 0, 1, 31 };

    for (unsigned i = 0; i < 256 * 4 * 2 * 3 * 5 * 3 * 2; i++) {
        unsigned k = i / 256;
        struct world w = make_world('p', 3);
        const unsigned rpl = k % 4, big = k / 4 % 2, inner = k / 8 % 3, sp = k / 24 % 5, wide = k / 360;

        put_descriptor(&w, GDT + 5 * 8, 0, 0xfffff, 0x9a + 32 * inner, 12);
        put_gate(&w, GDT + 6 * 8, 5 * 8, 0x4000, words[k / 120 % 3], wide ? 0xec : 0xe4);
        put_descriptor(&w, GDT + 8 * 8, 0, sp == 3 ? 0xffff : 0x3ff, i & 255, big ? 4 : 0);
        w.sp = 0x200;
        if (wide) {
            put_bytes(&w, TSS + 4 + 8 * inner, 4, sps[sp]);
            put_bytes(&w, TSS + 8 + 8 * inner, 2, 8 * 8 + rpl);
        } else {
            w.reg[TR].access = 0x83;
            put_bytes(&w, TSS + 2 + 4 * inner, 2, sps[sp]);
            put_bytes(&w, TSS + 4 + 4 * inner, 2, 8 * 8 + rpl);
        }
        far(&w, true, 6 * 8 + 3, 0, 4);
    }
}

/* How far the TSS reaches; selectors in it that name nothing; stack pointers that are not canonical. */
static void task_segments(void)
{
    static const u16 selectors[] = { 0, 3, 0x200, 8 * 13, 0x84 };
    static const u64 sps[] = { 0x3f0, 0x800000000008, 0xffff800000000000, 0x7fffffffffff };

    for (const char *mode = modes; *mode; mode++)
        for (unsigned limit = 0; limit < 0x30; limit++)
            for (unsigned i = 0; i < 5 * 4 * 3 * 2 * 2; i++) {
                struct world w = make_world(*mode, 3);
                const unsigned inner = i / 20 % 3;

                put_descriptor(&w, GDT + 5 * 8, 0, 0x4000, 0x9a + 32 * inner, *mode == 'p' ? 4 : 2);
                put_gate(&w, GDT + 6 * 8, 5 * 8, i & 1 ? 0x4000 : 0x4001, 1, 0xec);
                w.reg[TR].limit = limit;
                w.reg[TR].null = i / 60 % 2;
                if (i / 120)
                    w.reg[TR].access = 0x83;
                if (*mode == 'p') {
                    put_bytes(&w, TSS + 8 + 8 * inner, 2, selectors[i % 5]);
                    put_bytes(&w, TSS + 4 + 4 * inner, 2, selectors[i % 5]);
                } else if (sps[i % 4] != 0xffff800000000000) {
                    put_bytes(&w, TSS + 4 + 8 * inner, 8, sps[i % 4]);
                }
                far(&w, true, 6 * 8 + 3, 0, 4);
            }
}

/* What is on the stack, for operands of any size. */
static void put_return(struct world *w, unsigned bytes, u64 ip, unsigned cs, u64 sp, unsigned ss, unsigned release)
{
    const unsigned at = (unsigned)w->sp;

    put_bytes(w, at, bytes, ip);
    put_bytes(w, at + bytes, 2, cs);
    put_bytes(w, at + 2 * bytes + release, bytes, sp);
    put_bytes(w, at + 3 * bytes + release, 2, ss);
}

static void returns(void)
{
    static const u64 ips[] = { 0x100, 0x54321, 0x54322, 0x800000000000 };

    for (const char *mode = modes; *mode; mode++)
        for (unsigned i = 0; i < 4 * 4 * 256 * 8; i++) {
            const unsigned rpl = i >> 2 & 3, bytes = *mode == 'l' ? 8 : 4, release = i >> 12 & 1 ? 8 : 0;
            struct world w = make_world(*mode, i & 3);

            put_descriptor(&w, GDT + 5 * 8, 0, 0x54321, i >> 4 & 255, (i >> 12) * 2 % 8);
            put_descriptor(&w, GDT + 6 * 8, 0, 0xfffff, 0x92 + 32 * rpl, i >> 14 & 1 ? 0 : 12);
            for (unsigned k = 0; k < 4; k++) {
                put_return(&w, bytes, ips[k], 5 * 8 + rpl, 0x12340380, 6 * 8 + rpl, release);
                go_back(&w, bytes, release);
            }
            put_return(&w, 2, 0x4321, 5 * 8 + rpl, 0x380, 6 * 8 + rpl, release);
            go_back(&w, 2, release);
        }
}

/* The stack that is returned to, and the data segments that may not come along. */
static void outer_stacks(void)
{
    for (const char *mode = modes; *mode; mode++)
        for (unsigned i = 0; i < 4 * 4 * 4 * 256 * 2; i++) {
            const unsigned rpl = i >> 2 & 3, bytes = *mode == 'l' ? 8 : 4;
            struct world w = make_world(*mode, i & 3);

            put_descriptor(&w, GDT + 5 * 8, 0, 0x54321, 0x9a + 32 * rpl, i >> 14 & 1 ? 2 : 4);
            put_descriptor(&w, GDT + 6 * 8, 0, 0xfffff, i >> 6 & 255, 12);
            w.reg[DS] = w.reg[GS] = (struct hidden){ false, 0x33, 0x1000, 0xfff, i >> 6 & 255, 4 };
            put_return(&w, bytes, 0x100, 5 * 8 + rpl, 0x380, 6 * 8 + (i >> 4 & 3), 0);
            go_back(&w, bytes, 0);
            put_descriptor(&w, GDT + 6 * 8, 0, 0xfffff, 0xf2, 12);
            put_return(&w, bytes, 0x100, 5 * 8 + rpl, 0x380, 6 * 8 + 3, 0);
            go_back(&w, bytes, 0);
            put_return(&w, bytes, 0x100, 5 * 8 + rpl, 0x380, i >> 4 & 3, 0);
            go_back(&w, bytes, 0);
            put_return(&w, bytes, 0x100, i >> 8 & 1 ? rpl : 0x208, 0x380, i >> 9 & 1 ? 6 * 8 : 0x208, 0);
            go_back(&w, bytes, 0);
        }
}

/* Pushes and pops where a stack ends. */
static void stack_ends(void)
{
    static const u32 limits[] = { 0, 7, 0x3ff, 0xffff };

    for (unsigned i = 0; i < 4 * 2 * 2 * 2 * 20; i++) {
        struct world w = make_world('p', 0);

        w.reg[SS] = (struct hidden){ false, 0x10, 0, limits[i & 3], i >> 2 & 1 ? 0x97 : 0x93, i >> 3 & 1 ? 4 : 0 };
        w.sp = (i >> 5) % 20 + (i >> 4 & 1 ? 0x3f8 : 0);
        put_descriptor(&w, GDT + 5 * 8, 0, 0x54321, 0x9a, 4);
        far(&w, true, 5 * 8, 0x100, 4);
        far(&w, true, 5 * 8, 0x100, 2);
        go_back(&w, 4, 0);
        go_back(&w, 2, 0xfff8);
    }
}

/* Every kind of segment, limit and place: what an access gives. */
static void accesses(void)
{
    static const u64 limits[] = { 0, 0x7ff, 0xfffe, 0xffff, 0x54321fff, 0xfffffffe, 0xffffffff };
    static const int regs[] = { DS, SS, CS, FS };
    static const u64 bases[] = { 0, 0x89abc000, 0x7ffffffff000 };

    for (const char *mode = modes; *mode; mode++)
        for (unsigned i = 0; i < 256 * 4 * 7 * 4 * 3; i++) {
            struct world w = make_world(*mode, 0);
            const int reg = regs[i >> 10 & 3];
            const u64 limit = limits[(i >> 12) % 7], base = bases[(i >> 12) / 7];

            w.reg[reg] = (struct hidden){ (i & 0x3fc) == 0, 0x28, base, limit, (i & 0xff) | 0x10, (i >> 8 & 3) * 2 };
            if (reg == CS) {
                w.reg[CS].access |= 8;
                w.reg[CS].flags = *mode == 'l' ? 2 : (i >> 8 & 1) * 4;
            }
            set_model(&w);
            for (unsigned k = 0; k < 4 * 3; k++) {
                const unsigned size = 1u << (k & 3);
                const enum mmu_kind kind = (enum mmu_kind)(k >> 2);
                const u64 offsets[] = { 0, limit, limit + 1, limit - size + 1, limit - size + 2, 0x10000 - size, 0x10001 - size, 0x100000000 - size, 0x100000001 - size,
                                        0x800000000000 - base - size, 0x800000000001 - base - size, ~0ull };

                for (unsigned o = 0; o < 12 && (kind != MMU_FETCH || reg == CS); o++)
                    reach(&w, reg, offsets[o], size, kind);
            }
        }
}

static u64 random_state = 88172645463325252ull;
static u32 rnd(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (u32)(random_state >> 16);
}

static void random_segment(struct world *w, unsigned at)
{
    static const u8 likely[] = { 0x92, 0x9a, 0xf2, 0xfa, 0x9e, 0xb2, 0xba, 0xd2, 0xda };

    if (rnd() % 4)
        put_descriptor(w, at, rnd() % 2 ? 0 : rnd() % 256, 0x200 + rnd() % 0x400, likely[rnd() % 9], rnd() % 16);
    else if (rnd() % 2)
        put_gate(w, at, rnd() % 0x90, rnd() % 0x400, rnd() % 4, (rnd() % 2 ? 0x8c : 0x84) + 32 * (rnd() % 4));
    else
        put_descriptor(w, at, 0, rnd(), rnd() & 255, rnd() % 16);
}

/* Tables of likely and unlikely entries, any selector, and what comes after: each instruction begins where the last ended. */
static void random_worlds(u64 n)
{
    for (u64 i = 0; i < n; i++) {
        struct world w = make_world(modes[rnd() % 3], rnd() % 4);

        for (unsigned e = 1; e < 13; e++)
            random_segment(&w, GDT + 8 * e);
        for (unsigned e = 0; e < 8; e++)
            random_segment(&w, LDT + 8 * e);
        for (unsigned k = 0; k < 6; k++) {
            const unsigned selector = rnd() % 0x84, bytes = rnd() % 8 ? w.mode == 'l' ? 8 : 4 : 2;
            struct world after = w;

            w.sp = 0x280 + rnd() % 64;
            put_return(&w, bytes, rnd() % 0x400, rnd() % 0x84, 0x380, rnd() % 0x84, 0);
            after = w;
            if (rnd() % 2) {
                const int reg = (int[]){ ES, SS, DS, FS, GS }[rnd() % 5];

                load(&w, reg, selector);
                oracle_load(&after, reg, selector);
            } else if (rnd() % 2) {
                const bool call = rnd() % 2;
                const u64 offset = rnd() % 0x400;

                far(&w, call, selector, offset, bytes);
                oracle_far(&after, call, selector, offset, (int)bytes);
            } else {
                go_back(&w, bytes, 0);
                oracle_return(&after, (int)bytes, 0);
            }
            w = after;
        }
    }
}

int main(int argc, char **argv)
{
    const u64 random = argc == 3 && !strcmp(argv[1], "--random") ? strtoull(argv[2], NULL, 0) : 200000;
    u64 before = 0;

    ram = aligned_alloc(4096, RAM_BYTES);
    memset(ram, 0, RAM_BYTES);
    machines[0] = make_machine(false);
    machines[1] = make_machine(true);
#define FAMILY(text, call) do { call; printf("%12llu  %s\n", (unsigned long long)(cases - before), text); before = cases; } while (0)
    FAMILY("loads of data and stack segments", loads());
    FAMILY("limits of tables", table_limits());
    FAMILY("direct jumps and calls", direct());
    FAMILY("gates", gates());
    FAMILY("gates, odd ones", gate_words());
    FAMILY("stacks of more privilege", inner_stacks());
    FAMILY("task-state segments", task_segments());
    FAMILY("returns", returns());
    FAMILY("stacks of less privilege", outer_stacks());
    FAMILY("ends of stacks", stack_ends());
    FAMILY("accesses", accesses());
    FAMILY("random worlds", random_worlds(random));
    printf("%12llu  cases, %llu differences\n", (unsigned long long)cases, (unsigned long long)differences);
    return differences != 0;
}
