/* SPDX-License-Identifier: MIT
 * lackey.c - what `valgrind --tool=lackey --trace-mem=yes` writes (Valgrind's manual, 15.2): a line an access, among lines of
 * Valgrind's own.
 *
 *   I  0401ab70,3        an instruction of 3 bytes        ==4256== Command: /bin/true -x
 *    S 1fff000708,8      a store of 8 bytes                ==4256== Parent PID: 4253
 *    L 1fff000708,8      a load                            ==4256== Exit code:       0
 *    M 0025747c,1        a load and a store of the same    SB 0401ab70   (--trace-superblocks=yes) */
#include "trace/foreign/form.h"

#include <stdlib.h>
#include <string.h>

/* The largest access is a state area of XSAVE, the longest instruction one that Valgrind knows as one. */
enum { BYTES_MAX = 1 << 16 };

/* ---- Valgrind's own lines -------------------------------------------------------------------------------------------- */

static void note_command(struct foreign *t, struct piece line)
{
    const char *blank = memchr(line.at, ' ', (size_t)(line.end - line.at));
    free(t->program);
    free(t->arguments);
    t->program = strndup(line.at, (size_t)((blank ? blank : line.end) - line.at));
    t->arguments = strndup(line.at, (size_t)(line.end - line.at));
}

static void note_number(struct foreign *t, struct piece line, enum foreign_fact fact)
{
    u64 n;
    while (take_word(&line, " "))
        ;
    if (take_dec(&line, &n))
        t->fact[fact] = (struct foreign_count){ n, true };
}

/* "==PID== text", "--PID-- text", "**PID** text"; false: something else. */
static bool valgrinds(struct foreign *t, struct piece line)
{
    static const char *const marks[] = { "==", "--", "**" };
    u64 pid;
    for (int i = 0; i < 3; i++) {
        struct piece rest = line;
        if (!take_word(&rest, marks[i]) || !take_dec(&rest, &pid) || !take_word(&rest, marks[i]))
            continue;
        if (!t)
            return true;
        t->fact[FOREIGN_PID] = (struct foreign_count){ pid, true };
        if (take_word(&rest, " Command: "))
            note_command(t, rest);
        else if (take_word(&rest, " Parent PID:"))
            note_number(t, rest, FOREIGN_PARENT);
        else if (take_word(&rest, " Exit code:"))
            note_number(t, rest, FOREIGN_EXIT);
        return true;
    }
    return false;
}

/* ---- accesses ------------------------------------------------------------------------------------------------------------ */

enum what { FETCH, LOAD, STORE, MODIFY, WHATS };
static const char *const begins[WHATS] = { [FETCH] = "I  ", [LOAD] = " L ", [STORE] = " S ", [MODIFY] = " M " };

/* WHATS: none. */
static enum what access_of(struct piece line, u64 *va, u64 *bytes)
{
    for (enum what w = FETCH; w < WHATS; w++)
        if (take_word(&line, begins[w]))
            return take_hex(&line, va) && take_word(&line, ",") && take_dec(&line, bytes) && *bytes && *bytes <= BYTES_MAX && line.at == line.end ? w
                                                                                                                                             : WHATS;
    return WHATS;
}

static void put(struct foreign *t, enum what w, u64 va, u32 bytes)
{
    static const enum mmu_kind kind[WHATS] = { [FETCH] = MMU_FETCH, [LOAD] = MMU_LOAD, [STORE] = MMU_STORE };
    if (w == FETCH)
        t->ip = va;
    t->fact[FOREIGN_INSTRUCTIONS].n += w == FETCH;
    t->fact[FOREIGN_RECORDS].n++;
    if (w == MODIFY)
        foreign_put_modify(t, va, bytes);
    else
        foreign_put(t, kind[w], va, bytes);
}

static bool next(struct foreign *t)
{
    struct piece line;
    u64 va, bytes;
    enum what w;
    if (!foreign_line(t, &line))
        return false;
    w = access_of(line, &va, &bytes);
    if (w < WHATS)
        put(t, w, va, (u32)bytes);
    else if (line.at < line.end && !take_word(&line, "SB ") && !valgrinds(t, line))
        return foreign_wrong_line(t, line, "an access as lackey writes it (with --log-file, nothing else gets in between)");
    return true;
}

static bool is(const u8 *bytes, size_t n)
{
    const u8 *end = memchr(bytes, '\n', n);
    const struct piece line = { (const char *)bytes, (const char *)(end ? end : bytes + n) };
    u64 va, size;
    return n && (valgrinds(NULL, line) || access_of(line, &va, &size) < WHATS);
}

const struct form form_lackey = { .name = "lackey", .is = is, .next = next, .tells = TELLS_FETCHES | TELLS_DATA };
