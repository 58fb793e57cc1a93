/* SPDX-License-Identifier: MIT
 * decode.h - reads a recording (format.h).  Whatever the bytes, it gives what can be trusted and then says what is
 * wrong; it never crashes. */
#ifndef PAGEWALK_TRACE_DECODE_H
#define PAGEWALK_TRACE_DECODE_H

#include "trace/format.h"

struct decoder;
struct decode_error { char text[256]; };   /* one sentence without the file's name; "" while nothing is wrong    */

/* One thing that the recording says. */
enum { DECODE_ACCESS, DECODE_PLACE, DECODE_EVENT, DECODE_END };
struct decoded {
    u32 what;
    u32 place;                             /* ACCESS; PLACE: the new one's number, one more than the last one's     */
    u64 page;                              /* ACCESS: number of the page                                            */
    bool crosses, mend;                    /* ACCESS: into the next page; EVENT: the model lacked it                */
    u64 ip;                                /* PLACE                                                                 */
    u8 kind;
    struct trace_event event;              /* EVENT; text lives until the next call                                 */
};

/* Does it begin as one, of any version?  What can be read only once (a pipe) never is one; what cannot be read may be. */
bool decode_is_recording(const char *path);
/* NULL: not a recording, *err says why. */
struct decoder *decode_open(const char *path, struct decode_error *err);
/* As it was at the end of the recording's "name\tvalue\n" lines; NULL: there is none of this name. */
const char *decode_setting(const struct decoder *d, const char *name);
/* How much of the file has been read, in percent. */
unsigned decode_progress(const struct decoder *d);
void decode_next(struct decoder *d, struct decoded *to);
/* After DECODE_END: false: the recording is cut or damaged, and *err says where. */
bool decode_whole(const struct decoder *d, struct decode_error *err);
/* The results of the run, found without reading the events; malloc'ed.  NULL: not there, *err says why. */
char *decode_results(const char *path, size_t *len_bytes, struct decode_error *err);
void decode_close(struct decoder *d);

#endif
