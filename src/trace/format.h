/* SPDX-License-Identifier: MIT
 * format.h - a recording's bytes (docs/formats.md, "Recordings"): what encode.c writes and decode.c reads.
 *
 *   "pagewalk recording 1\n", then frames, each
 *       kind (1 byte), 3 bytes 0, bytes packed, bytes unpacked, CRC-32 of the packed bytes (4 bytes each, little-endian)
 *       the bytes, packed by zstd
 *   FRAME_SETTINGS  one, first: "name\tvalue\n" lines
 *   FRAME_EVENTS    any number: codes, see below
 *   FRAME_RESULTS   one: the results file of the run (docs/formats.md)
 *   FRAME_END       one, last, empty: the recording is whole
 *
 * The events of all frames are one stream; what the coder remembers goes on from frame to frame.  It is a run of
 * codes, each a byte, some followed by numbers (LEB128; signed ones folded by zigzag):
 *
 *   0..RUN_MAX-1    so many accesses and one more, all as expected: the place that followed the last place last time, the page
 *                   it accessed last time
 *   ACCESS + n      one access; n says what comes: see access_code()
 *   PLACE           a new place: its instruction (from the one defined before, signed), its kind
 *   EVENT           an event (trace.h): type and flags, its words, the length of its text, the text
 *
 * A place is an instruction and a kind of access (enum mmu_kind).  Accesses that can change nothing are not kept: on
 * each side (fetch, data), one to the page accessed last there, if the last access of this kind was to this page too. */
#ifndef PAGEWALK_TRACE_FORMAT_H
#define PAGEWALK_TRACE_FORMAT_H

#include "pagewalk/trace.h"

#define TRACE_MAGIC "pagewalk recording 1\n"
enum { TRACE_MAGIC_BYTES = sizeof TRACE_MAGIC - 1, FRAME_HEAD_BYTES = 16, FRAME_BYTES_MAX = 1 << 20 };
enum frame_kind { FRAME_SETTINGS = 'S', FRAME_EVENTS = 'E', FRAME_RESULTS = 'R', FRAME_END = 'Z' };

enum { RUN_MAX = 160, CODE_ACCESS = RUN_MAX, CODE_PLACE = 248, CODE_EVENT = 249 };

/* Which place: as expected, the one expected before that, or a number.  Which page: that place's last, the one after it, the
 * one before it, or a distance.  Does it cross into the next page? */
enum { WHICH_EXPECTED, WHICH_SECOND, WHICH_NUMBER, WHICHES };
enum { PAGE_SAME, PAGE_NEXT, PAGE_PREVIOUS, PAGE_DISTANCE, PAGES };
static inline u8 access_code(unsigned which, unsigned page, bool crosses)
{
    return (u8)(CODE_ACCESS + (which * PAGES + page) * 2 + crosses);
}
enum { CODE_ACCESS_END = CODE_ACCESS + WHICHES * PAGES * 2 };

enum { EVENT_MEND = 64 };       /* flag: what the model lacked for an access that follows                           */

/* What the coder remembers of a place.  Places 0 does not exist: it follows itself. */
struct place_memory { u32 next[2]; u64 page; };

static inline u64 zigzag(s64 v) { return (u64)v << 1 ^ (u64)(v >> 63); }
static inline s64 unzigzag(u64 v) { return (s64)(v >> 1) ^ -(s64)(v & 1); }

/* After place `to` followed: what is expected next time. */
static inline void expect(struct place_memory *m, u32 to)
{
    if (m->next[0] != to) {
        m->next[1] = m->next[0];
        m->next[0] = to;
    }
}

#endif
