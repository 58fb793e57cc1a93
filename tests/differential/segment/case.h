/* SPDX-License-Identifier: MIT
 * case.h - one case of the comparison of segments, made from a seed and a number alone: the guest on the emulated processor and
 * the host beside the model make the same one.  Included by guest.c and host.c.
 *
 * Protected mode without paging.  Each case fills 15 entries of the GDT and an LDT of 8, enters a privilege, and executes one
 * instruction: a load of a segment register, a load and an access through it, a far jump, call or return.  What then happens is
 * told: an exception, or the INT 40h that stands wherever a transfer can lead.
 *
 *   1000h GDT   1100h LDT   1180h TSS   2000h..3fffh accesses   4000h..5fffh stacks   6000h, 16000h: INT 40h, 6 KiB
 *
 * Left out: task switches (TSS and task gates as targets), the stack of privilege 0 (exceptions need it), offsets of more than 16
 * bits in gates of 16 bits (reserved). */
#ifndef PAGEWALK_TESTS_SEGMENT_CASE_H
#define PAGEWALK_TESTS_SEGMENT_CASE_H

#include <stdint.h>

#define GDT 0x1000u
#define LDT 0x1100u
#define TSS 0x1180u
#define ACCESSES 0x2000u
#define STACKS 0x4000u
#define PADS 0x6000u
#define PAD 0x6800u
#define OUTER_SP 0x5800u             /* of the program                                                             */
#define INNER_SP 0x5f00u             /* of privilege 0                                                             */

#define OWN_ENTRIES 16u              /* the guest's: code and data of each privilege, TSS, LDT                     */
#define OWN_CODE(cpl) (0x80u + 16 * (cpl) + (cpl))
#define OWN_DATA(cpl) (0x88u + 16 * (cpl) + (cpl))
#define OWN_TSS 0xc0u
#define OWN_LDT 0xc8u
#define GDT_LIMIT 0xcfu

enum { OP_LOAD, OP_ACCESS, OP_JUMP, OP_CALL, OP_RETURN };
enum { REG_ES, REG_CS, REG_SS, REG_DS, REG_FS, REG_GS };

struct seg_case {
    uint32_t gdt[16][2], ldt[8][2];  /* gdt[0] is null                                                             */
    uint32_t sp[3], ss[3];           /* of the TSS; [0] is always the guest's                                      */
    uint32_t selector, offset;
    uint32_t words[4];               /* on the stack: what a return takes                                          */
    uint16_t release;
    uint8_t cpl, op, reg, bytes;     /* bytes: of an operand of a transfer, 2 or 4; of an access, 1, 2 or 4        */
    uint8_t write;
};

/* What is told of a case. */
struct told {
    uint32_t vector, error;
    uint32_t cs, ip;                 /* ip: where a transfer led, else 0                                           */
    uint32_t ss, sp;
    uint32_t ds_es, fs_gs;
    uint32_t tables, stack;          /* digests                                                                    */
    uint32_t value;                  /* read, or in memory after a write                                           */
};
#define TOLD_WORDS (sizeof(struct told) / 4)

static inline uint32_t case_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state * 2654435761u >> 8;
}

static inline uint32_t case_one_of(uint32_t *r, const uint32_t *from, uint32_t n) { return from[case_random(r) % n]; }

static inline void case_pack(uint32_t *to, uint32_t base, uint32_t limit, uint32_t access, uint32_t flags)
{
    to[0] = (limit & 0xffff) | base << 16;
    to[1] = (base >> 16 & 0xff) | access << 8 | (limit & 0xf0000) | flags << 20 | (base & 0xff000000);
}

static inline uint32_t case_selector(uint32_t *r, uint32_t cpl)
{
    const uint32_t kind = case_random(r) % 16;
    const uint32_t rpl = case_random(r) % 4 ? cpl : case_random(r) % 4;

    if (kind == 0)
        return case_random(r) % 0xe0;
    if (kind == 1)
        return case_random(r) % 4;   /* null                                                                       */
    if (kind < 5)
        return case_random(r) % 10 * 8 + 4 + rpl;
    return (1 + case_random(r) % 15) * 8 + rpl;
}

static inline void case_segment(uint32_t *r, uint32_t *to, uint32_t cpl)
{
    static const uint32_t bases[] = { 0, 0, 0x100, 0x800 }, flags[] = { 0x4, 0x4, 0x4, 0x0, 0x0, 0xc, 0xc, 0x8 };
    static const uint32_t limits[] = { 0x2fff, 0x4fff, 0x57fb, 0x67ff, PAD + 1, 0x6fff, 0xffff, 0xfffff };
    const uint32_t dpl = case_random(r) % 3 ? cpl : case_random(r) % 4;
    const uint32_t type = case_random(r) % 3 ? case_random(r) % 8 + (case_random(r) % 2 ? 8 : 0) : case_random(r) % 16;
    const uint32_t access = type | 0x10 | dpl << 5 | (case_random(r) % 8 ? 0x80 : 0);

    case_pack(to, case_one_of(r, bases, 4), case_one_of(r, limits, 8), access, case_one_of(r, flags, 8));
}

/* What a task switch would need is left out. */
static inline void case_system(uint32_t *r, uint32_t *to)
{
    static const uint32_t types[] = { 12, 12, 12, 12, 4, 4, 4, 0, 2, 6, 7, 8, 10, 13, 14, 15 };
    const uint32_t dpl = case_random(r) % 3 ? 3 : case_random(r) % 4;
    const uint32_t type = case_one_of(r, types, 16), access = type | dpl << 5 | (case_random(r) % 8 ? 0x80 : 0);
    const uint32_t selector = case_selector(r, case_random(r) % 4), offset = PAD - (case_random(r) % 3) * 0x100;

    to[0] = (offset & 0xffff) | selector << 16;
    to[1] = (case_random(r) % 5) | access << 8 | (type != 12 || case_random(r) % 16 ? 0 : 0x10000);
}

static inline void case_entry_of(uint32_t *r, uint32_t *to, uint32_t cpl, int system)
{
    if (system || case_random(r) % 4 == 0)
        case_system(r, to);
    else
        case_segment(r, to, cpl);
}

/* Most random descriptors are refused: now and then the one that is used becomes one that suits. */
static inline void case_suit(uint32_t *r, struct seg_case *c, uint32_t selector, uint32_t cpl)
{
    const uint32_t i = selector >> 3 & 7, code = 0x9a | cpl << 5, data = 0x92 | cpl << 5;
    uint32_t *entry = selector & 4 ? c->ldt[i] : c->gdt[selector >> 3 & 15];

    if (selector >= 13 * 8 || selector < 8 || case_random(r) % 4)
        return;
    if (!(entry[1] & 0x1000))        /* a gate's selector is no base                                                */
        return;
    entry[1] = (entry[1] & ~0xff00u) | (c->op >= OP_JUMP ? code : case_random(r) % 2 ? code : data) << 8;
}

static inline void case_make(struct seg_case *c, uint32_t seed, uint32_t number)
{
    static const uint32_t sps[] = { 0x4800, 0x4ffc, 0x5004, 0x2fff, 0x4801, 0x14800 };
    uint32_t r = (seed * 0x9e3779b9u ^ number * 0x85ebca6bu) | 1, target;

    for (int i = 0; i < 4; i++)
        (void)case_random(&r);
    c->cpl = (uint8_t)(case_random(&r) % 4);
    c->op = (uint8_t)(case_random(&r) % 5);
    c->gdt[0][0] = c->gdt[0][1] = 0;
    for (int i = 1; i < 16; i++)
        case_entry_of(&r, c->gdt[i], c->cpl, i >= 13);
    for (int i = 0; i < 8; i++)
        case_entry_of(&r, c->ldt[i], c->cpl, 0);
    for (uint32_t i = 0; i < 3; i++) {
        c->sp[i] = i ? case_one_of(&r, sps, case_random(&r) % 4 ? 3 : 6) : INNER_SP;
        c->ss[i] = i ? case_random(&r) % 2 ? OWN_DATA(i) : case_selector(&r, i) : OWN_DATA(0);
    }
    c->selector = case_selector(&r, c->cpl);
    if (c->op >= OP_JUMP && case_random(&r) % 3 == 0)
        c->selector = 13 * 8 + case_random(&r) % 3 * 8 + c->cpl;
    c->reg = (uint8_t)(case_random(&r) % 6);
    if (c->reg == REG_CS)
        c->reg = REG_SS;
    c->write = (uint8_t)(case_random(&r) % 2);
    c->bytes = c->op == OP_ACCESS ? (uint8_t)(1u << case_random(&r) % 3) : case_random(&r) % 4 ? 4 : 2;
    c->release = (uint16_t)(case_random(&r) % 4 ? 0 : case_random(&r) % 8 * 4);
    target = PAD - (case_random(&r) % 3 == 0 ? 0x100 : case_random(&r) % 3 == 0 ? 0x800 : 0);
    c->offset = c->op == OP_ACCESS ? ACCESSES + case_random(&r) % 0x1700 : target;
    if (c->op == OP_ACCESS && case_random(&r) % 2)
        c->offset = 0x3000 - case_random(&r) % 6;
    c->words[0] = target;
    c->words[1] = c->selector;
    c->words[2] = case_one_of(&r, sps, 5);
    c->words[3] = case_random(&r) % 3 ? case_selector(&r, c->selector & 3) : OWN_DATA(c->selector & 3);
    if (c->op == OP_RETURN && case_random(&r) % 2)
        c->words[1] = (c->selector & ~3u) | case_random(&r) % 4;
    for (int i = 1; i < 16; i++)     /* what gates lead to                                                          */
        if ((c->gdt[i][1] & 0x1700) == 0x0400)
            case_suit(&r, c, c->gdt[i][0] >> 16, case_random(&r) % (c->cpl + 1u));
    case_suit(&r, c, c->op == OP_RETURN ? c->words[1] : c->selector, c->op == OP_RETURN ? c->words[1] & 3 : c->cpl);
}

/* ---- what both sides compute from memory, which begins at `memory` ---------------------------------------------------- */

static inline uint32_t case_word(uintptr_t memory, uint32_t at) { return *(volatile uint32_t *)(memory + at); }
static inline uint32_t case_digest(uint32_t so_far, uint32_t word) { return (so_far ^ word) * 16777619u + (so_far >> 25); }
static inline uint32_t case_entry(uint32_t selector) { return (selector & 4 ? LDT : GDT) + (selector & ~7u); }

static inline uint32_t case_base(uintptr_t memory, uint32_t selector)
{
    const uint32_t low = case_word(memory, case_entry(selector)), high = case_word(memory, case_entry(selector) + 4);

    return low >> 16 | (high & 0xff) << 16 | (high & 0xff000000);
}

/* Twenty words from SS:ESP up; its address when that is no stack of a case. */
static inline uint32_t case_digest_stack(uintptr_t memory, uint32_t ss, uint32_t sp)
{
    const uint32_t big = case_word(memory, case_entry(ss) + 4) & 0x400000, at = case_base(memory, ss) + (big ? sp : sp & 0xffff);
    uint32_t d = 0;

    if (at < STACKS || at > PADS - 0x60)
        return at;
    for (uint32_t i = 0; i < 20; i++)
        d = case_digest(d, case_word(memory, at + 4 * i));
    return d;
}

static inline uint32_t case_digest_tables(uintptr_t memory)
{
    uint32_t d = 0;

    for (uint32_t i = 0; i < 32; i++)
        d = case_digest(d, case_word(memory, GDT + 4 * i));
    for (uint32_t i = 0; i < 16; i++)
        d = case_digest(d, case_word(memory, LDT + 4 * i));
    return d;
}

/* The tables, the stacks and what a return takes from one, as they are before the instruction. */
static inline void case_set(uintptr_t memory, const struct seg_case *c)
{
    for (uint32_t i = 0; i < 32; i++)
        *(volatile uint32_t *)(memory + GDT + 4 * i) = c->gdt[i / 2][i % 2];
    for (uint32_t i = 0; i < 16; i++)
        *(volatile uint32_t *)(memory + LDT + 4 * i) = c->ldt[i / 2][i % 2];
    for (uint32_t i = 0; i < 3; i++) {
        *(volatile uint32_t *)(memory + TSS + 4 + 8 * i) = c->sp[i];
        *(volatile uint32_t *)(memory + TSS + 8 + 8 * i) = c->ss[i];
    }
    for (uint32_t at = ACCESSES + 0xf00; at < ACCESSES + 0x1000; at += 4) /* stacks that wrap reach here            */
        *(volatile uint32_t *)(memory + at) = 0x89abcdef;
    for (uint32_t at = STACKS + 0x700; at < OUTER_SP + 0x100; at += 4)
        *(volatile uint32_t *)(memory + at) = at < OUTER_SP || at >= OUTER_SP + 64 ? 0 : 0x1010101 * (at / 4);
    for (uint32_t i = 0; i < 4 && c->op == OP_RETURN; i++) {
        const uint32_t at = OUTER_SP + i * c->bytes + (i > 1 ? c->release : 0);
        if (c->bytes == 4)
            *(volatile uint32_t *)(memory + at) = c->words[i];
        else
            *(volatile uint16_t *)(memory + at) = (uint16_t)c->words[i];
    }
}

/* The guest's own entries, once. */
static inline void case_begin(uintptr_t memory)
{
    for (uint32_t p = 0; p < 4; p++) {
        uint32_t entry[4];
        case_pack(entry, 0, 0xfffff, 0x9b | p << 5, 0xc);
        case_pack(entry + 2, 0, 0xfffff, 0x93 | p << 5, 0xc);
        for (uint32_t i = 0; i < 4; i++)
            *(volatile uint32_t *)(memory + GDT + 0x80 + 16 * p + 4 * i) = entry[i];
    }
    *(volatile uint32_t *)(memory + GDT + OWN_TSS) = TSS << 16 | 0x67;
    *(volatile uint32_t *)(memory + GDT + OWN_TSS + 4) = 0x8900;
    *(volatile uint32_t *)(memory + GDT + OWN_LDT) = LDT << 16 | 0x3f;
    *(volatile uint32_t *)(memory + GDT + OWN_LDT + 4) = 0x8200;
    for (uint32_t at = 0; at < 0x68; at += 4)
        *(volatile uint32_t *)(memory + TSS + at) = 0;
    for (uint32_t at = 0; at < 0x2000; at += 4)
        *(volatile uint32_t *)(memory + ACCESSES + at) = 0x89abcdef;
}

/* What a write hit gets other words again. */
static inline void case_restore(uintptr_t memory, uint32_t at)
{
    *(volatile uint32_t *)(memory + (at & ~3u)) = 0x1234567;
    *(volatile uint32_t *)(memory + (at & ~3u) + 4) = 0x2468ace;
}

#endif
