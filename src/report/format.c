/* SPDX-License-Identifier: MIT
 * format.c - numbers, sizes and names as people read them. */
#include "report/format.h"
#include "report/utf8.h"

#include <stdio.h>
#include <string.h>

/* ---- numbers --------------------------------------------------------------------------------------------------- */

struct words format_num(struct num n)
{
    struct words w = { "unknown" };
    char digits[24];
    int len, out = 0;

    if (!n.known)
        return w;
    len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n.n);
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0)
            w.text[out++] = ',';
        w.text[out++] = digits[i];
    }
    w.text[out] = 0;
    return w;
}

static struct words percent(double share, int decimals, double smallest)
{
    struct words w = { "-" };

    if (share < 0)
        return w;
    if (share > 0 && share * 100 < smallest)
        snprintf(w.text, sizeof w.text, "<%.*f %%", decimals, smallest);
    else
        snprintf(w.text, sizeof w.text, "%.*f %%", decimals, share * 100);
    return w;
}

struct words format_percent(double share) { return percent(share, 1, 0.1); }
struct words format_rate(double share) { return percent(share, 2, 0.01); }

struct words format_ratio(double x)
{
    struct words w = { "-" };

    if (x >= 0)
        snprintf(w.text, sizeof w.text, "%.2f", x);
    return w;
}

struct words format_bytes(struct num bytes)
{
    static const char *const unit[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
    struct words w = { "unknown" };
    double v = (double)bytes.n;
    unsigned u = 0;

    if (!bytes.known)
        return w;
    for (; v >= 1024 && u < 6; u++)
        v /= 1024;
    snprintf(w.text, sizeof w.text, u ? "%.1f %s" : "%.0f %s", v, unit[u]);
    return w;
}

struct words format_pages(struct num pages) { return format_bytes(num_mul(pages, PAGE_BYTES)); }

/* ---- names ----------------------------------------------------------------------------------------------------- */

static bool is_control(const char *s, unsigned len)
{
    u8 a = (u8)s[0], b = len == 2 ? (u8)s[1] : 0;

    return len == 1 ? a < 0x20 || a == 0x7f : a == 0xc2 && b < 0xa0; /* U+0080 to U+009F                          */
}

unsigned format_columns(const char *utf8)
{
    unsigned n = 0;

    for (; *utf8; utf8++)
        n += ((u8)*utf8 & 0xc0) != 0x80;
    return n;
}

/* The bytes of the character at s, 1 for a byte that is not part of one. */
static unsigned step(const char *s)
{
    unsigned len = utf8_length(s);
    return len ? len : 1;
}

static unsigned count_characters(const char *s)
{
    unsigned n = 0;

    for (; *s; s += step(s))
        n++;
    return n;
}

unsigned format_name(char *to, size_t to_bytes, const char *name, unsigned columns, enum cut cut)
{
    unsigned all = count_characters(name), keep = all, put = 0;
    bool fits = all <= columns;
    size_t used = 0;

    if (!fits)
        keep = columns > 2 ? columns - 2 : 0;
    if (!fits && cut == CUT_START)
        for (unsigned skip = all - keep; skip; skip--)
            name += step(name);
    if (!fits && cut == CUT_START)
        used = (size_t)snprintf(to, to_bytes, "..");
    for (; put < keep && used + 8 < to_bytes; put++) {
        unsigned len = utf8_length(name);
        if (!len || is_control(name, len))
            to[used++] = '?';
        else
            memcpy(to + used, name, len), used += len;
        name += len ? len : 1;
    }
    if (!fits && cut == CUT_END)
        used += (size_t)snprintf(to + used, to_bytes - used, "..");
    to[used] = 0;
    return format_columns(to);
}

const char *format_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}
