/* SPDX-License-Identifier: MIT
 * fuzz_script.c - libFuzzer target of the scenario language: any bytes are a script; nothing may crash, hang or leak,
 * and every line that is not blank is answered.  Machines are small so that running out of memory is reached too.
 * An input of odd length is run with explanations. */
#include "script/interp.h"

#include <string.h>

#define LINES_MAX 200u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was put out, as far as the check below needs it. */
struct sink { size_t bytes; char last; };

static void put(void *ctx, const char *text, size_t len_bytes)
{
    struct sink *s = ctx;

    if (!len_bytes)
        return;
    s->bytes += len_bytes;
    s->last = text[len_bytes - 1];
}

static void line(struct interp *in, struct sink *s, const char *text, size_t len)
{
    const size_t before = s->bytes;
    const bool ok = interp_line(in, text, len);

    if ((!ok && s->bytes == before) || (s->bytes && s->last != '\n'))
        __builtin_trap(); /* an error without an answer, or half a line                                        */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct interp_options options = { .explain = size & 1, .ram_max_bytes = 8u << 20, .len_max_bytes = 1u << 20 };
    struct sink sink = { 0 };
    const struct pw_out out = { put, &sink };
    struct interp *in = interp_new(&options, &out);
    const char *at = (const char *)data, *end = at + size;

    for (unsigned lines = 0; in && at < end && lines < LINES_MAX; lines++) {
        const char *nl = memchr(at, '\n', (size_t)(end - at));
        const char *stop = nl ? nl : end;
        line(in, &sink, at, (size_t)(stop - at));
        at = nl ? nl + 1 : end;
    }
    interp_free(in);
    return 0;
}
