/* SPDX-License-Identifier: MIT
 * oracle.c - see oracle.h.  Dull on purpose: one question after the other, bits by division, no tables. */
#include "oracle.h"

static bool in_memory(const struct oracle_in *in, uint64_t pa, uint64_t bytes)
{
    return pa < in->ram_bytes && in->ram_bytes - pa >= bytes;
}

static uint64_t word(const struct oracle_in *in, uint64_t pa)
{
    uint64_t v = 0;

    for (int i = 7; i >= 0; i--)
        v = v * 256 + in->ram[pa + (uint64_t)i];
    return v;
}

static bool bit(uint64_t v, int n) { return v >> n & 1; }

static bool any_bit(uint64_t v, int low, int high)
{
    for (int n = low; n <= high; n++)
        if (bit(v, n))
            return true;
    return false;
}

static struct oracle_out refused(struct oracle_out out, int reason)
{
    out.reason = reason;
    out.pa = 0;
    out.page_lg2 = 0;
    return out;
}

/* Is a bit set that must be zero?  level 1 is the last, as the specification counts. */
static bool entry_reserved(const struct oracle_in *in, uint64_t e, int level, bool page)
{
    if (any_bit(e, in->maxphyaddr, 51) || bit(e, 62))
        return true;
    if (!page)
        return bit(e, 11) || bit(e, 7);
    if (bit(e, 11) && !in->snoop)
        return true;
    if (level == 2 && any_bit(e, 12, 20))
        return true;
    if (level == 3 && any_bit(e, 12, 29))
        return true;
    return false;
}

static bool is_page(const struct oracle_in *in, uint64_t e, int level)
{
    if (level == 1)
        return true;
    if (!bit(e, 7))
        return false;
    if (level == 2)
        return in->large_2m;
    if (level == 3)
        return in->large_1g;
    return false;
}

static uint64_t address(const struct oracle_in *in, uint64_t e)
{
    uint64_t a = 0;

    for (int n = 12; n < in->maxphyaddr; n++)
        if (bit(e, n))
            a += (uint64_t)1 << n;
    return a;
}

static struct oracle_out walk(const struct oracle_in *in, struct oracle_out out, uint64_t table, int levels)
{
    for (int level = levels; level >= 1; level--) {
        uint64_t index = in->iova >> (12 + 9 * (level - 1)) & 511, pa = table + 8 * index, e;

        if (!in_memory(in, pa, 8))
            return refused(out, level == levels ? 0x3 : 0x7);
        e = word(in, pa);
        out.entries++;
        if (in->write && !bit(e, 1))
            return refused(out, 0x5);
        if (!in->write && !bit(e, 0))
            return refused(out, 0x6);
        if (entry_reserved(in, e, level, is_page(in, e, level)))
            return refused(out, 0xc);
        if (is_page(in, e, level)) {
            out.page_lg2 = 12 + 9 * (level - 1);
            out.pa = address(in, e);
            for (int n = 0; n < out.page_lg2; n++)
                if (bit(in->iova, n))
                    out.pa |= (uint64_t)1 << n;
            if (out.pa >= 0xfee00000 && out.pa <= 0xfeefffff)
                return refused(out, 0xe);
            return out;
        }
        table = address(in, e);
    }
    return out;
}

struct oracle_out oracle(const struct oracle_in *in)
{
    struct oracle_out out = { 0, 0, false, false, 0, 0 };
    uint64_t root, low, high, table;
    int levels, type;

    if (!in->enabled) {
        out.pa = in->iova;
        return out;
    }
    if (in->iova >= 0xfee00000 && in->iova <= 0xfeefffff) {
        out.interrupt = true;
        out.quiet = true;
        return in->write ? out : refused(out, 0xe);
    }
    if (bit(in->rtaddr, 10) || bit(in->rtaddr, 11))
        return refused(out, 0x30);
    root = in->rtaddr / 4096 * 4096 + in->source / 256 * 16;
    if (!in_memory(in, root, 16))
        return refused(out, 0x8);
    out.entries++;
    low = word(in, root);
    high = word(in, root + 8);
    if (!bit(low, 0))
        return refused(out, 0x1);
    if (any_bit(low, 1, 11) || any_bit(low, in->maxphyaddr, 63) || high)
        return refused(out, 0xa);
    table = low / 4096 * 4096 + in->source % 256 * 16;
    if (!in_memory(in, table, 16))
        return refused(out, 0x9);
    out.entries++;
    low = word(in, table);
    high = word(in, table + 8);
    out.quiet = bit(low, 1);
    if (!bit(low, 0))
        return refused(out, 0x2);
    if (any_bit(low, 4, 11) || any_bit(low, in->maxphyaddr, 63) || bit(high, 7) || any_bit(high, 24, 63))
        return refused(out, 0xb);
    levels = (int)(high % 8) + 2;
    type = (int)(low / 4 % 4);
    if (levels < 3 || 12 + 9 * levels > in->address_bits)
        return refused(out, 0x3);
    if (type == 1 || type == 3 || (type == 2 && !in->pass_through))
        return refused(out, 0x3);
    if (any_bit(in->iova, 12 + 9 * levels, 63))
        return refused(out, 0x4);
    if (type == 2) {
        out.pa = in->iova;
        return out;
    }
    return walk(in, out, low / 4096 * 4096, levels);
}

void oracle_fault(struct oracle_log *log, unsigned source, uint64_t iova, bool write, int reason, bool quiet)
{
    if (quiet || log->overflow)
        return;
    for (int n = 0; n < log->records; n++)
        if (log->pending[n] && log->high[n] % 65536 == source)
            return;
    if (log->pending[log->next]) {
        log->overflow = true;
        return;
    }
    if (!log->any)
        log->index = log->next;
    log->any = true;
    log->pending[log->next] = true;
    log->low[log->next] = iova / 4096 * 4096;
    log->high[log->next] = ((uint64_t)1 << 63) + (write ? 0 : (uint64_t)1 << 62) + ((uint64_t)reason << 32) + source;
    log->next++;
    if (log->next == log->records)
        log->next = 0;
}

void oracle_clear(struct oracle_log *log, int record)
{
    log->pending[record] = false;
    log->high[record] &= ~((uint64_t)1 << 63);
    log->any = false;
    for (int n = 0; n < log->records; n++)
        if (log->pending[n])
            log->any = true;
}
