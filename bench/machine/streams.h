/* SPDX-License-Identifier: MIT
 * streams.h - what the machine benchmark reads: streams of records (mmu_record()), and the pages they touch. */
#ifndef PAGEWALK_BENCH_MACHINE_STREAMS_H
#define PAGEWALK_BENCH_MACHINE_STREAMS_H

#include "pagewalk/mmu.h"

struct stream {
    const char *name, *what;
    double aim;                                    /* 0: none                                                     */
    void (*make)(struct stream *s, size_t n);      /* NULL: from a file                                           */
    u64 *record;
    size_t n;
};

void stream_sequential(struct stream *s, size_t n);
void stream_zipf(struct stream *s, size_t n);
void stream_scattered(struct stream *s, size_t n);
void stream_uniform(struct stream *s, size_t n);
void stream_pages(struct stream *s, u32 pages);       /* each of so many pages once, in random order             */
bool stream_file(struct stream *s, const char *path); /* records as convert.c writes them; false: cannot be read */

/* Page tables for every page of the stream, root at 0: user, writable, A and D clear.  Frames lie above RAM.  Returns the
 * bytes used; 0: they do not fit. */
u64 stream_tables(const struct stream *s, u8 *ram, u64 ram_bytes);
/* A and D clear again in every entry of the first `used` bytes. */
void tables_clean(u8 *ram, u64 used);

#endif
