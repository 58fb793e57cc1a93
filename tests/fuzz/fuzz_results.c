/* SPDX-License-Identifier: MIT
 * fuzz_results.c - any bytes to the reader of results files, and whatever it accepts to every view.
 *
 * The first byte chooses: even, the bytes are read as they are; odd, they get a first and a closing line that fit, so
 * that the checksum does not hide what lies behind it. */
#include "base/crc32.h"
#include "report/report.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void view(struct results *results)
{
    struct report r = { .file = "fuzz", .results = results };
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    summarize(results, &r.summary);
    report_text(&r, &(struct report_text_options){ 5, 80, true }, out);
    report_json(&r, out);
    report_callgrind(&r, out);
    report_html(&r, out);
    report_csv(&r, out);
    report_timeline(&r, out);
    report_symbol_order(&r, out);
    report_section_order(&r, out);
    fclose(out);
    free(text);
    report_free(&r);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const char first[] = "pagewalk-results 1\n";
    struct results_error err;
    struct results *r;
    size_t len = 0, lines = 0;
    char *bytes = malloc(size + sizeof first + 64);

    if (!bytes || !size) {
        free(bytes);
        return 0;
    }
    if (data[0] & 1) {
        memcpy(bytes, first, len = sizeof first - 1);
        memcpy(bytes + len, data + 1, size - 1);
        len += size - 1;
        for (size_t i = 0; i < len; i++)
            lines += bytes[i] == '\n';
        len += (size_t)sprintf(bytes + len, "end\t%zu\t%08x\n", lines, crc32_add(0, bytes, len));
    } else {
        memcpy(bytes, data + 1, len = size - 1);
    }
    r = results_parse(bytes, len, NULL, &err);
    if (r)
        view(r);
    else if (!memchr(err.text, 0, sizeof err.text))
        abort();
    return 0;
}
