/* SPDX-License-Identifier: MIT
 * oracle.c - see oracle.h.  Dull on purpose: the manual's pseudocode, one IF after the other, no tables, no shared helpers but
 * for memory and arithmetic of bits. */
#include "oracle.h"

#define UD 6
#define TS 10
#define NP 11
#define STACK 12
#define GP 13

static struct verdict fault(int vector, unsigned selector)
{
    struct verdict v = { vector, selector / 4 * 4, 0 };
    return v;
}

static struct verdict done(void)
{
    struct verdict v = { 0, 0, 0 };
    return v;
}

static bool lma(const struct world *w) { return w->mode != 'p'; }

static uint64_t get(const struct world *w, uint64_t at, int bytes)
{
    uint64_t v = 0;

    for (int i = bytes - 1; i >= 0; i--)
        v = v * 256 + (at + (uint64_t)i < MEMORY ? w->memory[at + (uint64_t)i] : 0);
    return v;
}

static void put(struct world *w, uint64_t at, int bytes, uint64_t v)
{
    for (int i = 0; i < bytes; i++) {
        if (at + (uint64_t)i < MEMORY)
            w->memory[at + (uint64_t)i] = (uint8_t)(v % 256);
        v = v / 256;
    }
}

static bool canonical(uint64_t a) { return a < 0x800000000000 || a >= 0xffff800000000000; }

/* Address of a descriptor of so many bytes; 1: outside the table. */
static int where(const struct world *w, unsigned selector, unsigned bytes, uint64_t *at)
{
    if (selector / 4 % 2 == 0) {
        *at = w->gdt_base + selector / 8 * 8;
        return selector / 8 * 8 + bytes - 1 > w->gdt_limit;
    }
    *at = w->reg[LDTR].base + selector / 8 * 8;
    return w->reg[LDTR].null || selector / 8 * 8 + bytes - 1 > w->reg[LDTR].limit;
}

static struct hidden unpack(const struct world *w, unsigned selector, uint64_t at)
{
    struct hidden h = { false, selector, 0, 0, 0, 0 };

    h.base = get(w, at + 2, 3) + get(w, at + 7, 1) * 0x1000000;
    h.limit = get(w, at, 2) + get(w, at + 6, 1) % 16 * 0x10000;
    h.access = (unsigned)get(w, at + 5, 1);
    h.flags = (unsigned)get(w, at + 6, 1) / 16;
    if (h.flags / 8 == 1)
        h.limit = h.limit * 4096 + 4095;
    return h;
}

static unsigned dpl(struct hidden h) { return h.access / 32 % 4; }
static bool present(struct hidden h) { return h.access / 128 == 1; }
static bool system_type(struct hidden h) { return h.access / 16 % 2 == 0; }
static bool code(struct hidden h) { return !system_type(h) && h.access / 8 % 2 == 1; }
static bool conforming(struct hidden h) { return code(h) && h.access / 4 % 2 == 1; }
static bool writable(struct hidden h) { return !system_type(h) && !code(h) && h.access / 2 % 2 == 1; }
static bool readable(struct hidden h) { return !system_type(h) && (!code(h) || h.access / 2 % 2 == 1); }
static bool l_bit(struct hidden h) { return h.flags / 2 % 2 == 1; }
static bool d_bit(struct hidden h) { return h.flags / 4 % 2 == 1; }

static void accessed(struct world *w, uint64_t at, struct hidden *h)
{
    if (h->access % 2 == 0)
        h->access++;
    put(w, at + 5, 1, h->access);
}

/* ---- MOV to a segment register ------------------------------------------------------------------------------------- */

struct verdict oracle_load(struct world *w, int reg, unsigned selector)
{
    struct hidden h;
    uint64_t at;
    unsigned rpl = selector % 4;

    if (reg == SS) {
        if (selector / 4 == 0) {
            if (w->mode != 'l')
                return fault(GP, 0);
            if (w->cpl == 3 || rpl != w->cpl)
                return fault(GP, 0);
            w->reg[SS] = (struct hidden){ true, selector, 0, 0, 0, 0 };
            return done();
        }
        if (where(w, selector, 8, &at))
            return fault(GP, selector);
        h = unpack(w, selector, at);
        if (rpl != w->cpl || !writable(h) || dpl(h) != w->cpl)
            return fault(GP, selector);
        if (!present(h))
            return fault(STACK, selector);
        accessed(w, at, &h);
        w->reg[SS] = h;
        return done();
    }
    if (selector / 4 == 0) {
        w->reg[reg] = (struct hidden){ true, selector, 0, 0, 0, 0 };
        return done();
    }
    if (where(w, selector, 8, &at))
        return fault(GP, selector);
    h = unpack(w, selector, at);
    if (!readable(h))
        return fault(GP, selector);
    if (!code(h) || !conforming(h)) {
        if (rpl > dpl(h))
            return fault(GP, selector);
        if (w->cpl > dpl(h))
            return fault(GP, selector);
    }
    if (!present(h))
        return fault(NP, selector);
    accessed(w, at, &h);
    w->reg[reg] = h;
    return done();
}

/* ---- accesses -------------------------------------------------------------------------------------------------------- */

struct verdict oracle_access(const struct world *w, int reg, uint64_t offset, unsigned size, char what)
{
    struct hidden h = w->reg[reg];
    struct verdict v = done();
    uint64_t low, high;

    if (w->mode == 'l') {
        v.linear = offset;
        if (reg == FS || reg == GS)
            v.linear += h.base;
        if (!canonical(v.linear) || !canonical(v.linear + size - 1))
            return fault(reg == SS ? STACK : GP, 0);
        return v;
    }
    offset = offset % 0x100000000;
    if (h.null)
        return fault(reg == SS ? STACK : GP, 0);
    if (what == 'w' && !writable(h))
        return fault(GP, 0);
    if (what == 'r' && !readable(h))
        return fault(GP, 0);
    low = 0;
    high = h.limit;
    if (!code(h) && h.access / 4 % 2 == 1) {
        low = h.limit + 1;
        high = d_bit(h) ? 0xffffffff : 0xffff;
    }
    if (offset < low || offset + size - 1 > high)
        return fault(reg == SS ? STACK : GP, 0);
    v.linear = (h.base + offset) % 0x100000000;
    return v;
}

/* ---- stacks ------------------------------------------------------------------------------------------------------------ */

static uint64_t stack_size(const struct world *w)
{
    if (w->mode == 'l')
        return 0;                    /* 2 to the 64th                                                             */
    return d_bit(w->reg[SS]) ? 0x100000000 : 0x10000;
}

/* sp + by, in as many bits as the stack has. */
static uint64_t moved(const struct world *w, uint64_t sp, uint64_t by)
{
    uint64_t size = stack_size(w);

    if (size == 0)
        return sp + by;
    return sp / size * size + (sp + by) % size;
}

static uint64_t stack_offset(const struct world *w, uint64_t sp)
{
    uint64_t size = stack_size(w);
    return size == 0 ? sp : sp % size;
}

/* One push or pop: may it be made, and where? */
static struct verdict slot(const struct world *w, uint64_t sp, int bytes, bool push)
{
    return oracle_access(w, SS, stack_offset(w, sp), (unsigned)bytes, push ? 'w' : 'r');
}

static struct verdict push_all(struct world *w, const uint64_t *values, int n, int bytes)
{
    uint64_t sp = w->sp, at[64];

    for (int i = 0; i < n; i++) {
        struct verdict v;
        sp = moved(w, sp, 0 - (uint64_t)bytes);
        v = slot(w, sp, bytes, true);
        if (v.vector)
            return v;
        at[i] = v.linear;
    }
    for (int i = 0; i < n; i++)
        put(w, at[i], bytes, values[i]);
    w->sp = sp;
    return done();
}

/* The i-th value from the top. */
static struct verdict peek(const struct world *w, uint64_t sp, int i, int bytes, uint64_t *value)
{
    struct verdict v = slot(w, moved(w, sp, (uint64_t)(i * bytes)), bytes, false);

    if (!v.vector)
        *value = get(w, v.linear, bytes);
    return v;
}

/* ---- JMP and CALL --------------------------------------------------------------------------------------------------------- */

static bool ip_fits(const struct world *w, struct hidden h, uint64_t ip)
{
    if (lma(w) && l_bit(h))
        return canonical(ip);
    return ip % 0x100000000 <= h.limit;
}

static void enter(struct world *w, struct hidden h, unsigned selector, unsigned cpl, uint64_t ip)
{
    w->reg[CS] = h;
    w->reg[CS].selector = selector / 4 * 4 + cpl;
    w->cpl = cpl;
    if (lma(w))
        w->mode = l_bit(h) ? 'l' : 'c';
    w->ip = w->mode == 'l' ? ip : ip % 0x100000000;
}

static struct verdict inner_call(struct world *w, struct hidden target, uint64_t target_at, unsigned selector, uint64_t ip, int bytes, int words)
{
    struct world old = *w;
    unsigned cpl = dpl(target), ss;
    struct hidden tss = w->reg[TR], h = { true, cpl, 0, 0, 0, 0 };
    uint64_t at = 0, sp, values[64];
    struct verdict v;

    if (lma(w)) {
        if (tss.null || cpl * 8 + 4 + 7 > tss.limit)
            return fault(TS, tss.selector);
        sp = get(w, tss.base + cpl * 8 + 4, 8);
        ss = cpl;
    } else if (tss.access / 8 % 2 == 1) {
        if (tss.null || cpl * 8 + 4 + 5 > tss.limit)
            return fault(TS, tss.selector);
        sp = get(w, tss.base + cpl * 8 + 4, 4);
        ss = (unsigned)get(w, tss.base + cpl * 8 + 8, 2);
    } else {
        if (tss.null || cpl * 4 + 2 + 3 > tss.limit)
            return fault(TS, tss.selector);
        sp = get(w, tss.base + cpl * 4 + 2, 2);
        ss = (unsigned)get(w, tss.base + cpl * 4 + 4, 2);
    }
    if (!lma(w)) {
        if (ss / 4 == 0)
            return fault(TS, 0);
        if (where(w, ss, 8, &at))
            return fault(TS, ss);
        h = unpack(w, ss, at);
        if (ss % 4 != cpl || dpl(h) != cpl || !writable(h))
            return fault(TS, ss);
        if (!present(h))
            return fault(STACK, ss);
    }
    if (!ip_fits(w, target, ip))
        return fault(GP, 0);
    values[0] = w->reg[SS].selector;
    values[1] = w->sp;
    for (int i = 0; i < words; i++) {
        v = peek(w, w->sp, i, bytes, &values[2 + words - 1 - i]);
        if (v.vector)
            return v;
    }
    values[2 + words] = w->reg[CS].selector;
    values[3 + words] = w->ip;
    enter(w, target, selector, cpl, ip);
    w->reg[SS] = h;
    w->sp = sp;
    v = push_all(w, values, 4 + words, bytes);
    if (v.vector) {
        *w = old;
        if (v.vector == STACK)
            return fault(STACK, ss);
        return v;
    }
    accessed(w, target_at, &w->reg[CS]);
    if (!h.null)
        accessed(w, at, &w->reg[SS]);
    return done();
}

static struct verdict through_gate(struct world *w, bool call, unsigned selector, uint64_t gate_at, struct hidden gate)
{
    int bytes = gate.access % 16 == 4 ? 2 : 4, words = (int)get(w, gate_at + 4, 1) % 32;
    uint64_t ip = get(w, gate_at, 2), at, values[2];
    unsigned target_selector = (unsigned)get(w, gate_at + 2, 2);
    struct hidden h;
    struct verdict v;

    if (dpl(gate) < w->cpl || selector % 4 > dpl(gate))
        return fault(GP, selector);
    if (!present(gate))
        return fault(NP, selector);
    if (bytes == 4)
        ip += get(w, gate_at + 6, 2) * 0x10000;
    if (lma(w)) {
        if (where(w, selector, 16, &at))
            return fault(GP, selector);
        if (get(w, gate_at + 13, 1) % 32 != 0)
            return fault(GP, selector);
        ip += get(w, gate_at + 8, 4) * 0x100000000;
        bytes = 8;
        words = 0;
    }
    if (target_selector / 4 == 0)
        return fault(GP, 0);
    if (where(w, target_selector, 8, &at))
        return fault(GP, target_selector);
    h = unpack(w, target_selector, at);
    if (!code(h) || dpl(h) > w->cpl)
        return fault(GP, target_selector);
    if (!call && !conforming(h) && dpl(h) != w->cpl)
        return fault(GP, target_selector);
    if (lma(w) && (!l_bit(h) || d_bit(h)))
        return fault(GP, target_selector);
    if (!present(h))
        return fault(NP, target_selector);
    if (call && !conforming(h) && dpl(h) < w->cpl)
        return inner_call(w, h, at, target_selector, ip, bytes, words);
    if (call) {
        struct world copy = *w;
        values[0] = w->reg[CS].selector;
        values[1] = w->ip;
        v = push_all(&copy, values, 2, bytes);
        if (v.vector)
            return v;
        if (!ip_fits(w, h, ip))
            return fault(GP, 0);
        *w = copy;
    } else if (!ip_fits(w, h, ip)) {
        return fault(GP, 0);
    }
    accessed(w, at, &h);
    enter(w, h, target_selector, w->cpl, ip);
    return done();
}

struct verdict oracle_far(struct world *w, bool call, unsigned selector, uint64_t offset, int operand_bytes)
{
    struct world copy;
    struct hidden h;
    uint64_t at, values[2];
    struct verdict v;

    if (selector / 4 == 0)
        return fault(GP, 0);
    if (where(w, selector, 8, &at))
        return fault(GP, selector);
    h = unpack(w, selector, at);
    if (system_type(h)) {
        if (h.access % 16 == 12 || (h.access % 16 == 4 && !lma(w)))
            return through_gate(w, call, selector, at, h);
        return fault(GP, selector);
    }
    if (!code(h))
        return fault(GP, selector);
    if (lma(w) && l_bit(h) && d_bit(h))
        return fault(GP, selector);
    if (conforming(h)) {
        if (dpl(h) > w->cpl)
            return fault(GP, selector);
    } else {
        if (selector % 4 > w->cpl)
            return fault(GP, selector);
        if (dpl(h) != w->cpl)
            return fault(GP, selector);
    }
    if (!present(h))
        return fault(NP, selector);
    copy = *w;
    if (call) {
        values[0] = w->reg[CS].selector;
        values[1] = w->ip;
        v = push_all(&copy, values, 2, operand_bytes);
        if (v.vector)
            return v;
    }
    if (operand_bytes == 2)
        offset = offset % 0x10000;
    if (operand_bytes == 4)
        offset = offset % 0x100000000;
    if (!ip_fits(w, h, offset))
        return fault(GP, 0);
    *w = copy;
    accessed(w, at, &h);
    enter(w, h, selector, w->cpl, offset);
    return done();
}

/* ---- RET ------------------------------------------------------------------------------------------------------------------- */

struct verdict oracle_return(struct world *w, int operand_bytes, unsigned release)
{
    uint64_t ip, cs, sp, ss, at, ss_at = 0, after;
    struct hidden h, stack;
    unsigned selector, rpl;
    struct verdict v;

    v = peek(w, w->sp, 0, operand_bytes, &ip);
    if (v.vector)
        return v;
    v = peek(w, w->sp, 1, operand_bytes, &cs);
    if (v.vector)
        return v;
    selector = (unsigned)(cs % 0x10000);
    rpl = selector % 4;
    if (selector / 4 == 0)
        return fault(GP, 0);
    if (where(w, selector, 8, &at))
        return fault(GP, selector);
    h = unpack(w, selector, at);
    if (!code(h))
        return fault(GP, selector);
    if (lma(w) && l_bit(h) && d_bit(h))
        return fault(GP, selector);
    if (rpl < w->cpl)
        return fault(GP, selector);
    if (conforming(h) && dpl(h) > rpl)
        return fault(GP, selector);
    if (!conforming(h) && dpl(h) != rpl)
        return fault(GP, selector);
    if (!present(h))
        return fault(NP, selector);
    after = moved(w, w->sp, (uint64_t)(2 * operand_bytes) + release);
    if (rpl == w->cpl) {
        if (!ip_fits(w, h, ip))
            return fault(GP, 0);
        accessed(w, at, &h);
        w->sp = after;
        enter(w, h, selector, rpl, ip);
        return done();
    }
    v = peek(w, after, 0, operand_bytes, &sp);
    if (v.vector)
        return v;
    v = peek(w, after, 1, operand_bytes, &ss);
    if (v.vector)
        return v;
    ss = ss % 0x10000;
    if (ss / 4 == 0) {
        if (!lma(w) || !l_bit(h) || rpl == 3 || ss % 4 != rpl)
            return fault(GP, 0);
        stack = (struct hidden){ true, (unsigned)ss, 0, 0, 0, 0 };
    } else {
        if (where(w, (unsigned)ss, 8, &ss_at))
            return fault(GP, (unsigned)ss);
        stack = unpack(w, (unsigned)ss, ss_at);
        if (ss % 4 != rpl || !writable(stack) || dpl(stack) != rpl)
            return fault(GP, (unsigned)ss);
        if (!present(stack))
            return fault(STACK, (unsigned)ss);
    }
    if (!ip_fits(w, h, ip))
        return fault(GP, 0);
    accessed(w, at, &h);
    if (!stack.null)
        accessed(w, ss_at, &stack);
    enter(w, h, selector, rpl, ip);
    w->reg[SS] = stack;
    w->sp = moved(w, sp, release);
    for (int r = ES; r <= GS; r++) {
        if (r == CS || r == SS || w->reg[r].null)
            continue;
        if (dpl(w->reg[r]) < w->cpl && (!code(w->reg[r]) || !conforming(w->reg[r])))
            w->reg[r] = (struct hidden){ true, 0, 0, 0, 0, 0 };
    }
    return done();
}
