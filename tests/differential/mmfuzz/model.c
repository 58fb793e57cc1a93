/* SPDX-License-Identifier: MIT
 * model.c - the operations done by Pagewalk: a session with one CPU, the processes of wire.h's slots in it.  Accesses go
 * through the machine with its TLBs, so a forgotten invalidation is a difference like any other. */
#include "mmfuzz.h"

#include <string.h>
#include <sys/mman.h>

#define RAM_BYTES (1ull << 30)

static void *sparse(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

static bool open_files(struct model *m, const struct plan *plan, const struct file_id *ids)
{
    for (u32 i = 0; plan->files && i < FILES; i++) {
        const struct mm_file_info info = {
            .path = ids[i].path, .size_bytes = plan->file[i].bytes, .dev_major = ids[i].dev_major,
            .dev_minor = ids[i].dev_minor, .ino = ids[i].ino, .fs = plan->file[i].fs, .cached = true,
            .writable = plan->file[i].writable, .folio_lg2 = PAGE_LG2,
        };
        m->file[i] = mm_file_open(m->k, &info);
        if (!m->file[i])
            return false;
    }
    return true;
}

bool model_begin(struct model *m, const struct profile *host, const struct plan *plan, const struct file_id *ids)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct sim_config cfg = { .machine = { .cpus = 1, .ram_bytes = RAM_BYTES, .maxphyaddr = 46, .vendor = cpu->vendor,
                                           .features = cpu->features, .profile = cpu, .seed = 1 },
                              .kernel = host->kernel };

    memset(m, 0, sizeof *m);
    if (!host->keys)
        cfg.machine.features &= ~(u32)MMU_PKU;
    cfg.kernel.rlimit_stack_bytes = plan->setup.rlimit_stack;
    cfg.kernel.rlimit_data_bytes = plan->setup.rlimit_data;
    cfg.kernel.rlimit_as_bytes = plan->setup.rlimit_as;
    cfg.kernel.rlimit_memlock_bytes = plan->setup.rlimit_memlock;
    m->ram = cfg.machine.ram = sparse(RAM_BYTES);
    m->block_bytes = sim_bytes(&cfg);
    m->block = sparse(m->block_bytes);
    m->sim = m->ram && m->block ? sim_create(m->block, m->block_bytes, &cfg) : NULL;
    if (!m->sim)
        return false;
    m->k = sim_kernel(m->sim);
    m->p[0] = proc_new(m->k, "p0");
    if (!m->p[0] || !open_files(m, plan, ids))
        return false;
    mm_set_brk_start(m->p[0], HEAP_AT);
    proc_run_on(m->k, 0, m->p[0]);
    return true;
}

void model_end(struct model *m)
{
    if (m->ram)
        munmap(m->ram, RAM_BYTES);
    if (m->block)
        munmap(m->block, m->block_bytes);
    m->ram = m->block = NULL;
}

/* ---- operations ------------------------------------------------------------------------------------------------ */

static void touch(struct model *m, const struct op *op, struct record *r)
{
    struct sim_outcome out;

    sim_access(m->sim, 0, op->a[0], 1, op->kind == OP_FETCH ? MMU_FETCH : op->kind == OP_WRITE ? MMU_STORE : MMU_LOAD,
               NULL, &out);
    r->signo = out.signo;
    r->code = out.code;
}

static s64 copy(struct model *m, const struct op *op)
{
    u64 done = sim_kernel_access(m->sim, 0, op->a[0], op->a[1], op->kind == OP_COPY_TO, NULL);

    return done || !op->a[1] ? (s64)done : -MM_EFAULT;
}

static s64 fork_proc(struct model *m, const struct op *op, unsigned flags)
{
    if (m->p[op->a[0]])
        proc_free(m->p[op->a[0]]);
    m->p[op->a[0]] = NULL;
    return proc_fork(m->p[op->actor], 0, "p", flags, &m->p[op->a[0]]);
}

static s64 exec(struct proc *p)
{
    long r = proc_exec_begin(p, "p");

    mm_set_brk_start(p, HEAP_AT);
    return r;
}

static s64 perform(struct model *m, const struct op *op, struct record *r)
{
    struct proc *p = m->p[op->actor];
    const u64 *a = op->a;

    switch ((enum op_kind)op->kind) {
    case OP_READ: case OP_WRITE: case OP_FETCH: touch(m, op, r); return 0;
    case OP_COPY_TO: case OP_COPY_FROM: return copy(m, op);
    case OP_MMAP:
        return mm_mmap(p, a[0], a[1], (int)a[2], (int)a[3], a[4] == NO_FILE ? NULL : m->file[a[4]], a[5]);
    case OP_MUNMAP: return mm_munmap(p, a[0], a[1]);
    case OP_MPROTECT: return mm_mprotect(p, a[0], a[1], (int)a[2]);
    case OP_MREMAP: return mm_mremap(p, a[0], a[1], a[2], (int)a[3], a[4]);
    case OP_BRK: return mm_brk(p, a[0]);
    case OP_MADVISE: return mm_madvise(p, a[0], a[1], (int)a[2]);
    case OP_MLOCK: return mm_mlock2(p, a[0], a[1], 0);
    case OP_MLOCK2: return mm_mlock2(p, a[0], a[1], (int)a[2]);
    case OP_MUNLOCK: return mm_munlock(p, a[0], a[1]);
    case OP_MLOCKALL: return mm_mlockall(p, (int)a[0]);
    case OP_MUNLOCKALL: return mm_munlockall(p);
    case OP_MINCORE: return mm_mincore(p, a[0], a[1], m->vector);
    case OP_MSYNC: return mm_msync(p, a[0], a[1], (int)a[2]);
    case OP_MSEAL: return mm_mseal(p, a[0], a[1], a[2]);
    case OP_TRUNCATE: mm_file_truncate(m->file[a[0]], a[1]); return 0;
    case OP_PUNCH: return mm_file_punch(m->file[a[0]], a[1], a[2]);
    case OP_FORK: return fork_proc(m, op, 0);
    case OP_THREAD: return fork_proc(m, op, PROC_FORK_VM);
    case OP_PRCTL: return mm_prctl(p, (int)a[0], a[1], a[2], a[3], a[4]);
    case OP_NAME: return mm_set_vma_name(p, a[0], a[1], a[2] == 0 ? NULL : a[2] == 1 ? "one" : "two");
    case OP_SETRLIMIT: return mm_setrlimit(p, (int)a[0], a[1]);
    case OP_PKEY_ALLOC: return mm_pkey_alloc(p, a[0], a[1]);
    case OP_PKEY_FREE: return mm_pkey_free(p, (int)a[0]);
    case OP_PKEY_MPROTECT: return mm_pkey_mprotect(p, a[0], a[1], (int)a[2], (int)a[3]);
    case OP_PROCESS_MADVISE:
        return mm_process_madvise(p, p, &(struct mm_iov){ a[0], a[1] }, 1, (int)a[2], 0);
    case OP_MEMBARRIER: return mm_membarrier(p, (int)a[0], 0);
    case OP_EXIT:
        proc_run_on(m->k, 0, NULL);
        proc_exit(p);
        return 0;
    case OP_EXEC: return exec(p);
    case OP_LOOK: case OP_KINDS: break;
    }
    return 0;
}

void model_do(struct model *m, const struct op *op, struct record *r)
{
    struct proc *p = m->p[op->actor];
    const struct mm_counters *c = proc_counters(p);
    u64 minor = c->minor, major = c->major;

    *r = (struct record){ 0 };
    if (proc_current(m->k, 0) != p)
        proc_run_on(m->k, 0, p);
    r->result = perform(m, op, r);
    r->minor = (u32)(c->minor - minor);
    r->major = (u32)(c->major - major);
    if (op->kind == OP_MINCORE && r->result == 0)
        r->vector_bytes = (u32)(page_up(op->a[1]) >> PAGE_LG2);
}

/* ---- looks ----------------------------------------------------------------------------------------------------- */

void model_views(const struct model *m, u32 slot, struct views *v)
{
    u64 at = 0;

    for (v->n = 0; v->n < VIEWS && mm_find_vma(m->p[slot], at, &v->v[v->n]); v->n++)
        at = v->v[v->n].end;
}

struct sink { u8 *at; };

static void put(void *ctx, const char *text, size_t len)
{
    struct sink *s = ctx;

    memcpy(s->at, text, len);
    s->at += len;
}

static u8 *look_core(struct proc *p, const struct command *c, u8 *at)
{
    for (u32 i = 0; i < c->spans; at += c->span[i++].pages)
        if (mm_mincore(p, c->span[i].page << PAGE_LG2, c->span[i].pages << PAGE_LG2, at))
            memset(at, 0xee, c->span[i].pages);
    return at;
}

u32 model_look(const struct model *m, const struct command *c, struct record *r, u8 *data)
{
    struct proc *p = m->p[c->op.actor];
    struct sink s = { data };
    const struct pw_out out = { put, &s };
    u64 *words;

    mm_show_maps(p, &out);
    r->maps_bytes = (u32)(s.at - data);
    words = (u64 *)(void *)(data + ((r->maps_bytes + 7) & ~7u));
    for (u32 i = 0; i < c->spans; r->words += (u32)c->span[i++].pages)
        mm_pagemap_read(p, c->span[i].page << PAGE_LG2, words + r->words, c->span[i].pages);
    s.at = (u8 *)(words + r->words);
    if (c->look & LOOK_SMAPS) {
        u8 *from = s.at;
        mm_show_smaps(p, &out);
        r->smaps_bytes = (u32)(s.at - from);
    }
    if (c->look & LOOK_CORE) {
        u8 *from = s.at;
        s.at = look_core(p, c, s.at);
        r->core_bytes = (u32)(s.at - from);
    } else if (r->vector_bytes) {
        memcpy(s.at, m->vector, r->vector_bytes);
        s.at += r->vector_bytes;
    }
    return (u32)(s.at - data);
}
