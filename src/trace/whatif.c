/* SPDX-License-Identifier: MIT
 * whatif.c - replays of one recording, in parallel processes (whatif.h).  Called by `pagewalk whatif` and `advise`. */
#include "trace/whatif.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- replaying ------------------------------------------------------------------------------------------------------ */

struct answer { struct replay_outcome outcome; struct mmu_costs costs; bool done, cut; char error[512]; };

static void replay_one(const char *path, u64 instructions, const struct replay_settings *s, struct answer *to)
{
    struct replay_error err = { "" };
    struct replay *r = replay_open(path, s, &err);
    memset(to, 0, sizeof *to);
    if (r) {
        replay_run(r, NULL, NULL);
        to->cut = !replay_whole(r, &err);
        replay_outcome(r, instructions, &to->outcome);
        to->costs = replay_costs(r);
        to->done = true;
    }
    snprintf(to->error, sizeof to->error, "%s", err.text);
    replay_close(r);
}

/* What came after the shorter recording's end: counts less its counts; peaks are the whole's. */
static void subtract(struct replay_outcome *from, const struct replay_outcome *o)
{
    static const size_t counts[] = {
#define COUNT(member) offsetof(struct replay_outcome, member)
        COUNT(instructions), COUNT(walks), COUNT(walk_cycles), COUNT(stlb_cycles), COUNT(minor), COUNT(major), COUNT(populated),
        COUNT(copied_pages), COUNT(zeroed_pages), COUNT(ipis),
#undef COUNT
    };
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        *(u64 *)(void *)((char *)from + counts[i]) -= *(const u64 *)(const void *)((const char *)o + counts[i]);
    for (int kind = 0; kind < MM_FAULT_KINDS; kind++)
        from->faults[kind] -= o->faults[kind];
}

static void replay_part(const struct whatif *w, const struct replay_settings *s, struct answer *to)
{
    static struct answer start;
    replay_one(w->path, w->instructions, s, to);
    if (!w->without || !to->done)
        return;
    replay_one(w->without, w->without_instructions, s, &start);
    to->done = start.done;
    to->cut = to->cut || start.cut;
    if (start.error[0])
        memcpy(to->error, start.error, sizeof to->error);
    subtract(&to->outcome, &start.outcome);
}

static bool write_all(int fd, const void *bytes, size_t n)
{
    const char *p = bytes;
    for (ssize_t done; n; p += done, n -= (size_t)done)
        if ((done = write(fd, p, n)) <= 0)
            return false;
    return true;
}

static bool read_all(int fd, void *bytes, size_t n)
{
    char *p = bytes;
    for (ssize_t done; n; p += done, n -= (size_t)done)
        while ((done = read(fd, p, n)) <= 0)
            if (done == 0 || errno != EINTR)
                return false;
    return true;
}

struct job { pid_t pid; int fd; };

static bool start(const struct whatif *w, const struct alternative *a, struct job *j)
{
    int fd[2];
    if (pipe(fd))
        return false;
    j->fd = fd[0];
    j->pid = fork();
    if (j->pid == 0) {
        static struct answer answer;
        close(fd[0]);
        replay_part(w, &a->settings, &answer);
        _exit(!write_all(fd[1], &answer, sizeof answer));
    }
    close(fd[1]);
    if (j->pid < 0)
        close(fd[0]);
    return j->pid > 0;
}

static void collect(struct alternative *a, struct job *j)
{
    static struct answer answer;
    int status;
    if (read_all(j->fd, &answer, sizeof answer)) {
        a->outcome = answer.outcome;
        a->costs = answer.costs;
        a->done = answer.done;
        a->cut = answer.cut;
        memcpy(a->error, answer.error, sizeof a->error);
    } else {
        snprintf(a->error, sizeof a->error, "the replay of %s ended early: not enough memory?", a->name);
    }
    close(j->fd);
    while (waitpid(j->pid, &status, 0) < 0 && errno == EINTR)
        ;
}

/* Answers are read in order: a replay that is done earlier waits, and all take about as long. */
bool whatif_run(struct whatif *w, struct alternative *a, unsigned n, void (*progress)(void *ctx, unsigned percent), void *ctx)
{
    struct job *job = calloc(n, sizeof *job);
    unsigned started = 0;
    bool good = job != NULL;
    w->instructions = w->instructions ? w->instructions : replay_instructions(w->path);
    if (w->without && !w->without_instructions)
        w->without_instructions = replay_instructions(w->without);
    for (unsigned i = 0; good && i < n; i++) {
        while (good && started < n && started < i + w->jobs) {
            good = start(w, &a[started], &job[started]);
            started += good;
        }
        if (i < started)
            collect(&a[i], &job[i]);
        if (progress)
            progress(ctx, 100 * (i + 1) / n);
    }
    free(job);
    for (unsigned i = 0; i < n; i++)
        good = good && a[i].done;
    return good;
}
