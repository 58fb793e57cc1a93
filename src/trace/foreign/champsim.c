/* SPDX-License-Identifier: MIT
 * champsim.c - ChampSim's traces (struct input_instr of its inc/trace_instruction.h): 64 bytes an instruction, little-endian.
 *
 *    0 ip (8)   8 is a branch   9 was taken   10 registers written (2)   12 registers read (4)
 *   16 addresses written (2 of 8, 0: none)   32 addresses read (4 of 8) */
#include "trace/foreign/form.h"

enum { RECORD = 64, BRANCH = 8, TAKEN = 9, WRITTEN = 16, WRITES = 2, READ = 32, READS = 4, LOOKED_AT = 16 };

static bool can_be(const u8 *r) { return r[BRANCH] <= 1 && r[TAKEN] <= 1; }

static void put(struct foreign *t, const u8 *r)
{
    u64 written[WRITES];
    for (int i = 0; i < WRITES; i++)
        written[i] = get64(r + WRITTEN + 8 * i);
    t->ip = get64(r);
    foreign_put(t, MMU_FETCH, t->ip, 1);
    for (int i = 0; i < READS; i++) {
        const u64 va = get64(r + READ + 8 * i);
        bool modify = false;
        for (int w = 0; va && w < WRITES && !modify; w++)
            if ((modify = written[w] == va))
                written[w] = 0;
        if (modify)
            foreign_put_modify(t, va, 1);
        else if (va)
            foreign_put(t, MMU_LOAD, va, 1);
    }
    for (int i = 0; i < WRITES; i++)
        if (written[i])
            foreign_put(t, MMU_STORE, written[i], 1);
}

static bool next(struct foreign *t)
{
    const unsigned long long at = stream_at(t->s);
    const size_t n = stream_left(t->s, RECORD);
    const u8 *r = stream_see(t->s, RECORD);
    if (!n)
        return false;
    if (!r)
        return foreign_wrong(t, "is cut off: the record at byte %llu has %zu of %d bytes", at, n, RECORD);
    if (!can_be(r))
        return foreign_wrong(t, "is damaged: the record at byte %llu is no instruction (branch %d, taken %d: neither 0 nor 1)", at, r[BRANCH], r[TAKEN]);
    t->fact[FOREIGN_INSTRUCTIONS].n++;
    t->fact[FOREIGN_RECORDS].n++;
    put(t, r);
    stream_take(t->s, RECORD);
    return true;
}

/* Nothing marks such a file: its first records must be possible, and have addresses. */
static bool is(const u8 *bytes, size_t n)
{
    size_t records = n / RECORD < LOOKED_AT ? n / RECORD : LOOKED_AT;
    bool good = records != 0;
    for (size_t i = 0; i < records; i++)
        good = good && can_be(bytes + i * RECORD) && get64(bytes + i * RECORD) != 0;
    return good;
}

const struct form form_champsim = {
    .name = "champsim", .is = is, .next = next, .tells = TELLS_FETCHES | TELLS_DATA,
    .note = "The sizes of accesses are not in it: none is taken to cross into the next page.",
};
