/* SPDX-License-Identifier: MIT
 * host.c - the real side: the shared block, the files that operations map, and a fresh performer for each sequence.
 * Files are written page by page, so that the page cache holds them in single pages, and synced, so that none of them
 * is dirty when a sequence begins.  A pipe into which each file of the disk is spliced holds a reference of every page,
 * so that no reclaim in the background takes one away. */
#include "mmfuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 10

/* Descriptors must not be those the performer is given. */
static int high(int fd) { return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 100); }

const char *host_open(struct host *h, const char *program, const char *disk_folder)
{
    memset(h, 0, sizeof *h);
    snprintf(h->folder[0], sizeof h->folder[0], "/dev/shm");
    snprintf(h->folder[1], sizeof h->folder[1], "%s", disk_folder);
    h->program_fd = high(open(program, O_RDONLY | O_CLOEXEC));
    if (h->program_fd < 0)
        return "cannot open the performer";
    h->wire_fd = high(memfd_create("mmfuzz", MFD_CLOEXEC));
    h->zero_fd = high(open("/dev/zero", O_RDONLY | O_CLOEXEC));
    h->sink_fd = high(memfd_create("sink", MFD_CLOEXEC));
    if (h->wire_fd < 0 || h->zero_fd < 0 || h->sink_fd < 0 || ftruncate(h->wire_fd, sizeof(struct wire)) < 0)
        return "cannot make the shared block";
    h->wire = mmap(NULL, sizeof(struct wire), PROT_READ | PROT_WRITE, MAP_SHARED, h->wire_fd, 0);
    return h->wire == MAP_FAILED ? "cannot map the shared block" : NULL;
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

static bool fill(int fd, u64 bytes, bool disk)
{
    static const u8 zeros[PAGE_BYTES];

    for (u64 at = 0; at < bytes; at += PAGE_BYTES) {
        size_t n = bytes - at < PAGE_BYTES ? bytes - at : PAGE_BYTES;
        if (pwrite(fd, zeros, n, (off_t)at) != (ssize_t)n)
            return false;
    }
    return !disk || fsync(fd) == 0;
}

/* The splice looked at the pages; as far as the kernel knows, nobody did. */
static void forget_looks(int fd, u64 bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);

    if (at == MAP_FAILED)
        return;
    madvise(at, bytes, MADV_COLD);
    munmap(at, bytes);
}

/* Not through the descriptor that is mapped: that has readahead state of its own. */
static bool hold(int keep[2], const char *path, u64 bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    if (fd < 0 || pipe2(keep, O_CLOEXEC) < 0)
        return false;
    fcntl(keep[1], F_SETPIPE_SZ, (int)bytes + (64 << 10));
    for (u64 done = 0; done < bytes && n > 0; done += (u64)n)
        n = splice(fd, NULL, keep[1], NULL, bytes - done, SPLICE_F_NONBLOCK);
    forget_looks(fd, bytes);
    close(fd);
    return true;
}

static bool make_file(struct host *h, u32 i, const struct file_plan *f)
{
    const bool disk = f->fs == MM_FS_EXT4;
    struct file_id *id = &h->id[i];
    struct stat st;
    char path[120];
    int fd;

    snprintf(path, sizeof path, "%s/mmfuzz-%d-%s", h->folder[disk], (int)getpid(), f->name);
    fd = f->memfd ? memfd_create(f->name, MFD_CLOEXEC) : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || !fill(fd, f->bytes, disk) || fstat(fd, &st) < 0 || (disk && !hold(h->keep[i], path, f->bytes)))
        return false;
    h->file_fd[i] = high(f->writable ? fd : open(path, O_RDONLY | O_CLOEXEC));
    close(fd);
    if (f->memfd) {
        snprintf(id->path, sizeof id->path, "/memfd:%s (deleted)", f->name);
    } else {
        unlink(path);
        snprintf(id->path, sizeof id->path, "%s (deleted)", path);
    }
    id->dev_major = major(st.st_dev);
    id->dev_minor = minor(st.st_dev);
    id->ino = st.st_ino;
    return h->file_fd[i] >= 0;
}

/* ---- the performer --------------------------------------------------------------------------------------------- */

/* Only the performer runs on its CPU: pages on their way to the LRU lists wait in batches of a CPU. */
static void pin(void)
{
    cpu_set_t may, one;
    int cpu = CPU_SETSIZE;

    if (sched_getaffinity(0, sizeof may, &may) < 0)
        return;
    while (--cpu && !CPU_ISSET(cpu, &may))
        ;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static void become_performer(const struct host *h, bool files)
{
    char *argv[] = { "0", NULL };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    personality(ADDR_NO_RANDOMIZE);
    pin();
    dup2(h->wire_fd, FD_WIRE);
    dup2(h->program_fd, FD_SELF);
    dup2(h->zero_fd, FD_ZERO);
    dup2(h->sink_fd, FD_SINK);
    for (int i = 0; files && i < FILES; i++)
        dup2(h->file_fd[i], FD_FILE + i);
    fexecve(FD_SELF, argv, argv + 1);
    _exit(39);
}

const char *host_begin(struct host *h, const struct plan *plan)
{
    struct wire *w = h->wire;

    for (u32 i = 0; plan->files && i < FILES; i++)
        if (!make_file(h, i, &plan->file[i]))
            return "cannot make a file to map";
    memset(w, 0, offsetof(struct wire, half));
    w->setup = plan->setup;
    h->pid = fork();
    if (h->pid == 0)
        become_performer(h, plan->files);
    return h->pid < 0 ? "cannot fork" : NULL;
}

void host_publish(struct host *h, u32 batches)
{
    __atomic_store_n(&h->wire->published, batches, __ATOMIC_RELEASE);
    syscall(SYS_futex, &h->wire->published, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
}

const char *host_wait(struct host *h, u32 batch)
{
    const struct timespec patience = { .tv_sec = PATIENCE_S };
    static char why[80];

    for (;;) {
        u32 done = __atomic_load_n(&h->wire->done, __ATOMIC_ACQUIRE);
        if ((s32)(done - batch) >= 0)
            return NULL;
        if (syscall(SYS_futex, &h->wire->done, FUTEX_WAIT, done, &patience, NULL, 0) < 0 && errno == ETIMEDOUT) {
            const struct wire *w = h->wire;
            const struct op *op = &w->half[w->done & 1].command[w->next].op;
            snprintf(why, sizeof why, "task %u does not answer at %s of task %u%s", w->turn, op_name(op->kind),
                     op->actor, w->leaving ? ", somebody leaving" : "");
            return why;
        }
    }
}

/* Ends and reaps all tasks.  One that was only just born announces itself when it first runs. */
static void end_tasks(struct host *h)
{
    u32 *pid = h->wire->pid;
    int gone;

    do {
        for (u32 i = 0; i < TASKS; i++)
            if (pid[i])
                kill((pid_t)pid[i], SIGKILL);
        gone = waitpid(-1, NULL, WNOHANG);
        for (u32 i = 0; gone > 0 && i < TASKS; i++)
            if (pid[i] == (u32)gone)
                pid[i] = 0;
        if (gone == 0)
            usleep(50);
    } while (gone >= 0);
}

void host_end(struct host *h)
{
    if (h->pid > 0 && !h->wire->pid[0])
        kill(h->pid, SIGKILL);
    end_tasks(h);
    h->pid = 0;
    for (u32 i = 0; i < FILES; i++) {
        if (h->file_fd[i] > 0)
            close(h->file_fd[i]);
        for (u32 side = 0; side < 2; side++)
            if (h->keep[i][side] > 0)
                close(h->keep[i][side]);
        h->file_fd[i] = h->keep[i][0] = h->keep[i][1] = 0;
    }
}
