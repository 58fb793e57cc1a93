/* SPDX-License-Identifier: MIT
 * replay_foreign.c - replays the trace of another tool (foreign.h).  Called by replay.c.
 *
 * Such traces hold accesses and nothing else.  So where the program's memory came from is assumed: the first access to a GiB of
 * the address space maps the whole of it, private, anonymous, readable, writable and executable; what is touched first
 * in it is then faulted in as Linux would; where pages of 1 GiB are wanted they come from hugetlbfs's pool.  A page that is loaded from first gets a frame,
 * too: something had filled it, which the trace did not see.  Each GiB keeps to itself (a tag of its own keeps mappings from
 * merging), so that its costs stay together. */
#include "replay_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNIT_LG2 = 30, USER_LG2 = 47, UNITS = 1 << (USER_LG2 - UNIT_LG2) };
#define USER_BEGIN 65536ull                             /* vm.mmap_min_addr                                             */
#define USER_END ((1ull << USER_LG2) - PAGE_BYTES)     /* TASK_SIZE with four levels                                   */

struct replay_foreign {
    struct foreign *t;
    u32 thread;
    bool full;                   /* the simulated memory is used up                                                    */
    u64 left_out;
    u64 mapped[UNITS / 64];      /* a bit for each GiB                                                                 */
};

/* ---- memory --------------------------------------------------------------------------------------------------------- */

/* As the report's list of mappings calls it, or "anon": all memory without a name. */
static bool is_called(const char *wish, u64 start)
{
    char name[32];
    snprintf(name, sizeof name, "anon 0x%llx", (unsigned long long)start);
    return !strcmp(wish, name) || !strcmp(wish, "anon");
}

static void grant_wish(struct replay *r, u64 start, u64 end)
{
    const char *wish = r->settings.wish[FOLLOW_HUGEPAGE];
    if (wish && is_called(wish, start))
        mm_madvise(follow_proc(r->follower), start, end - start, MM_MADV_HUGEPAGE);
}

static bool map_piece(struct replay *r, u64 start, u64 end, unsigned page_lg2)
{
    const unsigned huge = page_lg2 > PAGE_LG2 ? MM_MAP_HUGETLB | page_lg2 << MM_MAP_HUGE_SHIFT : 0;
    const struct trace_event map = { .type = TRACE_MAP, .word = { start, end - start, MM_PROT_READ | MM_PROT_WRITE | MM_PROT_EXEC,
                                     MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_NORESERVE | huge, 0, TRACE_NO_FILE } };
    bool good;
    mm_tag(follow_proc(r->follower), start);
    good = follow(r->follower, &map);
    mm_tag(follow_proc(r->follower), 0);
    if (good && !huge)
        grant_wish(r, start, end);
    return good;
}

/* What is left over at the ends gets smaller pages: the first and the last GiB are not whole. */
static bool map_range(struct replay *r, u64 start, u64 end, unsigned page_lg2)
{
    const u64 mask = (1ull << page_lg2) - 1, from = (start + mask) & ~mask, to = end & ~mask;
    const unsigned smaller = page_lg2 > 21 ? 21 : PAGE_LG2;
    if (start == end)
        return true;
    if (from >= to)
        return map_range(r, start, end, smaller);
    return map_range(r, start, from, smaller) && map_piece(r, from, to, page_lg2) && map_range(r, to, end, smaller);
}

static bool map_unit(struct replay *r, u64 unit)
{
    const u64 start = unit ? unit << UNIT_LG2 : USER_BEGIN, end = unit + 1 < UNITS ? (unit + 1) << UNIT_LG2 : USER_END;
    return map_range(r, start, end, r->settings.page_lg2 == 30 ? 30 : PAGE_LG2);
}

static bool have_unit(struct replay *r, u64 unit)
{
    u64 *word = &r->foreign->mapped[unit / 64];
    if (RARE(!(*word >> unit % 64 & 1)) && !map_unit(r, unit))
        return false;
    *word |= 1ull << unit % 64;
    return true;
}

/* ---- accesses ------------------------------------------------------------------------------------------------------- */

static bool is_users(const struct foreign_access *a) { return a->va >= USER_BEGIN && a->va < USER_END && a->bytes <= USER_END - a->va; }

/* As many simulated CPUs as there are; threads are spread over them. */
static void switch_thread(struct replay *r, u32 thread)
{
    const struct trace_event to = { .type = TRACE_CPU, .word = { thread % r->cpus } };
    r->foreign->thread = thread;
    if (to.word[0] == r->cpu)
        return;
    mmu_bind_marks(r->mmu, r->cpu, NULL);
    r->cpu = (unsigned)to.word[0];
    follow(r->follower, &to);
    mmu_bind_marks(r->mmu, r->cpu, &r->marks);
}

static bool access_memory(struct replay *r, const struct foreign_access *a)
{
    const u64 last = a->va + a->bytes - 1;
    return have_unit(r, a->va >> UNIT_LG2) && have_unit(r, last >> UNIT_LG2) &&
           replay_model(r, lines_site(&r->lines, a->ip), a->kind, a->va, page_down(a->va) == page_down(last) ? 1 : a->bytes);
}

static void access_again(struct replay *r, const struct foreign_access *a)
{
    struct replay_foreign *f = r->foreign;
    const bool crosses = (a->va & PAGE_MASK_LOW) + a->bytes > PAGE_BYTES;
    if (RARE(a->thread != f->thread))
        switch_thread(r, a->thread);
    if (!crosses && replay_marked(r, a->kind, page_down(a->va)))
        return;
    if (!is_users(a))
        f->left_out++;
    else
        f->full = !access_memory(r, a);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------ */

bool foreign_begin(struct replay *r, const char *path, const char *form, struct replay_error *err)
{
    struct foreign_error why = { "cannot be replayed: not enough memory" };
    if (r->settings.wish[FOLLOW_POPULATE]) {
        snprintf(err->text, sizeof err->text, "%s is another tool's trace: it does not say which memory was mapped when, so none can be populated", path);
        return false;
    }
    r->foreign = calloc(1, sizeof *r->foreign);
    if (r->foreign && (r->foreign->t = foreign_open(path, form, &why)))
        return true;
    snprintf(err->text, sizeof err->text, "%s %.*s", path, 400, why.text);
    return false;
}

/* Pages of 2 MiB are made as they are needed; those of 1 GiB never, so they are put aside now. */
void replay_fill_pools(struct replay *r, u64 bytes)
{
    struct kernel *k = sim_kernel(r->sim);
    const unsigned long long pages = bytes >> 30;
    char number[24];
    snprintf(number, sizeof number, "%llu", pages);
    kernel_sys_write(k, "hugepages/hugepages-1048576kB/nr_hugepages", number);
    kernel_sys_write(k, "hugepages/hugepages-2048kB/nr_overcommit_hugepages", "4294967296");
}

bool foreign_follow(struct replay *r)
{
    const char *name = foreign_program(r->foreign->t);
    const struct trace_event proc = { .type = TRACE_PROC, .text = name ? name : "", .text_bytes = name ? (u32)strlen(name) : 0 },
                             run = { .type = TRACE_RUN };
    if (r->settings.page_lg2 == 30)
        replay_fill_pools(r, r->ram_bytes - r->ram_bytes / 16);
    if (!follow(r->follower, &proc) || !follow(r->follower, &run))
        return false;
    mmu_bind_marks(r->mmu, r->cpu, &r->marks);
    return true;
}

void foreign_run(struct replay *r, void (*progress)(void *ctx, unsigned percent), void *ctx)
{
    struct replay_foreign *f = r->foreign;
    struct foreign_access a;
    unsigned shown = 0;
    for (u64 n = 0; !f->full && !r->lines.no_memory && foreign_next(f->t, &a); n++) {
        access_again(r, &a);
        if (RARE(!(n & 0xffff)) && progress && foreign_progress(f->t) != shown)
            progress(ctx, shown = foreign_progress(f->t));
    }
}

bool foreign_replayed(const struct replay *r, struct replay_error *err)
{
    struct foreign_error why = { "cannot be replayed: not enough memory" };
    if (r->foreign->full)
        snprintf(why.text, sizeof why.text, "touches more memory than is simulated; try --ram with a larger size");
    else if (!r->lines.no_memory && foreign_whole(r->foreign->t, &why))
        return true;
    snprintf(err->text, sizeof err->text, "%s %.*s", r->path, 400, why.text);
    return false;
}

const struct foreign *foreign_of(const struct replay *r) { return r->foreign->t; }
u64 foreign_left_out(const struct replay *r) { return r->foreign->left_out; }

void foreign_end(struct replay *r)
{
    if (!r->foreign)
        return;
    foreign_close(r->foreign->t);
    free(r->foreign);
}
