/* SPDX-License-Identifier: MIT
 * drmemtrace.c - the traces of DynamoRIO's drmemtrace for 64-bit programs, after raw2trace (trace_entry_t of its
 * trace_entry.h): 12 bytes an entry, little-endian.  A thread's zip holds the same, cut into members.
 *
 *    0 type (2)   2 size (2): of an access or instruction; of a marker, its kind   4 address or value (8)
 *
 * What an instruction accesses follows it; a header stands first and a footer last. */
#include "trace/foreign/form.h"

enum { ENTRY = 12, VERSION_MAX = 255 };

/* The types by number (trace_type_t). */
enum { BUNDLE = 17, THREAD = 22, PID = 24, HEADER = 25, FOOTER = 26, MARKER = 28, NO_FETCH = 29, MAYBE_FETCH = 30, TYPES = 50 };
enum what { SKIP, LOAD, STOR, EXEC, PREF, MORE };
static const u8 what_is[TYPES] = {
    LOAD, STOR, PREF, PREF, PREF, PREF, PREF, PREF, PREF, PREF,   /*  0: read, write, prefetches                              */
    EXEC, EXEC, EXEC, EXEC, EXEC, EXEC, EXEC, MORE, SKIP, SKIP,   /* 10: instructions and jumps, bundle, flushes              */
    SKIP, SKIP, MORE, SKIP, MORE, MORE, MORE, PREF, MORE, MORE,   /* 20: thread, its exit, process, header, footer, a hardware
                                                                         prefetch, marker, instruction that is not fetched    */
    MORE, EXEC, PREF, PREF, PREF, PREF, PREF, PREF, PREF, PREF,   /* 30: perhaps not fetched, sysenter, prefetches            */
    PREF, PREF, PREF, PREF, PREF, PREF, PREF, SKIP, EXEC, EXEC,   /* 40: an instruction's bytes, conditional jumps            */
};

/* A marker with what the trace says of itself (offline_file_type_t). */
enum { FILETYPE = 9, FILTERED = 0x01 | 0x80 | 0x100, INSTRUCTIONS_ONLY = 0x04, AARCH64 = 0x08, BITS_32 = 0x10 | 0x20 };

static void fetch(struct foreign *t, u64 ip, u32 bytes)
{
    t->ip = ip;
    t->next_ip = ip + bytes;
    t->fact[FOREIGN_INSTRUCTIONS].n++;
    foreign_put(t, MMU_FETCH, ip, bytes ? bytes : 1);
}

/* Instructions that follow each other: the lengths of up to eight stand where the address would. */
static bool bundle(struct foreign *t, const u8 *e, u32 n)
{
    if (n > 8)
        return foreign_wrong(t, "is damaged: the bundle at byte %llu has %u instructions, and 8 at most fit", (unsigned long long)stream_at(t->s), n);
    for (u32 i = 0; i < n; i++)
        fetch(t, t->next_ip, e[4 + i]);
    return true;
}

static bool filetype(struct foreign *t, u64 type)
{
    if (type & BITS_32)
        return foreign_wrong(t, "is of a 32-bit program, which is not modelled here");
    if (type & AARCH64)
        foreign_note_once(t, "It is of an AArch64 program: its addresses are translated as an x86 processor would.");
    if (type & FILTERED)
        foreign_note_once(t, "It was filtered when it was made: what hit a small cache then is not in it.");
    if (type & INSTRUCTIONS_ONLY) {
        foreign_note_once(t, "Loads and stores are not in it.");
        t->tells &= ~(unsigned)TELLS_DATA;
        t->fact[FOREIGN_LOADS].known = t->fact[FOREIGN_STORES].known = t->fact[FOREIGN_MODIFIES].known = false;
    }
    return true;
}

static void process(struct foreign *t, u64 pid)
{
    if (t->fact[FOREIGN_PID].known && t->fact[FOREIGN_PID].n != pid)
        foreign_note_once(t, "It is of several processes: their accesses are taken for those of one.");
    else
        t->fact[FOREIGN_PID] = (struct foreign_count){ pid, true };
}

/* Later rounds of a repeated string instruction are not fetched again. */
static void maybe_fetch(struct foreign *t, u64 ip, u32 bytes)
{
    if (ip != t->ip)
        fetch(t, ip, bytes);
}

static bool other(struct foreign *t, const u8 *e, unsigned type, u32 size, u64 value)
{
    switch (type) {
    case BUNDLE: return bundle(t, e, size);
    case THREAD: foreign_thread(t, value); break;
    case PID: process(t, value); break;
    case HEADER: t->ended = false; break;
    case FOOTER: t->ended = true; break;
    case MARKER: return size != FILETYPE || filetype(t, value);
    case MAYBE_FETCH: maybe_fetch(t, value, size); break;
    default: t->ip = value; break;
    }
    return true;
}

static bool entry(struct foreign *t, const u8 *e, unsigned type)
{
    const u32 size = get16(e + 2);
    const u64 value = get64(e + 4);
    switch (what_is[type]) {
    case LOAD: foreign_put(t, MMU_LOAD, value, size ? size : 1); return true;
    case STOR: foreign_put(t, MMU_STORE, value, size ? size : 1); return true;
    case EXEC: fetch(t, value, size); return true;
    case PREF: foreign_note_once(t, "Prefetches are left out."); return true;
    case MORE: return other(t, e, type, size, value);
    default: return true;
    }
}

static bool is_header(const u8 *e) { return get16(e) == HEADER && !get16(e + 2) && get64(e + 4) <= VERSION_MAX; }

static bool next(struct foreign *t)
{
    const unsigned long long at = stream_at(t->s);
    const size_t n = stream_left(t->s, ENTRY);
    const u8 *e = stream_see(t->s, ENTRY);
    if (!n)
        return false;
    if (!e)
        return foreign_wrong(t, "is cut off: the entry at byte %llu has %zu of %d bytes", at, n, ENTRY);
    if (!at && !is_header(e))
        return foreign_wrong(t, "does not begin with drmemtrace's header");
    if (get16(e) >= TYPES)
        return foreign_wrong(t, "is damaged: the entry at byte %llu is of type %d, and the last one known is %d", at, get16(e), TYPES - 1);
    if (t->ended && get16(e) != HEADER)
        return foreign_wrong(t, "is damaged: the entry at byte %llu follows the footer", at);
    t->fact[FOREIGN_RECORDS].n++;
    if (!entry(t, e, get16(e)))
        return false;
    stream_take(t->s, ENTRY);
    return true;
}

static bool is(const u8 *bytes, size_t n) { return n >= ENTRY && is_header(bytes); }

const struct form form_drmemtrace = {
    .name = "drmemtrace", .is = is, .next = next, .cut = "a footer", .tells = TELLS_FETCHES | TELLS_DATA,
};
