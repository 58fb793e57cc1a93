/* SPDX-License-Identifier: GPL-2.0-or-later
 * put.c - the lines of a results file (docs/formats.md), put by write.c and its like: counts, texts, tables, and the checksum
 * that closes them. */
#include "put.h"
#include "base/crc32.h"

static struct {
    Int fd;
    u32 crc;
    ULong lines;
    SizeT used;
    Bool failed;
    HChar buf[65536];
} w;

/* ---- lines of text -------------------------------------------------------------------------------------------- */

static void put_flush(void)
{
    SizeT done = 0;
    while (done < w.used && !w.failed) {
        Int n = VG_(write)(w.fd, w.buf + done, (Int)(w.used - done));
        w.failed = n <= 0;
        done += n > 0 ? (SizeT)n : 0;
    }
    w.used = 0;
}

void put_bytes(const HChar *s, SizeT len)
{
    w.crc = crc32_add(w.crc, s, len);
    for (; len; len--) {
        w.lines += *s == '\n';
        if (w.used == sizeof w.buf)
            put_flush();
        w.buf[w.used++] = *s++;
    }
}

static void put_for_others(void *ctx, const char *text, size_t len_bytes)
{
    (void)ctx;
    put_bytes(text, len_bytes);
}

const struct pw_out put_out = { put_for_others, NULL };

void put_field(const HChar *s)
{
    put_bytes("\t", 1);
    put_bytes(s, VG_(strlen)(s));
}

void put_escaped(const HChar *s)
{
    for (; *s; s++) {
        HChar hex[4];
        if ((UChar)*s >= 0x20 && *s != 0x7f && *s != '%') {
            put_bytes(s, 1);
            continue;
        }
        VG_(snprintf)(hex, sizeof hex, "%%%02X", (UInt)(UChar)*s);
        put_bytes(hex, 3);
    }
}

void put_string(const HChar *s)
{
    put_bytes("\t", 1);
    put_escaped(s);
}

void put_number(ULong n)
{
    HChar text[24];
    VG_(snprintf)(text, sizeof text, "%llu", n);
    put_field(text);
}

void put_unknown(void) { put_field("?"); }
void put_begin(const HChar *kind) { put_bytes(kind, VG_(strlen)(kind)); }

void put_end(void)
{
    put_bytes("\n", 1);
}

void put_text(const HChar *name, const HChar *value)
{
    put_begin("text");
    put_field(name);
    put_string(value);
    put_end();
}

void put_count(const HChar *name, ULong n)
{
    put_begin("count");
    put_field(name);
    put_number(n);
    put_end();
}

void put_count_unknown(const HChar *name)
{
    put_begin("count");
    put_field(name);
    put_unknown();
    put_end();
}

void put_count_at(const HChar *a, const HChar *b, const HChar *c, ULong n)
{
    HChar name[96];
    VG_(snprintf)(name, sizeof name, "%s%s%s", a, b, c);
    put_count(name, n);
}

void put_table(const HChar *name, const HChar *const *columns)
{
    put_begin("table");
    put_field(name);
    for (; *columns; columns++)
        put_field(*columns);
    put_end();
}

void put_costs(const struct sim_cost *c) { results_put_cost(&put_out, c); }

/* ---- the file ------------------------------------------------------------------------------------------------- */

Bool put_open(const HChar *path)
{
    w.crc = 0;
    w.lines = 0;
    w.used = 0;
    w.failed = False;
    w.fd = VG_(fd_open)(path, VKI_O_CREAT | VKI_O_TRUNC | VKI_O_WRONLY, 0666);
    if (w.fd < 0)
        return False;
    put_bytes("pagewalk-results 1", 18);
    put_end();
    return True;
}

Bool put_close(void)
{
    HChar end[64];
    SizeT n = (SizeT)VG_(snprintf)(end, sizeof end, "end\t%llu\t%08x\n", w.lines, w.crc);
    put_bytes(end, n);
    put_flush();
    VG_(close)(w.fd);
    return !w.failed;
}
