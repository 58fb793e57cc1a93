/* SPDX-License-Identifier: MIT
 * scene.c - a sequence as a scenario (docs/scenario-language.md): what `pagewalk script` answers to it is what the model
 * answered here.  The host's answer stands in comments. */
#include "mmfuzz.h"

#include "base/check.h"

#include <inttypes.h>
#include <string.h>

struct name { u64 value; const char *name; };

static const struct name prots[] = { { 1, "read" }, { 2, "write" }, { 4, "exec" }, { 8, "sem" },
                                     { MM_PROT_GROWSDOWN, "growsdown" } };
static const struct name maps[] = {
    { MM_MAP_SHARED, "shared" }, { MM_MAP_PRIVATE, "private" }, { MM_MAP_DROPPABLE, "droppable" },
    { MM_MAP_FIXED, "fixed" }, { MM_MAP_ANONYMOUS, "anonymous" }, { MM_MAP_32BIT, "32bit" },
    { MM_MAP_GROWSDOWN, "growsdown" }, { MM_MAP_DENYWRITE, "denywrite" }, { MM_MAP_EXECUTABLE, "executable" },
    { MM_MAP_LOCKED, "locked" }, { MM_MAP_NORESERVE, "noreserve" }, { MM_MAP_POPULATE, "populate" },
    { MM_MAP_NONBLOCK, "nonblock" }, { MM_MAP_STACK, "stack" }, { MM_MAP_FIXED_NOREPLACE, "fixed_noreplace" },
};
static const struct name moves[] = { { 1, "maymove" }, { 2, "fixed" }, { 4, "dontunmap" } };
static const struct name lockalls[] = { { 1, "current" }, { 2, "future" }, { 4, "onfault" } };
static const struct name lock2s[] = { { 1, "onfault" } };
static const struct name syncs[] = { { 1, "async" }, { 2, "invalidate" }, { 4, "sync" } };
static const struct name advices[] = {
    { 0, "normal" }, { 1, "random" }, { 2, "sequential" }, { 3, "willneed" }, { 4, "dontneed" }, { 8, "free" },
    { 9, "remove" }, { 10, "dontfork" }, { 11, "dofork" }, { 12, "mergeable" }, { 13, "unmergeable" },
    { 14, "hugepage" }, { 15, "nohugepage" }, { 16, "dontdump" }, { 17, "dodump" }, { 18, "wipeonfork" },
    { 19, "keeponfork" }, { 20, "cold" }, { 21, "pageout" }, { 22, "populate_read" }, { 23, "populate_write" },
    { 24, "dontneed_locked" }, { 25, "collapse" }, { 102, "guard_install" }, { 103, "guard_remove" },
};

/* Arguments by letter: x number, h file with the offset behind it, f file, c process, l limit, N name, k key
 * or nothing for -1; the rest are
 * flags. */
static const struct { enum op_kind kind; const char *args; } shapes[] = {
    { OP_READ, "x" }, { OP_WRITE, "x" }, { OP_FETCH, "x" }, { OP_COPY_TO, "xx" }, { OP_COPY_FROM, "xx" },
    { OP_MMAP, "xxPMh" }, { OP_MUNMAP, "xx" }, { OP_MPROTECT, "xxP" }, { OP_MREMAP, "xxxRx" }, { OP_BRK, "x" },
    { OP_MADVISE, "xxA" }, { OP_MLOCK, "xx" }, { OP_MLOCK2, "xxL" }, { OP_MUNLOCK, "xx" }, { OP_MLOCKALL, "U" },
    { OP_MUNLOCKALL, "" }, { OP_MINCORE, "xx" }, { OP_MSYNC, "xxS" }, { OP_MSEAL, "xxx" }, { OP_TRUNCATE, "fx" },
    { OP_PUNCH, "fxx" }, { OP_PRCTL, "xxxxx" }, { OP_NAME, "xxN" }, { OP_SETRLIMIT, "lx" }, { OP_PKEY_ALLOC, "xx" },
    { OP_PKEY_FREE, "x" }, { OP_PKEY_MPROTECT, "xxPk" }, { OP_MEMBARRIER, "x" },
    { OP_FORK, "c" }, { OP_THREAD, "c" }, { OP_EXIT, "" }, { OP_EXEC, "" }, { OP_LOOK, "" },
};

static void put_flags(FILE *out, u64 v, const struct name *names, size_t n)
{
    const char *between = " ";

    for (size_t i = 0; i < n; i++)
        if (v & names[i].value) {
            fprintf(out, "%s%s", between, names[i].name);
            between = "|";
            v &= ~names[i].value;
        }
    if (v || *between == ' ')
        fprintf(out, "%s0x%" PRIx64, between, v);
}

static void put_advice(FILE *out, u64 v)
{
    for (size_t i = 0; i < COUNT_OF(advices); i++)
        if (advices[i].value == v) {
            fprintf(out, " %s", advices[i].name);
            return;
        }
    fprintf(out, " %" PRIu64, v);
}

#define FLAGS(names) put_flags(out, op->a[i], names, COUNT_OF(names))

static void put_argument(FILE *out, const struct plan *plan, const struct op *op, char letter, u32 i)
{
    switch (letter) {
    case 'P': FLAGS(prots); break;
    case 'M': FLAGS(maps); break;
    case 'R': FLAGS(moves); break;
    case 'L': FLAGS(lock2s); break;
    case 'U': FLAGS(lockalls); break;
    case 'S': FLAGS(syncs); break;
    case 'A': put_advice(out, op->a[i]); break;
    case 'k':
        if (op->a[i] != ~(u64)0)
            fprintf(out, " 0x%" PRIx64, op->a[i]);
        break;
    case 'c': fprintf(out, " p%" PRIu64, op->a[i]); break;
    case 'l': fprintf(out, " %s", op->a[i] == MM_RLIMIT_AS ? "as" : op->a[i] == MM_RLIMIT_DATA ? "data"
                                                         : op->a[i] == MM_RLIMIT_STACK ? "stack" : "memlock"); break;
    case 'N': fprintf(out, " %s", op->a[i] == 0 ? "none" : op->a[i] == 1 ? "one" : "two"); break;
    case 'f': fprintf(out, " %s", plan->file[op->a[i]].name); break;
    case 'h':
        if (op->a[i] != NO_FILE)
            fprintf(out, " %s 0x%" PRIx64, plan->file[op->a[i]].name, op->a[i + 1]);
        break;
    default: fprintf(out, " 0x%" PRIx64, op->a[i]); break;
    }
}

static void put_value(FILE *out, s64 v)
{
    const char *name = v < 0 && v >= -4095 ? mm_errno_name((int)-v) : NULL;

    if (name)
        fprintf(out, "= -%s", name);
    else if (v < 0 && v >= -4095)
        fprintf(out, "= -%" PRId64, -v);
    else
        fprintf(out, v ? "= 0x%" PRIx64 : "= %" PRIx64, (u64)v);
}

static void put_signal(FILE *out, const struct record *r, u64 addr)
{
    const char *code = r->signo == MM_SIGBUS ? "ADRERR" : r->code == MM_SEGV_MAPERR ? "MAPERR"
                     : r->code == MM_SEGV_ACCERR ? "ACCERR" : r->code == MM_SEGV_PKUERR ? "PKUERR" : "KERNEL";

    fprintf(out, "%s %s 0x%" PRIx64, r->signo == MM_SIGBUS ? "SIGBUS" : "SIGSEGV", code,
            r->code == MM_SI_KERNEL ? 0 : addr);
}

/* What the script answers. */
static void put_answer(FILE *out, const struct op *op, const struct record *r)
{
    switch ((enum op_kind)op->kind) {
    case OP_TRUNCATE: fputs("ok", out); return;
    case OP_READ: case OP_WRITE: case OP_FETCH:
        if (r->signo)
            put_signal(out, r, op->a[0]);
        else
            fputs("ok", out);
        break;
    case OP_COPY_TO: case OP_COPY_FROM: fprintf(out, "ok bytes=%" PRId64, r->result < 0 ? 0 : r->result); break;
    default: put_value(out, r->result); return;
    }
    fprintf(out, " faults=%u", r->minor);
    if (r->major)
        fprintf(out, " major=%u", r->major);
}

static void put_op(FILE *out, const struct plan *plan, const struct op *op)
{
    if (op->kind == OP_PROCESS_MADVISE) {
        fprintf(out, "p%u process_madvise p%u", op->actor, op->actor);
        put_advice(out, op->a[2]);
        fprintf(out, " 0x%" PRIx64 " 0x%" PRIx64, op->a[0], op->a[1]);
        return;
    }
    if (op->kind == OP_TRUNCATE || op->kind == OP_PUNCH)
        fprintf(out, "%s", op_name(op->kind));
    else
        fprintf(out, "p%u %s", op->actor, op->kind == OP_LOOK ? "faults" : op_name(op->kind));
    for (size_t s = 0; s < COUNT_OF(shapes); s++)
        if (shapes[s].kind == op->kind)
            for (u32 i = 0; shapes[s].args[i]; i++)
                put_argument(out, plan, op, shapes[s].args[i], i);
}

static bool uses(const struct run *r, u64 file)
{
    for (u32 i = 0; i < r->done_ops; i++) {
        const struct op *op = &r->done[i];
        if ((op->kind == OP_MMAP && op->a[4] == file) ||
            ((op->kind == OP_TRUNCATE || op->kind == OP_PUNCH) && op->a[0] == file))
            return true;
    }
    return false;
}

static void put_limit(FILE *out, const char *name, u64 bytes)
{
    if (bytes != ~(u64)0)
        fprintf(out, " %s=0x%" PRIx64, name, bytes);
}

static void put_boot(FILE *out, const struct run *r)
{
    static const char *const thp[] = { "never", "madvise", "always" };
    const struct kernel_config *k = &r->profile->kernel;

    fprintf(out, "boot ram=1G%s kernel=%u.%u thp=%s fault_around=%u readahead=%u mmap_min_addr=%" PRIu64 " max_map_count=%u",
            r->profile->keys ? "" : " features=-pku", k->version / 100, k->version % 100, thp[k->thp], k->fault_around_bytes,
            k->readahead_bytes, k->mmap_min_addr, k->max_map_count);
    fprintf(out, " overcommit=%s soft_dirty=%s anon_names=%s", k->overcommit == MM_OVERCOMMIT_ALWAYS ? "always" : "guess",
            k->soft_dirty ? "on" : "off", k->anon_names ? "on" : "off");
    put_limit(out, "totalram", k->totalram_bytes);
    put_limit(out, "rlimit_stack", r->plan.setup.rlimit_stack);
    put_limit(out, "rlimit_data", r->plan.setup.rlimit_data);
    put_limit(out, "rlimit_as", r->plan.setup.rlimit_as);
    put_limit(out, "rlimit_memlock", r->plan.setup.rlimit_memlock);
    fputs("\nproc p0\n", out);
    for (u32 i = 0; i < FILES; i++) {
        const struct file_plan *f = &r->plan.file[i];
        if (uses(r, i))
            fprintf(out, "file %s %" PRIu64 " fs=%s cached%s\n", f->name, f->bytes,
                    f->fs == MM_FS_TMPFS ? "tmpfs" : "ext4", f->writable ? "" : " readonly");
    }
}

void scene_print(FILE *out, const struct run *r)
{
    const struct difference *d = &r->diff;
    u32 last = r->done_ops ? r->done[r->done_ops - 1].actor : 0;

    if (d->what[0]) {
        fprintf(out, "# seed %" PRIu64 ", %s; differs after the last operation: %s", r->plan.seed, r->profile->name,
                d->what);
        if (d->addr)
            fprintf(out, " at 0x%" PRIx64, d->addr);
        fprintf(out, "\n#   host:  %s\n#   model: %s\n", d->host, d->model);
    }
    put_boot(out, r);
    for (u32 i = 0; i < r->done_ops; i++) {
        put_op(out, &r->plan, &r->done[i]);
        if (r->answers && r->done[i].kind != OP_LOOK) {
            fputs(" #= ", out);
            put_answer(out, &r->done[i], &r->answers[i]);
        }
        fputc('\n', out);
    }
    if (!strcmp(d->what, "maps") || !strcmp(d->what, "smaps"))
        fprintf(out, "p%u %s\n", last, d->what);
    if (!strcmp(d->what, "pagemap"))
        fprintf(out, "p%u pagemap 0x%" PRIx64 " 4096\n", last, d->addr);
}
