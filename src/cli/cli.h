/* SPDX-License-Identifier: MIT
 * cli.h - what the files of the command share.
 *
 * main.c finds the sub-command; run.c and launch.c run a program under the capture tool; replay_cmd.c replays a recording; report_cmd.c shows results
 * again, diff_cmd.c compares them; cpus.c lists profiles and probe_cmd.c measures one; help.c holds every help text; output.c checks and writes files. */
#ifndef PAGEWALK_CLI_CLI_H
#define PAGEWALK_CLI_CLI_H

#include "pagewalk/types.h"

#include <stdio.h>

struct mmu_profile;

/* Exit statuses of our own (pagewalk(1), EXIT STATUS); any other is the program's. */
enum { STATUS_OURS = 125, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127, STATUS_SIGNAL = 128 };

/* One sentence on standard error, after "pagewalk: ". */
void __attribute__((format(printf, 1, 2))) say(const char *format, ...);

/* ---- commands ---------------------------------------------------------------------------------------------------- */

struct command {
    const char *name;
    int (*run)(int argc, char **argv);   /* argv[0] is the command's name                                         */
    const char *summary;                 /* one line for the list                                                */
    const char *help;                    /* the whole help text                                                  */
};
extern const struct command commands[];  /* ended by a row without a name                                        */
const struct command *command_find(const char *name);

int cmd_run(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_whatif(int argc, char **argv);
int cmd_advise(int argc, char **argv);
int cmd_sweep(int argc, char **argv);
int cmd_merge(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_cpus(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_help(int argc, char **argv);
int print_help(const struct command *c); /* NULL: the list of commands                                           */

/* A wrong option or argument was given to a command: says so, names the help.  Returns STATUS_OURS. */
int __attribute__((format(printf, 2, 3))) bad_usage(const char *command, const char *format, ...);
/* What getopt_long has just refused (opterr is 0, the option string begins with ':'). */
int bad_option(const char *command, int result, char **argv);

enum { CPUS_MAX = 64 };                  /* that can be simulated                                                */

/* ---- words -------------------------------------------------------------------------------------------------------- */

/* The name most like `word`, or NULL when none is near.  names(ctx, i): NULL past the last. */
const char *suggest(const char *word, const char *(*names)(const void *ctx, unsigned i), const void *ctx);
/* 4096, 64M, 2G ...; false: not a size. */
bool parse_size(const char *text, u64 *bytes);
bool parse_number(const char *text, u64 low, u64 high, u64 *n);
/* The profile of this name, of this machine (`host`) or of this file; NULL after saying what is wrong.  To be given
 * back with profile_release(). */
const struct mmu_profile *find_profile(const char *command, const char *word);
/* The same as the capture tool takes it: a name, or a whole profile's text (never freed: it lives as long as the
 * options do). */
const char *profile_for_tool(const char *command, const char *word);

/* ---- showing ------------------------------------------------------------------------------------------------------ */

/* Colour only on a terminal, and never with NO_COLOR or a dumb one. */
bool may_colour(FILE *stream);
unsigned columns_of(FILE *stream);

#endif
