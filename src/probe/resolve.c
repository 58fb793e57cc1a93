/* SPDX-License-Identifier: MIT
 * resolve.c - see resolve.h.  Called by the command and by the script interpreter's owner. */
#include "probe/resolve.h"

#include "probe/decode.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES (4u << 20) /* a dump of every CPU of a big server is a third of a MiB                     */

static enum resolve __attribute__((format(printf, 2, 3))) failed(struct resolve_error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return RESOLVE_FAILED;
}

/* ---- files ------------------------------------------------------------------------------------------------------------ */

struct content { size_t len; char *bytes; };

static bool read_all(int fd, struct content *c)
{
    ssize_t n;
    c->len = 0;
    while ((n = read(fd, c->bytes + c->len, FILE_MAX_BYTES + 1 - c->len)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        c->len += (size_t)n;
        if (c->len > FILE_MAX_BYTES) {
            errno = EFBIG;
            return false;
        }
    }
    return true;
}

/* A dump has no name of its own: the file's, without its folder and its ending. */
static void name_of_file(const char *path, char name[64])
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t n = strcspn(base, ".");

    snprintf(name, 64, "%.*s", (int)(n && n < 64 ? n : 4), n ? base : "file");
    for (char *c = name; *c; c++)
        if (*c <= ' ' || *c == 0x7f)
            *c = '-';
}

static enum resolve from_content(const char *path, const struct content *c, struct mmu_profile_store *s, struct resolve_error *err)
{
    struct mmu_profile_error wrong;
    struct cpuid_dump dump;
    char name[64];

    if (!cpuid_is_dump(c->bytes, c->len)) {
        if (mmu_profile_read(s, c->bytes, c->len, &wrong))
            return RESOLVED;
        return failed(err, "%s, line %u: %s", path, wrong.line, wrong.text);
    }
    if (!cpuid_read_dump(&dump, c->bytes, c->len, 0))
        return failed(err, "%s: the CPUID dump does not begin with leaf 0", path);
    name_of_file(path, name);
    decode_profile(&dump, name, s);
    return RESOLVED;
}

static enum resolve from_file(const char *path, struct mmu_profile_store *s, struct resolve_error *err)
{
    struct content c = { 0, malloc(FILE_MAX_BYTES + 1) };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    enum resolve done;

    if (fd < 0 || !c.bytes || !read_all(fd, &c))
        done = failed(err, "cannot read %s: %s", path, c.bytes ? strerror(errno) : strerror(ENOMEM));
    else
        done = from_content(path, &c, s, err);
    if (fd >= 0)
        close(fd);
    free(c.bytes);
    return done;
}

/* ---- this machine ------------------------------------------------------------------------------------------------------ */

static enum resolve from_host(const char *cpu, struct mmu_profile_store *s, struct resolve_error *err)
{
    struct cpuid_dump dump;
    char *end = NULL;
    long n = *cpu ? strtol(cpu + 1, &end, 10) : -1;

    if (*cpu && (*end || end == cpu + 1 || n < 0 || n > 1 << 20))
        return failed(err, "host:N wants the number of a logical CPU, not '%s'", cpu + 1);
    if (!cpuid_read_host(&dump, (int)n))
        return *cpu ? failed(err, "logical CPU %ld of this machine cannot be used", n) : failed(err, "this machine has no CPUID");
    decode_profile(&dump, "host", s);
    return RESOLVED;
}

/* ---- words -------------------------------------------------------------------------------------------------------------- */

static bool is_file(const char *word)
{
    struct stat st;
    return strchr(word, '/') || (stat(word, &st) == 0 && !S_ISDIR(st.st_mode));
}

enum resolve profile_resolve(const char *word, const struct mmu_profile **out, struct resolve_error *err)
{
    bool host = !strncmp(word, "host", 4) && (!word[4] || word[4] == ':');
    struct mmu_profile_store *s;
    enum resolve done;

    *out = mmu_profile_find(word);
    if (*out)
        return RESOLVED;
    if (!host && !is_file(word))
        return RESOLVE_UNKNOWN_NAME;
    s = malloc(sizeof *s);
    if (!s)
        return failed(err, "out of memory");
    done = host ? from_host(word + 4, s, err) : from_file(word, s, err);
    if (done == RESOLVED)
        *out = &s->profile;
    else
        free(s);
    return done;
}

bool profile_is_built_in(const struct mmu_profile *p)
{
    for (unsigned i = 0; mmu_profile_at(i); i++)
        if (mmu_profile_at(i) == p)
            return true;
    return false;
}

_Static_assert(offsetof(struct mmu_profile_store, profile) == 0, "a profile that was resolved is its store's address");

void profile_release(const struct mmu_profile *p)
{
    if (p && !profile_is_built_in(p))
        free((void *)(uintptr_t)p);
}

/* ---- as text ------------------------------------------------------------------------------------------------------------- */

struct growing { size_t len; char *text; };

static void grow(void *ctx, const char *text, size_t len_bytes)
{
    struct growing *g = ctx;
    char *more = g->text ? realloc(g->text, g->len + len_bytes + 1) : NULL;

    if (!more) {
        free(g->text);
        g->text = NULL;
        return;
    }
    g->text = more;
    memcpy(g->text + g->len, text, len_bytes);
    g->len += len_bytes;
    g->text[g->len] = 0;
}

char *profile_text(const struct mmu_profile *p)
{
    struct growing g = { 0, malloc(1) };
    const struct pw_out out = { grow, &g };

    mmu_profile_write(p, &out);
    return g.text;
}
