/* SPDX-License-Identifier: MIT
 * foreign_target.h - the body of the libFuzzer targets of traces: FORM is one of foreign.h's.  Of the first byte the first bit
 * says whether the form is told by the content, the second whether what was read is replayed, too (which takes longer). */
#include "trace/foreign/foreign.h"
#include "trace/replay.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_trace(const char *path, const char *form)
{
    struct foreign_error err = { "" };
    struct foreign *t = foreign_open(path, form, &err);
    struct foreign_access a;
    if (!t && !err.text[0])
        abort();
    while (t && foreign_next(t, &a))
        if (a.kind > 2 || !a.bytes)
            abort();
    if (t && !foreign_whole(t, &err) && !err.text[0])
        abort();
    foreign_close(t);
}

static void replay_trace(const char *path, const char *form)
{
    const struct replay_settings s = { .thp = -1, .ram_bytes = 64u << 20, .form = form };
    struct replay_error err;
    struct replay *r = replay_open(path, &s, &err);
    size_t n;
    if (r) {
        replay_run(r, NULL, NULL);
        free(replay_results(r, &n, &err));
    }
    replay_close(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *form = size && data[0] & 1 ? NULL : FORM;
    char path[32];
    int fd;
    if (size < 2)
        return 0;
    fd = memfd_create("trace", 0);
    if (write(fd, data + 1, size - 1) < 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    read_trace(path, form);
    if (data[0] & 2)
        replay_trace(path, form);
    close(fd);
    return 0;
}
