/* SPDX-License-Identifier: MIT
 * guest_tables.c - the guest's own tables of a case, in every format; see generate.c. */
#include "generate.h"

static u64 some_frame(struct gen *g)
{
    return g->code ? g->layout->code[below(g, CODE_FRAMES)] : g->layout->data[below(g, DATA_FRAMES)];
}

/* How many low bits of an address an entry of this level leaves alone. */
static u32 guest_shift(const struct gen *g, u32 level) { return g->c->cpu.format == GUEST_32 ? 12 + 10 * level : 12 + 9 * level; }

static u32 guest_top(const struct gen *g)
{
    switch (g->c->cpu.format) {
    case GUEST_LONG: return g->c->cpu.guest.la57 ? 4 : 3;
    case GUEST_PAE: return 2;
    default: return 1;
    }
}

static u64 guest_reserved(struct gen *g, u32 level, bool leaf, u64 e)
{
    u32 top = g->part->maxphyaddr;
    if (level >= 3 && chance(g, 60))
        return e | PS;
    if (leaf && level && chance(g, 60))
        return e | (u64)1 << (13 + below(g, 9 * level - 1));
    return top < 52 ? e | (u64)1 << (top + below(g, 52 - top)) : e;
}

static u64 guest_entry(struct gen *g, u32 level, bool leaf, u64 next)
{
    const u64 ignored = 0xe00ull | 0x18ull | (g->c->cpu.format == GUEST_LONG ? 0x7ffull << 52 : 0) | (level >= 3 ? 0 : 1ull << 8) |
                        (!leaf ? D : level ? 1ull << 12 : PS);
    u64 noise = next_random(&g->random), e = next | P | RW | US | (noise & (ignored | A | (leaf ? D : 0)));
    if (leaf && level)
        e |= PS;
    if (leaf ? chance(g, 25) : deviates(g))
        e &= ~US;
    if (!chance(g, g->wild))
        return e;
    switch (below(g, 4)) {
    case 0: return noise & ~P;
    case 1: return guest_reserved(g, level, leaf, e);
    case 2: return e & ~RW;
    default: return e | XD;
    }
}

/* A PDE or PTE of 4 bytes; with bit 21 reserved in a page of 4 MiB. */
static u64 guest_entry_32(struct gen *g, u32 level, bool leaf, u64 next)
{
    u64 e = (guest_entry(g, level, leaf, 0) & 0xfff) | next;
    return leaf && level && chance(g, g->wild) ? e | 1u << 21 : e;
}

/* PDPTEs of PAE: P, PWT, PCD, ignored bits. */
static u64 guest_pdpte(struct gen *g, u64 next)
{
    u64 e = next | P | (next_random(&g->random) & 0xe18);
    if (!chance(g, g->wild))
        return e;
    return g->c->cpu.npt && chance(g, 50) ? e | (u64)1 << (u32[]){ 1, 2, 5, 8 }[below(g, 4)] : e & ~P;
}

/* Low bits as in the page's gpa; under the root, not the slot of FIXED. */
static u64 random_va(struct gen *g, u64 gpa, u32 last)
{
    u32 slot = guest_shift(g, guest_top(g)), low = guest_shift(g, last), size = g->c->cpu.format == GUEST_LONG ? slot + 9 : 32;
    u64 va = (gpa & below_bit(low)) | (next_random(&g->random) & ~below_bit(low) & below_bit(size));
    if (g->c->cpu.format == GUEST_UNPAGED)
        return gpa;
    if (!(va >> slot))
        va |= (u64)(1 + below(g, (1u << (size - slot)) - 1)) << slot;
    return size != 32 && va >> (size - 1) ? va | ~below_bit(size) : va;
}

static u32 guest_last(struct gen *g)
{
    u32 last = random_last(g);
    if (last == 2 && (g->c->cpu.format != GUEST_LONG || !g->c->cpu.guest.has_1g))
        last = 1;
    return g->c->cpu.format == GUEST_32 && !g->c->cpu.pse ? 0 : last;
}

static void put_guest_entry(struct gen *g, u64 table, u32 level, bool leaf, u64 next)
{
    u64 index = g->c->va >> guest_shift(g, level);
    if (g->c->cpu.format == GUEST_LONG)
        put_word(g, table + (index & 511) * 8, guest_entry(g, level, leaf, next));
    else if (g->c->cpu.format == GUEST_PAE && level == 2)
        put_word(g, table + (index & 3) * 8, g->c->cpu.pdpte[index & 3] = guest_pdpte(g, next));
    else if (g->c->cpu.format == GUEST_PAE)
        put_word(g, table + (index & 511) * 8, guest_entry(g, level, leaf, next));
    else /* the other half of the word is in nobody's way */
        put_word(g, table + (index & 1023) / 2 * 8, guest_entry_32(g, level, leaf, next) << (index & 1 ? 32 : 0));
}

/* What the root's slot 0 leads to; shares a word with entry 1 of 32-bit paging. */
static void put_slot_0(struct gen *g, u64 table)
{
    struct nested_cpu *cpu = &g->c->cpu;
    switch (cpu->format) {
    case GUEST_LONG: put_word(g, table, fixed_page(cpu->guest.la57 ? FIXED_PML4 : FIXED_PDPT) | P | RW | US | A); break;
    case GUEST_PAE: put_word(g, table, cpu->pdpte[0] = fixed_page(FIXED_PD) | P); break;
    default:
        if (g->c->va >> 22 == 1)
            g->c->word[g->c->words - 1].value |= fixed_page(FIXED_PT_32) | P | RW | US | A;
        else
            put_word(g, table, fixed_page(FIXED_PT_32) | P | RW | US | A);
    }
}

void make_guest(struct gen *g)
{
    struct nested_case *c = g->c;
    u32 last = guest_last(g), top = guest_top(g);
    bool paged = c->cpu.format != GUEST_UNPAGED;
    u64 frame[LEVELS] = { 0 }, gpa[LEVELS] = { 0 }, page;

    for (u32 level = top + 1; paged && level-- > last;) { /* the root first: the stubs are fetched through it, too */
        g->good = level == top && (!g->code || (c->cpu.format == GUEST_PAE && !c->cpu.npt));
        g->narrow = c->cpu.format == GUEST_32 || (c->cpu.format == GUEST_PAE && level == top);
        frame[level] = fresh_table(g);
        gpa[level] = give_gpa(g, frame[level]);
    }
    g->good = false;
    g->narrow = c->cpu.format >= GUEST_32;
    c->frame = some_frame(g);
    page = give_gpa(g, c->frame);
    c->va = random_va(g, page, last);
    for (u32 level = last; paged && level <= top; level++) {
        bool leaf = level == last;
        put_guest_entry(g, frame[level], level, leaf, leaf ? page & ~below_bit(guest_shift(g, level)) : gpa[level - 1]);
    }
    if (paged)
        put_slot_0(g, frame[top]);
    c->cpu.guest.root = gpa[top];
    c->cr3_low = paged ? next_random(&g->random) & 0x18 : 0;
}
