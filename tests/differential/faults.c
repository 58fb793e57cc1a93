/* SPDX-License-Identifier: MIT
 * faults.c - the truth: run a program natively and print the page faults the kernel counted for it.
 *
 *     faults [-n RUNS] [-q] -- PROGRAM [ARGS...]      prints "MINOR MAJOR", the medians of RUNS runs
 *     faults -r [-n RUNS] [-q] -- PROGRAM [ARGS...]   prints "LEAST MOST", the minor faults at RUNS random placements
 *
 * Called by accuracy.sh.  The program is started as a shell starts one, but with two disturbances removed: address
 * randomisation is off (personality), and the child is made by vfork, so that no copy-on-write fault of this
 * program's own pages is counted for the child between fork and execve (getrusage goes on through execve).  What
 * remains is what execve, the loader and the program cause.  Link it statically: its own size then does not matter.
 * -q sends the program's output to /dev/null.  With -r randomisation stays on: how much the placement alone changes.  Exit status: 0, or 125 when the program could not be run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_RUNS = 101, FAILED = 125 };

struct counts { long minor[MAX_RUNS], major[MAX_RUNS]; };

static int by_value(const void *a, const void *b)
{
    long x = *(const long *)a, y = *(const long *)b;
    return (x > y) - (x < y);
}

/* One run; 0 or FAILED. */
static int run(char **argv, int quiet_fd, long *minor, long *major)
{
    volatile int exec_errno = 0; /* shared with the child until it execs */
    pid_t pid = vfork();
    if (pid == 0) {
        if (quiet_fd >= 0)
            dup2(quiet_fd, STDOUT_FILENO);
        execvp(argv[0], argv);
        exec_errno = errno;
        _exit(FAILED);
    }
    int status;
    struct rusage ru;
    if (pid < 0 || wait4(pid, &status, 0, &ru) != pid)
        return FAILED;
    if (exec_errno) {
        fprintf(stderr, "faults: %s: %s\n", argv[0], strerror(exec_errno));
        return FAILED;
    }
    *minor = ru.ru_minflt;
    *major = ru.ru_majflt;
    return 0;
}

int main(int argc, char **argv)
{
    static struct counts c;
    int runs = 1, quiet_fd = -1, random = 0, opt;
    while ((opt = getopt(argc, argv, "+n:qr")) != -1) {
        if (opt == 'r') {
            random = 1;
        } else if (opt == 'n') {
            runs = atoi(optarg);
        } else if (opt == 'q') {
            quiet_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        } else {
            fprintf(stderr, "usage: faults [-r] [-n RUNS] [-q] -- PROGRAM [ARGS...]\n");
            return FAILED;
        }
    }
    if (optind >= argc || runs < 1 || runs > MAX_RUNS) {
        fprintf(stderr, "usage: faults [-r] [-n RUNS] [-q] -- PROGRAM [ARGS...]   (RUNS from 1 to %d)\n", MAX_RUNS);
        return FAILED;
    }
    if (!random && personality(ADDR_NO_RANDOMIZE) < 0) {
        perror("faults: personality");
        return FAILED;
    }
    for (int i = 0; i < runs; i++) {
        int rc = run(argv + optind, quiet_fd, &c.minor[i], &c.major[i]);
        if (rc)
            return rc;
    }
    qsort(c.minor, runs, sizeof c.minor[0], by_value);
    qsort(c.major, runs, sizeof c.major[0], by_value);
    if (random)
        printf("%ld %ld\n", c.minor[0], c.minor[runs - 1]);
    else
        printf("%ld %ld\n", c.minor[runs / 2], c.major[runs / 2]);
    return 0;
}
