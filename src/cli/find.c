/* SPDX-License-Identifier: MIT
 * find.c - finds the program to run, as execvp(3) does, and the capture tool.  A program that cannot be run is told
 * apart here, because only here the shell's 126 and 127 can still be given. */
#include "cli/cli.h"
#include "cli/launch.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOOL_NAME "pagewalk-capture-amd64-linux"
#define PATH_DEFAULT "/bin:/usr/bin"   /* what execvp takes when PATH is not set                                  */

/* ---- can it be run? ------------------------------------------------------------------------------------------------ */

static int refuse(int status, const char *path, const char *why)
{
    say("cannot run %s: %s", path, why);
    return status;
}

static int status_of_errno(int err) { return err == ENOENT || err == ENOTDIR ? STATUS_NOT_FOUND : STATUS_NOT_EXECUTABLE; }

static int check_elf(const char *path, const Elf64_Ehdr *h)
{
    if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_X86_64)
        return refuse(STATUS_NOT_EXECUTABLE, path, "it is not a program for 64-bit x86");
    return 0;
}

/* "#!INTERPRETER ...": the interpreter must be there, or execve fails too. */
static int check_interpreter(const char *path, char *line)
{
    char *name = line + 2 + strspn(line + 2, " \t"), why[512];

    name[strcspn(name, " \t\n")] = 0;
    if (access(name, X_OK) == 0)
        return 0;
    snprintf(why, sizeof why, "its interpreter '%s': %s", name, strerror(errno));
    return refuse(status_of_errno(errno), path, why);
}

static int check_program(const char *path)
{
    union { Elf64_Ehdr elf; char line[512]; } head = { .line = "" };
    struct stat st;
    ssize_t n;
    int fd;

    if (stat(path, &st))
        return refuse(status_of_errno(errno), path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return refuse(STATUS_NOT_EXECUTABLE, path, "it is a directory");
    if (!S_ISREG(st.st_mode) || access(path, X_OK))
        return refuse(STATUS_NOT_EXECUTABLE, path, "it is not executable");
    if (st.st_mode & (S_ISUID | S_ISGID))
        return refuse(STATUS_NOT_EXECUTABLE, path, "it changes its user or group when run (setuid), which cannot be instrumented");
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return refuse(STATUS_NOT_EXECUTABLE, path, "it cannot be read, so it cannot be instrumented");
    n = read(fd, head.line, sizeof head.line - 1);
    close(fd);
    if (n >= (ssize_t)sizeof head.elf && !memcmp(head.line, ELFMAG, SELFMAG))
        return check_elf(path, &head.elf);
    return n > 2 && !memcmp(head.line, "#!", 2) ? check_interpreter(path, head.line) : 0;
}

/* ---- where is it? --------------------------------------------------------------------------------------------------- */

/* The first place of PATH that has an executable of this name.  *seen: one that may not be executed was passed over. */
static bool search_path(const char *name, char path[PATH_MAX], bool *seen)
{
    const char *dirs = getenv("PATH"), *next;

    for (dirs = dirs ? dirs : PATH_DEFAULT; dirs; dirs = next) {
        size_t n = strcspn(dirs, ":");
        struct stat st;
        next = dirs[n] ? dirs + n + 1 : NULL;
        if (snprintf(path, PATH_MAX, "%.*s%s%s", (int)n, dirs, n ? "/" : "", name) >= PATH_MAX || stat(path, &st))
            continue;
        if (S_ISREG(st.st_mode) && !access(path, X_OK))
            return true;
        *seen = true;
    }
    return false;
}

int find_program(const char *name, char path[PATH_MAX])
{
    bool seen = false;

    if (strchr(name, '/')) {
        if (snprintf(path, PATH_MAX, "%s", name) >= PATH_MAX)
            return refuse(STATUS_NOT_FOUND, name, strerror(ENAMETOOLONG));
        return check_program(path);
    }
    if (*name && search_path(name, path, &seen))
        return check_program(path);
    if (seen)
        return refuse(STATUS_NOT_EXECUTABLE, name, "what PATH has under this name is not executable");
    return refuse(STATUS_NOT_FOUND, *name ? name : "''", "not found in PATH");
}

/* ---- the capture tool ------------------------------------------------------------------------------------------------ */

static bool tool_in(struct capture_tool *t, const char *folder, const char *below)
{
    char joined[PATH_MAX], real[PATH_MAX];

    if (!folder || snprintf(joined, sizeof joined, "%s%s", folder, below) >= (int)sizeof joined || !realpath(joined, real))
        return false;
    if (snprintf(t->path, sizeof t->path, "%s/" TOOL_NAME, real) >= (int)sizeof t->path || access(t->path, X_OK))
        return false;
    memcpy(t->folder, real, sizeof real);
    return true;
}

bool find_capture_tool(struct capture_tool *t)
{
    char here[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", t->launcher, sizeof t->launcher - 1);

    t->launcher[n > 0 ? n : 0] = 0;
    memcpy(here, t->launcher, sizeof here);
    if (strrchr(here, '/'))
        *strrchr(here, '/') = 0;
    if (tool_in(t, getenv("PAGEWALK_LIBEXEC"), "") || tool_in(t, here, "/libexec/pagewalk") ||
        tool_in(t, PAGEWALK_LIBEXEC, "") || tool_in(t, here, "/../libexec/pagewalk"))
        return true;
    say("the capture tool (" TOOL_NAME ") is missing; it belongs in %s: build or install pagewalk again", PAGEWALK_LIBEXEC);
    return false;
}
