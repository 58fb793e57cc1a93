/* SPDX-License-Identifier: MIT
 * sysfs.c - the files of /sys/kernel/mm that govern huge pages, by name: transparent_hugepage/... and hugepages/...
 * Called by the embedder.  Each file is a row: where its value is, and what it may be.
 * Written text is what the kernel accepts: one word of the choice, or a decimal number; anything else is EINVAL. */
#include "calls.h"

static const char *const anon_choices[] = { "always", "madvise", "never", NULL };
static const char *const defrag_choices[] = { "always", "defer", "defer+madvise", "madvise", "never", NULL };
static const char *const shmem_choices[] = { "always", "within_size", "advise", "never", "deny", "force", NULL };
static const char *const anon_size_choices[] = { "always", "inherit", "madvise", "never", NULL };
static const char *const shmem_size_choices[] = { "always", "inherit", "within_size", "advise", "never", NULL };
/* The values in the order of the words above; enum thp_when has them all. */
static const u8 anon_values[] = { THP_ALWAYS, THP_MADVISE, THP_NEVER };
static const u8 defrag_values[] = { 0, 1, 2, 3, 4 };
static const u8 shmem_values[] = { THP_ALWAYS, THP_WITHIN_SIZE, THP_ADVISE, THP_NEVER, THP_DENY, THP_FORCE };
static const u8 anon_size_values[] = { THP_ALWAYS, THP_INHERIT, THP_MADVISE, THP_NEVER };
static const u8 shmem_size_values[] = { THP_ALWAYS, THP_INHERIT, THP_WITHIN_SIZE, THP_ADVISE, THP_NEVER };

enum type { CHOICE, SWITCH, NUMBER, COUNT };  /* COUNT: only to be read                                          */
enum access { PLAIN, PER_ORDER, PER_POOL };

struct row {
    const char *name;
    u8 type, access;
    u16 offset;                               /* in struct thp, struct thp_size or struct pool                  */
    const char *const *words;
    const u8 *values;
    u32 least, most;
};
#define CHOOSE(name, field, kind) { name, CHOICE, PLAIN, offsetof(struct thp, field), kind##_choices, kind##_values, 0, 0 }
#define NUM(name, type, field, least, most) { name, type, PLAIN, offsetof(struct thp, field), NULL, NULL, least, most }
#define SIZE(name, type, field, words, values) { name, type, PER_ORDER, offsetof(struct thp_size, field), words, values, 0, 0 }
#define POOL(name, type, field) { name, type, PER_POOL, offsetof(struct pool, field), NULL, NULL, 0, ~0u }

static const struct row rows[] = {
    CHOOSE("enabled", enabled, anon),
    CHOOSE("defrag", defrag, defrag),
    CHOOSE("shmem_enabled", shmem_enabled, shmem),
    NUM("use_zero_page", SWITCH, use_zero_page, 0, 1),
    NUM("hpage_pmd_size", COUNT, pmd_bytes, 0, 0),
    NUM("khugepaged/defrag", SWITCH, scan_defrag, 0, 1),
    NUM("khugepaged/max_ptes_none", NUMBER, max_none, 0, PTRS_PER_TABLE - 1),
    NUM("khugepaged/max_ptes_swap", NUMBER, max_swap, 0, PTRS_PER_TABLE - 1),
    NUM("khugepaged/max_ptes_shared", NUMBER, max_shared, 0, PTRS_PER_TABLE - 1),
    NUM("khugepaged/pages_to_scan", NUMBER, pages_to_scan, 1, ~0u),
    NUM("khugepaged/scan_sleep_millisecs", NUMBER, scan_sleep_ms, 0, ~0u),
    NUM("khugepaged/alloc_sleep_millisecs", NUMBER, alloc_sleep_ms, 0, ~0u),
    NUM("khugepaged/pages_collapsed", COUNT, collapsed, 0, 0),
    NUM("khugepaged/full_scans", COUNT, full_scans, 0, 0),
    SIZE("enabled", CHOICE, anon, anon_size_choices, anon_size_values),
    SIZE("shmem_enabled", CHOICE, shmem, shmem_size_choices, shmem_size_values),
    SIZE("stats/anon_fault_alloc", COUNT, anon_alloc, NULL, NULL),
    SIZE("stats/anon_fault_fallback", COUNT, anon_fallback, NULL, NULL),
    SIZE("stats/shmem_alloc", COUNT, shmem_alloc, NULL, NULL),
    SIZE("stats/shmem_fallback", COUNT, shmem_fallback, NULL, NULL),
    SIZE("stats/split", COUNT, split, NULL, NULL),
    POOL("nr_hugepages", NUMBER, nr),
    POOL("nr_overcommit_hugepages", NUMBER, overcommit),
    POOL("free_hugepages", COUNT, free),
    POOL("resv_hugepages", COUNT, resv),
    POOL("surplus_hugepages", COUNT, surplus),
};

/* A word of the path or of a value: s begins with head; *rest is behind it. */
static bool starts(const char *s, const char *head, const char **rest)
{
    while (*head)
        if (*s++ != *head++)
            return false;
    *rest = s;
    return true;
}

static bool same(const char *s, const char *word)
{
    const char *rest;
    return starts(s, word, &rest) && (!*rest || (rest[0] == '\n' && !rest[1]));
}

static bool number(const char **s, u64 *out)
{
    const char *c = *s;

    for (*out = 0; *c >= '0' && *c <= '9'; c++) {
        if (*out > (~(u64)0 - 9) / 10)
            return false;
        *out = *out * 10 + (u64)(*c - '0');
    }
    if (c == *s)
        return false;
    *s = c;
    return true;
}

/* "hugepages-2048kB/": the log2 of the bytes; 0: no size. */
static unsigned size_of(const char **path)
{
    const char *s;
    u64 kb;

    if (!starts(*path, "hugepages-", &s) || !number(&s, &kb) || !starts(s, "kB/", &s) || !kb || (kb & (kb - 1)))
        return 0;
    *path = s;
    return 63 - (unsigned)__builtin_clzll(kb << 10);
}

/* The row of a file and the struct its value is in; NULL: no such file. */
static const struct row *find(struct kernel *k, const char *path, u8 **base)
{
    enum access access = PLAIN;
    unsigned lg2;

    *base = (u8 *)&k->thp;
    if (starts(path, "hugepages/", &path)) {
        access = PER_POOL;
        lg2 = size_of(&path);
        *base = lg2 ? (u8 *)pool_of(k, lg2) : NULL;
    } else if (!starts(path, "transparent_hugepage/", &path)) {
        return NULL;
    } else if ((lg2 = size_of(&path)) != 0) {
        access = PER_ORDER;
        *base = lg2 > PAGE_LG2 && lg2 <= 21 ? (u8 *)&k->thp.size[lg2 - PAGE_LG2] : NULL;
    }
    for (size_t i = 0; *base && i < COUNT_OF(rows); i++)
        if (rows[i].access == access && same(path, rows[i].name)) {
            /* 8 KiB pages are for shared memory only */
            if (access == PER_ORDER && lg2 == PAGE_LG2 + 1 && rows[i].offset == offsetof(struct thp_size, anon))
                return NULL;
            *base += rows[i].offset;
            return &rows[i];
        }
    return NULL;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static u64 value_of(const struct row *r, const u8 *at)
{
    u64 wide;
    u32 word;

    if (r->type == CHOICE || r->type == SWITCH)
        return *at;
    if (r->type == COUNT || r->access == PER_POOL) {
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    memcpy(&word, at, sizeof word);
    return word;
}

long kernel_sys_read(struct kernel *k, const char *path, const struct pw_out *out)
{
    struct text t = { .len = 0 };
    u8 *at;
    const struct row *r = find(k, path, &at);

    if (!r)
        return -MM_ENOENT;
    for (unsigned i = 0; r->type == CHOICE && r->words[i]; i++) {
        bool chosen = r->values[i] == *at;
        text_str(&t, i ? " " : "");
        text_str(&t, chosen ? "[" : "");
        text_str(&t, r->words[i]);
        text_str(&t, chosen ? "]" : "");
    }
    if (r->type != CHOICE)
        text_dec(&t, value_of(r, at));
    text_char(&t, '\n');
    text_emit(&t, out);
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static long write_pool(struct kernel *k, const struct row *r, u8 *at, u64 n)
{
    struct pool *h = (struct pool *)(void *)(at - r->offset);

    if (r->offset == offsetof(struct pool, nr)) {
        pool_resize(k, h, n);
        return 0;
    }
    if (h->lg2 == 30)                         /* gigantic pages are never made on demand */
        return -MM_EINVAL;
    h->overcommit = n;
    return 0;
}

long kernel_sys_write(struct kernel *k, const char *path, const char *value)
{
    u8 *at;
    const struct row *r = find(k, path, &at);
    u64 n;
    u32 word;

    if (!r)
        return -MM_ENOENT;
    if (r->type == COUNT)
        return -MM_EACCES;
    if (r->type == CHOICE) {
        for (unsigned i = 0; r->words[i]; i++)
            if (same(value, r->words[i])) {
                *at = r->values[i];
                return 0;
            }
        return -MM_EINVAL;
    }
    if (!number(&value, &n) || !same(value, "") || (r->access == PLAIN && (n < r->least || n > r->most)))
        return -MM_EINVAL;
    if (r->access == PER_POOL)
        return write_pool(k, r, at, n);
    word = (u32)n;
    if (r->type == SWITCH)
        *at = (u8)n;
    else
        memcpy(at, &word, sizeof word);
    return 0;
}
