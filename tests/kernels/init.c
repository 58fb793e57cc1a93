/* SPDX-License-Identifier: MIT
 * init.c - the first process of a virtual machine that only tests: mounts what the tests look at, loads the modules of a
 * file system on a disk, does the lines of /todo and powers off.  Static; everything it says goes to the serial console,
 * and run.sh reads it there.  A line of /todo is
 *
 *     write FILE TEXT          a setting
 *     run SECONDS NAME PROGRAM ARGUMENTS...
 *
 * For each run it prints "=== NAME begins", what the program says, and "=== NAME ends with STATUS". */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORDS 24
#define DISK "/dev/ram0"

static const struct { const char *type, *at; } mounts[] = {
    { "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" }, { "tmpfs", "/dev/shm" }, { "tmpfs", "/tmp" },
};

static void mount_all(void)
{
    for (size_t i = 0; i < sizeof mounts / sizeof mounts[0]; i++) {
        mkdir(mounts[i].at, 0755);
        if (mount(mounts[i].type, mounts[i].at, mounts[i].type, 0, NULL))
            printf("init: cannot mount %s: %s\n", mounts[i].at, strerror(errno));
    }
}

/* ---- the disk -------------------------------------------------------------------------------------------------- */

/* /modules lists what must be loaded, in this order, each with its arguments. */
static void load_modules(void)
{
    char line[300];
    FILE *f = fopen("/modules", "re");

    while (f && fgets(line, sizeof line, f)) {
        char *path = strtok(line, " \n"), *arguments = strtok(NULL, "\n");
        int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
        if (fd < 0 || (syscall(SYS_finit_module, fd, arguments ? arguments : "", 0) && errno != EEXIST))
            printf("init: cannot load %s: %s\n", path ? path : "?", strerror(errno));
        if (fd >= 0)
            close(fd);
    }
    if (f)
        fclose(f);
}

static bool all_zero(const char *at, size_t n) { return !n || (!at[0] && !memcmp(at, at + 1, n - 1)); }

/* A disk in memory, filled from an image: what is zero is so already. */
static bool fill_disk(void)
{
    static char block[64 << 10];
    int from = open("/disk.img", O_RDONLY | O_CLOEXEC), to = open(DISK, O_WRONLY | O_CLOEXEC);
    off_t at = 0;
    ssize_t n;

    if (from < 0 || to < 0)
        return false;
    for (; (n = read(from, block, sizeof block)) > 0; at += n)
        if (!all_zero(block, (size_t)n) && pwrite(to, block, (size_t)n, at) != n)
            return false;
    close(from);
    return fsync(to) == 0 && close(to) == 0;
}

static void mount_disk(void)
{
    load_modules();
    mkdir("/disk", 0755);
    if (!fill_disk() || mount(DISK, "/disk", "ext4", MS_NOATIME, NULL))
        printf("init: no ext4 on /disk: %s\n", strerror(errno));
    unlink("/disk.img");
}

/* ---- what is to do --------------------------------------------------------------------------------------------- */

static void write_setting(char **word)
{
    int fd = word[1] && word[2] ? open(word[1], O_WRONLY | O_CLOEXEC) : -1;

    if (fd < 0 || write(fd, word[2], strlen(word[2])) < 0)
        printf("init: cannot set %s: %s\n", word[1] ? word[1] : "?", strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* word: run, seconds, name, program, arguments. */
static void run(char **word)
{
    int status = -1;
    pid_t pid;

    if (!word[1] || !word[2] || !word[3])
        return;
    printf("=== %s begins\n", word[2]);
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        alarm((unsigned)atoi(word[1]));
        execv(word[3], word + 3);
        printf("init: cannot run %s: %s\n", word[3], strerror(errno));
        fflush(stdout);
        _exit(126);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        printf("=== %s ends with signal %d\n", word[2], WTERMSIG(status));
    else
        printf("=== %s ends with %d\n", word[2], WEXITSTATUS(status));
    fflush(stdout);
}

static void do_all(void)
{
    char line[400], *word[WORDS + 1];
    FILE *f = fopen("/todo", "re");

    while (f && fgets(line, sizeof line, f)) {
        size_t n = 0;
        for (char *w = strtok(line, " \n"); w && n < WORDS; w = strtok(NULL, " \n"))
            word[n++] = w;
        word[n] = NULL;
        if (n && !strcmp(word[0], "write"))
            write_setting(word);
        else if (n && !strcmp(word[0], "run"))
            run(word);
    }
    if (f)
        fclose(f);
}

int main(void)
{
    mount_all();
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("=== up");
    mount_disk();
    do_all();
    puts("=== done");
    fflush(stdout);
    sync();
    reboot(RB_POWER_OFF);
    return 0;
}
