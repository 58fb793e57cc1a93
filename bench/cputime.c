/* SPDX-License-Identifier: MIT
 * cputime.c - what a command costs: prints "CPU_MS MAXRSS_KIB" on standard output when it has ended.
 *
 *     cputime [-o FILE] -- PROGRAM [ARGS...]
 *
 * Called by run.sh.  CPU time is user and system time of the process and of every descendant it waited for (wait4),
 * so that it does not depend on what else the machine does; MAXRSS is the largest of them.  The program's own output
 * goes to FILE, /dev/null by default.  Exit status: the program's, or 125. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAILED = 125 };

static long ms(const struct timeval *t) { return t->tv_sec * 1000 + t->tv_usec / 1000; }

int main(int argc, char **argv)
{
    const char *output = "/dev/null";
    int opt;
    while ((opt = getopt(argc, argv, "+o:")) != -1) {
        if (opt != 'o')
            return FAILED;
        output = optarg;
    }
    if (optind >= argc) {
        fputs("usage: cputime [-o FILE] -- PROGRAM [ARGS...]\n", stderr);
        return FAILED;
    }
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (fd >= 0)
            dup2(fd, STDOUT_FILENO);
        execvp(argv[optind], argv + optind);
        perror(argv[optind]);
        _exit(FAILED);
    }
    int status;
    struct rusage ru;
    if (pid < 0 || wait4(pid, &status, 0, &ru) != pid) {
        perror("cputime");
        return FAILED;
    }
    printf("%ld %ld\n", ms(&ru.ru_utime) + ms(&ru.ru_stime), ru.ru_maxrss);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
