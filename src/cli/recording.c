/* SPDX-License-Identifier: MIT
 * recording.c - the recorder's process (recording.h).  Called by launch.c and run.c.
 *
 * The recorder runs beside the program: what it costs is not the program's time where there is a second processor.  It
 * leaves interrupts from the terminal to the program, and ends when the ring is closed, by the tool or by us. */
#include "cli/recording.h"
#include "cli/cli.h"

#include "trace/decode.h"
#include "trace/encode.h"
#include "trace/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Whom the reader of a ring reads. */
struct reader {
    const char *file;          /* the recording of the whole run                                                     */
    pid_t launcher;            /* the process that started it, or                                                    */
    int pidfd;                 /* of the program; -1                                                                 */
};

static bool cannot(const char *what, const char *file)
{
    say("cannot %s %s: %s", what, file, strerror(errno));
    return false;
}

bool recording_open(struct recording *r, const char *file)
{
    *r = (struct recording){ .file = file, .ring_fd = -1 };
    if (!file)
        return true;
    r->ring_fd = memfd_create("pagewalk-ring", 0);
    if (r->ring_fd < 0 || ftruncate(r->ring_fd, RING_BYTES))
        return cannot("make the memory to record", file);
    r->ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, r->ring_fd, 0);
    return r->ring != MAP_FAILED || cannot("map the memory to record", file);
}

static bool launcher_gone(void *ctx)
{
    const struct reader *reader = ctx;
    return reader->pidfd < 0 ? getppid() != reader->launcher : poll(&(struct pollfd){ .fd = reader->pidfd, .events = POLLIN }, 1, 0) != 0;
}

static void leave_signals_to_the_program(void)
{
    signal(SIGCHLD, SIG_IGN);        /* readers of children end when they end                                        */
    static const int left_alone[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
    for (unsigned i = 0; i < sizeof left_alone / sizeof left_alone[0]; i++)
        signal(left_alone[i], SIG_IGN);
}

void recording_name(const char *file, pid_t pid, char name[PATH_MAX]) { snprintf(name, PATH_MAX, "%.4000s.%d", file, (int)pid); }

/* Locked until it is written; -1.  What stood there before is another run's, or of the program that this one replaced. */
static int open_other(const char *file, pid_t pid)
{
    char name[PATH_MAX];
    int fd;
    recording_name(file, pid, name);
    unlink(name);
    fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd >= 0)
        flock(fd, LOCK_EX);
    return fd;
}

static bool watch(struct reader *reader, pid_t pid)
{
    reader->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    return reader->pidfd >= 0;
}

static bool child_of(struct pack_job *job, int pid, int ring_fd)
{
    struct reader *reader = job->ctx;
    char ring[64];
    int fd;
    snprintf(ring, sizeof ring, "/proc/%d/fd/%d", pid, ring_fd);
    fd = open(ring, O_RDWR | O_CLOEXEC);
    job->ring = fd < 0 ? MAP_FAILED : mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return job->ring != MAP_FAILED && watch(reader, pid) && (job->fd = open_other(reader->file, pid)) >= 0;
}

static int packer_process(struct ring_head *ring, int fd, const char *settings, struct reader *reader)
{
    leave_signals_to_the_program();
    return pack((struct pack_job){ ring, fd, launcher_gone, child_of, reader }, settings);
}

bool recording_start(struct recording *r, const char *settings)
{
    struct reader reader = { .file = r->file, .launcher = getpid(), .pidfd = -1 };
    int fd;
    if (!r->file)
        return true;
    close(r->ring_fd);
    fd = open(r->file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return cannot("write", r->file);
    r->packer = fork();
    if (r->packer == 0)
        _exit(packer_process(r->ring, fd, settings, &reader) & 0xff);
    close(fd);
    if (r->packer < 0)
        r->ring->reader_gone = 1;
    return r->packer > 0 || cannot("start recording", r->file);
}

/* ---- programs that execve starts -------------------------------------------------------------------------------------- */

/* Those of the run, from the front of its recording. */
static bool same_settings(const char *file, char *to, size_t room)
{
    static const char *const names[] = { "cpus", "ram", "thp", "mmap_min_addr", "max_map_count", "profile" };
    struct decode_error why;
    struct decoder *d = decode_open(file, &why);
    size_t n = 0;
    for (size_t i = 0; d && i < sizeof names / sizeof names[0]; i++)
        if (decode_setting(d, names[i]))
            n += (size_t)snprintf(to + n, n < room ? room - n : 0, "%s\t%s\n", names[i], decode_setting(d, names[i]));
    if (d)
        decode_close(d);
    return d && n < room;
}

/* It must not keep anything of the program's open. */
static void read_program(const char *file, pid_t pid, int ring_fd)
{
    char settings[65536];
    struct reader reader = { .file = file };
    struct ring_head *ring = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fd, 0);
    int fd = -1, null = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++)
        dup2(null, i);
    close_range(3, ~0u, 0);
    setsid();
    if (ring == MAP_FAILED)
        _exit(1);
    if (!watch(&reader, pid) || !same_settings(file, settings, sizeof settings) || (fd = open_other(file, pid)) < 0) {
        ring->reader_gone = 1;
        _exit(1);
    }
    _exit(packer_process(ring, fd, settings, &reader) & 0xff);
}

/* The reader is nobody's child here: a program that waits for its children must not meet it. */
int recording_follow(const char *file)
{
    const pid_t program = getpid();
    int fd = memfd_create("pagewalk-ring", 0), status;
    pid_t between;
    if (fd < 0 || ftruncate(fd, RING_BYTES) || (between = fork()) < 0) {
        close(fd);
        return -1;
    }
    if (between == 0) {
        if (fork() == 0)
            read_program(file, program, fd);
        _exit(0);
    }
    while (waitpid(between, &status, 0) < 0 && errno == EINTR)
        ;
    return fd;
}

/* ---- the end ------------------------------------------------------------------------------------------------------------ */

void recording_finish_other(const char *recording, const char *results)
{
    const struct timespec tenth = { 0, 100000000 };
    int fd = open(recording, O_RDONLY | O_CLOEXEC), err;
    if (fd < 0)
        return;
    for (int i = 0; i < 300 && flock(fd, LOCK_SH | LOCK_NB); i++)
        nanosleep(&tenth, NULL);
    close(fd);
    err = encode_finish(recording, results);
    if (err)
        say("cannot write %s: %s", recording, strerror(err));
}

bool recording_wait(struct recording *r)
{
    int status = 0, err;
    if (!r->file || r->packer <= 0)
        return !r->file;
    r->ring->closed = 1;
    while (waitpid(r->packer, &status, 0) < 0 && errno == EINTR)
        ;
    munmap(r->ring, RING_BYTES);
    err = WIFEXITED(status) ? WEXITSTATUS(status) : ECANCELED;
    if (err == EPROTO)
        say("%s is not whole: more happened at once than could be kept", r->file);
    else if (err)
        say("cannot write %s: %s", r->file, strerror(err));
    return !err;
}

bool recording_finish(struct recording *r, const char *results)
{
    int err = r->file ? encode_finish(r->file, results) : 0;
    if (err)
        say("cannot write %s: %s", r->file, strerror(err));
    return !err;
}
