/* SPDX-License-Identifier: MIT
 * whatif.c - replays of one recording, in parallel processes, and the estimate of what they mean (whatif.h).
 *
 * The estimate: a run takes  cpi * instructions + seen * (cycles of walks and of second-level hits) + fault * faults
 * + zero * zeroed pages + copy * copied pages + ipi * shootdowns.  Each factor is known only to lie in a range; the change is
 * worked out at every corner of these ranges, and its least, greatest and middle are given. */
#include "trace/whatif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- replaying ------------------------------------------------------------------------------------------------------ */

struct answer { struct replay_outcome outcome; bool done, cut; char error[512]; };

static void replay_one(const char *path, const struct replay_settings *s, struct answer *to)
{
    struct replay_error err = { "" };
    struct replay *r = replay_open(path, s, &err);
    memset(to, 0, sizeof *to);
    if (r) {
        replay_run(r, NULL, NULL);
        to->cut = !replay_whole(r, &err);
        replay_outcome(r, &to->outcome);
        to->done = true;
    }
    snprintf(to->error, sizeof to->error, "%s", err.text);
    replay_close(r);
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

static bool start(const char *path, const struct alternative *a, struct job *j)
{
    int fd[2];
    if (pipe(fd))
        return false;
    j->fd = fd[0];
    j->pid = fork();
    if (j->pid == 0) {
        static struct answer answer;
        close(fd[0]);
        replay_one(path, &a->settings, &answer);
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
bool whatif_run(const char *path, struct alternative *a, unsigned n, unsigned jobs, void (*progress)(void *ctx, unsigned percent), void *ctx)
{
    struct job *job = calloc(n, sizeof *job);
    unsigned started = 0;
    bool good = job != NULL;
    for (unsigned i = 0; good && i < n; i++) {
        while (good && started < n && started < i + jobs) {
            good = start(path, &a[started], &job[started]);
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

/* ---- what it means ---------------------------------------------------------------------------------------------------- */

/* Ranges for 64-bit x86 processors of the last ten years.  A fault: from the exception to its return, without the page's
 * contents (0.3 to 1 microseconds bare, more in virtual machines).  Zeroing and copying: 4 KiB at 10 to 40 bytes a cycle and
 * half of that.  Out-of-order execution hides part of what walks take. */
enum { CPI, SEEN, FAULT, ZERO, COPY, IPI, ASSUMPTIONS };
static const struct assumption assumed[ASSUMPTIONS] = {
    [CPI] = { "cycles an instruction, translation apart", 0.4, 1.5 },
    [SEEN] = { "part of the cycles of walks and second-level hits that is not hidden", 0.4, 1.0 },
    [FAULT] = { "cycles a fault, its page's contents apart", 1000, 4000 },
    [ZERO] = { "cycles to zero 4 KiB", 100, 400 },
    [COPY] = { "cycles to copy 4 KiB", 200, 800 },
    [IPI] = { "cycles a shootdown IPI", 1000, 5000 },
};

const struct assumption *whatif_assumption(unsigned i) { return i < ASSUMPTIONS ? &assumed[i] : NULL; }

static double cycles(const struct replay_outcome *o, const double by[ASSUMPTIONS])
{
    return by[CPI] * (double)o->instructions + by[SEEN] * (double)(o->walk_cycles + o->stlb_cycles) + by[FAULT] * (double)(o->minor + o->major) +
           by[ZERO] * (double)o->zeroed_pages + by[COPY] * (double)o->copied_pages + by[IPI] * (double)o->ipis;
}

static double percent(const struct replay_outcome *from, const struct replay_outcome *to, const double by[ASSUMPTIONS])
{
    double before = cycles(from, by);
    return before > 0 ? 100 * (cycles(to, by) - before) / before : 0;
}

struct change whatif_change(const struct replay_outcome *from, const struct replay_outcome *to)
{
    struct change c = { .known = from->instructions != 0, .low = 1e9, .high = -1e9 };
    double by[ASSUMPTIONS];
    for (unsigned corner = 0; corner < 1u << ASSUMPTIONS; corner++) {
        for (unsigned i = 0; i < ASSUMPTIONS; i++)
            by[i] = corner >> i & 1 ? assumed[i].high : assumed[i].low;
        double p = percent(from, to, by);
        c.low = p < c.low ? p : c.low;
        c.high = p > c.high ? p : c.high;
    }
    for (unsigned i = 0; i < ASSUMPTIONS; i++)
        by[i] = (assumed[i].low + assumed[i].high) / 2;
    c.middle = percent(from, to, by);
    return c;
}
