/* SPDX-License-Identifier: MIT
 * words.c - see words.h.  Called by the interpreter for every line; no allocation, no copying: words point into it. */
#include "words.h"

#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

bool words_cut(const char *line, size_t len_bytes, struct words *out)
{
    const char *c = line, *end = line + len_bytes;

    out->n = 0;
    for (;;) {
        while (c < end && is_blank(*c))
            c++;
        if (c == end || *c == '#')
            return true;
        if (out->n == WORDS_MAX)
            return false;
        struct word *w = &out->w[out->n++];
        w->s = c;
        while (c < end && !is_blank(*c))
            c++;
        w->len = (u32)(c - w->s);
    }
}

bool word_is(struct word w, const char *text)
{
    return strlen(text) == w.len && memcmp(w.s, text, w.len) == 0;
}

bool word_value(struct word w, const char *key, struct word *value)
{
    const size_t n = strlen(key);

    if (w.len <= n || memcmp(w.s, key, n) != 0 || w.s[n] != '=')
        return false;
    *value = (struct word){ w.s + n + 1, w.len - (u32)n - 1 };
    return true;
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static unsigned suffix_lg2(char c) { return c == 'K' ? 10 : c == 'M' ? 20 : c == 'G' ? 30 : 0; }

bool word_number(struct word w, u64 *out)
{
    const unsigned shift = w.len ? suffix_lg2(w.s[w.len - 1]) : 0;
    const bool hex = w.len > 2 && w.s[0] == '0' && (w.s[1] == 'x' || w.s[1] == 'X');
    const u32 first = hex ? 2 : 0, last = w.len - (shift ? 1 : 0);
    const u64 base = hex ? 16 : 10;
    u64 v = 0;

    if (first >= last)
        return false;
    for (u32 i = first; i < last; i++) {
        const u64 d = (u64)digit_of(w.s[i]);
        if (d >= base || v > (~(u64)0 - d) / base)
            return false;
        v = v * base + d;
    }
    if (shift && v >> (64 - shift))
        return false;
    *out = v << shift;
    return true;
}

bool word_cpu(struct word w, unsigned *cpu)
{
    u64 n;

    if (w.len < 4 || memcmp(w.s, "cpu", 3) != 0 || !word_number((struct word){ w.s + 3, w.len - 3 }, &n) || n > 1023)
        return false;
    *cpu = (unsigned)n;
    return true;
}

bool word_choice(struct word w, const struct flag_name *names, u64 *out)
{
    for (; names->name; names++)
        if (word_is(w, names->name)) {
            *out = names->value;
            return true;
        }
    return false;
}

bool word_flags(struct word w, const struct flag_name *names, u64 *out, struct word *bad)
{
    const char *c = w.s, *end = w.s + w.len;
    u64 v;

    *out = 0;
    for (;;) {
        const char *bar = memchr(c, '|', (size_t)(end - c));
        const struct word part = { c, (u32)((bar ? bar : end) - c) };
        if (word_is(part, "none"))
            v = 0;
        else if (!word_choice(part, names, &v) && !word_number(part, &v)) {
            *bad = part;
            return false;
        }
        *out |= v;
        if (!bar)
            return true;
        c = bar + 1;
    }
}
