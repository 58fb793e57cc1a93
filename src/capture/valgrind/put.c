/* SPDX-License-Identifier: GPL-2.0-or-later
 * put.c - the results file that is open (docs/formats.md): what write.c and its like put goes into it, in the words of
 * results.h, and the checksum that closes it. */
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

/* ---- bytes and lines -------------------------------------------------------------------------------------------- */

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

void put_field(const HChar *s) { results_put_field(&put_out, s); }
void put_escaped(const HChar *s) { results_put_escaped(&put_out, s); }
void put_string(const HChar *s) { results_put_string(&put_out, s); }
void put_number(ULong n) { results_put_number(&put_out, n); }
void put_unknown(void) { results_put_unknown(&put_out); }
void put_begin(const HChar *kind) { results_put_begin(&put_out, kind); }
void put_end(void) { results_put_end(&put_out); }
void put_text(const HChar *name, const HChar *value) { results_put_text(&put_out, name, value); }
void put_count(const HChar *name, ULong n) { results_put_count(&put_out, name, "", "", n); }
void put_table(const HChar *name, const HChar *const *columns) { results_put_table(&put_out, name, columns); }
void put_costs(const struct sim_cost *c) { results_put_cost(&put_out, c); }

void put_count_unknown(const HChar *name)
{
    put_begin("count");
    put_field(name);
    put_unknown();
    put_end();
}

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
