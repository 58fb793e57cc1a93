/* SPDX-License-Identifier: MIT
 * stream.h - the bytes of a file, unpacked on the way if it is packed (gzip, bzip2, xz, zstd; the members of a zip one
 * after the other).  What is packed is known by its content. */
#ifndef PAGEWALK_TRACE_FOREIGN_STREAM_H
#define PAGEWALK_TRACE_FOREIGN_STREAM_H

#include "pagewalk/types.h"

enum { STREAM_PEEK = 1 << 16, STREAM_LINE = 4096 };

struct stream;

/* NULL: *why, at least 256 bytes long, says what is wrong, without the file's name. */
struct stream *stream_open(const char *path, char *why);
/* The next n bytes (at most STREAM_PEEK) in one piece, not yet taken; NULL: there are fewer. */
const u8 *stream_see(struct stream *s, size_t n);
/* How many bytes can be seen, up to n. */
size_t stream_left(struct stream *s, size_t n);
void stream_take(struct stream *s, size_t n);
/* The next line, taken, without its end; NULL: there is none.  *whole: it was ended, and is not longer than STREAM_LINE. */
const char *stream_line(struct stream *s, size_t *n, bool *whole);
/* Bytes taken. */
u64 stream_at(const struct stream *s);
/* "": what could not be read does not exist; else why the rest could not be unpacked. */
const char *stream_torn(const struct stream *s);
/* How much of the file was read, in percent. */
unsigned stream_progress(const struct stream *s);
void stream_close(struct stream *s);

#endif
