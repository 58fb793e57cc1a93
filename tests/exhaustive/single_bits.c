/* SPDX-License-Identifier: MIT
 * single_bits.c - see families.h.  A permissive path to a 4 KiB, 2 MiB or 1 GiB page; then one bit of one entry is
 * turned over.  An address bit of a table entry may lead to another table or an empty page; it is left alone only
 * where it would lead out of RAM. */
#include "families.h"

#define P_RW_US 7ull
#define PS (1ull << 7)

static const unsigned leaf_levels[] = { 0, 1, 2 };

static void write_path(struct judge *j, unsigned tag, unsigned leaf_level, unsigned top)
{
    for (unsigned level = 0; level <= top; level++) {
        uint64_t entry = P_RW_US | (level ? TABLE_PA(level - 1) : 0x3000);
        if (level == leaf_level)
            entry = P_RW_US | (level ? PS : 0);
        *judge_entry(j, tag, level) = entry;
    }
}

/* So that a bit which leads to another table finds nothing of an earlier case there. */
static void erase_path(struct judge *j, unsigned tag, unsigned top)
{
    for (unsigned level = 0; level <= top; level++)
        *judge_entry(j, tag, level) = 0;
}

static bool leads_out_of_ram(unsigned flipped, unsigned level, unsigned leaf_level, unsigned maxphyaddr)
{
    return level > leaf_level && flipped >= 16 && flipped < maxphyaddr;
}

static void flip_each_bit(struct judge *j, unsigned leaf_level)
{
    unsigned top = j->cpu.la57 ? 4 : 3;

    for (unsigned level = leaf_level; level <= top; level++)
        for (unsigned flipped = 0; flipped < 64; flipped++) {
            if (leads_out_of_ram(flipped, level, leaf_level, j->cpu.maxphyaddr))
                continue;
            for (int kind = ORACLE_READ; kind <= ORACLE_FETCH; kind++) {
                unsigned tag = judge_fresh_tag(j);
                write_path(j, tag, leaf_level, top);
                *judge_entry(j, tag, level) ^= 1ull << flipped;
                judge_case(j, &(struct oracle_access){ .va = judge_va(j, tag, flipped * 8), .kind = kind });
                erase_path(j, tag, top);
            }
        }
}

void single_bit_cases(struct judge *j)
{
    for (unsigned part = 0; part < 4 * 21; part++) {
        struct oracle_cpu c = { .amd = part & 1, .has_1g = part >> 1 & 1, .maxphyaddr = 32 + part / 4, .wp = true };
        judge_create(j, &c);
        for (unsigned mode = 0; mode < 8; mode++) {
            c.nxe = mode & 1;
            c.la57 = mode >> 1 & 1;
            c.cpl = mode >> 2 & 1 ? 3 : 0;
            judge_context(j, &c);
            for (unsigned i = 0; i < sizeof leaf_levels / sizeof *leaf_levels; i++)
                flip_each_bit(j, leaf_levels[i]);
        }
        judge_destroy(j);
    }
}
