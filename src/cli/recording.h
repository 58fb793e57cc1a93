/* SPDX-License-Identifier: MIT
 * recording.h - `pagewalk run --record`: the ring that the capture tool writes to, and the process that empties it. */
#ifndef PAGEWALK_CLI_RECORDING_H
#define PAGEWALK_CLI_RECORDING_H

#include "pagewalk/types.h"

#include <limits.h>
#include <sys/types.h>

struct ring_head;

struct recording {
    const char *file;          /* NULL: nothing is recorded                                                          */
    int ring_fd;               /* for the tool to inherit                                                            */
    struct ring_head *ring;
    pid_t packer;
};

/* Makes the ring.  False: said why. */
bool recording_open(struct recording *r, const char *file);
/* Starts the process that writes the file.  settings: "name\tvalue" lines (docs/formats.md).  False: said why. */
bool recording_start(struct recording *r, const char *settings);
/* The program has ended: waits until all is written.  False: said why; what is in the file can be replayed. */
bool recording_wait(struct recording *r);
/* Adds the results of the run.  False: said why. */
bool recording_finish(struct recording *r, const char *results);

/* Forked children and programs that execve started have recordings of their own, FILE.PID. */
void recording_name(const char *file, pid_t pid, char name[PATH_MAX]);
/* Before this process becomes the tool of a program that execve has started: its ring's descriptor, or -1.  file: of the whole run. */
int recording_follow(const char *file);
/* Waits until it is written, and adds the results. */
void recording_finish_other(const char *recording, const char *results);

#endif
