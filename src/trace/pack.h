/* SPDX-License-Identifier: MIT
 * pack.h - from the ring of a running program to its recording. */
#ifndef PAGEWALK_TRACE_PACK_H
#define PAGEWALK_TRACE_PACK_H

#include "trace/ring.h"

struct pack_job {
    struct ring_head *ring;
    int fd;                          /* the file, open for reading too; taken                                          */
    bool (*gone)(void *ctx);         /* is the ring's writer gone?                                                     */
    /* For a forked child's ring there is a process of its own, which calls this first: makes *job that of the child (its process
     * id, and where it has the ring open).  False: nobody reads the child. */
    bool (*child)(struct pack_job *job, int pid, int ring_fd);
    void *ctx;
};

/* Children of this process are nobody's business (SIGCHLD ignored).  Reads until the ring is closed or its writer gone.  0, or errno.  Returns in the processes of children, too. */
int pack(struct pack_job job, const char *settings);

#endif
