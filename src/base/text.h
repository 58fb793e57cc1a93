/* SPDX-License-Identifier: MIT
 * text.h - building one line of text without libc: for /proc views, explanations and the results file.
 * Text that does not fit is cut, never written past the end.  Used by every freestanding room. */
#ifndef PAGEWALK_BASE_TEXT_H
#define PAGEWALK_BASE_TEXT_H

#include "pagewalk/types.h"

struct text { size_t len; char buf[512]; };

static inline void text_char(struct text *t, char c)
{
    if (t->len < sizeof t->buf)
        t->buf[t->len++] = c;
}

static inline void text_str(struct text *t, const char *s)
{
    while (*s)
        text_char(t, *s++);
}

/* At least `width` digits, filled with zeros. */
static inline void text_number(struct text *t, u64 v, unsigned base, unsigned width)
{
    char d[64];
    unsigned n = 0;
    do {
        d[n++] = "0123456789abcdef"[v % base];
        v /= base;
    } while (v || n < width);
    while (n)
        text_char(t, d[--n]);
}

static inline void text_dec(struct text *t, u64 v) { text_number(t, v, 10, 1); }
static inline void text_hex(struct text *t, u64 v, unsigned width) { text_number(t, v, 16, width); }
/* The scenario language's numbers: 0x, no leading zeros. */
static inline void text_0x(struct text *t, u64 v)
{
    text_str(t, "0x");
    text_hex(t, v, 1);
}

/* Blanks up to a column (0-based length); nothing if already there. */
static inline void text_pad_to(struct text *t, size_t len)
{
    while (t->len < len && t->len < sizeof t->buf)
        text_char(t, ' ');
}

/* Right-aligned decimal, as "%*lu". */
static inline void text_dec_right(struct text *t, u64 v, unsigned width)
{
    unsigned digits = 1;
    for (u64 x = v; x >= 10; x /= 10)
        digits++;
    text_pad_to(t, t->len + (width > digits ? width - digits : 0));
    text_dec(t, v);
}

static inline void text_emit(struct text *t, const struct pw_out *out)
{
    out->put(out->ctx, t->buf, t->len);
    t->len = 0;
}

#endif
