/* SPDX-License-Identifier: MIT
 * script.c - `pagewalk script`: options, the reader of lines, the buffered writer.  Called by the command.
 *
 * Answers are written when the input runs dry (before every read, so a program on the other end of a pipe always
 * finds the answers to what it has sent) or when the buffer is full. */
#include "script.h"

#include "interp.h"
#include "probe/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_BYTES 65536u
#define FAILED 125

struct writer { size_t len; bool broken; int error; char buf[BUFFER_BYTES]; };

static void flush(struct writer *w)
{
    size_t done = 0;

    while (done < w->len && !w->broken) {
        const ssize_t n = write(STDOUT_FILENO, w->buf + done, w->len - done);
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR) {
            w->broken = true;
            w->error = errno;
        }
    }
    w->len = 0;
}

static void put(void *ctx, const char *text, size_t len_bytes)
{
    struct writer *w = ctx;

    while (len_bytes) {
        const size_t room = BUFFER_BYTES - w->len, n = len_bytes < room ? len_bytes : room;
        memcpy(w->buf + w->len, text, n);
        w->len += n;
        text += n;
        len_bytes -= n;
        if (w->len == BUFFER_BYTES)
            flush(w);
    }
}

struct reader {
    int fd;
    size_t begin, end;  /* of what is in buf and not yet handed out                                            */
    bool skipping;      /* inside a line that was too long                                                     */
    bool broken;
    int error;
    char buf[BUFFER_BYTES];
};

/* More bytes; false: no more will come.  Answers go out first. */
static bool refill(struct reader *r, struct writer *w)
{
    ssize_t n;

    memmove(r->buf, r->buf + r->begin, r->end - r->begin);
    r->end -= r->begin;
    r->begin = 0;
    flush(w);
    do
        n = read(r->fd, r->buf + r->end, BUFFER_BYTES - r->end);
    while (n < 0 && errno == EINTR);
    r->broken = n < 0;
    r->error = n < 0 ? errno : 0;
    r->end += n > 0 ? (size_t)n : 0;
    return n > 0;
}

enum got { GOT_LINE, GOT_TOO_LONG, GOT_END };

/* The next line, without its newline; a last line may lack one. */
static enum got next_line(struct reader *r, struct writer *w, const char **line, size_t *len)
{
    size_t scanned = 0;

    for (;;) {
        const char *from = r->buf + r->begin;
        const char *nl = memchr(from + scanned, '\n', r->end - r->begin - scanned);
        if (nl) {
            const bool skipped = r->skipping;
            *line = from;
            *len = (size_t)(nl - from);
            r->begin += *len + 1;
            r->skipping = false;
            if (!skipped)
                return GOT_LINE;
            scanned = 0;
            continue;
        }
        scanned = r->end - r->begin;
        if (scanned == BUFFER_BYTES) {
            const bool first = !r->skipping;
            r->skipping = true;
            r->begin = r->end = scanned = 0;
            if (first)
                return GOT_TOO_LONG;
        }
        if (!refill(r, w)) {
            *line = r->buf;
            *len = r->skipping ? 0 : r->end;
            r->begin = r->end = 0;
            return *len ? GOT_LINE : GOT_END;
        }
    }
}

static int run(struct interp *in, struct reader *r, struct writer *w, bool strict)
{
    static const char too_long[] = "error: a line is longer than 65535 bytes\n";
    const char *line;
    size_t len;
    bool errors = false, found_nothing;
    enum got got;

    while ((got = next_line(r, w, &line, &len)) != GOT_END && !w->broken) {
        if (got == GOT_TOO_LONG) {
            put(w, too_long, sizeof too_long - 1);
            interp_line(in, "", 0); /* it counts as a line */
        }
        if (got == GOT_TOO_LONG || !interp_line(in, line, len)) {
            errors = true;
            if (strict)
                break;
        }
    }
    found_nothing = interp_flushes(in);
    flush(w);
    if (r->broken)
        fprintf(stderr, "pagewalk script: reading failed: %s\n", strerror(r->error));
    if (w->broken)
        fprintf(stderr, "pagewalk script: the answers cannot be written: %s\n", strerror(w->error));
    return r->broken || w->broken ? FAILED : errors || !found_nothing;
}

/* ---- profiles that are not built in: this machine, files ----------------------------------------------------------- */

#define PROFILES_MAX 16

struct profiles {
    unsigned n;
    struct { char name[256]; const struct mmu_profile *profile; } row[PROFILES_MAX];
    struct resolve_error error;
};

/* Each is made once and kept: machines point to it. */
static const struct mmu_profile *find_profile(void *ctx, const char *name, const char **why)
{
    struct profiles *p = ctx;
    const struct mmu_profile *profile;
    enum resolve done;

    for (unsigned i = 0; i < p->n; i++)
        if (!strcmp(p->row[i].name, name))
            return p->row[i].profile;
    if (p->n == PROFILES_MAX) {
        *why = "more than 16 profiles that are not built in";
        return NULL;
    }
    done = profile_resolve(name, &profile, &p->error);
    if (done != RESOLVED) {
        *why = done == RESOLVE_FAILED ? p->error.text : NULL;
        return NULL;
    }
    snprintf(p->row[p->n].name, sizeof p->row[p->n].name, "%s", name);
    return p->row[p->n++].profile = profile;
}

static const struct mmu_profile *default_profile(struct profiles *p, const char *name)
{
    const char *why = NULL;
    const struct mmu_profile *profile = find_profile(p, name, &why);

    if (!profile && why)
        fprintf(stderr, "pagewalk script: %s\n", why);
    else if (!profile)
        fprintf(stderr, "pagewalk script: unknown CPU profile '%s'; `pagewalk cpus` lists them\n", name);
    return profile;
}

static void release_profiles(struct profiles *p)
{
    for (unsigned i = 0; i < p->n; i++)
        profile_release(p->row[i].profile);
}

static const char usage_text[] =
    "usage: pagewalk script [--strict] [--explain] [--check-flush] [--cpu PROFILE] FILE\n"
    "Drives a simulated machine and kernel by text, one command a line (docs/scenario-language.md).\n"
    "FILE may be - for standard input.\n"
    "  --strict    stop at the first error\n"
    "  --explain   tell every table read and every decision before the answer\n"
    "  --check-flush  tell where a cached translation was used although its tables had changed, and what\n"
    "              invalidation was missing\n"
    "  --cpu PROFILE  the CPU of machines that name none: a name, host, or a file (default skylake)\n"
    "Exit status: 0; 1 when a line was answered with an error or an invalidation was missing; 125 when the\n"
    "script could not be run.\n";

static int run_file(const char *path, const struct interp_options *options, bool strict)
{
    static struct reader r; /* a process runs one script                                                       */
    static struct writer w;
    const struct pw_out out = { put, &w };
    struct interp *in;
    int status;

    r.fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (r.fd < 0) {
        fprintf(stderr, "pagewalk script: cannot open '%s': %s\n", path, strerror(errno));
        return FAILED;
    }
    in = interp_new(options, &out);
    if (!in) {
        fprintf(stderr, "pagewalk script: out of memory\n");
        return FAILED;
    }
    status = run(in, &r, &w, strict);
    interp_free(in);
    if (r.fd != STDIN_FILENO)
        close(r.fd);
    return status;
}

int script_main(int argc, char **argv)
{
    static const struct option long_options[] = {
        { "strict", no_argument, NULL, 's' },
        { "explain", no_argument, NULL, 'e' },
        { "check-flush", no_argument, NULL, 'f' },
        { "cpu", required_argument, NULL, 'c' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    struct profiles profiles = { 0 };
    struct interp_options options = { .find_profile = find_profile, .find_profile_ctx = &profiles };
    bool strict = false;
    int c, status;

    optind = 0; /* the command may have used getopt before                                                     */
    while ((c = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (c == 's')
            strict = true;
        else if (c == 'e')
            options.explain = true;
        else if (c == 'f')
            options.check_flush = true;
        else if (c == 'c') {
            options.profile = default_profile(&profiles, optarg);
            if (!options.profile)
                return FAILED;
        } else if (c == 'h')
            return fputs(usage_text, stdout) < 0 ? FAILED : 0;
        else
            return FAILED;
    }
    if (optind + 1 != argc) {
        fputs(usage_text, stderr);
        return FAILED;
    }
    status = run_file(argv[optind], &options, strict);
    release_profiles(&profiles);
    return status;
}
