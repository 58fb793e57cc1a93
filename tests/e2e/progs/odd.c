/* SPDX-License-Identifier: MIT
 * odd.c - what programs seldom do: odd lock | shrink | orphan | self | leader | handlers.  Each checks itself and prints "ok". */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(cond) do { if (!(cond)) { printf("failed: %s\n", #cond); exit(1); } } while (0)
#define PAGES 64

static char *map(int fd)
{
    char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE, fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, fd, 0);
    MUST(p != MAP_FAILED);
    return p;
}

/* Everything locked, now and later: the simulated memory is not. */
static void lock(void)
{
    MUST(mlockall(MCL_CURRENT | MCL_FUTURE) == 0);
    char *p = map(-1);
    for (int i = 0; i < PAGES; i++)
        p[i * 4096] = 1;
    MUST(munlockall() == 0);
}

static sigjmp_buf back;
static void jump(int sig) { siglongjmp(back, sig); }

/* A file that shrinks under its mapping: SIGBUS behind its end, and none after it grew again. */
static void shrink(void)
{
    int fd = open("odd.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    MUST(fd >= 0 && unlink("odd.tmp") == 0 && ftruncate(fd, PAGES * 4096) == 0);
    volatile char *p = map(fd);
    signal(SIGBUS, jump);
    for (int i = 0; i < PAGES; i++)
        p[i * 4096] = 1;
    MUST(ftruncate(fd, 4096) == 0);
    int sig = sigsetjmp(back, 1);
    if (!sig)
        p[8192] = 2;
    MUST(sig == SIGBUS && ftruncate(fd, PAGES * 4096) == 0);
    p[8192] = 3;
    MUST(p[8192] == 3 && p[4096] == 0);
}

/* Children that nobody waits for. */
static void orphan(void)
{
    signal(SIGCHLD, SIG_IGN);
    for (int i = 0; i < 300; i++) {
        pid_t pid = fork();
        MUST(pid >= 0);
        if (pid == 0)
            _exit(0);
        if (i % 50 == 49)
            usleep(1000);
    }
}

/* Executes itself by the name the kernel gives it. */
static void self(void)
{
    execl("/proc/self/exe", "odd", "done", (char *)NULL);
    MUST(!"execl");
}

static void *outlive(void *arg)
{
    char *p = map(-1);
    usleep(20000);
    memset(p, 1, PAGES * 4096);
    puts("ok");
    fflush(stdout);
    exit(arg != NULL);
}

/* The first thread ends before the last. */
static void leader(void)
{
    pthread_t t;
    MUST(pthread_create(&t, NULL, outlive, NULL) == 0);
    pthread_exit(NULL);
}

static volatile int handled;
static char *volatile ground;
static void work(int sig)
{
    (void)sig;
    for (int i = 0; i < PAGES; i++)
        ground[i * 4096]++;
    handled++;
}

/* Signals between any two instructions; the handler touches memory of its own. */
static void handlers(void)
{
    struct sigaction sa = { .sa_handler = work };
    ground = map(-1);
    MUST(sigaction(SIGUSR1, &sa, NULL) == 0);
    char *p = map(-1);
    for (int i = 0; i < 2000; i++) {
        p[i % PAGES * 4096]++;
        if (i % 20 == 0)
            MUST(raise(SIGUSR1) == 0);
    }
    MUST(handled == 100 && ground[0] == 100);
}

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*run)(void); } ways[] = {
        { "lock", lock }, { "shrink", shrink }, { "orphan", orphan }, { "self", self }, { "leader", leader }, { "handlers", handlers },
    };
    for (unsigned i = 0; argc > 1 && i < sizeof ways / sizeof ways[0]; i++)
        if (!strcmp(argv[1], ways[i].name))
            ways[i].run();
    puts("ok");
    return 0;
}
