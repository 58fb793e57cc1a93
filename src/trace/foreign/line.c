/* SPDX-License-Identifier: MIT
 * line.c - lines of traces that are text, and the pieces of a line.  Called by lackey.c and pinatrace.c. */
#include "trace/foreign/form.h"

#include <string.h>

bool foreign_line(struct foreign *t, struct piece *line)
{
    size_t n;
    bool whole;
    line->at = stream_line(t->s, &n, &whole);
    if (!line->at)
        return false;
    line->end = line->at + n;
    t->line++;
    if (whole)
        return true;
    if (n > STREAM_LINE)
        return foreign_wrong(t, "is damaged: line %llu is longer than %d bytes", (unsigned long long)t->line, STREAM_LINE);
    return foreign_wrong(t, "is cut off in line %llu", (unsigned long long)t->line);
}

bool foreign_wrong_line(struct foreign *t, struct piece line, const char *expected)
{
    char shown[48];
    size_t n = (size_t)(line.end - line.at), room = sizeof shown - 4, kept = n < room ? n : room;
    for (size_t i = 0; i < kept; i++)
        shown[i] = line.at[i] < ' ' || line.at[i] > '~' ? '?' : line.at[i];
    strcpy(shown + kept, n > room ? "..." : "");
    return foreign_wrong(t, "is damaged: line %llu is '%s', not %s", (unsigned long long)t->line, shown, expected);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : 16;
}

static bool take_number(struct piece *p, unsigned base, u64 *n)
{
    const char *from = p->at;
    u64 v = 0;
    for (; p->at < p->end && digit(*p->at) < (int)base; p->at++) {
        if (v > (~(u64)0 - (unsigned)digit(*p->at)) / base)
            return false;
        v = v * base + (unsigned)digit(*p->at);
    }
    *n = v;
    return p->at > from;
}

bool take_hex(struct piece *p, u64 *n) { return take_number(p, 16, n); }
bool take_dec(struct piece *p, u64 *n) { return take_number(p, 10, n); }

bool take_word(struct piece *p, const char *word)
{
    const size_t n = strlen(word);
    if ((size_t)(p->end - p->at) < n || memcmp(p->at, word, n))
        return false;
    p->at += n;
    return true;
}
