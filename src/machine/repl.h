/* SPDX-License-Identifier: MIT
 * repl.h - replacement policies as pure functions on one word of state a set (the linked-list form of LRU, for
 * sets too wide for a word, is in assoc.h).  Called by assoc.h on every touch and every eviction.
 * What must hold: touching the most recently touched way again changes nothing.  The fast slots depend on it. */
#ifndef PAGEWALK_MACHINE_REPL_H
#define PAGEWALK_MACHINE_REPL_H

#include "pagewalk/types.h"

/* ---- LRU, at most 16 ways: way numbers as nibbles, the most recent one lowest ---------------------------------- */

#define LRU16_START 0xfedcba9876543210ull

static inline u64 lru16_touch(u64 order, u32 way)
{
    u64 ones = 0x1111111111111111ull, x = order ^ ones * way;
    u64 zero = (x - ones) & ~x & ones << 3; /* the lowest mark is exact: the nibble that holds `way`              */
    unsigned pos = (unsigned)__builtin_ctzll(zero) - 3;
    u64 below = ((u64)1 << pos) - 1;
    return (order & ~(below << 4 | 15)) | (order & below) << 4 | way;
}

static inline u32 lru16_victim(u64 order, u32 ways)
{
    return (u32)(order >> 4 * (ways - 1)) & 15;
}

/* ---- tree-PLRU: 2^lg2 ways, node n has children 2n and 2n+1, the root is 1 -------------------------------------- *
 * A node's bit points to the half where the victim is; a touch turns every node of its path away. */

#define PLRU_ROOT 2u /* node 1 */

static inline u64 plru_touch(u64 tree, u32 way, unsigned lg2)
{
    u32 node = 1;
    for (unsigned i = lg2; i--;) {
        u64 side = way >> i & 1;
        tree = (tree & ~((u64)1 << node)) | (side ^ 1) << node;
        node = node * 2 + (u32)side;
    }
    return tree;
}

static inline u32 plru_victim(u64 tree, unsigned lg2)
{
    u32 node = 1;
    for (unsigned i = 0; i < lg2; i++)
        node = node * 2 + (u32)(tree >> node & 1);
    return node - ((u32)1 << lg2);
}

/* ---- (MRU+1)%3-PLRU4: twelve ways, three groups of four --------------------------------------------------------- *
 * The victim's group follows the most recently touched group; inside it decides a tree of four ways.
 * State: four bits a tree (bit 0 unused, as above) at 0, 4 and 8; the group touched last at 12. */

static inline u64 plru3x4_touch(u64 state, u32 way)
{
    u32 group = way >> 2, shift = group * 4;
    u64 tree = plru_touch(state >> shift & 15, way & 3, 2);
    return (state & ~((u64)15 << shift | (u64)3 << 12)) | tree << shift | (u64)group << 12;
}

static inline u32 plru3x4_victim(u64 state)
{
    u32 group = (u32)(state >> 12) == 2 ? 0 : (u32)(state >> 12) + 1;
    return group * 4 + plru_victim(state >> group * 4 & 15, 2);
}

/* ---- NRU: one bit a way, at most 64 ways ------------------------------------------------------------------------ *
 * A touch sets the way's bit; when that makes all set, it alone stays.  Victim: the lowest way whose bit is clear
 * (with one way, that way). */

static inline u64 nru_touch(u64 used, u32 way, u32 ways)
{
    u64 all = ways == 64 ? ~(u64)0 : ((u64)1 << ways) - 1;
    used |= (u64)1 << way;
    return used == all ? (u64)1 << way : used;
}

static inline u32 nru_victim(u64 used, u32 ways)
{
    return ways == 1 ? 0 : (u32)__builtin_ctzll(~used);
}

/* ---- random: splitmix64, one stream an array; drawn only when a full set needs a victim ------------------------ */

static inline u32 random_victim(u64 *stream, u32 ways)
{
    u64 z = *stream += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    return (u32)((z >> 32) * ways >> 32);
}

#endif
