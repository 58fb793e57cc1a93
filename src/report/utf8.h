/* SPDX-License-Identifier: MIT
 * utf8.h - names come from files and debug information and may hold any bytes.  Used by format.c (terminals) and
 * json.c (JSON must be UTF-8). */
#ifndef PAGEWALK_REPORT_UTF8_H
#define PAGEWALK_REPORT_UTF8_H

#include "pagewalk/types.h"

/* Bytes of the well-formed character at s (Unicode 15, table 3-7), or 0; 0 at the end of the string too. */
static inline unsigned utf8_length(const char *s)
{
    const u8 *b = (const u8 *)s;
    unsigned n = b[0] < 0x80 ? 1 : b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : b[0] < 0xf5 ? 4 : 0;
    u8 low = b[0] == 0xe0 ? 0xa0 : b[0] == 0xf0 ? 0x90 : 0x80, high = b[0] == 0xed ? 0x9f : b[0] == 0xf4 ? 0x8f : 0xbf;

    if (!b[0] || !n || (n > 1 && (b[1] < low || b[1] > high)))
        return 0;
    for (unsigned i = 2; i < n; i++)
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

#endif
