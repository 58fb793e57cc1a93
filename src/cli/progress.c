/* SPDX-License-Identifier: MIT
 * progress.c - one line on standard error while something takes more than a second.
 * A timer signal prints it, so that work which reports no percentage has one too. */
#include "cli/progress.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_SECONDS 1

static char line[96];
static volatile sig_atomic_t shown;

static void time_is_up(int signal)
{
    (void)signal;
    shown = write(STDERR_FILENO, line, strlen(line)) > 0;
}

void progress_begin(const char *what)
{
    struct sigaction act = { .sa_handler = time_is_up, .sa_flags = SA_RESTART };

    shown = 0;
    snprintf(line, sizeof line, "\rpagewalk: %s ...", what);
    if (!isatty(STDERR_FILENO))
        return;
    sigaction(SIGALRM, &act, NULL);
    alarm(PATIENCE_SECONDS);
}

void progress_seen(void *ctx, unsigned percent)
{
    (void)ctx;
    if (shown)
        fprintf(stderr, "%s %u %%", line, percent);
}

void progress_end(void)
{
    alarm(0);
    if (shown)
        fputs("\r\033[K", stderr);
    shown = 0;
}
