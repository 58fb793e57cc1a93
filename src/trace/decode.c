/* SPDX-License-Identifier: MIT
 * decode.c - the reader of recordings.  Called by replay.c, once for each replay.
 *
 * A frame is unpacked whole after its checksum was right; so what is decoded from it is what the writer wrote.  Numbers
 * are checked all the same: a file may have been made by anybody. */
#include "trace/decode.h"

#include "base/check.h"
#include "base/crc32.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

enum { PACKED_MAX = 2 * FRAME_BYTES_MAX, RESULTS_MAX = 1 << 30, PLACES_FIRST = 1 << 16, SETTINGS_MAX = 1 << 17 };

struct decoder {
    FILE *f;
    long long file_bytes, read_bytes;
    ZSTD_DCtx *zstd;
    u8 *packed, *raw;
    size_t used, bytes;          /* of raw                                                                         */
    char *settings;
    struct decode_error err;
    bool ended;                  /* FRAME_END was read                                                             */
    u32 run, last, places, places_room;
    struct place_memory *place;
    u64 last_ip;
};

static void fail(struct decoder *d, const char *what)
{
    if (!d->err.text[0])
        snprintf(d->err.text, sizeof d->err.text, "%s at byte %lld of %lld", what, d->read_bytes, d->file_bytes);
}

/* ---- frames ------------------------------------------------------------------------------------------------------- */

static u32 get32(const u8 *p) { return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24; }

struct frame { u8 kind; u32 packed, bytes, crc; };

/* False: the file ends here. */
static bool frame_head(struct decoder *d, struct frame *fr)
{
    u8 head[FRAME_HEAD_BYTES];
    if (fread(head, 1, sizeof head, d->f) != sizeof head)
        return false;
    *fr = (struct frame){ head[0], get32(head + 4), get32(head + 8), get32(head + 12) };
    return true;
}

static bool unpack(struct decoder *d, const struct frame *fr, void *packed, void *to, size_t room)
{
    if (fread(packed, 1, fr->packed, d->f) != fr->packed) {
        fail(d, "is cut off");
        return false;
    }
    if (crc32_add(0, packed, fr->packed) != fr->crc || ZSTD_decompressDCtx(d->zstd, to, room, packed, fr->packed) != fr->bytes) {
        fail(d, "is damaged");
        return false;
    }
    d->read_bytes += FRAME_HEAD_BYTES + fr->packed;
    return true;
}

/* The next frame of events into raw.  False: there is none. */
static bool next_frame(struct decoder *d)
{
    struct frame fr;
    d->used = d->bytes = 0;
    if (d->err.text[0] || d->ended)
        return false;
    if (!frame_head(d, &fr))
        fail(d, "is cut off");
    else if (fr.kind == FRAME_RESULTS || fr.kind == FRAME_END)
        d->ended = true;
    else if (fr.kind != FRAME_EVENTS || fr.packed > PACKED_MAX || fr.bytes > FRAME_BYTES_MAX)
        fail(d, "is damaged");
    else if (unpack(d, &fr, d->packed, d->raw, FRAME_BYTES_MAX))
        d->bytes = fr.bytes;
    return d->bytes > 0;
}

/* ---- codes -------------------------------------------------------------------------------------------------------- */

static inline u8 byte(struct decoder *d)
{
    if (d->used < d->bytes)
        return d->raw[d->used++];
    fail(d, "is damaged");
    return 0;
}

static u64 number(struct decoder *d)
{
    u64 v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        u8 b = byte(d);
        v |= (u64)(b & 127) << shift;
        if (!(b & 128))
            return v;
    }
    return v;
}

static bool grow(struct decoder *d)
{
    struct place_memory *more = realloc(d->place, 2ul * d->places_room * sizeof *more);
    if (!more)
        return false;
    memset(more + d->places_room, 0, d->places_room * sizeof *more);
    d->place = more;
    d->places_room *= 2;
    return true;
}

static void read_place(struct decoder *d, struct decoded *to)
{
    if (d->places == d->places_room && !grow(d))
        fail(d, "needs more memory than there is");
    d->last_ip += (u64)unzigzag(number(d));
    to->what = DECODE_PLACE;
    to->place = d->places;
    to->ip = d->last_ip;
    to->kind = byte(d);
    if (to->kind > 2)
        fail(d, "is damaged");
    d->places += !d->err.text[0];
}

static void read_event(struct decoder *d, struct decoded *to)
{
    u8 type = byte(d);
    to->what = DECODE_EVENT;
    to->mend = type & EVENT_MEND;
    to->event = (struct trace_event){ .type = type & (EVENT_MEND - 1) };
    for (unsigned i = 0; i < trace_words(to->event.type); i++)
        to->event.word[i] = number(d);
    u64 n = number(d);
    if (to->event.type >= TRACE_TYPES || n > d->bytes - d->used) {
        fail(d, "is damaged");
        return;
    }
    to->event.text_bytes = (u32)n;
    to->event.text = (const char *)d->raw + d->used;
    d->used += n;
}

static inline void read_access(struct decoder *d, struct decoded *to, u8 code)
{
    struct place_memory *from = &d->place[d->last];
    unsigned c = code - CODE_ACCESS, which = c / (2 * PAGES), how = c / 2 % PAGES;
    u64 place = which == WHICH_NUMBER ? number(d) : from->next[which];
    if (place >= d->places || !place) {
        fail(d, "is damaged");
        return;
    }
    struct place_memory *m = &d->place[place];
    s64 distance = how == PAGE_DISTANCE ? unzigzag(number(d)) : how == PAGE_NEXT ? 1 : how == PAGE_PREVIOUS ? -1 : 0;
    expect(from, (u32)place);
    m->page += (u64)distance;
    d->last = (u32)place;
    to->what = DECODE_ACCESS;
    to->place = (u32)place;
    to->page = m->page;
    to->crosses = c & 1;
}

static inline void as_expected(struct decoder *d, struct decoded *to)
{
    d->run--;
    d->last = d->place[d->last].next[0];
    if (RARE(!d->last))
        fail(d, "is damaged");
    to->what = DECODE_ACCESS;
    to->place = d->last;
    to->page = d->place[d->last].page;
    to->crosses = false;
}

void decode_next(struct decoder *d, struct decoded *to)
{
    u8 code;
    if (LIKELY(d->run)) {
        as_expected(d, to);
        return;
    }
    to->what = DECODE_END;
    if (d->used == d->bytes && !next_frame(d))
        return;
    code = d->raw[d->used++];
    if (code < RUN_MAX) {
        d->run = code + 1u;
        as_expected(d, to);
    } else if (code < CODE_ACCESS_END) {
        read_access(d, to, code);
    } else if (code == CODE_PLACE) {
        read_place(d, to);
    } else if (code == CODE_EVENT) {
        read_event(d, to);
    } else {
        fail(d, "is damaged");
    }
    if (RARE(d->err.text[0] != 0))
        to->what = DECODE_END;
}

/* ---- opening, closing ------------------------------------------------------------------------------------------------ */

void decode_close(struct decoder *d)
{
    if (!d)
        return;
    if (d->f)
        fclose(d->f);
    ZSTD_freeDCtx(d->zstd);
    free(d->packed);
    free(d->raw);
    free(d->settings);
    free(d->place);
    free(d);
}

static bool read_settings(struct decoder *d)
{
    char magic[TRACE_MAGIC_BYTES];
    struct frame fr;
    if (fread(magic, 1, sizeof magic, d->f) != sizeof magic || memcmp(magic, TRACE_MAGIC, sizeof magic)) {
        snprintf(d->err.text, sizeof d->err.text, "is not a recording of this version of pagewalk");
        return false;
    }
    d->read_bytes = TRACE_MAGIC_BYTES;
    if (!frame_head(d, &fr)) {
        fail(d, "is cut off");
        return false;
    }
    if (fr.kind != FRAME_SETTINGS || fr.packed > PACKED_MAX || fr.bytes > SETTINGS_MAX || !(d->settings = calloc(1, fr.bytes + 1ul))) {
        fail(d, "is damaged");
        return false;
    }
    return unpack(d, &fr, d->packed, d->settings, fr.bytes);
}

static struct decoder *open_file(const char *path, struct decode_error *err)
{
    struct decoder *d = calloc(1, sizeof *d);
    if (!d || !(d->zstd = ZSTD_createDCtx()) || !(d->packed = malloc(PACKED_MAX)) || !(d->raw = malloc(FRAME_BYTES_MAX)) ||
        !(d->place = calloc(PLACES_FIRST, sizeof *d->place))) {
        snprintf(err->text, sizeof err->text, "cannot be read: not enough memory");
        decode_close(d);
        return NULL;
    }
    d->places = 1;
    d->places_room = PLACES_FIRST;
    d->f = fopen(path, "re");
    if (!d->f || fseeko(d->f, 0, SEEK_END)) {
        snprintf(err->text, sizeof err->text, "cannot be read: %s", strerror(errno));
        decode_close(d);
        return NULL;
    }
    d->file_bytes = ftello(d->f);
    rewind(d->f);
    return d;
}

bool decode_is_recording(const char *path)
{
    static const char begins[] = "pagewalk recording ";
    char head[sizeof begins - 1];
    struct stat st;
    FILE *f;
    bool is;
    if (!stat(path, &st) && !S_ISREG(st.st_mode))
        return false;
    if (!(f = fopen(path, "re")))
        return true;
    is = fread(head, 1, sizeof head, f) == sizeof head && !memcmp(head, begins, sizeof head);
    fclose(f);
    return is;
}

struct decoder *decode_open(const char *path, struct decode_error *err)
{
    struct decoder *d = open_file(path, err);
    if (d && !read_settings(d)) {
        *err = d->err;
        decode_close(d);
        return NULL;
    }
    return d;
}

const char *decode_setting(const struct decoder *d, const char *name)
{
    static char value[SETTINGS_MAX];
    size_t n = strlen(name);
    for (const char *line = d->settings; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        if (strncmp(line, name, n) || line[n] != '\t')
            continue;
        line += n + 1;
        n = strcspn(line, "\n");
        for (size_t i = 0; i < n; i++)
            value[i] = line[i] == '\f' ? '\n' : line[i];
        value[n] = 0;
        return value;
    }
    return NULL;
}

unsigned decode_progress(const struct decoder *d)
{
    return d->file_bytes ? (unsigned)(100 * d->read_bytes / d->file_bytes) : 100;
}

bool decode_whole(const struct decoder *d, struct decode_error *err)
{
    *err = d->err;
    return !d->err.text[0];
}

static char *read_results(struct decoder *d, size_t *len_bytes)
{
    struct frame fr;
    char *results, *packed;
    while (frame_head(d, &fr) && fr.kind == FRAME_EVENTS && !fseeko(d->f, fr.packed, SEEK_CUR))
        d->read_bytes += FRAME_HEAD_BYTES + fr.packed;
    if (feof(d->f) || fr.kind != FRAME_RESULTS || fr.packed > RESULTS_MAX || fr.bytes > RESULTS_MAX) {
        fail(d, "has no results: it is cut off");
        return NULL;
    }
    packed = malloc(fr.packed);
    results = malloc(fr.bytes + 1ul);
    if (!packed || !results || !unpack(d, &fr, packed, results, fr.bytes)) {
        free(results);
        results = NULL;
    }
    free(packed);
    *len_bytes = fr.bytes;
    if (results)
        results[fr.bytes] = 0;
    return results;
}

char *decode_results(const char *path, size_t *len_bytes, struct decode_error *err)
{
    struct decoder *d = decode_open(path, err);
    char *results = d ? read_results(d, len_bytes) : NULL;
    if (d)
        *err = d->err;
    decode_close(d);
    return results;
}
