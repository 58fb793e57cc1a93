/* SPDX-License-Identifier: MIT
 * follow_calls.c - the memory system calls of a followed program: each is made by the model too, results are compared,
 * and where they differ the host's is adopted and the difference counted.  Called by follow.c. */
#include "follow.h"

#include "base/check.h"
#include "base/text.h"

/* A TRACE_CALL's words by name. */
struct call {
    const u64 *a;              /* arguments                                                                       */
    long recorded;
    struct mm_file *file;      /* behind the descriptor of mmap; NULL: none                                       */
    long refused;              /* what mmap says to such a descriptor: 0, or -errno                               */
    bool zero_device;          /* private mappings of it are anonymous memory                                     */
    u64 start, bytes;          /* of what shmat attached; 0 bytes: nothing                                        */
    bool writable;
};

static long model_mmap(struct proc *p, const struct call *c)
{
    const u64 *a = c->a;
    int flags = (int)a[3], prot = (int)a[2];
    const bool fixed = flags & (MM_MAP_FIXED | MM_MAP_FIXED_NOREPLACE);
    struct mm_file *f = NULL;
    long r;
    if (!(flags & MM_MAP_ANONYMOUS) && c->refused && c->recorded < 0 && !(a[5] & PAGE_MASK_LOW) && (c->refused == -MM_EBADF || a[1]))
        return c->refused;
    if (!(flags & (MM_MAP_ANONYMOUS | MM_MAP_SHARED)) && c->zero_device)
        flags |= MM_MAP_ANONYMOUS;
    if (!(flags & MM_MAP_ANONYMOUS) && !(f = c->file))
        return a[5] & PAGE_MASK_LOW ? -MM_EINVAL : -MM_EBADF;
    if (c->recorded >= 0 && !fixed)
        mm_adopt_address(p, (u64)c->recorded);
    r = mm_mmap(p, a[0], a[1], prot, flags, f, a[5]);
    if (c->recorded >= 0 && r != c->recorded)
        mm_mmap(p, (u64)c->recorded, a[1], prot, (flags & ~MM_MAP_FIXED_NOREPLACE) | MM_MAP_FIXED, f, a[5]);
    if (c->recorded < 0 && r >= 0)
        mm_munmap(p, (u64)r, a[1]);
    return r;
}

static long model_munmap(struct proc *p, const struct call *c)
{
    if (c->recorded < 0 && c->a[1] && !(c->a[0] & PAGE_MASK_LOW))
        return c->recorded;         /* the model must not unmap what the program still has */
    return mm_munmap(p, c->a[0], c->a[1]);
}

static long model_mprotect(struct proc *p, const struct call *c) { return mm_mprotect(p, c->a[0], c->a[1], (int)c->a[2]); }

/* The host gave no protection keys, so a successful call has none: it is mprotect. */
static long model_pkey_mprotect(struct proc *p, const struct call *c)
{
    return c->recorded < 0 ? c->recorded : model_mprotect(p, c);
}

/* The host's heap may end earlier; a refusal there is a difference like any other. */
static long model_brk(struct proc *p, const struct call *c)
{
    long r = mm_brk(p, c->a[0]);
    if (r != c->recorded)
        mm_brk(p, (u64)c->recorded);
    return r;
}

static u64 up(u64 bytes) { return page_up(bytes); }

/* The host refuses what it does not know (old length 0, MREMAP_DONTUNMAP) and what it has no room for. */
static void undo_mremap(struct proc *p, const u64 *a, long r)
{
    if (r != (long)a[0] && a[1])
        mm_mremap(p, (u64)r, a[2], a[1], MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, a[0]);
    else if (r != (long)a[0])
        mm_munmap(p, (u64)r, a[2]);
    else if (up(a[2]) > up(a[1]))
        mm_munmap(p, a[0] + up(a[1]), up(a[2]) - up(a[1]));
}

static long model_mremap(struct proc *p, const struct call *c)
{
    const u64 *a = c->a;
    long r;
    if (c->recorded >= 0 && c->recorded != (long)a[0] && !(a[3] & MM_MREMAP_FIXED))
        mm_adopt_address(p, (u64)c->recorded);
    r = mm_mremap(p, a[0], a[1], a[2], (int)a[3], a[4]);
    if (c->recorded >= 0 && r >= 0 && r != c->recorded) /* the model found room in place: move after it */
        mm_mremap(p, (u64)r, a[2], a[2], MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED, (u64)c->recorded);
    if (c->recorded < 0 && r >= 0)
        undo_mremap(p, a, r);
    return r >= 0 && c->recorded >= 0 ? c->recorded : r;
}

static long model_madvise(struct proc *p, const struct call *c) { return mm_madvise(p, c->a[0], c->a[1], (int)c->a[2]); }
static long model_mlock(struct proc *p, const struct call *c) { return mm_mlock2(p, c->a[0], c->a[1], 0); }
static long model_mlock2(struct proc *p, const struct call *c) { return mm_mlock2(p, c->a[0], c->a[1], (int)c->a[2]); }
static long model_munlock(struct proc *p, const struct call *c) { return mm_munlock(p, c->a[0], c->a[1]); }
static long model_mlockall(struct proc *p, const struct call *c) { return mm_mlockall(p, (int)c->a[0]); }
static long model_munlockall(struct proc *p, const struct call *c) { (void)c; return mm_munlockall(p); }
static long model_msync(struct proc *p, const struct call *c) { return mm_msync(p, c->a[0], c->a[1], (int)c->a[2]); }

/* As Linux does it: a page's worth of answers at a time (do_mincore). */
static long model_mincore(struct proc *p, const struct call *c)
{
    u8 vec[PAGE_BYTES];
    const u64 room = sizeof vec * PAGE_BYTES;
    u64 at = c->a[0], left = c->a[1];
    long r;
    if (c->recorded < 0)
        return c->recorded;
    do {
        u64 part = left < room ? left : room;
        r = mm_mincore(p, at, part, vec);
        at += part;
        left -= part;
    } while (!r && left);
    return r;
}

/* System V shared memory: shared anonymous memory to the model. */
static long model_shmat(struct proc *p, const struct call *c)
{
    if (c->recorded < 0 || !c->bytes)
        return c->recorded;
    return mm_mmap(p, c->start, c->bytes, MM_PROT_READ | (c->writable ? MM_PROT_WRITE : 0), MM_MAP_SHARED | MM_MAP_ANONYMOUS | MM_MAP_FIXED,
                   NULL, 0);
}

static long model_shmdt(struct proc *p, const struct call *c)
{
    struct mm_vma_view vma;
    if (c->recorded < 0 || !mm_find_vma(p, c->a[0], &vma) || vma.start != c->a[0])
        return c->recorded;
    return mm_munmap(p, vma.start, vma.end - vma.start);
}

static const struct { char name[14]; u8 args; long (*model)(struct proc *p, const struct call *c); } calls[TRACE_CALLS] = {
    [TRACE_MMAP] = { "mmap", 6, model_mmap },
    [TRACE_MUNMAP] = { "munmap", 2, model_munmap },
    [TRACE_MPROTECT] = { "mprotect", 3, model_mprotect },
    [TRACE_BRK_CALL] = { "brk", 1, model_brk },
    [TRACE_MREMAP] = { "mremap", 5, model_mremap },
    [TRACE_MADVISE] = { "madvise", 3, model_madvise },
    [TRACE_MLOCK] = { "mlock", 2, model_mlock },
    [TRACE_MLOCK2] = { "mlock2", 3, model_mlock2 },
    [TRACE_MUNLOCK] = { "munlock", 2, model_munlock },
    [TRACE_MLOCKALL] = { "mlockall", 1, model_mlockall },
    [TRACE_MUNLOCKALL] = { "munlockall", 0, model_munlockall },
    [TRACE_MSYNC] = { "msync", 3, model_msync },
    [TRACE_MINCORE] = { "mincore", 3, model_mincore },
    [TRACE_SHMAT] = { "shmat", 3, model_shmat },
    [TRACE_SHMDT] = { "shmdt", 1, model_shmdt },
    [TRACE_PKEY_MPROTECT] = { "pkey_mprotect", 4, model_pkey_mprotect },
};

const char *trace_call_name(u32 call) { return call < TRACE_CALLS ? calls[call].name : "?"; }
unsigned trace_call_args(u32 call) { return call < TRACE_CALLS ? calls[call].args : 0; }

/* ---- comparing ------------------------------------------------------------------------------------------------------- */

/* "-ENOMEM", "0x7f0000000000" */
static void result_text(struct text *t, long r)
{
    const bool error = r < 0 && r > -4096;
    const char *name = error ? mm_errno_name((int)-r) : NULL;
    if (error)
        text_char(t, '-');
    if (name)
        text_str(t, name);
    else if (error)
        text_dec(t, (u64)-r);
    else
        text_0x(t, (u64)r);
    text_char(t, 0);
}

static void call_text(struct text *t, u32 call, const u64 *a)
{
    text_str(t, calls[call].name);
    text_char(t, '(');
    for (u32 i = 0; i < calls[call].args; i++) {
        text_str(t, i ? ", " : "");
        text_0x(t, a[i]);
    }
    text_str(t, ")");
    text_char(t, 0);
}

static void report(struct follower *f, u32 call, const struct call *c, long modelled)
{
    struct text what = { 0 }, was = { 0 }, would = { 0 };
    call_text(&what, call, c->a);
    result_text(&was, c->recorded);
    result_text(&would, modelled);
    follow_note(f, what.buf, was.buf, would.buf);
}

/* ---- wishes ------------------------------------------------------------------------------------------------------------ */

void follow_wish(struct follower *f, enum follow_wish wish, const char *name)
{
    char *to = f->wish[wish], *end = to + sizeof f->wish[wish] - 1;
    while (name && *name && to < end)
        *to++ = *name++;
    *to = 0;
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static const char *last_part(const char *path)
{
    const char *last = path;
    for (; *path; path++)
        if (*path == '/' && path[1])
            last = path + 1;
    return last;
}

static bool is_called(const char *name, const struct call *c, u64 start)
{
    struct text t = { 0 };
    if (c->file)
        return same(name, mm_file_path(c->file)) || same(name, last_part(mm_file_path(c->file)));
    text_str(&t, "anon ");
    text_0x(&t, start);
    text_char(&t, 0);
    return same(name, "anon") || same(name, t.buf);
}

/* Memory without a name is called by where its mapping begins (mapping.c): what is mapped next to what got the wish would
 * have become part of it. */
static bool joins(struct follower *f, int wish, const struct call *c)
{
    const u64 start = (u64)c->recorded, end = start + page_up(c->a[1]);
    const bool first = !f->granted[wish].end, below = end == f->granted[wish].start, above = start == f->granted[wish].end;
    if (c->file || !(first ? is_called(f->wish[wish], c, start) : below || above))
        return is_called(f->wish[wish], c, start);
    if (first || below)
        f->granted[wish].start = start;
    if (first || above)
        f->granted[wish].end = end;
    return true;
}

/* Whole GiB of private memory, if there are any, as the program could have mapped them. */
static void make_gigantic(struct follower *f, u64 start, u64 bytes, int prot)
{
    const u64 gib = 1ull << 30, from = (start + gib - 1) & ~(gib - 1), to = (start + bytes) & ~(gib - 1);
    const int plain = MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED;
    if (from >= to)
        return;
    if (mm_mmap(f->proc, from, to - from, prot, plain | MM_MAP_HUGETLB | 30 << MM_MAP_HUGE_SHIFT, NULL, 0) < 0)
        mm_mmap(f->proc, from, to - from, prot, plain, NULL, 0); /* the pool is used up: as it was                      */
}

/* The range is new; its rights say how it can be populated. */
static void grant(struct follower *f, enum follow_wish wish, u64 start, u64 bytes, int prot, const struct call *c)
{
    const bool write = (prot & MM_PROT_WRITE) && !c->file;
    if (wish == FOLLOW_GIGANTIC) {
        if (!c->file && prot && c->a[3] & MM_MAP_PRIVATE)
            make_gigantic(f, start, page_up(bytes), prot);
        return;
    }
    const struct mm_counters before = *proc_counters(f->proc), *after = proc_counters(f->proc);
    mm_madvise(f->proc, start, page_up(bytes), wish == FOLLOW_HUGEPAGE ? MM_MADV_HUGEPAGE : write ? MM_MADV_POPULATE_WRITE : MM_MADV_POPULATE_READ);
    f->populated.pages += after->minor - before.minor;
    for (u32 kind = 0; kind < MM_FAULT_KINDS; kind++)
        f->populated.faults[kind] += after->faults[kind] - before.faults[kind];
}

void follow_populated(const struct follower *f, struct follow_populated *out) { *out = f->populated; }

static void grant_wishes(struct follower *f, u32 call, const struct call *c, u64 old_brk)
{
    for (int wish = 0; wish < FOLLOW_WISHES; wish++) {
        const char *name = f->wish[wish];
        if (RARE(name[0] && c->recorded >= 0 && call == TRACE_MMAP && joins(f, wish, c)))
            grant(f, (enum follow_wish)wish, (u64)c->recorded, c->a[1], (int)c->a[2], c);
        if (RARE(name[0] && call == TRACE_BRK_CALL && same(name, "[heap]") && old_brk && (u64)c->recorded > old_brk))
            grant(f, (enum follow_wish)wish, page_up(old_brk), page_up((u64)c->recorded) - page_up(old_brk), MM_PROT_WRITE, c);
    }
}

/* What a new mapping is for, as far as its flags say: threads' stacks are asked for as stacks (pthread_create), malloc's arenas
 * as 64 MiB that nobody may touch yet, or twice as much to find 64 MiB that are aligned (glibc, arena.c: new_heap). */
static u64 tag_of(struct follower *f, u32 call, const struct call *c)
{
    const u64 heap_bytes = 64ull << 20, flags = c->a[3], anonymous = MM_MAP_PRIVATE | MM_MAP_ANONYMOUS;
    if (call != TRACE_MMAP || c->recorded < 0 || (flags & anonymous) != anonymous)
        return 0;
    if (flags & MM_MAP_STACK)
        return SIM_TAG_STACK | ++f->stacks;
    if (!c->a[2] && flags & MM_MAP_NORESERVE && (c->a[1] == heap_bytes || c->a[1] == 2 * heap_bytes))
        return SIM_TAG_ARENA | ++f->arenas;
    return 0;
}

bool follow_call(struct follower *f, const struct trace_event *e)
{
    const u64 *w = e->word;
    const u32 call = (u32)w[1];
    const struct call c = { .a = w + 3, .recorded = (long)w[2], .file = w[9] < TRACE_FILES ? f->file[w[9]] : NULL, .refused = (long)w[10],
                            .zero_device = w[11] != 0, .start = w[12], .bytes = w[13], .writable = w[14] != 0 };
    long modelled;
    if (w[1] >= TRACE_CALLS)
        return false;
    follow_pays(f, w[0]);
    sim_doing(f->sim, f->cpu, calls[call].name);
    mm_tag(f->proc, tag_of(f, call, &c));
    modelled = calls[call].model(f->proc, &c);
    mm_tag(f->proc, 0);
    sim_doing(f->sim, f->cpu, "");
    grant_wishes(f, call, &c, f->brk);
    if (call == TRACE_BRK_CALL)
        f->brk = (u64)c.recorded;
    f->count[call].calls++;
    f->count[call].errors += c.recorded < 0;
    if (modelled != c.recorded) {
        f->count[call].divergent++;
        report(f, call, &c, modelled);
    }
    return true;
}
