/* SPDX-License-Identifier: MIT
 * frame.c - proves that a results file is whole and unchanged (docs/formats.md): its first line, its closing line, the
 * number of its lines, its checksum.  Called by parse.c before anything else is looked at. */
#include "report/results_internal.h"

#include "base/crc32.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char first_words[] = "pagewalk-results ";
#define FORMAT_VERSION 1

bool results_refuse(struct results_error *err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return false;
}

bool results_u64(const char *s, u64 *n)
{
    *n = 0;
    if (!*s)
        return false;
    for (; *s; s++)
        if (*s < '0' || *s > '9' || __builtin_mul_overflow(*n, 10u, n) || __builtin_add_overflow(*n, (u64)(*s - '0'), n))
            return false;
    return true;
}

static bool check_first_line(const char *bytes, size_t len, struct results_error *err)
{
    const size_t words = sizeof first_words - 1;
    char want[32];
    int n = snprintf(want, sizeof want, "%s%d\n", first_words, FORMAT_VERSION);

    if (!len)
        return results_refuse(err, "is empty: the run that should have written it did not finish; run the program again");
    if (memcmp(bytes, first_words, len < words ? len : words))
        return results_refuse(err, "is not a pagewalk results file; give a file that `pagewalk run` wrote");
    if (len > words && (bytes[words] < '0' || bytes[words] > '9'))
        return results_refuse(err, "is not a pagewalk results file; give a file that `pagewalk run` wrote");
    if (memcmp(bytes, want, len < (size_t)n ? len : (size_t)n))
        return results_refuse(err, "has another format than this pagewalk reads (%d); use the pagewalk that wrote it", FORMAT_VERSION);
    return true;
}

static size_t count_lines(const char *at, const char *end)
{
    size_t n = 0;

    for (; (at = memchr(at, '\n', (size_t)(end - at))); at++)
        n++;
    return n;
}

/* Finds and proves the closing line; *body_end is where it begins.  Terminates it in place. */
static bool check_end(char *bytes, size_t len, char **body_end, size_t *lines, struct results_error *err)
{
    char *last, *tab, said[16];
    u64 said_lines;

    if (bytes[len - 1] == '\n')
        bytes[len - 1] = 0;
    else
        len = 0;
    last = len ? memrchr(bytes, '\n', len - 1) : NULL;
    if (!last || strncmp(++last, "end\t", 4))
        return results_refuse(err, "is cut short: its closing line is missing, so the run that wrote it did not finish; run the program again");
    tab = strchr(last + 4, '\t');
    if (tab)
        *tab = 0;
    if (!tab || !results_u64(last + 4, &said_lines) || strlen(last + 4) + strlen(tab + 1) + 6 != (size_t)(bytes + len - last))
        return results_refuse(err, "is damaged: its closing line cannot be understood; run the program again");
    *lines = count_lines(bytes, last);
    snprintf(said, sizeof said, "%08x", crc32_add(0, bytes, (size_t)(last - bytes)));
    if (said_lines != *lines)
        return results_refuse(err, "is damaged: it should have %llu lines and has %zu; run the program again", (unsigned long long)said_lines, *lines);
    if (strcmp(tab + 1, said))
        return results_refuse(err, "is damaged: its checksum does not fit its contents; run the program again");
    *body_end = last;
    return true;
}

bool results_frame(char *bytes, size_t len_bytes, char **body_end, size_t *lines, struct results_error *err)
{
    return check_first_line(bytes, len_bytes, err) && check_end(bytes, len_bytes, body_end, lines, err);
}
