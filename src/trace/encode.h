/* SPDX-License-Identifier: MIT
 * encode.h - writes a recording.  One at a time a file; every function does nothing after a failure, which
 * encode_close() reports. */
#ifndef PAGEWALK_TRACE_ENCODE_H
#define PAGEWALK_TRACE_ENCODE_H

#include "trace/format.h"

/* Its front, for encode_access(). */
struct encoder {
    struct place_memory *place;  /* by number                                                                      */
    u32 last, run;               /* place accessed last; accesses as expected that are not written yet             */
};

/* Takes fd.  settings: "name\tvalue\n" lines.  NULL: no memory. */
struct encoder *encode_open(int fd, const char *settings);
/* The number of the place, new or known. */
u32 encode_place(struct encoder *e, u64 ip, u8 kind);
void encode_run(struct encoder *e);
void encode_unexpected(struct encoder *e, u32 place, u64 page, bool crosses);

static inline void encode_access(struct encoder *e, u32 place, u64 page, bool crosses)
{
    if (e->place[e->last].next[0] == place && e->place[place].page == page && !crosses) {
        e->last = place;
        if (++e->run == RUN_MAX)
            encode_run(e);
        return;
    }
    encode_unexpected(e, place, page, crosses);
}

void encode_event(struct encoder *e, const struct trace_event *event, bool mend);
/* What was given so far is in the file. */
void encode_flush(struct encoder *e);
/* From now on into this file, which is given what the other has (open for reading, too; flushed).  Takes fd and closes the other.
 * 0, or errno. */
int encode_move(struct encoder *e, int fd);
/* All that was given is in the file.  0, or errno. */
int encode_close(struct encoder *e);

/* Ends the recording at path: the results of its run, and the mark that it is whole.  0, or errno. */
int encode_finish(const char *path, const char *results_path);

#endif
