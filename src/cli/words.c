/* SPDX-License-Identifier: MIT
 * words.c - messages, numbers on the command line, and what a mistyped name may have meant. */
#include "cli/cli.h"

#include "pagewalk/mmu.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* ---- messages ----------------------------------------------------------------------------------------------------- */

void say(const char *format, ...)
{
    va_list args;

    fputs("pagewalk: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int bad_usage(const char *command, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "pagewalk %s: ", command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "; see `pagewalk help %s`\n", command);
    return STATUS_OURS;
}

int bad_option(const char *command, int result, char **argv)
{
    const char *last = optind > 0 ? argv[optind - 1] : "";

    if (result == ':')
        return bad_usage(command, "%s wants a value", last);
    if (optopt > ' ' && optopt < 127 && strncmp(last, "--", 2))
        return bad_usage(command, "unknown option -%c", optopt);
    return bad_usage(command, optopt ? "%s takes no value" : "unknown option %s", last);
}

/* ---- numbers ------------------------------------------------------------------------------------------------------ */

/* Digits only: strtoull alone would take blanks and a minus sign. */
static bool leading_number(const char *text, char **end, u64 *n)
{
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *n = strtoull(text, end, 0);
    return errno == 0;
}

bool parse_number(const char *text, u64 low, u64 high, u64 *n)
{
    char *end;
    return leading_number(text, &end, n) && !*end && *n >= low && *n <= high;
}

bool parse_size(const char *text, u64 *bytes)
{
    static const char units[] = "KMGT";
    const char *unit;
    char *end;

    if (!leading_number(text, &end, bytes))
        return false;
    if (!*end)
        return true;
    unit = strchr(units, *end >= 'a' ? *end - 'a' + 'A' : *end);
    return unit && !end[1] && !__builtin_mul_overflow(*bytes, 1024ull << (10 * (unit - units)), bytes);
}

/* ---- suggestions -------------------------------------------------------------------------------------------------- */

#define WORD_MAX 32

/* Levenshtein's distance: letters to insert, drop or change. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[WORD_MAX + 1], n = (unsigned)strlen(b);

    if (n > WORD_MAX || strlen(a) > WORD_MAX)
        return ~0u;
    for (unsigned j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= n; j++) {
            unsigned change = diagonal + (a[i - 1] != b[j - 1]), least = row[j] < row[j - 1] ? row[j] : row[j - 1];
            diagonal = row[j];
            row[j] = change < least + 1 ? change : least + 1;
        }
    }
    return row[n];
}

const char *suggest(const char *word, const char *(*names)(const void *ctx, unsigned i), const void *ctx)
{
    const char *name, *best = NULL;
    unsigned least = (unsigned)strlen(word) / 3 + 2;

    for (unsigned i = 0; (name = names(ctx, i)); i++) {
        unsigned d = distance(word, name);
        if (d < least)
            least = d, best = name;
    }
    return best;
}

/* ---- terminals ---------------------------------------------------------------------------------------------------- */

#define COLUMNS_DEFAULT 100
#define COLUMNS_MAX 132

bool may_colour(FILE *stream)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

    return isatty(fileno(stream)) && !(no_color && *no_color) && term && strcmp(term, "dumb");
}

unsigned columns_of(FILE *stream)
{
    struct winsize size;

    if (ioctl(fileno(stream), TIOCGWINSZ, &size) || !size.ws_col)
        return COLUMNS_DEFAULT;
    return size.ws_col > COLUMNS_MAX ? COLUMNS_MAX : size.ws_col;
}
