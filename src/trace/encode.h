/* SPDX-License-Identifier: MIT
 * encode.h - writes a recording.  One at a time a file; every function does nothing after a failure, which
 * encode_close() reports. */
#ifndef PAGEWALK_TRACE_ENCODE_H
#define PAGEWALK_TRACE_ENCODE_H

#include "trace/format.h"

struct encoder;

/* Takes fd.  settings: "name\tvalue\n" lines.  NULL: no memory. */
struct encoder *encode_open(int fd, const char *settings);
/* The number of the place, new or known. */
u32 encode_place(struct encoder *e, u64 ip, u8 kind);
void encode_access(struct encoder *e, u32 place, u64 page, bool crosses);
void encode_event(struct encoder *e, const struct trace_event *event, bool mend);
/* All that was given is in the file.  0, or errno. */
int encode_close(struct encoder *e);

/* Ends the recording at path: the results of its run, and the mark that it is whole.  0, or errno. */
int encode_finish(const char *path, const char *results_path);

#endif
