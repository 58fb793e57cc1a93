/* SPDX-License-Identifier: MIT
 * amend.c - puts into a results file how the process ended.  Called by `pagewalk run`. */
#include "report/amend.h"
#include "report/results_internal.h"

#include "base/crc32.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A results file being written: the checksum goes along. */
struct copy { FILE *out; u32 crc; size_t lines; };

static void put(struct copy *c, const char *text, size_t len)
{
    c->crc = crc32_add(c->crc, text, len);
    fwrite(text, 1, len, c->out);
    c->lines++;
}

static void __attribute__((format(printf, 2, 3))) put_line(struct copy *c, const char *format, ...)
{
    char line[256];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    put(c, line, (size_t)len);
}

static bool is_about_the_end(const char *line, size_t len)
{
    static const char *const begins[] = { "text\texit.kind\t", "count\texit.value\t", "text\trecording\t" };

    for (int i = 0; i < 3; i++)
        if (len >= strlen(begins[i]) && !memcmp(line, begins[i], strlen(begins[i])))
            return true;
    return false;
}

/* Text as the format wants it: control characters and '%' as %XX. */
static void put_recording(struct copy *c, const char *path)
{
    static const char front[] = "text\trecording\t";
    size_t n = sizeof front - 1;
    char *line = malloc(n + 3 * strlen(path) + 2);
    if (!line)
        return;                  /* the line is a help, not a fact of the run                                       */
    memcpy(line, front, n);
    for (; *path; path++)
        n += (u8)*path < ' ' || *path == 0x7f || *path == '%' ? (size_t)sprintf(line + n, "%%%02X", (u8)*path) : (line[n] = *path, 1u);
    line[n++] = '\n';
    put(c, line, n);
    free(line);
}

/* Every line but those that are to be replaced, which come last: the order of lines of different names is free, but
 * rows belong to the table before them. */
static void copy_lines(struct copy *c, const char *at, const char *end, const struct process_end *how)
{
    for (const char *next; at < end; at = next) {
        next = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
        if (!is_about_the_end(at, (size_t)(next - at)))
            put(c, at, (size_t)(next - at));
    }
    put_line(c, "text\texit.kind\t%s\n", how->kind);
    put_line(c, "count\texit.value\t%llu\n", (unsigned long long)how->value);
    if (how->recording)
        put_recording(c, how->recording);
    fprintf(c->out, "end\t%zu\t%08x\n", c->lines, c->crc);
}

bool results_amend_end(const char *from, const char *to, const struct process_end *end, struct results_error *err)
{
    struct copy c = { .out = NULL };
    size_t len_bytes, lines;
    char *bytes = results_bytes(from, &len_bytes, err), *body_end;
    bool good;

    if (!bytes || !results_frame(bytes, len_bytes, &body_end, &lines, err)) {
        free(bytes);
        return false;
    }
    c.out = fopen(to, "we");
    good = c.out;
    if (good)
        copy_lines(&c, bytes, body_end, end);
    good = good && !ferror(c.out);
    if (c.out && fclose(c.out))
        good = false;
    free(bytes);
    return good || results_refuse(err, "cannot be written: %s", strerror(errno));
}
