/* SPDX-License-Identifier: MIT
 * fuzz_recording.c - libFuzzer target of the reader of recordings and of the replay: the first byte says whether the rest
 * is a whole file or the unpacked events of one (checksums would keep the fuzzer out of those).  The machine is
 * small. */
#include "trace/format.h"
#include "trace/replay.h"

#include "base/crc32.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put32(uint8_t *to, size_t v)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(v >> 8 * i);
}

static void put_frame(int fd, uint8_t kind, const void *raw, size_t n)
{
    static uint8_t packed[2 * FRAME_BYTES_MAX];
    size_t bytes = ZSTD_compress(packed, sizeof packed, raw, n, 1);
    uint8_t head[FRAME_HEAD_BYTES] = { kind };
    put32(head + 4, bytes);
    put32(head + 8, n);
    put32(head + 12, crc32_add(0, packed, bytes));
    if (write(fd, head, sizeof head) != (ssize_t)sizeof head || write(fd, packed, bytes) != (ssize_t)bytes)
        abort();
}

static void put_events(int fd, const uint8_t *data, size_t n)
{
    static const char settings[] = "cpus\t2\nram\t16777216\nthp\talways\nmmap_min_addr\t65536\nprofile\tskylake\n";
    if (write(fd, TRACE_MAGIC, TRACE_MAGIC_BYTES) != TRACE_MAGIC_BYTES)
        abort();
    put_frame(fd, FRAME_SETTINGS, settings, sizeof settings - 1);
    put_frame(fd, FRAME_EVENTS, data, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct replay_settings s = { .thp = -1, .ram_bytes = 16u << 20 };
    struct replay_error err;
    struct replay_outcome outcome;
    struct replay *r;
    char path[32];
    size_t n;
    int fd;
    if (size < 2 || size > FRAME_BYTES_MAX)
        return 0;
    fd = memfd_create("recording", 0);
    if (data[0] & 1)
        put_events(fd, data + 1, size - 1);
    else if (write(fd, data + 1, size - 1) < 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    r = replay_open(path, &s, &err);
    if (r) {
        replay_run(r, NULL, NULL);
        replay_outcome(r, 0, &outcome);
        free(replay_results(r, &n, &err));
    }
    replay_close(r);
    close(fd);
    return 0;
}
