/* SPDX-License-Identifier: MIT
 * emulator.c - see emulator.h.  Everything of one run is in a folder of its own under TMPDIR, which is removed. */
#include "emulator.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((u64)1 << 20)

/* Bochs insists on the geometry. */
#define CYLINDER_BYTES (16 * 63 * 512)
#define DISK_BYTES (2 * CYLINDER_BYTES)

const struct way *way_find(const char *name)
{
    const struct way *w;
    for (u32 i = 0; (w = way_at(i)); i++)
        if (!strcmp(w->name, name))
            return w;
    return NULL;
}

static void die(const char *what)
{
    fprintf(stderr, "baremetal: %s\n", what);
    exit(2);
}

/* ---- what is installed ------------------------------------------------------------------------------------------- */

static bool on_path(const char *program)
{
    char path[4096], *rest = path;
    snprintf(path, sizeof path, "%s", getenv("PATH") ? getenv("PATH") : "/usr/bin");
    for (char *dir; (dir = strsep(&rest, ":"));) {
        char file[4400];
        snprintf(file, sizeof file, "%s/%s", dir, program);
        if (!access(file, X_OK))
            return true;
    }
    return false;
}

const char *emulator_missing(const struct way *w)
{
    if (w->emulator == QEMU)
        return on_path("qemu-system-x86_64") ? NULL : "qemu-system-x86_64 is not installed (package qemu-system-x86)";
    if (!on_path("bochs-bin"))
        return "bochs-bin is not installed (packages bochs, bochs-term, bochsbios, vgabios)";
    return access("/usr/share/bochs/BIOS-bochs-latest", R_OK) ? "the BIOS of Bochs is not installed (package bochsbios)"
                                                              : NULL;
}

/* ---- the image --------------------------------------------------------------------------------------------------- */

static void file_in(const struct running *r, const char *name, char out[96])
{
    snprintf(out, 96, "%s/%s", r->directory, name);
}

static void write_file(const struct running *r, const char *name, const void *data, size_t bytes)
{
    char path[96];
    file_in(r, name, path);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f))
        die("cannot write into the temporary folder");
}

static void write_image(const struct running *r, const char *image, const struct params *p)
{
    static u8 disk[DISK_BYTES];
    u64 magic;
    FILE *f = fopen(image, "rb");
    memset(disk, 0, sizeof disk);
    size_t bytes = f ? fread(disk, 1, sizeof disk, f) : 0;
    if (f)
        fclose(f);
    memcpy(&magic, disk + PARAMS_OFFSET, sizeof magic);
    if (bytes < PARAMS_OFFSET + sizeof *p || magic != PARAMS_MAGIC)
        die("the image cannot be read, or is not the guest's");
    memcpy(disk + PARAMS_OFFSET, p, sizeof *p);
    write_file(r, "disk", disk, sizeof disk);
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static void write_bochsrc(const struct running *r, const struct way *w)
{
    char text[2048];
    int n = snprintf(text, sizeof text,
        "cpu: model=%s, ips=50000000, reset_on_triple_fault=0, ignore_bad_msrs=0\n"
        "memory: guest=%u, host=%u\n"
        "romimage: file=/usr/share/bochs/BIOS-bochs-latest\n"
        "vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest\n"
        "ata0-master: type=disk, path=%s/disk, mode=flat, cylinders=2, heads=16, spt=63\n"
        "boot: disk\n"
        "log: %s/log\n"
        "panic: action=fatal\n"
        "error: action=ignore\n"
        "info: action=ignore\n"
        "port_e9_hack: enabled=1\n"
        "display_library: term\n",
        w->cpu, (u32)(w->ram_bytes / MIB), (u32)(w->ram_bytes / MIB), r->directory, r->directory);
    write_file(r, "bochsrc", text, (size_t)n);
    write_file(r, "commands", "c\n", 2); /* Debian's Bochs begins in its debugger */
}

static void become_emulator(const struct running *r, const struct way *w)
{
    char disk[128], ram[32], rc[96], commands[96];
    if (w->emulator == QEMU) {
        snprintf(disk, sizeof disk, "format=raw,file=%s/disk", r->directory);
        snprintf(ram, sizeof ram, "%uM", (u32)(w->ram_bytes / MIB));
        execlp("qemu-system-x86_64", "qemu-system-x86_64", "-accel", "tcg", "-cpu", w->cpu, "-m", ram, "-display", "none",
               "-vga", "none", "-nic", "none", "-monitor", "none", "-serial", "none", "-no-reboot", "-drive", disk,
               "-debugcon", "stdio", (char *)NULL);
    } else {
        file_in(r, "bochsrc", rc);
        file_in(r, "commands", commands);
        setenv("TERM", "dumb", 1);
        unsetenv("MALLOC_PERTURB_"); /* meson's; Bochs reads memory that it has not written, and ends */
        execlp("bochs-bin", "bochs-bin", "-q", "-f", rc, "-rc", commands, (char *)NULL);
    }
    _exit(127);
}

void emulator_start(const struct way *w, const char *image, const struct params *p, struct running *r)
{
    int pipe_fd[2];
    const char *tmp = getenv("TMPDIR");

    snprintf(r->directory, sizeof r->directory, "%.40s/baremetal.XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    if (!mkdtemp(r->directory))
        die("cannot make a temporary folder");
    write_image(r, image, p);
    if (w->emulator == BOCHS)
        write_bochsrc(r, w);
    if (pipe(pipe_fd) || (r->pid = fork()) < 0)
        die("cannot start a process");
    if (!r->pid) {
        char log[96];
        file_in(r, "stderr", log);
        if (dup2(pipe_fd[1], 1) < 0 || !freopen("/dev/null", "r", stdin) || !freopen(log, "w", stderr))
            _exit(127);
        close(pipe_fd[0]);
        close(pipe_fd[1]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        become_emulator(r, w);
    }
    close(pipe_fd[1]);
    r->from = fdopen(pipe_fd[0], "r");
}

/* What the emulator said last, for somebody who has to find out why it stopped. */
static void show_end_of(const struct running *r, const char *name)
{
    char path[96], text[600];
    file_in(r, name, path);
    FILE *f = fopen(path, "r");
    if (!f)
        return;
    if (fseek(f, -(long)sizeof text, SEEK_END))
        rewind(f);
    size_t n = fread(text, 1, sizeof text, f);
    fwrite(text, 1, n, stderr);
    fclose(f);
}

void emulator_stop(struct running *r, bool failed)
{
    static const char *const files[] = { "disk", "disk.lock", "bochsrc", "commands", "log", "stderr" };
    if (failed) {
        show_end_of(r, "log");
        show_end_of(r, "stderr");
    }
    kill(r->pid, SIGKILL);
    waitpid(r->pid, NULL, 0);
    fclose(r->from);
    for (u32 i = 0; i < sizeof files / sizeof *files; i++) {
        char path[96];
        file_in(r, files[i], path);
        unlink(path);
    }
    rmdir(r->directory);
}
