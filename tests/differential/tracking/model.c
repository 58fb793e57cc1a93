/* SPDX-License-Identifier: MIT
 * model.c - the operations done by Pagewalk: a machine of two CPUs; the process on one, and on the other its thread, which
 * answers faults while they are handled (kernel_on_uffd). */
#include "tracking.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "pagewalk/sim.h"

#define RAM_BYTES (512ull << 20)

static struct {
    struct sim *sim;
    struct kernel *k;
    struct proc *p, *thread;
    struct mm_uffd *uffd[SLOTS];
    struct mm_file *file[FILES];
    unsigned policy, tries;
    struct seen *out;
} m;

/* ---- answering ----------------------------------------------------------------------------------------------------- */

static s64 fill(struct proc *caller, unsigned slot, enum fill what, u64 addr, u64 len, u64 src, u64 mode, s64 *done)
{
    struct mm_uffd *u = m.uffd[slot];

    switch (what) {
    case FILL_COPY: return mm_uffd_copy(caller, u, addr, src, len, mode, done);
    case FILL_ZEROPAGE: return mm_uffd_zeropage(caller, u, addr, len, mode, done);
    default: return mm_uffd_continue(caller, u, addr, len, mode, done);
    }
}

static s64 answer_fill(void *ctx, unsigned slot, enum fill what, u64 addr, u64 mode)
{
    s64 done;

    (void)ctx;
    return fill(m.thread, slot, what, addr, PAGE_BYTES, SOURCE, mode, &done);
}

static s64 answer_unprotect(void *ctx, unsigned slot, u64 addr)
{
    (void)ctx;
    return mm_uffd_writeprotect(m.thread, m.uffd[slot], addr, PAGE_BYTES, 0);
}

static void answer_wake(void *ctx, unsigned slot, u64 addr)
{
    (void)ctx;
    mm_uffd_wake(m.uffd[slot], addr, PAGE_BYTES);
}

static void answer_unregister(void *ctx, unsigned slot, u64 addr)
{
    (void)ctx;
    mm_uffd_unregister(m.uffd[slot], addr, PAGE_BYTES);
}

static const struct means means = { answer_fill, answer_unprotect, answer_wake, answer_unregister, NULL };

static void take_messages(unsigned slot)
{
    struct mm_uffd_msg got;

    while (m.uffd[slot] && mm_uffd_read(m.uffd[slot], &got) == 0) {
        struct message *to = &m.out->message[m.out->messages < MESSAGES ? m.out->messages : MESSAGES - 1];
        *to = (struct message){ .slot = slot, .event = got.event, .flags = got.flags, .address = got.address,
                                .to = got.to, .len = got.len_bytes };
        if (got.event == MM_UFFD_EVENT_PAGEFAULT)
            to->answer = answer(&means, to, m.policy, m.tries++);
        if (got.child)
            mm_uffd_close(got.child);
        m.out->messages++;
    }
}

static void on_uffd(void *ctx, struct mm_uffd *u)
{
    (void)ctx;
    for (unsigned i = 0; i < SLOTS; i++)
        if (m.uffd[i] == u)
            take_messages(i);
}

/* ---- operations ---------------------------------------------------------------------------------------------------- */

static void touch(const struct op *op, struct seen *out)
{
    struct sim_outcome o;

    sim_access(m.sim, 0, op->a[0], 1, op->kind == OP_WRITE ? MMU_STORE : MMU_LOAD, NULL, &o);
    out->signo = o.signo;
    out->code = o.signo ? o.code : 0;
    out->addr = o.signo ? o.addr : 0;
    if (o.waits)
        out->code = 9999;
}

static s64 map(const struct op *op)
{
    const bool file = op->a[3] > 4, shared = op->a[3] == 4 || op->a[3] > 5;
    const int flags = MM_MAP_FIXED | (shared ? MM_MAP_SHARED : MM_MAP_PRIVATE) | (file ? 0 : MM_MAP_ANONYMOUS);

    return mm_mmap(m.p, op->a[0], op->a[1], (int)op->a[2], flags, file ? m.file[op->a[4]] : NULL, file ? op->a[5] : 0);
}

static void look(const struct proc *p, u16 *page)
{
    for (unsigned i = 0; i < ARENA_PAGES; i++)
        page[i] = (u16)(mm_pagemap(p, ARENA + i * PAGE_BYTES) >> 55);
}

static s64 do_fork(struct seen *out)
{
    struct proc *child;
    long r = proc_fork(m.p, 0, "child", 0, &child);

    if (r)
        return r;
    look(child, out->child);
    for (unsigned i = 0; i < SLOTS; i++)
        take_messages(i);                 /* the reader closes the child's userfaultfd */
    proc_free(child);
    return 0;
}

static s64 open_uffd(const struct op *op)
{
    u64 features = op->a[0], ioctls;
    long r;

    if (m.uffd[op->slot])
        return -EALREADY;
    r = mm_userfaultfd(m.p, (int)op->a[1], &m.uffd[op->slot]);
    return r ? r : mm_uffd_api(m.uffd[op->slot], MM_UFFD_API, &features, &ioctls);
}

static s64 close_uffd(unsigned slot)
{
    if (!m.uffd[slot])
        return -EBADF;
    mm_uffd_close(m.uffd[slot]);
    m.uffd[slot] = NULL;
    return 0;
}

static s64 scan(const struct op *op, struct seen *out)
{
    struct mm_scan a = { .flags = op->a[2], .start = op->a[0], .end = op->a[1], .category_mask = op->a[3],
                         .category_anyof_mask = op->a[4], .category_inverted = op->a[5], .return_mask = op->a[6],
                         .vec_len = op->a[7] >> 32, .vec = op->a[7] >> 32 ? out->region : NULL,
                         .max_pages = (u32)op->a[7] };
    long r = mm_pagemap_scan(m.p, &a);

    out->regions = r > 0 ? (u32)r : 0;
    out->walk_end = r >= 0 ? a.walk_end : 0;
    return r;
}

static s64 others(const struct op *op, struct seen *out)
{
    const u64 *a = op->a;
    struct mm_uffd *u = m.uffd[op->slot];
    u64 ioctls;

    if (op->kind == OP_SCAN)
        return scan(op, out);
    if (op->kind == OP_CLEAR_REFS)
        return mm_clear_refs(m.p, (int)a[0]);
    if (!u)
        return -EBADF;
    switch ((enum op_kind)op->kind) {
    case OP_REGISTER: return mm_uffd_register(u, a[0], a[1], a[2], &ioctls);
    case OP_UNREGISTER: return mm_uffd_unregister(u, a[0], a[1]);
    case OP_WAKE: return mm_uffd_wake(u, a[0], a[1]);
    case OP_PROTECT: return mm_uffd_writeprotect(m.p, u, a[0], a[1], a[2]);
    case OP_COPY: return fill(m.p, op->slot, FILL_COPY, a[0], a[1], a[2], a[3], &out->done);
    case OP_ZEROPAGE: return fill(m.p, op->slot, FILL_ZEROPAGE, a[0], a[1], 0, a[2], &out->done);
    case OP_CONTINUE: return fill(m.p, op->slot, FILL_CONTINUE, a[0], a[1], 0, a[2], &out->done);
    case OP_POISON: return mm_uffd_poison(m.p, u, a[0], a[1], a[2], &out->done);
    case OP_MOVE: return mm_uffd_move(m.p, u, a[0], a[2], a[1], a[3], &out->done);
    default: return 0;
    }
}

static s64 perform(const struct op *op, struct seen *out)
{
    const u64 *a = op->a;

    switch ((enum op_kind)op->kind) {
    case OP_READ: case OP_WRITE: touch(op, out); return 0;
    case OP_KERNEL_READ: case OP_KERNEL_WRITE:
        return sim_kernel_access(m.sim, 0, a[0], 1, op->kind == OP_KERNEL_WRITE, NULL) ? 1 : -MM_EFAULT;
    case OP_MMAP: return map(op);
    case OP_MUNMAP: return mm_munmap(m.p, a[0], a[1]);
    case OP_MPROTECT: return mm_mprotect(m.p, a[0], a[1], (int)a[2]);
    case OP_MREMAP: return mm_mremap(m.p, a[0], a[1], a[2], (int)a[3], a[4]);
    case OP_MADVISE: return mm_madvise(m.p, a[0], a[1], (int)a[2]);
    case OP_FORK: return do_fork(out);
    case OP_OPEN: return open_uffd(op);
    case OP_CLOSE: return close_uffd(op->slot);
    default: return others(op, out);
    }
}

/* The text of smaps, cut into lines as it comes. */
struct reader { struct seen *out; struct line *line; char text[512]; size_t len; };

static void take_line(struct reader *r)
{
    unsigned long start, end;
    char perms[5];

    if (sscanf(r->text, "%lx-%lx %4s", &start, &end, perms) == 3) {
        r->line = start >= ARENA && end <= ARENA + ARENA_PAGES * PAGE_BYTES && r->out->lines < 64 ?
                  &r->out->line[r->out->lines++] : NULL;
        if (r->line) {
            *r->line = (struct line){ .start = start, .end = end };
            memcpy(r->line->perms, perms, sizeof perms);
        }
    } else if (r->line && !strncmp(r->text, "VmFlags: ", 9)) {
        snprintf(r->line->flags, sizeof r->line->flags, "%s", r->text + 9);
    }
}

static void put(void *ctx, const char *text, size_t len)
{
    struct reader *r = ctx;

    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n') {
            r->text[r->len < sizeof r->text - 1 ? r->len++ : r->len] = text[i];
            continue;
        }
        r->text[r->len] = 0;
        r->len = 0;
        take_line(r);
    }
}

void model_do(const struct op *op, struct seen *out, bool flags_too)
{
    struct mm_counters before = *proc_counters(m.p);
    struct reader r = { .out = out };
    const struct pw_out to = { put, &r };

    m.out = out;
    m.policy = op->policy;
    m.tries = 0;
    out->result = perform(op, out);
    for (unsigned i = 0; i < SLOTS; i++)
        take_messages(i);
    if (!out->signo && op->kind != OP_FORK) {
        out->minor = (u32)(proc_counters(m.p)->minor - before.minor);
        out->major = (u32)(proc_counters(m.p)->major - before.major);
    }
    look(m.p, out->page);
    if (flags_too)
        mm_show_smaps(m.p, &to);
    else
        mm_show_maps(m.p, &to);
}

const char *model_check(void) { return mm_check(m.k); }

/* ---- beginning ----------------------------------------------------------------------------------------------------- */

/* Shared, so that forks of this process leave it alone. */
static void *sparse(size_t bytes)
{
    return mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

/* As native.c makes them: every second page of the first is there. */
static bool make_files(void)
{
    struct proc *writer = proc_new(m.k, "writer");

    proc_run_on(m.k, 0, writer);
    for (unsigned i = 0; i < FILES; i++) {
        const struct mm_file_info info = { .path = "/memfd:tracking (deleted)", .size_bytes = FILE_PAGES * PAGE_BYTES,
                                           .dev_minor = 1, .ino = 100 + i, .fs = MM_FS_TMPFS, .writable = true,
                                           .folio_lg2 = PAGE_LG2 };
        m.file[i] = mm_file_open(m.k, &info);
        if (!m.file[i])
            return false;
        if (i == 0 && mm_mmap(writer, ARENA, FILE_PAGES * PAGE_BYTES, 3, MM_MAP_SHARED | MM_MAP_FIXED, m.file[0], 0) < 0)
            return false;
        for (unsigned k = 0; i == 0 && k < FILE_PAGES; k += 2)
            if (mm_madvise(writer, ARENA + k * PAGE_BYTES, PAGE_BYTES, MM_MADV_POPULATE_WRITE))
                return false;
    }
    proc_free(writer);
    return true;
}

const char *model_begin(const struct kernel_config *kernel)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct sim_config cfg = { .machine = { .cpus = 2, .ram_bytes = RAM_BYTES, .maxphyaddr = 46, .vendor = cpu->vendor,
                                           .features = cpu->features & ~(u32)MMU_PKU, .profile = cpu, .seed = 1 },
                              .kernel = *kernel };
    size_t bytes;

    cfg.machine.ram = sparse(RAM_BYTES);
    bytes = sim_bytes(&cfg);
    m.sim = sim_create(sparse(bytes), bytes, &cfg);
    if (!m.sim)
        return "no such machine";
    m.k = sim_kernel(m.sim);
    m.p = proc_new(m.k, "p");
    if (!make_files())
        return "no such files";
    proc_run_on(m.k, 0, m.p);
    if (mm_mmap(m.p, SOURCE, 2 * SOURCE_PAGES * PAGE_BYTES, 3, MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED, NULL, 0) < 0 ||
        mm_madvise(m.p, SOURCE, SOURCE_PAGES * PAGE_BYTES, MM_MADV_POPULATE_WRITE) ||
        proc_fork(m.p, 0, "thread", PROC_FORK_VM, &m.thread))
        return "no memory";
    proc_run_on(m.k, 1, m.thread);
    kernel_on_uffd(m.k, on_uffd, NULL);
    return NULL;
}
