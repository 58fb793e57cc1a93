/* SPDX-License-Identifier: MIT
 * file_cmds.c - files of the scenario: making them, naming them, cutting them.  Called by interp.c. */
#include "interp_internal.h"

#include <stdio.h>

struct file *find_file(struct interp *in, struct word w)
{
    for (unsigned i = 0; i < in->files; i++)
        if (word_is(w, in->file[i].name))
            return &in->file[i];
    return NULL;
}

static unsigned lg2_of(u64 v)
{
    unsigned n = 0;

    while (n < 63 && 1ull << n < v)
        n++;
    return n;
}

static bool file_option(struct interp *in, struct word w, struct mm_file_info *info)
{
    static const struct flag_name fs_names[] = {
        { "ext4", MM_FS_EXT4 }, { "tmpfs", MM_FS_TMPFS }, { "memfd", MM_FS_TMPFS | 0x100 },
        { "hugetlbfs", MM_FS_HUGETLBFS }, { NULL, 0 }
    };
    static const struct flag_name huge_names[] = {
        { "never", MM_TMPFS_NEVER }, { "always", MM_TMPFS_ALWAYS }, { "within_size", MM_TMPFS_WITHIN_SIZE },
        { "advise", MM_TMPFS_ADVISE }, { NULL, 0 }
    };
    struct word value;
    u64 n;

    if (word_is(w, "cached"))
        info->cached = true;
    else if (word_is(w, "readonly"))
        info->writable = false;
    else if (word_value(w, "fs", &value) && word_choice(value, fs_names, &n)) {
        info->fs = (enum mm_fs)(n & 0xff);
        info->memfd = n >> 8;
    } else if (word_value(w, "huge", &value) && word_choice(value, huge_names, &n))
        info->huge = (u8)n;
    else if (word_value(w, "page", &value) && word_number(value, &n) && (n == 2u << 20 || n == 1u << 30))
        info->page_lg2 = (u8)lg2_of(n);
    else if (word_value(w, "folio", &value) && word_number(value, &n) && n >= PAGE_BYTES && n <= 2u << 20 && !(n & (n - 1)))
        info->folio_lg2 = (u8)lg2_of(n);
    else
        return fail(in, "a file has no", &w);
    return true;
}

bool cmd_file(struct interp *in, const struct words *w)
{
    char path[NAME_BYTES + 20] = "/";
    struct mm_file_info info = { .path = path, .dev_major = 8, .dev_minor = 1, .writable = true, .folio_lg2 = PAGE_LG2 };
    struct file *at = &in->file[in->files];

    if (!good_name(in, w->w[1]) || !need_number(in, w, 2, &info.size_bytes))
        return false;
    if (find_file(in, w->w[1]))
        return fail(in, "there is a file", &w->w[1]);
    if (in->files == FILES_MAX || info.size_bytes > in->options.len_max_bytes || info.size_bytes >> 62)
        return fail(in, in->files == FILES_MAX ? "too many files" : "too large a file", NULL);
    for (unsigned i = 3; i < w->n; i++)
        if (!file_option(in, w->w[i], &info))
            return false;
    if (info.memfd && info.page_lg2)
        info.fs = MM_FS_HUGETLBFS;
    if (info.fs == MM_FS_HUGETLBFS && !info.page_lg2)
        info.page_lg2 = 21;
    copy_name(w->w[1].s[0] == '/' ? path : path + 1, w->w[1]);
    if (info.memfd) {
        char name[NAME_BYTES];
        copy_name(name, w->w[1]);
        snprintf(path, sizeof path, "/memfd:%s (deleted)", name);
    }
    if (info.fs != MM_FS_EXT4) {
        info.dev_major = 0;
        info.dev_minor = info.fs == MM_FS_TMPFS ? 0x1a : 0x11;
    }
    info.ino = 1000 + in->inodes;
    at->f = mm_file_open(in->kernel, &info);
    if (!at->f)
        return fail(in, "the machine has no memory for this file", NULL);
    copy_name(at->name, w->w[1]);
    in->files++;
    in->inodes++;
    done_ok(in);
    return true;
}

static void done_result(struct interp *in, long r)
{
    if (r)
        done_value(in, r);
    else
        done_ok(in);
}

bool cmd_truncate(struct interp *in, const struct words *w)
{
    const struct file *f = find_file(in, w->w[1]);
    u64 size;

    if (!f)
        return fail(in, "no file is called", &w->w[1]);
    if (!need_number(in, w, 2, &size))
        return false;
    if (size > in->options.len_max_bytes || size >> 62)
        return fail(in, "too large a file", NULL);
    done_result(in, mm_file_truncate(f->f, size));
    return true;
}

/* The script's own reference goes; mappings keep theirs. */
bool cmd_close(struct interp *in, const struct words *w)
{
    struct file *f = find_file(in, w->w[1]);

    if (!f)
        return fail(in, "no file is called", &w->w[1]);
    mm_file_close(f->f);
    *f = in->file[--in->files];
    done_ok(in);
    return true;
}

bool cmd_punch(struct interp *in, const struct words *w)
{
    const struct file *f = find_file(in, w->w[1]);
    u64 offset, len;

    if (!f)
        return fail(in, "no file is called", &w->w[1]);
    if (!need_number(in, w, 2, &offset) || !need_number(in, w, 3, &len))
        return false;
    done_value(in, mm_file_punch(f->f, offset, len));
    return true;
}
