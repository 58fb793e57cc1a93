/* SPDX-License-Identifier: MIT
 * addresses.c - see families.h.  SDM3 3.3.7.1 (volume 1), 4.5: an address whose upper bits do not all equal the
 * highest implemented one faults before paging; CR2 and memory stay as they are.  Every pattern of one or two upper
 * bits turned over, on both halves of the address space. */
#include "families.h"

static void write_path(struct judge *j, unsigned index)
{
    unsigned top = j->cpu.la57 ? 4 : 3;
    for (unsigned level = 0; level <= top; level++)
        j->ram[TABLE_PA(level) / 8 + index] = 7 | (level ? TABLE_PA(level - 1) : 0x3000);
}

static void one_address(struct judge *j, const struct oracle_cpu *c, uint64_t flips)
{
    for (unsigned variant = 0; variant < 2 * 3 * 2 * 2; variant++) {
        unsigned index = variant / 12 ? 259 : 3; /* both halves of the address space: the index's top bit decides */
        struct oracle_access a = { .kind = (int)(variant % 3), .stack = variant / 3 & 1, .implicit = variant / 6 & 1 };
        if (a.kind == ORACLE_FETCH)
            a.stack = a.implicit = false;
        judge_context(j, c); /* an address of another case may be the same */
        write_path(j, index);
        a.va = judge_va(j, index, 0x123) ^ flips;
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
