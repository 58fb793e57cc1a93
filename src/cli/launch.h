/* SPDX-License-Identifier: MIT
 * launch.h - finding a program, and running it under the capture tool. */
#ifndef PAGEWALK_CLI_LAUNCH_H
#define PAGEWALK_CLI_LAUNCH_H

#include "cli/options.h"
#include "cli/recording.h"

#include <limits.h>
#include <sys/types.h>

/* The program as execvp would find it.  0, or the status to exit with after saying why it cannot be run. */
int find_program(const char *name, char path[PATH_MAX]);

struct capture_tool { char path[PATH_MAX], folder[PATH_MAX], launcher[PATH_MAX]; };
/* False: said why. */
bool find_capture_tool(struct capture_tool *t);

/* The results file's name: %p becomes the process id of the program, as for Valgrind's own tools. */
void results_name(const char *pattern, pid_t pid, char to[PATH_MAX]);

struct launched { pid_t pid; int wait_status; struct recording recording; bool record_failed; };
/* Runs the tool on o->program (found at `path`) and waits.  The tool writes NAME.PID for every process that is
 * followed, NAME being results_name(results).  While waiting, interrupts from the terminal are left to the program, and SIGTERM and SIGHUP are
 * passed on to it.  False: could not be started, said why. */
bool launch(const struct capture_tool *t, const struct run_options *o, const char *path, const char *results, struct launched *l);

/* The capture tool follows a child by running VALGRIND_LAUNCHER, which is this command, with the tool's own options. */
bool is_followed_child(int argc, char **argv);
int run_followed_child(char **argv);  /* returns only when it fails                                               */

#endif
