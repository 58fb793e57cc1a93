/* SPDX-License-Identifier: MIT
 * addresses.c - see families.h.
 *
 * Not canonical: SDM3 3.3.7.1 (volume 1), 4.5: an address whose upper bits do not all equal the
 * highest implemented one faults before paging; CR2 and memory stay as they are.  Every pattern of one or two upper
 * bits turned over, on both halves of the address space.
 *
 * Self-map: an entry of the top table that names the top table is, for the address that has its index at every level,
 * the entry of every level; A and D of all of them end up in the one word (SDM3 4.10.3.3). */
#include "families.h"

static void write_path(struct judge *j, unsigned tag)
{
    unsigned top = j->cpu.la57 ? 4 : 3;
    for (unsigned level = 0; level <= top; level++)
        *judge_entry(j, tag, level) = 7 | (level ? TABLE_PA(level - 1) : 0x3000);
}

static void one_address(struct judge *j, const struct oracle_cpu *c, uint64_t flips)
{
    for (unsigned variant = 0; variant < 2 * 3 * 2 * 2; variant++) {
        unsigned tag = variant / 12 ? 259 : 3; /* both halves of the address space */
        struct oracle_access a = { .kind = (int)(variant % 3), .stack = variant / 3 & 1, .implicit = variant / 6 & 1 };
        if (a.kind == ORACLE_FETCH)
            a.stack = a.implicit = false;
        judge_context(j, c); /* an address of another case may be the same */
        write_path(j, tag);
        a.va = judge_va(j, tag, 0x123) ^ flips;
        judge_case(j, &a);
    }
}

void address_cases(struct judge *j)
{
    for (unsigned mode = 0; mode < 4; mode++) {
        struct oracle_cpu c = { .amd = mode & 1, .has_1g = true, .maxphyaddr = 46, .wp = true, .la57 = mode >> 1,
                                .nxe = true, .cpl = 3 };
        judge_create(j, &c);
        for (unsigned low = 45; low < 64; low++) {
            one_address(j, &c, 0);
            one_address(j, &c, 1ull << low);
            one_address(j, &c, ~0ull << low);
            for (unsigned high = low + 1; high < 64; high++)
                one_address(j, &c, 1ull << low | 1ull << high);
        }
        judge_destroy(j);
    }
}

static void one_self_map(struct judge *j, const struct oracle_cpu *c, unsigned index)
{
    for (unsigned variant = 0; variant < 16 * 3; variant++) {
        uint64_t rights = 1 | (variant & 1 ? 0 : 2) | (variant & 2 ? 0 : 4) | (variant & 4 ? 0 : 1ull << 63) |
                          (variant & 8 ? 0 : 0x20);
        unsigned levels = c->la57 ? 5 : 4;
        uint64_t va = 0x678;
        judge_context(j, c);
        j->ram[j->cpu.root / 8 + index] = j->cpu.root | rights;
        for (unsigned level = 0; level < levels; level++)
            va |= (uint64_t)index << (12 + 9 * level);
        if (index & 256)
            va |= ~0ull << (12 + 9 * levels - 1);
        judge_case(j, &(struct oracle_access){ .va = va, .kind = (int)(variant / 16) });
    }
}

void self_map_cases(struct judge *j)
{
    for (unsigned mode = 0; mode < 8; mode++) {
        struct oracle_cpu c = { .has_1g = true, .maxphyaddr = 46, .wp = true, .la57 = mode & 1, .nxe = mode >> 1 & 1,
                                .cpl = mode >> 2 ? 3 : 0 };
        judge_create(j, &c);
        for (unsigned index = 1; index < 512; index = index * 2 + 1)
            one_self_map(j, &c, index);
        judge_destroy(j);
    }
}
