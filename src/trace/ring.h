/* SPDX-License-Identifier: MIT
 * ring.h - how a running program's accesses and events reach whoever writes them down: memory shared by the capture tool,
 * which writes, and `pagewalk run --record`, which reads (pack.c).
 *
 * The ring is a head and RING_CHUNKS chunks of words.  The writer fills a chunk and publishes it; the reader empties it,
 * sets every word it read to 0 and gives it back.  What stands in a chunk, one after the other:
 *
 *   RING_BLOCK | number      a block of code has run: then a word for each of its slots that was reached, in their order:
 *                            the address that was accessed, or RING_SKIPPED (a conditional access that was not made)
 *   RING_EVENT | type | MEND | text_bytes << 32
 *                            an event (trace.h): its words, then its text filled up to whole words
 *   RING_DEFINE | number     what a block's slots are: a word with their count, then RING_SLOT_WORDS words each
 *   RING_END                 nothing more comes in this chunk
 *
 * No address of a program has the topmost bit, so each of these can be told from a slot's word.  Mends are events that
 * the model asked for in the middle of a block: they stand in the chunk's tail, from `mends` on, each after a word that
 * says before which word of the chunk it happened.
 *
 * A forked child goes on with a ring of its own.  While its parent waits, it asks in the parent's, all of which has been read by then,
 * for somebody who reads it: child_pid, child_fd (a descriptor of the child's), then `child`. */
#ifndef PAGEWALK_TRACE_RING_H
#define PAGEWALK_TRACE_RING_H

#include "pagewalk/trace.h"

enum { RING_CHUNKS = 16, RING_CHUNK_BYTES = 1 << 20, RING_CHUNK_WORDS = RING_CHUNK_BYTES / 8, RING_BLOCK_WORDS_MAX = 2048,
       RING_HEAD_BYTES = 1 << 16 };
#define RING_TAG_MASK  (7ull << 61)
#define RING_BLOCK     (4ull << 61)
#define RING_EVENT     (5ull << 61)
#define RING_DEFINE    (6ull << 61)
#define RING_END       (7ull << 61)
#define RING_MEND      (1ull << 16)
#define RING_SKIPPED   1ull

/* What a slot stands for: an access or a fetch, in bytes; from_first: from the address of its group's first access. */
enum { RING_SLOT_WORDS = 2 };
struct ring_slot { u64 ip; u8 kind, flags; u16 size_bytes; s32 from_first; };
enum ring_slot_flag {
    RING_SLOT_WORD = 1,    /* has a word of its own                                                                */
    RING_SLOT_FETCH = 2,   /* without a word: fetched whenever the block runs, from the page of ip                 */
    RING_SLOT_MEMBER = 4,  /* accessed with the slot before it, at a constant distance from the first of them      */
};

enum ring_child { RING_CHILD_NONE, RING_CHILD_ASKS, RING_CHILD_READ, RING_CHILD_REFUSED };

struct ring_head {
    u32 published, taken;  /* chunks, ever; futexes                                                                */
    u32 closed;            /* nothing is published any more                                                        */
    u32 reader_gone;
    u32 overflow;          /* the writer could not write everything                                                */
    u32 child;             /* enum ring_child; a futex                                                             */
    s32 child_pid, child_fd;
    u64 words[RING_CHUNKS], mends[RING_CHUNKS];
};
#define RING_BYTES (RING_HEAD_BYTES + (u64)RING_CHUNKS * RING_CHUNK_BYTES)

static inline u64 *ring_chunk(struct ring_head *r, u32 n)
{
    return (u64 *)((u8 *)r + RING_HEAD_BYTES + (u64)(n % RING_CHUNKS) * RING_CHUNK_BYTES);
}

#endif
