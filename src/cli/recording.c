/* SPDX-License-Identifier: MIT
 * recording.c - the recorder's process (recording.h).  Called by launch.c and run.c.
 *
 * The recorder runs beside the program: what it costs is not the program's time where there is a second processor.  It
 * leaves interrupts from the terminal to the program, and ends when the ring is closed, by the tool or by us. */
#include "cli/recording.h"
#include "cli/cli.h"

#include "trace/encode.h"
#include "trace/pack.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

static bool launcher_gone(void *parent) { return getppid() != *(pid_t *)parent; }

static int packer_process(struct recording *r, int fd, const char *settings, pid_t parent)
{
    static const int left_alone[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
    for (unsigned i = 0; i < sizeof left_alone / sizeof left_alone[0]; i++)
        signal(left_alone[i], SIG_IGN);
    return pack(r->ring, fd, settings, launcher_gone, &parent);
}

bool recording_start(struct recording *r, const char *settings)
{
    pid_t parent = getpid();
    int fd;
    if (!r->file)
        return true;
    close(r->ring_fd);
    fd = open(r->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0)
        return cannot("write", r->file);
    r->packer = fork();
    if (r->packer == 0)
        _exit(packer_process(r, fd, settings, parent) & 0xff);
    close(fd);
    if (r->packer < 0)
        r->ring->reader_gone = 1;
    return r->packer > 0 || cannot("start recording", r->file);
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
