/* SPDX-License-Identifier: MIT
 * iommu_cmds.c - `iommu ...`: the IOMMU of the machine there is (pagewalk/iommu.h): its registers, devices doing DMA, and what it
 * remembers.  Called by interp.c.  A new machine has none. */
#include "iommu_cmds.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

#define DMA_BYTES_MAX (16ull << 20)

void iommu_drop(struct interp *in)
{
    if (!in->iommu)
        return;
    dma_drop(in->iommu);
    free(in->iommu->block);
    free(in->iommu);
    in->iommu = NULL;
}

/* ---- words ---------------------------------------------------------------------------------------------------------- */

/* Hexadecimal digits up to `end`, at most `max`; *at moves behind it. */
static bool hex_part(struct word w, u32 *at, char end, unsigned max, unsigned *out)
{
    *out = 0;
    for (unsigned digits = 0; *at < w.len && w.s[*at] != end; ++*at, digits++) {
        const char c = w.s[*at];
        const int d = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (d < 0 || digits > 3)
            return false;
        *out = *out * 16 + (unsigned)d;
    }
    ++*at;
    return *out <= max;
}

bool need_source(struct interp *in, const struct words *w, unsigned at, u16 *out)
{
    unsigned bus, device, function;
    const struct word word = w->w[at];
    u32 i = 0;

    if (!hex_part(word, &i, ':', 255, &bus) || !hex_part(word, &i, '.', 31, &device) || !hex_part(word, &i, ' ', 7, &function) ||
        i != word.len + 1)
        return fail(in, "a device is bus:device.function as in 00:03.0, not", &word);
    *out = iommu_source(bus, device, function);
    return true;
}

void put_source(struct text *t, u16 source)
{
    text_hex(t, source >> 8, 2);
    text_char(t, ':');
    text_hex(t, source >> 3 & 31, 2);
    text_char(t, '.');
    text_hex(t, source & 7, 1);
}

void put_count(struct text *t, const char *name, u64 v)
{
    text_char(t, ' ');
    text_str(t, name);
    text_char(t, '=');
    text_dec(t, v);
}

void put_address(struct text *t, const char *name, u64 v)
{
    text_char(t, ' ');
    text_str(t, name);
    text_char(t, '=');
    text_0x(t, v);
}

/* ---- the machine and its registers ------------------------------------------------------------------------------------- */

static bool new_option(struct iommu_config *c, struct word w)
{
    static const struct flag_name widths[] = { { "39", 39 }, { "48", 48 }, { "57", 57 }, { NULL, 0 } };
    struct word value;
    u64 n;

    if (word_is(w, "cm"))
        c->caching_mode = true;
    else if (word_is(w, "no2m"))
        c->large_2m = false;
    else if (word_is(w, "no1g"))
        c->large_1g = false;
    else if (word_is(w, "nopt"))
        c->pass_through = false;
    else if (word_value(w, "bits", &value) && word_choice(value, widths, &n))
        c->address_bits = (u8)n;
    else if (word_value(w, "records", &value) && word_number(value, &n) && n >= 1 && n <= 8)
        c->fault_records = (u8)n;
    else if (word_value(w, "iotlb", &value) && word_number(value, &n) && n >= 1 && n <= 255)
        c->iotlb_ways = (u8)n, c->iotlb_sets = 1;
    else
        return false;
    return true;
}

static bool iommu_new(struct interp *in, const struct words *w)
{
    struct iommu_config c = iommu_default(in->ram, in->ram_bytes);

    for (unsigned i = 2; i < w->n; i++)
        if (!new_option(&c, w->w[i]))
            return fail(in, "bits=39|48|57, records=1..8, iotlb=1..255, cm, no2m, no1g or nopt, not", &w->w[i]);
    iommu_drop(in);
    in->iommu = calloc(1, sizeof *in->iommu);
    if (in->iommu)
        in->iommu->block = aligned_alloc(64, (iommu_bytes(&c) + 63) & ~(size_t)63);
    if (!in->iommu || !in->iommu->block) {
        free(in->iommu);
        in->iommu = NULL;
        return fail(in, "no memory", NULL);
    }
    in->iommu->iommu = iommu_create(in->iommu->block, iommu_bytes(&c), &c);
    CHECK(in->iommu->iommu);
    done_ok(in);
    return true;
}

static const struct { const char *name; u32 offset; u8 bytes; } registers[] = {
    { "ver", IOMMU_VER, 4 }, { "cap", IOMMU_CAP, 8 }, { "ecap", IOMMU_ECAP, 8 }, { "gcmd", IOMMU_GCMD, 4 }, { "gsts", IOMMU_GSTS, 4 },
    { "rtaddr", IOMMU_RTADDR, 8 }, { "ccmd", IOMMU_CCMD, 8 }, { "fsts", IOMMU_FSTS, 4 }, { "fectl", IOMMU_FECTL, 4 },
    { "fedata", IOMMU_FEDATA, 4 }, { "feaddr", IOMMU_FEADDR, 4 }, { "iqh", IOMMU_IQH, 8 }, { "iqt", IOMMU_IQT, 8 }, { "iqa", IOMMU_IQA, 8 },
    { "ics", IOMMU_ICS, 4 }, { "iectl", IOMMU_IECTL, 4 }, { "iqercd", IOMMU_IQERCD, 8 }, { "iva", IOMMU_IVA, 8 }, { "iotlb", IOMMU_IOTLB, 8 },
    { "frcd0", IOMMU_FRCD, 8 }, { "frcd0h", IOMMU_FRCD + 8, 8 },
};

/* The register's place in the table; negative: answered with an error. */
static int find_register(struct interp *in, struct word w)
{
    for (size_t i = 0; i < COUNT_OF(registers); i++)
        if (word_is(w, registers[i].name))
            return (int)i;
    fail(in, "an IOMMU has no register", &w);
    return -1;
}

static bool iommu_set_cmd(struct interp *in, const struct words *w)
{
    const int i = find_register(in, w->w[2]);
    u64 value;

    if (i < 0 || !need_number(in, w, 3, &value))
        return false;
    iommu_write(in->iommu->iommu, registers[i].offset, registers[i].bytes, value);
    done_ok(in);
    return true;
}

static bool iommu_get_cmd(struct interp *in, const struct words *w)
{
    const int i = find_register(in, w->w[2]);
    u64 value = 0;

    if (i < 0)
        return false;
    iommu_read(in->iommu->iommu, registers[i].offset, registers[i].bytes, &value);
    in->t.len = 0;
    text_0x(&in->t, value);
    line_end(in);
    return true;
}

/* ---- requests --------------------------------------------------------------------------------------------------------------- */

static const char *const by_names[] = { [IOMMU_BY_OFF] = "off", [IOMMU_BY_PASS] = "pass", [IOMMU_BY_INTERRUPT] = "interrupt",
                                        [IOMMU_BY_CONTEXT] = "context", [IOMMU_BY_IOTLB] = "iotlb", [IOMMU_BY_WALK] = "walk" };

static void put_result(struct text *t, const struct iommu_result *r, u64 bytes)
{
    text_str(t, r->reason ? "abort" : "ok");
    put_count(t, "bytes", bytes);
    if (r->reason) {
        put_address(t, "at", r->iova);
        put_address(t, "reason", r->reason);
    } else if (r->by != IOMMU_BY_INTERRUPT) {
        put_address(t, "last", r->pa);
    }
    text_str(t, " by=");
    text_str(t, by_names[r->by]);
    text_str(t, r->recorded ? " recorded" : "");
}

static bool request_words(struct interp *in, const struct words *w, u16 *source, u64 *kind, u64 *iova)
{
    static const struct flag_name kinds[] = { { "r", IOMMU_READ }, { "w", IOMMU_WRITE }, { NULL, 0 } };

    if (!need_source(in, w, 2, source))
        return false;
    if (!word_choice(w->w[3], kinds, kind))
        return fail(in, "r or w, not", &w->w[3]);
    return need_number(in, w, 4, iova);
}

/* iommu dma SOURCE r|w IOVA LENGTH [BYTE] */
static bool iommu_dma_cmd(struct interp *in, const struct words *w)
{
    u64 kind, iova, bytes, value = 0, done;
    struct iommu_result r = { 0 };
    struct iommu_look l;
    u16 source;
    u8 *buffer;

    if (!request_words(in, w, &source, &kind, &iova) || !need_number(in, w, 5, &bytes) || (w->n > 6 && !need_number(in, w, 6, &value)))
        return false;
    if (!bytes || bytes > DMA_BYTES_MAX || bytes > in->options.len_max_bytes || value > 255)
        return fail(in, value > 255 ? "not a byte:" : "a transfer has 1 byte to 16M, not", &w->w[value > 255 ? 6 : 5]);
    buffer = malloc(bytes);
    if (!buffer)
        return fail(in, "no memory", NULL);
    memset(buffer, (int)value, bytes);
    if (in->options.explain) {
        iommu_look(in->iommu->iommu, source, iova, (enum iommu_kind)kind, &l);
        iommu_explain(&l, (enum iommu_kind)kind, &in->explain_out);
    }
    done = kind == IOMMU_WRITE ? iommu_dma_write(in->iommu->iommu, source, iova, buffer, bytes, &r)
                               : iommu_dma_read(in->iommu->iommu, source, iova, buffer, bytes, &r);
    in->t.len = 0;
    put_result(&in->t, &r, done);
    if (kind == IOMMU_READ && done)
        put_address(&in->t, "first", buffer[0]);
    free(buffer);
    line_end(in);
    return true;
}

static bool iommu_look_cmd(struct interp *in, const struct words *w)
{
    struct iommu_look l;
    u64 kind, iova;
    u16 source;

    if (!request_words(in, w, &source, &kind, &iova))
        return false;
    iommu_look(in->iommu->iommu, source, iova, (enum iommu_kind)kind, &l);
    iommu_explain(&l, (enum iommu_kind)kind, &in->explain_out);
    done_dot(in);
    return true;
}

/* ---- what it remembers ------------------------------------------------------------------------------------------------------- */

static bool iommu_iotlb_cmd(struct interp *in, const struct words *w)
{
    struct iommu_kept e;

    (void)w;
    for (unsigned n = 0; iommu_iotlb(in->iommu->iommu, n, &e); n++) {
        in->t.len = 0;
        text_0x(&in->t, e.iova);
        put_count(&in->t, "domain", e.domain);
        if (e.reason)
            put_address(&in->t, "reason", e.reason);
        else
            put_address(&in->t, "pa", e.pa);
        text_str(&in->t, e.page_lg2 == 12 ? " 4K " : e.page_lg2 == 21 ? " 2M " : " 1G ");
        text_char(&in->t, e.rights & 1 ? 'r' : '-');
        text_char(&in->t, e.rights & 2 ? 'w' : '-');
        line_end(in);
    }
    done_dot(in);
    return true;
}

static bool iommu_contexts_cmd(struct interp *in, const struct words *w)
{
    struct iommu_kept_context e;

    (void)w;
    for (unsigned n = 0; iommu_contexts(in->iommu->iommu, n, &e); n++) {
        in->t.len = 0;
        put_source(&in->t, e.source);
        put_count(&in->t, "domain", e.domain);
        put_address(&in->t, e.reason ? "reason" : "table", e.reason ? e.reason : page_down(e.entry[0]));
        line_end(in);
    }
    done_dot(in);
    return true;
}

static void put_fault_record(struct text *t, u64 low, u64 high)
{
    put_source(t, (u16)high);
    text_str(t, high >> 62 & 1 ? " read" : " write");
    put_address(t, "page", low);
    put_address(t, "reason", high >> 32 & 0xff);
    text_str(t, ": ");
    text_str(t, iommu_reason_text((enum iommu_reason)(high >> 32 & 0xff)));
}

static bool iommu_faults_cmd(struct interp *in, const struct words *w)
{
    u64 low, high, status = 0;
    const bool clear = w->n > 2 && word_is(w->w[2], "clear");

    if (w->n > 2 && !clear)
        return fail(in, "clear or nothing, not", &w->w[2]);
    for (u32 at = IOMMU_FRCD; iommu_read(in->iommu->iommu, at, 8, &low) && iommu_read(in->iommu->iommu, at + 8, 8, &high); at += 16) {
        in->t.len = 0;
        if (high >> 63) {
            put_fault_record(&in->t, low, high);
            line_end(in);
        }
        if (clear)
            iommu_write(in->iommu->iommu, at + 8, 8, 1ull << 63);
    }
    iommu_read(in->iommu->iommu, IOMMU_FSTS, 4, &status);
    in->t.len = 0;
    if (status & 1) {
        text_str(&in->t, "overflow: faults are lost");
        line_end(in);
    }
    if (clear)
        iommu_write(in->iommu->iommu, IOMMU_FSTS, 4, status);
    done_dot(in);
    return true;
}

static bool iommu_stats_cmd(struct interp *in, const struct words *w)
{
    const struct iommu_stats *s = iommu_stats(in->iommu->iommu);
    const struct { const char *name; u64 n; } rows[] = {
        { "requests", s->requests }, { "context_hits", s->context_hits }, { "context_misses", s->context_misses },
        { "iotlb_hits", s->iotlb_hits }, { "iotlb_misses", s->iotlb_misses }, { "entries_read", s->reads }, { "faults", s->faults },
        { "recorded", s->recorded }, { "collapsed", s->collapsed }, { "lost", s->lost }, { "invalidations", s->invalidations },
        { "bytes_read", s->bytes_read }, { "bytes_written", s->bytes_written }, { "messages", s->messages },
    };

    (void)w;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        in->t.len = 0;
        text_str(&in->t, rows[i].name);
        text_char(&in->t, ' ');
        text_dec(&in->t, rows[i].n);
        line_end(in);
    }
    done_dot(in);
    return true;
}

bool cmd_iommu(struct interp *in, const struct words *w)
{
    static const struct { const char *name; command_fn *fn; u8 words_min, words_max; const char *usage; } verbs[] = {
        { "set", iommu_set_cmd, 4, 4, "iommu set REG VALUE" },
        { "get", iommu_get_cmd, 3, 3, "iommu get REG" },
        { "dma", iommu_dma_cmd, 6, 7, "iommu dma DEVICE r|w ADDR LENGTH [BYTE]" },
        { "look", iommu_look_cmd, 5, 5, "iommu look DEVICE r|w ADDR" },
        { "iotlb", iommu_iotlb_cmd, 2, 2, "iommu iotlb" },
        { "contexts", iommu_contexts_cmd, 2, 2, "iommu contexts" },
        { "faults", iommu_faults_cmd, 2, 3, "iommu faults [clear]" },
        { "stats", iommu_stats_cmd, 2, 2, "iommu stats" },
        { "start", iommu_start_cmd, 3, 3, "iommu start strict|deferred" },
        { "attach", iommu_attach_cmd, 3, 3, "iommu attach DEVICE" },
        { "map", iommu_map_cmd, 8, 8, "iommu map NAME PROCESS DEVICE VA LENGTH to|from|both" },
        { "unmap", iommu_unmap_cmd, 3, 3, "iommu unmap NAME" },
        { "buffers", iommu_buffers_cmd, 2, 2, "iommu buffers" },
    };

    if (word_is(w->w[1], "new"))
        return iommu_new(in, w);
    if (in->iommu && in->iommu->dma)
        dma_tick(in->iommu->dma);
    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (!word_is(w->w[1], verbs[i].name))
            continue;
        if (w->n < verbs[i].words_min || w->n > verbs[i].words_max)
            return fail(in, verbs[i].usage, NULL);
        return in->iommu ? verbs[i].fn(in, w) : fail(in, "there is no IOMMU: begin with iommu new", NULL);
    }
    return fail(in, "an IOMMU has no", &w->w[1]);
}
