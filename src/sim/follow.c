/* SPDX-License-Identifier: MIT
 * follow.c - does on the model what a program did on the host (contract: trace.h).  Called by the capture tool while the
 * program runs, and by whoever replays a recording.
 *
 * Each memory system call is made by the model too and the results compared; where they differ the host's is adopted.
 * Addresses are adopted without a word: the host places mappings elsewhere than the model's kernel would.
 *
 * Files keep one open description each from TRACE_FILE to TRACE_FILE_CLOSE, because Linux merges mappings only of the
 * same one. */
#include "follow.h"

#include "base/check.h"
#include "base/text.h"

#include <string.h>

/* ---- the table of events ------------------------------------------------------------------------------------------ */

static const u8 words_of[TRACE_TYPES] = {
    [TRACE_FILE] = 8,  [TRACE_FILE_CLOSE] = 1, [TRACE_FILE_SIZE] = 2, [TRACE_MAP] = 6,  [TRACE_PROTECT] = 3,   [TRACE_STACK] = 2, [TRACE_BRK] = 1,
    [TRACE_SPECIAL] = 3, [TRACE_CPU] = 1,      [TRACE_TOUCH] = 4,     [TRACE_CALL] = 15, [TRACE_FORK] = 1,     [TRACE_CHILD] = 1,
    [TRACE_CHILD_END] = 1, [TRACE_LINE] = 2,
};

unsigned trace_words(u32 type) { return type < TRACE_TYPES ? words_of[type] : 0; }

/* ---- mappings that are there ---------------------------------------------------------------------------------------- */

static struct mm_file *file_of(const struct follower *f, u64 number)
{
    return number < TRACE_FILES ? f->file[number] : NULL;
}

static bool do_file(struct follower *f, const struct trace_event *e)
{
    const u64 *w = e->word;
    char path[TRACE_PATH_BYTES];
    struct mm_file_info info = {
        .path = path, .size_bytes = w[1], .ino = w[2], .fs = (enum mm_fs)w[3], .writable = w[4] != 0, .cached = w[5] != 0,
        .dev_major = (u32)w[6], .dev_minor = (u32)w[7], .folio_lg2 = PAGE_LG2,
    };
    if (w[0] >= TRACE_FILES || e->text_bytes >= sizeof path || w[3] > MM_FS_TMPFS)
        return false;
    if (e->text_bytes)
        memcpy(path, e->text, e->text_bytes);
    path[e->text_bytes] = 0;
    if (f->file[w[0]])
        mm_file_close(f->file[w[0]]);
    f->file[w[0]] = mm_file_open(f->kernel, &info);
    return f->file[w[0]] != NULL;
}

static bool do_file_close(struct follower *f, const struct trace_event *e)
{
    struct mm_file *file = file_of(f, e->word[0]);
    if (!file)
        return false;
    mm_file_close(file);
    f->file[e->word[0]] = NULL;
    return true;
}

static bool do_file_size(struct follower *f, const struct trace_event *e)
{
    struct mm_file *file = file_of(f, e->word[0]);
    if (file)
        mm_file_truncate(file, e->word[1]);
    return file != NULL;
}

static bool do_map(struct follower *f, const struct trace_event *e)
{
    const u64 *w = e->word;
    return mm_mmap(f->proc, w[0], w[1], (int)w[2], (int)w[3] | MM_MAP_FIXED, file_of(f, w[5]), w[4]) == (long)w[0];
}

static bool do_protect(struct follower *f, const struct trace_event *e)
{
    return mm_mprotect(f->proc, e->word[0], e->word[1], (int)e->word[2]) == 0;
}

static bool do_stack(struct follower *f, const struct trace_event *e)
{
    return mm_setup_stack(f->proc, e->word[0], e->word[1]) == 0;
}

static bool do_brk(struct follower *f, const struct trace_event *e)
{
    mm_set_brk_start(f->proc, e->word[0]);
    return true;
}

static bool do_special(struct follower *f, const struct trace_event *e)
{
    char *name = f->special[f->specials];
    if (e->text_bytes >= FOLLOW_NAME_BYTES || f->specials == FOLLOW_SPECIALS - 1)
        return false;
    f->specials++;               /* the mapping keeps the name                                                     */
    memcpy(name, e->text, e->text_bytes);
    name[e->text_bytes] = 0;
    return mm_map_special(f->proc, e->word[0], e->word[1], (int)e->word[2], name) == 0;
}

/* ---- processes and CPUs ------------------------------------------------------------------------------------------------ */

static bool do_proc(struct follower *f, const struct trace_event *e)
{
    char name[16];
    u32 n = e->text_bytes < sizeof name - 1 ? e->text_bytes : sizeof name - 1;
    if (f->proc)
        return false;
    memcpy(name, e->text, n);
    name[n] = 0;
    f->proc = proc_new(f->kernel, name);
    return f->proc != NULL;
}

static bool do_run(struct follower *f, const struct trace_event *e)
{
    (void)e;
    proc_run_on(f->kernel, f->cpu, f->proc);
    f->runs = true;
    return true;
}

static bool do_cpu(struct follower *f, const struct trace_event *e)
{
    if (e->word[0] >= f->cpus)
        return false;
    f->cpu = (unsigned)e->word[0];
    if (proc_current(f->kernel, f->cpu) != f->proc)
        proc_run_on(f->kernel, f->cpu, f->proc);
    return true;
}

static bool do_fork(struct follower *f, const struct trace_event *e)
{
    sim_doing(f->sim, f->cpu, "fork");
    proc_fork(f->proc, f->cpu, proc_name(f->proc), (unsigned)e->word[0], &f->being_born);
    sim_doing(f->sim, f->cpu, "");
    return true;
}

static void end(struct proc *p)
{
    proc_exit(p);
    proc_free(p);
}

static bool do_child(struct follower *f, const struct trace_event *e)
{
    for (u32 i = 0; f->being_born && i < FOLLOW_CHILDREN; i++)
        if (!f->child[i].proc) {
            f->child[i].pid = e->word[0];
            f->child[i].proc = f->being_born;
            f->being_born = NULL;
        }
    return true;
}

static bool do_child_end(struct follower *f, const struct trace_event *e)
{
    for (u32 i = 0; i < FOLLOW_CHILDREN; i++)
        if (f->child[i].proc && f->child[i].pid == e->word[0]) {
            end(f->child[i].proc);
            f->child[i].proc = NULL;
        }
    return true;
}

static bool do_child_lost(struct follower *f, const struct trace_event *e)
{
    (void)e;
    if (f->being_born)
        end(f->being_born);
    f->being_born = NULL;
    return true;
}

bool follow_child(struct follower *f)
{
    if (!f->being_born)
        return false;
    f->proc = f->being_born;
    f->being_born = NULL;
    proc_run_on(f->kernel, f->cpu, f->proc);
    return true;
}

/* ---- accesses ---------------------------------------------------------------------------------------------------------- */

/* "access 0x10000" */
static void report_unknown_memory(struct follower *f, u64 va)
{
    struct text what = { 0 };
    text_str(&what, "access ");
    text_0x(&what, page_down(va));
    text_char(&what, 0);
    follow_note(f, what.buf, "ok", "SIGSEGV");
}

/* A file may have grown without a word (SIGBUS); memory that the model does not know is a difference. */
static bool mended(struct follower *f, const struct sim_outcome *out)
{
    if (!f->hooks.mend(f->hooks.ctx, out))
        return false;
    if (out->signo != MM_SIGBUS)
        report_unknown_memory(f, out->addr);
    return true;
}

bool follow_access(struct follower *f, u64 va, u32 size_bytes, int kind, struct sim_site *site)
{
    struct sim_outcome out;
    if (RARE(!f->runs))
        return false;
    sim_access(f->sim, f->cpu, va, size_bytes, (enum mmu_kind)kind, site, &out);
    for (u32 tries = 0; RARE(out.signo) && tries < 3 && mended(f, &out); tries++)
        sim_access(f->sim, f->cpu, va, size_bytes, (enum mmu_kind)kind, site, &out);
    return !out.signo;
}

void follow_pays(struct follower *f, u64 ip)
{
    if (ip == f->site.ip)
        return;
    if (f->fold && f->site.ip)
        f->fold(f->fold_ctx, &f->site);
    f->site.ip = ip;
}

static bool do_touch(struct follower *f, const struct trace_event *e)
{
    u64 va = e->word[0], end_va = va + e->word[1];
    struct sim_outcome out = { .signo = MM_SIGSEGV };
    follow_pays(f, e->word[3]);
    for (u32 tries = 0; va < end_va && tries < 3; tries++) {
        va += sim_kernel_access(f->sim, f->cpu, va, end_va - va, e->word[2] != 0, &f->site);
        out.addr = va;
        if (va < end_va && !mended(f, &out))
            break;
    }
    return true;
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------- */

/* TRACE_LINE and TRACE_FORGET are for whoever keeps lines. */
static bool nothing(struct follower *f, const struct trace_event *e)
{
    (void)f;
    (void)e;
    return true;
}

static bool do_born(struct follower *f, const struct trace_event *e)
{
    (void)e;
    return follow_child(f);
}

static bool (*const act[TRACE_TYPES])(struct follower *, const struct trace_event *) = {
    [TRACE_PROC] = do_proc,   [TRACE_FILE] = do_file,     [TRACE_FILE_CLOSE] = do_file_close, [TRACE_FILE_SIZE] = do_file_size, [TRACE_MAP] = do_map,
    [TRACE_PROTECT] = do_protect, [TRACE_STACK] = do_stack, [TRACE_BRK] = do_brk,             [TRACE_SPECIAL] = do_special,     [TRACE_RUN] = do_run,
    [TRACE_CPU] = do_cpu,     [TRACE_TOUCH] = do_touch,   [TRACE_CALL] = follow_call,         [TRACE_FORK] = do_fork,           [TRACE_CHILD] = do_child,
    [TRACE_CHILD_END] = do_child_end, [TRACE_CHILD_LOST] = do_child_lost, [TRACE_LINE] = nothing, [TRACE_FORGET] = nothing,
    [TRACE_BORN] = do_born,
};

/* What can be before a program runs is its beginning. */
static bool can_be(const struct follower *f, u32 type)
{
    const bool begins = type <= TRACE_RUN, keeps_lines = type == TRACE_LINE || type == TRACE_FORGET;
    return type < TRACE_TYPES && act[type] && (f->proc || type == TRACE_PROC) && (f->runs || begins || keeps_lines);
}

bool follow(struct follower *f, const struct trace_event *e) { return can_be(f, e->type) && act[e->type](f, e); }

size_t follow_bytes(void) { return sizeof(struct follower); }

struct follower *follow_create(void *block, struct sim *s, const struct follow_hooks *hooks)
{
    struct follower *f = block;
    memset(f, 0, sizeof *f);
    f->sim = s;
    f->kernel = sim_kernel(s);
    f->cpus = s->cpus;
    f->hooks = *hooks;
    sim_call_site(s, &f->site);
    return f;
}

struct proc *follow_proc(const struct follower *f) { return f->proc; }
struct sim_site *follow_call_site(struct follower *f) { return &f->site; }

void follow_on_fold(struct follower *f, void (*fold)(void *ctx, struct sim_site *s), void *ctx)
{
    f->fold = fold;
    f->fold_ctx = ctx;
}

const struct follow_count *follow_counts(const struct follower *f) { return f->count; }

void follow_forget_counts(struct follower *f)
{
    memset(f->count, 0, sizeof f->count);
    f->differences.rows = 0;
}
