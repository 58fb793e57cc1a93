/* SPDX-License-Identifier: MIT
 * results.c - answers questions about a results file that parse.c has accepted, and reads one from the disk.
 * A file has a few hundred names at most that matter, so lookups are linear and the file's order is kept. */
#include "report/results.h"
#include "report/results_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A results file is some megabytes; what is larger than this is something else. */
#define FILE_BYTES_MAX ((size_t)2 << 30)

void results_free(struct results *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->tables; i++) {
        free(r->table[i].cell);
        free(r->table[i].unknown);
    }
    free(r->table);
    free(r->text);
    free(r->count);
    free(r->bytes);
    free(r);
}

/* ---- by name --------------------------------------------------------------------------------------------------- */

const char *results_text(const struct results *r, const char *name)
{
    for (size_t i = 0; i < r->texts; i++)
        if (!strcmp(r->text[i].name, name))
            return r->text[i].value;
    return NULL;
}

void results_each_text(const struct results *r, void (*see)(void *ctx, const char *name, const char *value), void *ctx)
{
    for (size_t i = 0; i < r->texts; i++)
        see(ctx, r->text[i].name, r->text[i].value);
}

struct num results_count(const struct results *r, const char *name)
{
    for (size_t i = 0; i < r->counts; i++)
        if (!strcmp(r->count[i].name, name))
            return r->count[i].n;
    return NUM_UNKNOWN;
}

void results_each_count(const struct results *r, const char *prefix,
                        void (*see)(void *ctx, const char *name, struct num n), void *ctx)
{
    for (size_t i = 0; i < r->counts; i++)
        if (!strncmp(r->count[i].name, prefix, strlen(prefix)))
            see(ctx, r->count[i].name, r->count[i].n);
}

const struct results_table *results_table(const struct results *r, const char *name)
{
    for (size_t i = 0; i < r->tables; i++)
        if (!strcmp(r->table[i].name, name))
            return &r->table[i];
    return NULL;
}

size_t table_rows(const struct results_table *t) { return t ? t->rows : 0; }

int table_column(const struct results_table *t, const char *name)
{
    for (unsigned i = 0; t && i < t->columns; i++)
        if (!strcmp(t->column[i], name))
            return (int)i;
    return -1;
}

const char *table_text(const struct results_table *t, size_t row, int column)
{
    return column < 0 ? "" : t->cell[row * t->columns + (unsigned)column].text;
}

struct num table_num(const struct results_table *t, size_t row, int column)
{
    size_t at = row * (t ? t->columns : 0) + (column < 0 ? 0 : (unsigned)column);

    return column < 0 || t->unknown[at] ? NUM_UNKNOWN : num_of(t->cell[at].n);
}

const char *table_column_name(const struct results_table *t, unsigned i)
{
    return t && i < t->columns ? t->column[i] : NULL;
}

/* ---- from the disk --------------------------------------------------------------------------------------------- */

static char *refuse_file(struct results_error *err, const char *doing, const char *why)
{
    snprintf(err->text, sizeof err->text, "cannot be %s: %s", doing, why);
    return NULL;
}

/* The whole of fd in memory, with room for one byte more.  Works for pipes too. */
static char *read_whole(int fd, size_t *len_bytes, struct results_error *err)
{
    size_t room = 1 << 16, len = 0;
    char *bytes = malloc(room + 1), *more;

    while (bytes) {
        ssize_t n = read(fd, bytes + len, room - len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            free(bytes);
            return refuse_file(err, "read", strerror(errno));
        }
        len += (size_t)n;
        if (n == 0) {
            *len_bytes = len;
            return bytes;
        }
        if (len < room)
            continue;
        if (room >= FILE_BYTES_MAX) {
            free(bytes);
            return refuse_file(err, "read", "it is too large to be a results file; give a file that `pagewalk run` wrote");
        }
        room *= 2;
        more = realloc(bytes, room + 1);
        if (!more)
            free(bytes);
        bytes = more;
    }
    return refuse_file(err, "read", "not enough memory");
}

char *results_bytes(const char *path, size_t *len_bytes, struct results_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *bytes;

    if (fd < 0)
        return refuse_file(err, "opened", strerror(errno));
    bytes = read_whole(fd, len_bytes, err);
    close(fd);
    if (bytes)
        bytes[*len_bytes] = 0;
    return bytes;
}

struct results *results_read(const char *path, const struct results_progress *progress, struct results_error *err)
{
    size_t len_bytes;
    char *bytes = results_bytes(path, &len_bytes, err);

    return bytes ? results_parse(bytes, len_bytes, progress, err) : NULL;
}
