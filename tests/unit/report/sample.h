/* SPDX-License-Identifier: MIT
 * sample.h - results files made in memory, closed properly unless a test wants them broken. */
#ifndef PAGEWALK_TESTS_SAMPLE_H
#define PAGEWALK_TESTS_SAMPLE_H

#include "base/crc32.h"
#include "report/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_LINE "pagewalk-results 1\n"

struct sample { char *bytes; size_t len; };

/* body with its closing line; the body may hold zero bytes. */
static inline struct sample seal(const char *body, size_t len)
{
    struct sample s;
    size_t lines = 0;

    for (size_t i = 0; i < len; i++)
        lines += body[i] == '\n';
    s.bytes = malloc(len + 64);
    memcpy(s.bytes, body, len);
    s.len = len + (size_t)sprintf(s.bytes + len, "end\t%zu\t%08x\n", lines, crc32_add(0, body, len));
    return s;
}

static inline struct results *parse(struct sample s, struct results_error *err)
{
    return results_parse(s.bytes, s.len, NULL, err);
}

/* A report of a body that must be good. */
static inline struct report report_of(const char *body)
{
    char whole[65536];
    struct results_error err;
    struct report r = { .file = "sample" };

    snprintf(whole, sizeof whole, "%s%s", FIRST_LINE, body);
    r.results = parse(seal(whole, strlen(whole)), &err);
    if (!r.results) {
        fprintf(stderr, "sample refused: %s\n", err.text);
        abort();
    }
    summarize(r.results, &r.summary);
    return r;
}

#endif
