/* SPDX-License-Identifier: MIT
 * fuzz_calls.c - libFuzzer target of the memory manager: each eight bytes of the input are one line of the scenario
 * language that makes sense (a system call, an access, a fork ... in a small arena), and the kernel's
 * invariants must hold (looked at every CHECK_EVERY lines and at the end).  The machine is small, so memory runs out
 * too.
 * FUZZ_PRINT=1 in the environment prints the lines: a failing input as a script. */
#include "script/interp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINES_MAX 300u
#define CHECK_EVERY 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const prots[] = { "none", "read", "write", "read|write", "exec", "read|exec", "read|write|exec", "read|write" };
static const char *const flags[] = { "private", "shared", "private|growsdown", "private|noreserve", "private|locked",
                                     "private|populate", "private|stack", "shared|populate" };
static const char *const places[] = { "", "|fixed", "|fixed", "|fixed_noreplace" };
static const char *const advices[] = { "dontneed", "free", "dontfork", "wipeonfork", "populate_read", "populate_write",
                                       "guard_install", "guard_remove", "cold", "pageout", "hugepage", "nohugepage",
                                       "collapse", "remove", "willneed", "dofork", "dontneed_locked", "keeponfork",
                                       "random", "mergeable" };
static const char *const files[] = { "F", "G", "H" };
static const char *const names[] = { "p", "q", "r", "s" };

#define PICK(list, n) list[(n) % (sizeof list / sizeof list[0])]

static unsigned long address(unsigned n) { return 0x10000000ul + (n & 63) * 4096ul + (n & 64 ? 0x1ff000ul : 0); }
static unsigned long length(unsigned n) { return n & 0x80 ? 2048 * 1024ul * (1 + (n & 1)) : (n & 15) * 4096ul + (n & 16 ? 100 : 0); }

static const char *const uffds[] = { "U", "V", "U/1", "V/1" };
static const char *const features[] = { "", "wp_async", "wp_unpopulated", "event_fork|event_remap|event_remove|event_unmap", "sigbus",
                                        "thread_id|exact_address", "event_fork", "event_remap|event_unmap|wp_unpopulated" };
static const char *const modes[] = { "missing", "wp", "minor", "missing|wp", "missing|minor", "wp|minor", "missing|wp|minor", "wp" };
static const char *const masks[] = { "written", "present", "wpallowed", "pfnzero", "huge", "guard", "swapped", "file" };

/* Requests of userfaultfd. */
static void compose_request(const uint8_t *d, char *line, size_t room)
{
    const char *p = PICK(names, d[1]), *u = PICK(uffds, d[6]);
    const unsigned long a = address(d[2]), n = length(d[3]) & ~4095ul, b = address(d[4]);

    switch (d[7] % 14) {
    case 0: snprintf(line, room, "%s userfaultfd %s %u", p, u, d[2] & 1); break;
    case 1: snprintf(line, room, "%s uffd %s api %s", p, u, PICK(features, d[5])); break;
    case 2: case 3: snprintf(line, room, "%s uffd %s register %#lx %lu %s", p, u, a, n, PICK(modes, d[5])); break;
    case 4: snprintf(line, room, "%s uffd %s unregister %#lx %lu", p, u, a, n); break;
    case 5: snprintf(line, room, "%s uffd %s wake %#lx %lu", p, u, a, n); break;
    case 6: snprintf(line, room, "%s uffd %s copy %#lx %#lx %lu %u", p, u, a, b + (d[5] & 1), n, d[5] >> 1 & 3); break;
    case 7: snprintf(line, room, "%s uffd %s zeropage %#lx %lu", p, u, a, n); break;
    case 8: snprintf(line, room, "%s uffd %s continue %#lx %lu %u", p, u, a, n, d[5] & 3); break;
    case 9: snprintf(line, room, "%s uffd %s poison %#lx %lu", p, u, a, n); break;
    case 10: snprintf(line, room, "%s uffd %s move %#lx %#lx %lu %u", p, u, a, b, n, d[5] & 3); break;
    case 11: snprintf(line, room, "%s uffd %s writeprotect %#lx %lu %u", p, u, a, n, d[5] & 1); break;
    case 12: snprintf(line, room, "%s uffd %s read", p, u); break;
    default: snprintf(line, room, "%s uffd %s close", p, u); break;
    }
}

/* Write tracking and what a process says about its memory. */
static void compose_control(const uint8_t *d, char *line, size_t room)
{
    const char *p = PICK(names, d[1]);
    const unsigned long a = address(d[2]), n = length(d[3]);

    switch (d[7] % 8) {
    case 0: snprintf(line, room, "%s clear_refs %u", p, d[2] % 7); break;
    case 1: case 2: snprintf(line, room, "%s pagemap_scan %#lx %#lx %s mask=%s inverted=%u max_pages=%u vec_len=%u", p, a & ~4095ul,
                             a + n, d[4] & 1 ? "wp_matching" : "", PICK(masks, d[5]), d[6], d[4] >> 1 & 7, d[4] >> 4); break;
    case 3: snprintf(line, room, "%s pkey_mprotect %#lx %lu %s %u", p, a, n, PICK(prots, d[4]), d[5] & 3); break;
    case 4: snprintf(line, room, d[2] & 1 ? "%s pkey_alloc 0 %u" : "%s pkey_free %u", p, d[3] & 3); break;
    case 5: snprintf(line, room, "%s set_vma_name %#lx %lu %s", p, a, n, d[4] & 1 ? "one" : d[4] & 2 ? "two" : "none"); break;
    case 6: snprintf(line, room, "%s process_madvise %s %s %#lx %lu", p, PICK(names, d[4]), PICK(advices, d[5]), a, n); break;
    default: snprintf(line, room, d[2] & 1 ? "%s wrpkru %u" : d[2] & 2 ? "%s prctl set_mdwe %u" : "%s setrlimit as %uM", p, d[3]); break;
    }
}

static void compose(const uint8_t *d, char *line, size_t room)
{
    const char *p = PICK(names, d[1]);
    const unsigned long a = address(d[2]), n = length(d[3]), b = address(d[4]), m = length(d[5]);

    if (d[0] >= 192) {
        (d[0] & 1 ? compose_control : compose_request)(d, line, room);
        return;
    }
    switch (d[0] % 24) {
    case 0: case 1: snprintf(line, room, "%s mmap %#lx %lu %s %s|anonymous%s", p, a, n, PICK(prots, d[4]), PICK(flags, d[5]), PICK(places, d[6])); break;
    case 2: case 3: snprintf(line, room, "%s mmap %#lx %lu %s %s%s %s %u", p, a, n, PICK(prots, d[4]), PICK(flags, d[5]), PICK(places, d[6]), PICK(files, d[7]), (d[7] >> 2) % 16 * 4096); break;
    case 4: snprintf(line, room, "%s munmap %#lx %lu", p, a, n); break;
    case 5: snprintf(line, room, "%s mprotect %#lx %lu %s", p, a, n, PICK(prots, d[4])); break;
    case 6: snprintf(line, room, "%s mremap %#lx %lu %lu %u %#lx", p, a, n, m, d[6] % 8, b); break;
    case 7: case 8: snprintf(line, room, "%s madvise %#lx %lu %s", p, a, n, PICK(advices, d[4])); break;
    case 9: snprintf(line, room, "%s mlock2 %#lx %lu %u", p, a, n, d[4] & 1); break;
    case 10: snprintf(line, room, "%s munlock %#lx %lu", p, a, n); break;
    case 11: snprintf(line, room, "%s fork %s", p, PICK(names, d[2])); break;
    case 12: snprintf(line, room, "%s thread %s", p, PICK(names, d[2])); break;
    case 13: snprintf(line, room, "%s exit", p); break;
    case 14: snprintf(line, room, "%s on cpu%u", p, d[2] & 1); break;
    case 15: snprintf(line, room, "%s brk %#lx", p, 0x555555555000ul + (d[2] & 31) * 2048ul); break;
    case 16: case 17: snprintf(line, room, "%s write %#lx %lu", p, a, n + 1); break;
    case 18: case 19: snprintf(line, room, "%s read %#lx %lu", p, a, n + 1); break;
    case 20: snprintf(line, room, "%s exec %#lx", p, a); break;
    case 21: snprintf(line, room, "%s copy_%s %#lx %lu", p, d[4] & 1 ? "to" : "from", a, n + 1); break;
    case 22: snprintf(line, room, "truncate %s %lu", PICK(files, d[1]), n); break;
    default: snprintf(line, room, d[2] & 1 ? "%s mlockall %u" : d[2] & 2 ? "%s execve" : d[2] & 4 ? "%s msync 0x10000000 64K %u" : "%s mincore 0x10000000 64K", p, d[3] % 8); break;
    }
}

static bool broken, print;

/* The answer to `check` begins with "error" when an invariant is broken. */
static void put(void *ctx, const char *text, size_t len_bytes)
{
    (void)ctx;
    if (print)
        fwrite(text, 1, len_bytes, stderr);
    broken = len_bytes > 5 && memcmp(text, "error", 5) == 0;
}

static bool line(struct interp *in, const char *text)
{
    if (print)
        fprintf(stderr, "%s\n", text);
    broken = false;
    return interp_line(in, text, strlen(text));
}

static void check(struct interp *in)
{
    if (!line(in, "check") && broken)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const begin[] = { "file F 64K cached", "file G 40K fs=tmpfs cached folio=16K", "file H 1M", "proc p" };
    const struct interp_options options = { .ram_max_bytes = 16u << 20 };
    const struct pw_out out = { put, NULL };
    struct interp *in = interp_new(&options, &out);
    char text[160];

    print = getenv("FUZZ_PRINT") != NULL;
    if (!in || size < 8)
        goto end;
    snprintf(text, sizeof text, "boot cpus=2 ram=%uK thp=%s soft_dirty=%s", data[0] & 1 ? 2048 : 16384,
             data[0] & 2 ? "always" : "madvise", data[0] & 4 ? "on" : "off");
    if (!line(in, text))
        __builtin_trap();
    for (size_t i = 0; i < 4; i++)
        line(in, begin[i]);
    for (size_t at = 1; at + 8 <= size && at < 8 * LINES_MAX; at += 8) {
        compose(data + at, text, sizeof text);
        line(in, text);
        if (at % (8 * CHECK_EVERY) == 1)
            check(in);
    }
    check(in);
end:
    interp_free(in);
    return 0;
}
