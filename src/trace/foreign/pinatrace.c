/* SPDX-License-Identifier: MIT
 * pinatrace.c - what Pin's example tool pinatrace writes (Pin's user guide, "Memory Reference Trace"): a line an access.
 *
 *   0x40001ee0: R 0xbfffe798       the instruction, read or written, the address
 *   #eof                           the last line */
#include "trace/foreign/form.h"

#include <string.h>

/* "0x1234"; printf's %p writes "(nil)" for 0. */
static bool take_pointer(struct piece *p, u64 *n)
{
    *n = 0;
    return take_word(p, "(nil)") || (take_word(p, "0x") && take_hex(p, n));
}

static bool access_of(struct piece line, u64 *ip, u64 *va, bool *write)
{
    if (!take_pointer(&line, ip) || !take_word(&line, ": "))
        return false;
    *write = take_word(&line, "W ");
    return (*write || take_word(&line, "R ")) && take_pointer(&line, va) && line.at == line.end;
}

static bool next(struct foreign *t)
{
    struct piece line;
    u64 va;
    bool write;
    if (!foreign_line(t, &line))
        return false;
    if (take_word(&line, "#")) {
        t->ended = t->ended || take_word(&line, "eof");
        return true;
    }
    if (!access_of(line, &t->ip, &va, &write))
        return line.at == line.end || foreign_wrong_line(t, line, "'ADDRESS: R ADDRESS' or 'ADDRESS: W ADDRESS'");
    t->fact[FOREIGN_RECORDS].n++;
    foreign_put(t, write ? MMU_STORE : MMU_LOAD, va, 1);
    return true;
}

/* Lines of comment may stand in front. */
static bool is(const u8 *bytes, size_t n)
{
    struct piece line = { (const char *)bytes, (const char *)bytes };
    u64 ip, va;
    bool write;
    while (n && *line.at == '#' && (line.end = memchr(line.at, '\n', n))) {
        n -= (size_t)(line.end + 1 - line.at);
        line.at = line.end + 1;
    }
    line.end = n ? memchr(line.at, '\n', n) : NULL;
    return line.end && access_of(line, &ip, &va, &write);
}

const struct form form_pinatrace = {
    .name = "pinatrace", .is = is, .next = next, .cut = "the line #eof", .tells = TELLS_DATA,
    .note = "Instructions and the sizes of accesses are not in it: counts are of data, and none crosses into the next page.",
};
