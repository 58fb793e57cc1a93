/* SPDX-License-Identifier: MIT
 * stream.c - unpacks a file with libarchive, as far as it is needed (stream.h).  Called by foreign.c and the readers. */
#include "trace/foreign/stream.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { BUFFER = 4 * STREAM_PEEK, BLOCK = 1 << 16, WHY = 256 };

struct stream {
    struct archive *a;
    u8 *buffer;
    size_t at, end;              /* of buffer: not yet taken                                                       */
    u64 taken, file_bytes;
    bool open, over;             /* a member is being read; there is nothing more                                  */
    char torn[WHY];
};

/* libarchive's own words, on one line. */
static void note_error(struct stream *s)
{
    const char *what = archive_error_string(s->a);
    snprintf(s->torn, sizeof s->torn, "%s", what ? what : "it cannot be unpacked");
    for (char *c = s->torn; *c; c++)
        *c = *c < ' ' ? ' ' : *c;
    s->over = true;
}

static bool next_member(struct stream *s)
{
    struct archive_entry *entry;
    int status = archive_read_next_header(s->a, &entry);
    if (status == ARCHIVE_EOF)
        s->over = true;
    else if (status < ARCHIVE_WARN)
        note_error(s);
    s->open = !s->over;
    return s->open;
}

/* More bytes into the buffer; false: there are none. */
static bool fill(struct stream *s)
{
    memmove(s->buffer, s->buffer + s->at, s->end - s->at);
    s->end -= s->at;
    s->at = 0;
    while (!s->over && (s->open || next_member(s))) {
        la_ssize_t n = archive_read_data(s->a, s->buffer + s->end, BUFFER - s->end);
        if (n > 0) {
            s->end += (size_t)n;
            return true;
        }
        if (n < 0)
            note_error(s);
        s->open = false;
    }
    return false;
}

struct stream *stream_open(const char *path, char *why)
{
    struct stream *s = calloc(1, sizeof *s);
    struct stat st;
    if (s) {
        s->a = archive_read_new();
        s->buffer = malloc(BUFFER);
    }
    if (!s || !s->a || !s->buffer) {
        snprintf(why, WHY, "cannot be read: not enough memory");
        stream_close(s);
        return NULL;
    }
    archive_read_support_filter_gzip(s->a);
    archive_read_support_filter_bzip2(s->a);
    archive_read_support_filter_xz(s->a);
    archive_read_support_filter_zstd(s->a);
    archive_read_support_format_zip(s->a);
    archive_read_support_format_raw(s->a);
    archive_read_support_format_empty(s->a);
    if (archive_read_open_filename(s->a, path, BLOCK) != ARCHIVE_OK) {
        const char *what = archive_error_string(s->a);
        snprintf(why, WHY, "cannot be read: %s", what ? what : "unknown error");
        stream_close(s);
        return NULL;
    }
    s->file_bytes = !stat(path, &st) && S_ISREG(st.st_mode) ? (u64)st.st_size : 0;
    return s;
}

size_t stream_left(struct stream *s, size_t n)
{
    while (s->end - s->at < n && fill(s))
        ;
    return s->end - s->at < n ? s->end - s->at : n;
}

const u8 *stream_see(struct stream *s, size_t n) { return stream_left(s, n) < n ? NULL : s->buffer + s->at; }

void stream_take(struct stream *s, size_t n)
{
    s->at += n;
    s->taken += n;
}

const char *stream_line(struct stream *s, size_t *n, bool *whole)
{
    const u8 *end = memchr(s->buffer + s->at, '\n', s->end - s->at), *line;
    size_t left = end ? 0 : stream_left(s, STREAM_LINE + 1);
    if (!end && !left)
        return NULL;
    line = s->buffer + s->at;
    end = end ? end : memchr(line, '\n', left);
    *whole = end && end - line <= STREAM_LINE;
    *n = end ? (size_t)(end - line) : left;
    stream_take(s, *n + *whole);
    return (const char *)line;
}

u64 stream_at(const struct stream *s) { return s->taken; }
const char *stream_torn(const struct stream *s) { return s->torn; }

unsigned stream_progress(const struct stream *s)
{
    const la_int64_t read = archive_filter_bytes(s->a, -1);
    return s->file_bytes && read > 0 ? (unsigned)(100 * (u64)read / s->file_bytes) : 0;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    archive_read_free(s->a);
    free(s->buffer);
    free(s);
}
