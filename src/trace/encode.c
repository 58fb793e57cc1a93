/* SPDX-License-Identifier: MIT
 * encode.c - the coder of recordings (format.h says what is written).  Called by pack.c. */
#include "trace/encode.h"

#include "base/crc32.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

enum { ZSTD_LEVEL = 1, CODE_BYTES_MAX = 8192, SLOTS_FIRST = 1 << 16 };

struct known { u64 ip; u32 place; u8 kind; };

struct writer {
    struct encoder front;
    int fd, error;
    ZSTD_CCtx *zstd;
    u8 *raw, *packed;
    size_t used, packed_room;
    u32 places, places_room;
    struct known *known;         /* by ip and kind: open addressing                                                */
    u32 slots;
    u64 last_ip;
};

/* ---- frames ------------------------------------------------------------------------------------------------------- */

static int write_all(int fd, const void *bytes, size_t n)
{
    const u8 *p = bytes;
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done ? errno : EIO;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

static void put32(u8 *to, u32 v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (u8)(v >> 8 * i);
}

static int write_frame(int fd, u8 kind, const void *packed, size_t packed_bytes, size_t bytes)
{
    u8 head[FRAME_HEAD_BYTES] = { kind };
    int err;
    put32(head + 4, (u32)packed_bytes);
    put32(head + 8, (u32)bytes);
    put32(head + 12, crc32_add(0, packed, packed_bytes));
    err = write_all(fd, head, sizeof head);
    return err ? err : write_all(fd, packed, packed_bytes);
}

static int pack_frame(int fd, ZSTD_CCtx *zstd, u8 kind, const void *raw, size_t bytes, void *packed, size_t room)
{
    size_t n = ZSTD_compressCCtx(zstd, packed, room, raw, bytes, ZSTD_LEVEL);
    return ZSTD_isError(n) ? EIO : write_frame(fd, kind, packed, n, bytes);
}

static void flush(struct writer *e)
{
    if (e->used && !e->error)
        e->error = pack_frame(e->fd, e->zstd, FRAME_EVENTS, e->raw, e->used, e->packed, e->packed_room);
    e->used = 0;
}

/* ---- codes -------------------------------------------------------------------------------------------------------- */

static inline void put(struct writer *e, u8 byte) { e->raw[e->used++] = byte; }

static void put_number(struct writer *e, u64 v)
{
    for (; v >= 128; v >>= 7)
        put(e, (u8)(v | 128));
    put(e, (u8)v);
}

static void put_run(struct writer *e)
{
    if (e->front.run)
        put(e, (u8)(e->front.run - 1));
    e->front.run = 0;
    if (e->used > FRAME_BYTES_MAX - CODE_BYTES_MAX)
        flush(e);
}

static inline unsigned which_place(const struct place_memory *m, u32 place)
{
    return m->next[0] == place ? WHICH_EXPECTED : m->next[1] == place ? WHICH_SECOND : WHICH_NUMBER;
}

void encode_unexpected(struct encoder *front, u32 place, u64 page, bool crosses)
{
    struct writer *e = (struct writer *)front;
    struct place_memory *from = &e->front.place[e->front.last], *to = &e->front.place[place];
    unsigned which = which_place(from, place);
    s64 distance = (s64)(page - to->page);
    unsigned how = distance == 0 ? PAGE_SAME : distance == 1 ? PAGE_NEXT : distance == -1 ? PAGE_PREVIOUS : PAGE_DISTANCE;
    e->front.last = place;
    put_run(e);
    put(e, access_code(which, how, crosses));
    if (which == WHICH_NUMBER)
        put_number(e, place);
    if (how == PAGE_DISTANCE)
        put_number(e, zigzag(distance));
    expect(from, place);
    to->page = page;
}

void encode_run(struct encoder *front) { put_run((struct writer *)front); }

void encode_event(struct encoder *front, const struct trace_event *event, bool mend)
{
    struct writer *e = (struct writer *)front;
    put_run(e);
    if (event->text_bytes > CODE_BYTES_MAX / 2)
        return;
    put(e, CODE_EVENT);
    put(e, (u8)(event->type | (mend ? EVENT_MEND : 0)));
    for (unsigned i = 0; i < trace_words(event->type); i++)
        put_number(e, event->word[i]);
    put_number(e, event->text_bytes);
    memcpy(e->raw + e->used, event->text, event->text_bytes);
    e->used += event->text_bytes;
}

/* ---- places ------------------------------------------------------------------------------------------------------- */

static struct known *find(struct writer *e, u64 ip, u8 kind)
{
    u32 i = (u32)((ip * 4 + kind) * 0x9e3779b97f4a7c15ull >> 32) & (e->slots - 1);
    while (e->known[i].place && (e->known[i].ip != ip || e->known[i].kind != kind))
        i = (i + 1) & (e->slots - 1);
    return &e->known[i];
}

static bool grow_known(struct writer *e)
{
    struct known *old = e->known;
    u32 slots = e->slots;
    e->known = calloc(2ul * slots, sizeof *e->known);
    if (!e->known) {
        e->known = old;
        return false;
    }
    e->slots = 2 * slots;
    for (u32 i = 0; i < slots; i++)
        if (old[i].place)
            *find(e, old[i].ip, old[i].kind) = old[i];
    free(old);
    return true;
}

static bool grow_places(struct writer *e)
{
    struct place_memory *more = realloc(e->front.place, 2ul * e->places_room * sizeof *more);
    if (!more)
        return false;
    memset(more + e->places_room, 0, e->places_room * sizeof *more);
    e->front.place = more;
    e->places_room *= 2;
    return true;
}

u32 encode_place(struct encoder *front, u64 ip, u8 kind)
{
    struct writer *e = (struct writer *)front;
    struct known *k = find(e, ip, kind);
    if (k->place)
        return k->place;
    if ((2 * e->places > e->slots && !grow_known(e)) || (e->places == e->places_room && !grow_places(e))) {
        e->error = e->error ? e->error : ENOMEM;
        return 0;
    }
    k = find(e, ip, kind);
    *k = (struct known){ ip, e->places, kind };
    put_run(e);
    put(e, CODE_PLACE);
    put_number(e, zigzag((s64)(ip - e->last_ip)));
    put(e, kind);
    e->last_ip = ip;
    return e->places++;
}

/* ---- opening, closing ---------------------------------------------------------------------------------------------- */

static void encode_free(struct writer *e)
{
    if (!e)
        return;
    ZSTD_freeCCtx(e->zstd);
    free(e->raw);
    free(e->packed);
    free(e->front.place);
    free(e->known);
    free(e);
}

struct encoder *encode_open(int fd, const char *settings)
{
    struct writer *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->fd = fd;
    e->packed_room = ZSTD_compressBound(FRAME_BYTES_MAX);
    e->places = 1;
    e->places_room = e->slots = SLOTS_FIRST;
    e->zstd = ZSTD_createCCtx();
    e->raw = malloc(FRAME_BYTES_MAX);
    e->packed = malloc(e->packed_room);
    e->front.place = calloc(e->places_room, sizeof *e->front.place);
    e->known = calloc(e->slots, sizeof *e->known);
    if (!e->zstd || !e->raw || !e->packed || !e->front.place || !e->known) {
        encode_free(e);
        return NULL;
    }
    e->error = write_all(fd, TRACE_MAGIC, TRACE_MAGIC_BYTES);
    if (!e->error)
        e->error = pack_frame(fd, e->zstd, FRAME_SETTINGS, settings, strlen(settings), e->packed, e->packed_room);
    return &e->front;
}

static int copy_all(int from, int to)
{
    char bytes[1 << 16];
    off_t at = 0;
    ssize_t n;
    int err = 0;
    while (!err && (n = pread(from, bytes, sizeof bytes, at)) > 0) {
        err = write_all(to, bytes, (size_t)n);
        at += n;
    }
    return err ? err : n < 0 ? errno : 0;
}

void encode_flush(struct encoder *front)
{
    put_run((struct writer *)front);
    flush((struct writer *)front);
}

int encode_move(struct encoder *front, int fd)
{
    struct writer *e = (struct writer *)front;
    int err = e->error ? e->error : copy_all(e->fd, fd);
    close(e->fd);
    e->fd = fd;
    e->error = err;
    return err;
}

int encode_close(struct encoder *front)
{
    struct writer *e = (struct writer *)front;
    int err;
    encode_flush(front);
    err = e->error;
    if (close(e->fd) && !err)
        err = errno;
    encode_free(e);
    return err;
}

static int append_results(int fd, const char *results, size_t n)
{
    size_t room = ZSTD_compressBound(n);
    void *packed = malloc(room);
    ZSTD_CCtx *zstd = ZSTD_createCCtx();
    int err = packed && zstd ? pack_frame(fd, zstd, FRAME_RESULTS, results, n, packed, room) : ENOMEM;
    ZSTD_freeCCtx(zstd);
    free(packed);
    return err ? err : write_frame(fd, FRAME_END, "", 0, 0);
}

static char *whole_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "re");
    long size = f && !fseek(f, 0, SEEK_END) ? ftell(f) : -1;
    char *bytes = size > 0 ? malloc((size_t)size) : NULL;
    if (bytes) {
        rewind(f);
        *n = fread(bytes, 1, (size_t)size, f);
    }
    if (f)
        fclose(f);
    return bytes;
}

int encode_finish(const char *path, const char *results_path)
{
    size_t n = 0;
    char *results = whole_file(results_path, &n);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC), err = results && fd >= 0 ? append_results(fd, results, n) : errno;
    if (fd >= 0 && close(fd) && !err)
        err = errno;
    free(results);
    return err;
}
