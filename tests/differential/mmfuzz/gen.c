/* SPDX-License-Identifier: MIT
 * gen.c - the next operation.  Addresses are pages of a small arena, or of anything that is mapped; lengths are mostly
 * short; now and then an argument is wrong in every way the calls check for.  Mappings beside each other with
 * attributes that almost agree are what finds missing rules, so the arena is small. */
#include "mmfuzz.h"

#include "base/check.h"

#include <string.h>

typedef struct random *rnd_t;

/* ---- addresses and lengths ------------------------------------------------------------------------------------- */

static u64 arena_page(struct gen *g) { return ARENA_AT + below(&g->rnd, g->plan->arena_pages) * PAGE_BYTES; }

static u64 any_page(struct gen *g)
{
    const struct mm_vma_view *v;
    u64 pages;

    if (!one_in(&g->rnd, 4) || !g->views->n)
        return one_in(&g->rnd, 60) ? ARENA_AT - (1 + below(&g->rnd, 300)) * PAGE_BYTES : arena_page(g);
    v = &g->views->v[below(&g->rnd, g->views->n)];
    pages = (v->end - v->start) >> PAGE_LG2;
    return v->start + (one_in(&g->rnd, 2) ? 0 : below(&g->rnd, pages > 700 ? 700 : (u32)pages) * PAGE_BYTES);
}

static u64 length(struct gen *g)
{
    rnd_t r = &g->rnd;
    u64 n = (1 + below(r, one_in(r, 4) ? g->plan->arena_pages : 6)) * PAGE_BYTES;

    if (one_in(r, 20))
        n += below(r, 4096);
    if (one_in(r, 60))
        n = 0;
    if (one_in(r, 400))
        n = ~(u64)0 - below(r, 8192);
    if (g->plan->huge && one_in(r, 8))
        n = ((u64)(1 + below(r, 3)) << 21) + (one_in(r, 4) ? PAGE_BYTES : 0);
    return n;
}

static u64 protection(struct gen *g)
{
    static const u8 of[] = { 0, 1, 3, 3, 3, 3, 1, 5, 2, 4, 7 };
    return of[below(&g->rnd, sizeof of)];
}

static u64 misaligned(struct gen *g, u32 seldom) { return one_in(&g->rnd, seldom) ? 1 + below(&g->rnd, 4095) : 0; }

/* ---- arguments, by operation ----------------------------------------------------------------------------------- */

static bool gen_touch(struct gen *g, u64 *a)
{
    a[0] = any_page(g) + below(&g->rnd, 4095); /* not the last byte: a fetched instruction has two              */
    if (one_in(&g->rnd, 2000))
        a[0] = one_in(&g->rnd, 2) ? 0x8000000000000000ull : 0xffff800000000000ull;
    return true;
}

static bool gen_copy(struct gen *g, u64 *a)
{
    a[0] = any_page(g) + below(&g->rnd, 4096);
    a[1] = one_in(&g->rnd, 2) ? 1 + below(&g->rnd, 200) : below(&g->rnd, 5 * 4096);
    return true;
}

static void gen_map_file(struct gen *g, u64 *a)
{
    a[4] = below(&g->rnd, FILES);
    a[3] = one_in(&g->rnd, 2) ? MM_MAP_PRIVATE : MM_MAP_SHARED;
    if (one_in(&g->rnd, 10))
        a[3] = MM_MAP_SHARED_VALIDATE;
    /* Often the offset that a neighbour in the arena would go on with. */
    a[5] = below(&g->rnd, 4) * PAGE_BYTES * (one_in(&g->rnd, 3) ? 2 : 1);
    if (one_in(&g->rnd, 2) && a[0] >= ARENA_AT)
        a[5] = (a[0] - ARENA_AT) % (8 * PAGE_BYTES) & ~PAGE_MASK_LOW;
    if (one_in(&g->rnd, 50))
        a[5]++;
}

static const struct { u32 flag; u8 one_in; } map_extras[] = {
    { MM_MAP_NORESERVE, 12 }, { MM_MAP_GROWSDOWN, 14 }, { MM_MAP_STACK, 14 }, { MM_MAP_POPULATE, 12 },
    { MM_MAP_LOCKED, 25 }, { MM_MAP_32BIT, 40 }, { MM_MAP_NONBLOCK, 60 }, { MM_MAP_DENYWRITE, 100 },
    { MM_MAP_EXECUTABLE, 100 }, { MM_MAP_TYPE, 200 }, { MM_MAP_DROPPABLE, 200 },
};

static bool gen_mmap(struct gen *g, u64 *a)
{
    rnd_t r = &g->rnd;
    const u32 how = below(r, 10);

    a[1] = length(g);
    a[2] = protection(g);
    a[3] = MM_MAP_ANONYMOUS | (one_in(r, 5) ? MM_MAP_SHARED : MM_MAP_PRIVATE);
    a[4] = NO_FILE;
    a[0] = how < 7 ? arena_page(g) : how == 7 ? arena_page(g) + below(r, 4096) : 0;
    if (g->plan->files && one_in(r, 3))
        gen_map_file(g, a);
    a[3] |= how < 6 ? MM_MAP_FIXED : how == 6 ? MM_MAP_FIXED_NOREPLACE : 0;
    for (size_t i = 0; i < COUNT_OF(map_extras); i++)
        if (one_in(r, map_extras[i].one_in))
            a[3] |= map_extras[i].flag;
    if (a[4] != NO_FILE && (a[3] & MM_MAP_TYPE) == MM_MAP_TYPE)
        a[3] &= ~(u64)MM_MAP_TYPE;
    a[0] += misaligned(g, 80);
    if (g->plan->huge && !a[0] && one_in(r, 3))
        a[1] = ((u64)(1 + below(r, 3)) << 21) + (one_in(r, 4) ? PAGE_BYTES : 0);
    return true;
}

static bool gen_range(struct gen *g, u64 *a)
{
    const struct mm_vma_view *v = g->views->n ? &g->views->v[below(&g->rnd, g->views->n)] : NULL;

    if (v && one_in(&g->rnd, 8) && v->end - v->start < 16u << 20) { /* exactly one mapping */
        a[0] = v->start;
        a[1] = v->end - v->start;
        return true;
    }
    a[0] = any_page(g) + misaligned(g, 60);
    a[1] = length(g);
    return true;
}

static bool gen_mprotect(struct gen *g, u64 *a)
{
    gen_range(g, a);
    a[2] = protection(g);
    if (one_in(&g->rnd, 40))
        a[2] |= MM_PROT_GROWSDOWN;
    if (one_in(&g->rnd, 80))
        a[2] |= one_in(&g->rnd, 2) ? 16 : MM_PROT_SEM;
    return true;
}

static bool gen_mremap(struct gen *g, u64 *a)
{
    rnd_t r = &g->rnd;

    gen_range(g, a);
    a[2] = one_in(r, 4) ? a[1] : length(g);
    a[3] = one_in(r, 5) ? 0 : MM_MREMAP_MAYMOVE;
    if (one_in(r, 3)) {
        a[3] |= MM_MREMAP_FIXED;
        a[4] = any_page(g) + misaligned(g, 60);
    }
    if (one_in(r, 8)) {
        a[3] |= MM_MREMAP_DONTUNMAP;
        a[2] = one_in(r, 20) ? a[2] : a[1];
        if (!(a[3] & MM_MREMAP_FIXED))
            a[4] = one_in(r, 2) ? 0 : arena_page(g);
    }
    if (one_in(r, 80))
        a[3] |= 8;
    if (one_in(r, 40))
        a[1] = 0;
    return true;
}

static bool gen_brk(struct gen *g, u64 *a)
{
    rnd_t r = &g->rnd;

    a[0] = g->brk + below(r, 8) * PAGE_BYTES - 4 * PAGE_BYTES + (one_in(r, 3) ? 0 : below(r, 4096));
    if (one_in(r, 10))
        a[0] = HEAP_AT + below(r, 60) * PAGE_BYTES;
    return true;
}

/* Is a file of the disk mapped in the range? */
static bool on_disk(const struct gen *g, u64 start, u64 len)
{
    for (u32 i = 0; i < g->views->n; i++) {
        const struct mm_vma_view *v = &g->views->v[i];
        if (v->file && v->start < start + len && v->end > start && strstr(mm_file_path(v->file), "-disk"))
            return true;
    }
    return false;
}

static bool gen_madvise(struct gen *g, u64 *a)
{
    static const u8 of[] = {
        MM_MADV_NORMAL, MM_MADV_RANDOM, MM_MADV_SEQUENTIAL, MM_MADV_WILLNEED, MM_MADV_DONTNEED, MM_MADV_DONTNEED,
        MM_MADV_DONTNEED, MM_MADV_DONTNEED, MM_MADV_FREE, MM_MADV_FREE, MM_MADV_REMOVE, MM_MADV_DONTFORK,
        MM_MADV_DOFORK, MM_MADV_MERGEABLE, MM_MADV_UNMERGEABLE, MM_MADV_HUGEPAGE, MM_MADV_NOHUGEPAGE,
        MM_MADV_DONTDUMP, MM_MADV_DODUMP, MM_MADV_WIPEONFORK, MM_MADV_KEEPONFORK, MM_MADV_COLD,
        MM_MADV_POPULATE_READ, MM_MADV_POPULATE_WRITE, MM_MADV_DONTNEED_LOCKED, MM_MADV_GUARD_INSTALL,
        MM_MADV_GUARD_REMOVE, 99, MM_MADV_COLLAPSE,
    };

    gen_range(g, a);
    a[2] = of[below(&g->rnd, sizeof of)];
    if (a[2] == MM_MADV_HUGEPAGE && !g->plan->huge)
        a[2] = MM_MADV_NOHUGEPAGE;
    if (a[2] == MM_MADV_REMOVE && !g->plan->holes && on_disk(g, a[0], a[1]))
        a[2] = MM_MADV_DONTNEED;
    if (a[2] == MM_MADV_COLLAPSE && !g->plan->collapse)
        a[2] = MM_MADV_FREE;
    return true;
}

static bool gen_mlock2(struct gen *g, u64 *a)
{
    gen_range(g, a);
    a[2] = one_in(&g->rnd, 20) ? 2 : one_in(&g->rnd, 2);
    return true;
}

static bool gen_mlockall(struct gen *g, u64 *a)
{
    static const u8 of[] = { 0, 2, 6, 4, 9, 1, 3, 5, 7 };

    a[0] = of[below(&g->rnd, sizeof of)];
    return g->plan->locks;
}

static bool gen_munlockall(struct gen *g, u64 *a) { (void)a; return g->plan->locks; }

static bool gen_mincore(struct gen *g, u64 *a)
{
    gen_range(g, a);
    if (a[1] > VECTOR_PAGES * PAGE_BYTES && a[1] < 1ull << 40)
        a[1] = PAGE_BYTES;
    return true;
}

static bool gen_msync(struct gen *g, u64 *a)
{
    gen_range(g, a);
    a[2] = 1 + below(&g->rnd, one_in(&g->rnd, 20) ? 9 : 6);
    return true;
}

static bool gen_mseal(struct gen *g, u64 *a)
{
    gen_range(g, a);
    a[2] = one_in(&g->rnd, 20);
    return one_in(&g->rnd, 8);
}

static bool pick_writable(struct gen *g, u64 *file)
{
    *file = below(&g->rnd, FILES);
    return g->plan->files && g->plan->file[*file].writable;
}

static bool gen_truncate(struct gen *g, u64 *a)
{
    if (!pick_writable(g, &a[0]))
        return false;
    a[1] = below(&g->rnd, 32) * PAGE_BYTES + below(&g->rnd, 2) * 100;
    if (g->plan->file[a[0]].fs == MM_FS_EXT4 && a[1] > g->file_bytes[a[0]])
        return false;
    /* Cutting a file inside a hole leaves a page that is in the cache and not up to date: not modelled. */
    if (g->plan->file[a[0]].fs == MM_FS_EXT4 && g->plan->holes)
        a[1] = page_down(a[1]);
    g->file_bytes[a[0]] = a[1];
    return true;
}

static bool gen_punch(struct gen *g, u64 *a)
{
    if (!pick_writable(g, &a[0]) || g->plan->file[a[0]].fs == MM_FS_EXT4)
        return false;
    a[1] = below(&g->rnd, 24) * PAGE_BYTES + misaligned(g, 3);
    a[2] = (1 + below(&g->rnd, 5)) * PAGE_BYTES + misaligned(g, 3);
    return true;
}

/* ---- processes ------------------------------------------------------------------------------------------------- */

static u32 living(const struct gen *g)
{
    u32 n = 0;

    for (u32 i = 0; i < TASKS; i++)
        n += g->alive[i];
    return n;
}

static bool gen_child(struct gen *g, u64 *a)
{
    for (u32 i = 0; i < g->plan->tasks; i++)
        if (!g->alive[i]) {
            a[0] = i;
            return true;
        }
    return false;
}

static bool gen_thread(struct gen *g, u64 *a) { return !g->plan->limits && gen_child(g, a); }

static u32 other(struct gen *g)
{
    u32 i = below(&g->rnd, TASKS);

    while (!g->alive[i] || i == g->actor)
        i = (i + 1) % TASKS;
    return i;
}

static bool gen_exit(struct gen *g, u64 *a)
{
    if (living(g) < 2)
        return false;
    a[0] = other(g);
    return true;
}

static bool gen_exec(struct gen *g, u64 *a) { (void)a; return !g->plan->hardened; }

/* ---- the process's own rules ----------------------------------------------------------------------------------- */

static bool gen_prctl(struct gen *g, u64 *a)
{
    static const struct { u8 option, arg2, arg3; } of[] = {
        { MM_PR_SET_THP_DISABLE, 0, 0 }, { MM_PR_SET_THP_DISABLE, 1, 0 }, { MM_PR_SET_THP_DISABLE, 1, 2 },
        { MM_PR_SET_THP_DISABLE, 1, 1 }, { MM_PR_GET_THP_DISABLE, 0, 0 }, { MM_PR_GET_MDWE, 0, 0 },
        { MM_PR_SET_MM, MM_PR_SET_MM_BRK, 0 }, { MM_PR_SET_MDWE, 4, 0 }, { MM_PR_SET_MDWE, 1, 0 },
        { MM_PR_SET_MDWE, 3, 0 }, { MM_PR_SET_MDWE, 2, 0 },
    };
    u32 i = below(&g->rnd, COUNT_OF(of) - (g->plan->hardened ? 0 : 3));

    a[0] = of[i].option;
    a[1] = of[i].arg2;
    a[2] = of[i].arg3;
    return true;
}

static bool gen_name(struct gen *g, u64 *a)
{
    gen_range(g, a);
    a[2] = below(&g->rnd, 3);
    return true;
}

/* In the model those who share an address space share its limits: true of threads, not of CLONE_VM alone. */
static bool gen_setrlimit(struct gen *g, u64 *a)
{
    static const u8 of[] = { MM_RLIMIT_DATA, MM_RLIMIT_STACK, MM_RLIMIT_MEMLOCK, MM_RLIMIT_AS };
    const u64 most = g->plan->setup.rlimit_memlock;

    a[0] = of[below(&g->rnd, 4)];
    /* An unlimited stack would put the next program's mappings elsewhere. */
    a[1] = a[0] == MM_RLIMIT_MEMLOCK ? most : a[0] == MM_RLIMIT_STACK ? 64ull << 20 : ~(u64)0;
    if (one_in(&g->rnd, 2))
        a[1] = (8 + below(&g->rnd, 400)) * PAGE_BYTES;
    if (a[0] == MM_RLIMIT_MEMLOCK && a[1] > most)
        a[1] = most;
    return g->plan->limits;
}

static bool gen_pkey_alloc(struct gen *g, u64 *a)
{
    a[0] = one_in(&g->rnd, 9);
    a[1] = below(&g->rnd, one_in(&g->rnd, 9) ? 5 : 3);
    return true;
}

/* Not key 0: whoever allocates it next without rights loses the performer's own memory. */
static bool gen_pkey_free(struct gen *g, u64 *a)
{
    a[0] = 1 + below(&g->rnd, 17);
    return true;
}

static bool gen_pkey_mprotect(struct gen *g, u64 *a)
{
    gen_mprotect(g, a);
    a[3] = one_in(&g->rnd, 2) ? ~(u64)0 : below(&g->rnd, 18);
    return true;
}

static bool gen_membarrier(struct gen *g, u64 *a)
{
    static const u16 of[] = { 0, 8, 16, 3, 1024 };

    a[0] = of[below(&g->rnd, COUNT_OF(of))];
    return true;
}

static bool gen_nothing(struct gen *g, u64 *a) { (void)g; (void)a; return true; }

/* ---- the choice ------------------------------------------------------------------------------------------------ */

static const struct { enum op_kind kind; const char *name; u16 weight; bool (*arguments)(struct gen *g, u64 *a); }
kinds[] = {
    { OP_READ, "read", 90, gen_touch },          { OP_WRITE, "write", 160, gen_touch },
    { OP_FETCH, "exec", 20, gen_touch },         { OP_COPY_TO, "copy_to", 20, gen_copy },
    { OP_COPY_FROM, "copy_from", 20, gen_copy }, { OP_MMAP, "mmap", 160, gen_mmap },
    { OP_MUNMAP, "munmap", 80, gen_range },      { OP_MPROTECT, "mprotect", 110, gen_mprotect },
    { OP_MREMAP, "mremap", 110, gen_mremap },    { OP_BRK, "brk", 20, gen_brk },
    { OP_MADVISE, "madvise", 140, gen_madvise }, { OP_MLOCK, "mlock", 12, gen_range },
    { OP_MLOCK2, "mlock2", 12, gen_mlock2 },     { OP_MUNLOCK, "munlock", 20, gen_range },
    { OP_MLOCKALL, "mlockall", 6, gen_mlockall }, { OP_MUNLOCKALL, "munlockall", 6, gen_munlockall },
    { OP_MINCORE, "mincore", 20, gen_mincore },  { OP_MSYNC, "msync", 25, gen_msync },
    { OP_MSEAL, "mseal", 16, gen_mseal },        { OP_TRUNCATE, "truncate", 10, gen_truncate },
    { OP_PUNCH, "punch", 10, gen_punch },        { OP_FORK, "fork", 16, gen_child },
    { OP_THREAD, "thread", 6, gen_thread },       { OP_EXIT, "exit", 12, gen_exit },
    { OP_EXEC, "execve", 3, gen_exec },
    { OP_PRCTL, "prctl", 8, gen_prctl },         { OP_NAME, "set_vma_name", 6, gen_name },
    { OP_SETRLIMIT, "setrlimit", 8, gen_setrlimit }, { OP_PKEY_ALLOC, "pkey_alloc", 5, gen_pkey_alloc },
    { OP_PKEY_FREE, "pkey_free", 4, gen_pkey_free }, { OP_PKEY_MPROTECT, "pkey_mprotect", 12, gen_pkey_mprotect },
    { OP_PROCESS_MADVISE, "process_madvise", 16, gen_madvise }, { OP_MEMBARRIER, "membarrier", 3, gen_membarrier },
          { OP_LOOK, "look", 0, gen_nothing },
};

const char *op_name(enum op_kind kind)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "?";
}

void gen_begin(struct gen *g, const struct plan *plan)
{
    *g = (struct gen){ .rnd = { plan->seed * 0xd1342543de82ef95ull + 77 }, .plan = plan, .brk = HEAP_AT };
    g->alive[0] = true;
    for (u32 i = 0; i < FILES; i++)
        g->file_bytes[i] = plan->file[i].bytes;
    for (int i = 0; i < 5; i++)
        random_next(&g->rnd);
}

/* What a real kernel then does depends on more than the operations: compared as sets, and nothing comes after it. */
static struct op pageout(struct gen *g)
{
    struct op op = { .kind = OP_MADVISE, .actor = (u8)g->actor };

    gen_range(g, op.a);
    op.a[2] = MM_MADV_PAGEOUT;
    return op;
}

struct op gen_next(struct gen *g)
{
    struct op op = { .actor = (u8)g->actor };
    u32 sum = 0, pick;
    size_t i;

    if (++g->made == g->plan->ops && g->plan->ends_in_sets)
        return pageout(g);
    if (living(g) > 1 && one_in(&g->rnd, 12))
        return (struct op){ .kind = OP_LOOK, .actor = (u8)(g->actor = other(g)) };
    for (i = 0; i < COUNT_OF(kinds); i++)
        sum += kinds[i].weight;
    do {
        pick = below(&g->rnd, sum);
        for (i = 0; pick >= kinds[i].weight; i++)
            pick -= kinds[i].weight;
        memset(op.a, 0, sizeof op.a);
    } while (!kinds[i].arguments(g, op.a));
    op.kind = (u8)kinds[i].kind;
    return op;
}

bool gen_accept(struct gen *g, struct op *op)
{
    bool births = op->kind == OP_FORK || op->kind == OP_THREAD;

    if (!g->alive[op->actor] || (births && g->alive[op->a[0]]))
        return false;
    g->actor = op->actor;
    if (births)
        g->alive[op->a[0]] = true;
    if (op->kind == OP_EXIT) {
        if (living(g) < 2)
            return false;
        if (op->a[0] == op->actor || !g->alive[op->a[0]])
            op->a[0] = other(g);
        g->alive[op->actor] = false;
        g->actor = (u32)op->a[0];
    }
    return true;
}
