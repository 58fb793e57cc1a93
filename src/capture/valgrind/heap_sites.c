/* SPDX-License-Identifier: GPL-2.0-or-later
 * heap_sites.c - what the blocks of each allocation site cost (--heap).  A site is a place in the program: the first call,
 * from the allocation function outwards, that is not made by a wrapper of one (its name has "alloc" in it, or is like it).
 *
 * Costs are exact: each miss, walk, fault and copy of data belongs to the block that lies at its address.  Accesses are
 * ESTIMATED: nothing counts them one by one, but every WORK_BETWEEN instructions the marks of the filter are taken away for
 * SAMPLES accesses, so that they all reach the model, which changes no count (decision 2); their shares stand for all accesses
 * made since the last such moment.  Such a moment can begin where the core looks up, or at a miss. */
#include "calls.h"
#include "heap.h"
#include "put.h"

enum { SITES_MAX = 1 << 16, MEMO = 4096, WAITING = 16384, SAMPLES = 200, WORK_BETWEEN = 200000 };

struct site {
    struct site *next;     /* VgHashNode: by place                                                                 */
    UWord key;
    UInt number;
    const HChar *how, *object, *file, *function; /* interned                                                       */
    UInt line;
    ULong blocks, bytes, live, peak;             /* born; bytes: of all born, of those that live, the most of these  */
    ULong weight, samples;
    ULong pages_touched, bytes_held;             /* computed at the end                                            */
    struct sim_cost cost;
};
static struct site *site[SITES_MAX];
static UInt sites = 1;
static VgHashTable *places;

/* What a site had on a page at most. */
struct held { struct held *next; UWord key; Addr page; UInt site, now, most; };
static VgHashTable *held;

static struct site *site_of(UInt n)
{
    if (!site[n]) {
        site[n] = VG_(calloc)("pagewalk.heap", 1, sizeof *site[n]);
        site[n]->how = site[n]->object = site[n]->file = "";
        site[n]->function = "(in no block)";
    }
    return site[n];
}

/* ---- places ------------------------------------------------------------------------------------------------------- */

/* xmalloc, g_malloc0, sqlite3DbMallocRaw, std::allocator<..>::allocate, PyObject_Realloc, strdup, operator new ... */
static Bool looks_like_allocator(const HChar *function)
{
    static const HChar *const parts[] = { "lloc", "strdup", "strndup", "operator new", "_M_create", "_Alloc", "mmap" };
    for (UInt i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (VG_(strstr)(function, parts[i]))
            return True;
    return False;
}

/* Asking for names takes long; the same few calls ask for memory again and again. */
static Bool is_wrapper(Addr ip)
{
    static struct { Addr ip; Bool wrapper; } memo[MEMO];
    UInt at = (UInt)(ip * 0x9e3779b97f4a7c15ull >> 52) % MEMO;
    if (memo[at].ip != ip) {
        memo[at].ip = ip;
        memo[at].wrapper = looks_like_allocator(cap_line_of(ip)->function);
    }
    return memo[at].wrapper;
}

static Word places_differ(const void *a, const void *b)
{
    const struct site *x = a, *y = b;
    return !(x->how == y->how && x->object == y->object && x->file == y->file && x->function == y->function && x->line == y->line);
}

/* The memo of calls: code that goes and comes again at the same address is rare, and then only named wrongly. */
static UInt site_at(const HChar *how, Addr ip)
{
    static struct { const HChar *how; Addr ip; UInt site; } memo[MEMO];
    UInt at = (UInt)((ip ^ (UWord)how) * 0x9e3779b97f4a7c15ull >> 52) % MEMO;
    struct site want = { 0 }, *s;
    const struct cap_line *l;
    if (memo[at].ip == ip && memo[at].how == how)
        return memo[at].site;
    if (!places)
        places = VG_(HT_construct)("pagewalk.heap");
    l = cap_line_of(ip);
    want.how = how;
    want.object = l->object;
    want.file = l->file;
    want.function = l->function;
    want.line = l->line;
    want.key = ((UWord)how * 31 + (UWord)l->function) * 31 + (UWord)l->file + l->line * 2654435761ul + (UWord)l->object;
    s = VG_(HT_gen_lookup)(places, &want, places_differ);
    if (!s) {
        if (sites == SITES_MAX)
            return 0;
        s = site_of(sites);
        UInt number = sites++;
        *s = want;
        s->number = number;
        VG_(HT_add_node)(places, s);
    }
    memo[at].how = how;
    memo[at].ip = ip;
    memo[at].site = s->number;
    return s->number;
}

UInt cap_heap_place(const HChar *how)
{
    const struct cap_call *c = cap_call_top;
    while (c->sp != ~(Addr)0 && c[-1].sp != ~(Addr)0 && is_wrapper(c->ip))
        c--;
    return site_at(how, c->ip);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------- */

void cap_heap_born(UInt n, SizeT len_bytes)
{
    struct site *s = site_of(n);
    s->blocks++;
    s->bytes += len_bytes;
    s->live += len_bytes;
    s->peak = s->live > s->peak ? s->live : s->peak;
}

void cap_heap_died(UInt n, SizeT len_bytes)
{
    struct site *s = site_of(n);
    s->live -= len_bytes < s->live ? len_bytes : s->live;
}

static Word held_differ(const void *a, const void *b)
{
    const struct held *x = a, *y = b;
    return !(x->page == y->page && x->site == y->site);
}

static struct held *held_at(Addr page, UInt n)
{
    static struct held *memo[MEMO];
    struct held want = { .key = page ^ (UWord)n * 0x9e3779b97f4a7c15ull, .page = page, .site = n }, *h;
    struct held **last = &memo[(want.key * 0x9e3779b97f4a7c15ull >> 52) % MEMO];
    if (*last && (*last)->page == page && (*last)->site == n)
        return *last;
    if (!held)
        held = VG_(HT_construct)("pagewalk.heap");
    h = VG_(HT_gen_lookup)(held, &want, held_differ);
    if (!h) {
        h = VG_(malloc)("pagewalk.heap", sizeof *h);
        *h = want;
        VG_(HT_add_node)(held, h);
    }
    return *last = h;
}

void cap_heap_page(Addr page, UInt n, Int len_bytes)
{
    struct held *h = held_at(page, n);
    h->now += (UInt)len_bytes;
    h->most = h->now > h->most ? h->now : h->most;
}

void cap_heap_page_held(Addr page, UInt n, UInt len_bytes)
{
    struct held *h = held_at(page, n);
    h->most = h->most > len_bytes ? h->most : len_bytes;
}

/* ---- costs -------------------------------------------------------------------------------------------------------- */

static struct { Addr va; struct sim_cost cost; } waiting[WAITING];
static UInt waits;

enum { WORDS = sizeof(struct sim_cost) / sizeof(u64) };

/* What a site cost since `before`; its costs may have been folded away in between. */
static struct sim_cost since(const struct sim_site *s, const struct sim_cost *before)
{
    struct sim_cost d = { 0 };
    const u64 *now = (const u64 *)s->cost, *then = (const u64 *)before;
    for (UInt i = 0; now && i < WORDS; i++)
        ((u64 *)&d)[i] = now[i] - (then[i] <= now[i] ? then[i] : 0);
    return d;
}

static void pay(Addr va, const struct sim_cost *c)
{
    u64 *to = (u64 *)&site_of(cap_heap_site(va))->cost;
    const u64 *from = (const u64 *)c;
    for (UInt i = 0; i < WORDS; i++)
        to[i] += from[i];
}

void cap_heap_settle(void)
{
    for (UInt i = 0; i < waits; i++)
        pay(waiting[i].va, &waiting[i].cost);
    waits = 0;
}

static void pay_or_wait(Addr va, const struct sim_cost *c)
{
    static const struct sim_cost nothing;
    if (!VG_(memcmp)(c, &nothing, sizeof nothing))
        return;
    if (!cap_alloc_inside()) {
        pay(va, c);
        return;
    }
    if (waits == WAITING)
        cap_heap_settle();
    waiting[waits].va = va;
    waiting[waits++].cost = *c;
}

Bool cap_heap_access(Addr va, UInt size_bytes, enum mmu_kind kind, struct sim_site *s)
{
    struct sim_cost before = s->cost ? *s->cost : (struct sim_cost){ 0 }, cost;
    Bool made = follow_access(cap.follower, va, size_bytes, kind, s);
    cost = since(s, &before);
    pay_or_wait(va, &cost);
    cap_heap_sample_now();
    return made;
}

/* ---- what the kernel does ------------------------------------------------------------------------------------------ */

static void mappings_change(const u64 *w)
{
    const u64 *a = w + 3;
    long result = (long)w[2];
    if (result < 0)
        return;
    switch (w[1]) {
    case TRACE_MMAP:
        cap_heap_unmap((Addr)result, page_up(a[1]));
        if ((a[3] & MM_MAP_ANONYMOUS) && !cap_alloc_inside())
            cap_heap_add((Addr)result, page_up(a[1]), cap_heap_place("mmap"));
        break;
    case TRACE_MUNMAP:
        cap_heap_unmap(a[0], page_up(a[1]));
        break;
    case TRACE_MREMAP: {
        UInt n = cap_heap_site(a[0]);
        cap_heap_unmap(a[0], page_up(a[1]));
        cap_heap_unmap((Addr)result, page_up(a[2]));
        if (!cap_alloc_inside())
            cap_heap_add((Addr)result, page_up(a[2]), n ? n : cap_heap_place("mremap"));
        break;
    }
    default:
        break;
    }
}

Bool cap_heap_event(const struct trace_event *e)
{
    struct sim_site *s = follow_call_site(cap.follower);
    struct sim_cost before = s->cost ? *s->cost : (struct sim_cost){ 0 }, cost;
    Bool good = follow(cap.follower, e);
    if (e->type != TRACE_TOUCH && e->type != TRACE_CALL)
        return good;
    cost = since(s, &before);
    if (e->type == TRACE_CALL)
        mappings_change(e->word);
    pay_or_wait(e->type == TRACE_TOUCH ? e->word[0] : e->word[1] == TRACE_MMAP ? e->word[2] : e->word[3], &cost);
    return good;
}

/* ---- samples ------------------------------------------------------------------------------------------------------ */

UInt cap_heap_sampling;
static ULong last_work, interval;
static UInt sampled[SAMPLES];

void cap_heap_sample_now(void)
{
    ULong work = cap_work();
    if (work < last_work) /* in a forked child it begins anew                                                         */
        last_work = 0;
    if (work < last_work + WORK_BETWEEN || cap_heap_sampling || !cap.opt.filter)
        return;
    interval = work - last_work;
    last_work = work;
    cap_heap_sampling = SAMPLES;
    mmu_bind_marks(cap.mmu, cap.cpu, NULL);
}

/* Code that accesses more often has more accesses in the same number of instructions. */
static void weigh_samples(void)
{
    ULong work = cap_work(), took = work > last_work ? work - last_work : 1, each = interval * 1024 / took;
    for (UInt i = 0; i < SAMPLES; i++) {
        struct site *s = site_of(sampled[i]);
        s->weight += each;
        s->samples++;
    }
}

void cap_heap_sample(Addr va)
{
    sampled[--cap_heap_sampling] = cap_heap_site(va);
    if (cap_heap_sampling)
        return;
    weigh_samples();
    mmu_bind_marks(cap.mmu, cap.cpu, &cap_marks);
}

/* ---- results ------------------------------------------------------------------------------------------------------ */

void cap_heap_forget_costs(void)
{
    for (UInt i = 0; i < sites; i++) {
        struct site *s = site_of(i);
        s->cost = (struct sim_cost){ 0 };
        s->blocks = s->bytes = s->weight = s->samples = 0;
        s->peak = s->live;
    }
    waits = 0;
}

static void count_pages(void)
{
    struct held *h;
    cap_heap_count_live();
    for (UInt i = 0; i < sites; i++)
        site_of(i)->pages_touched = site_of(i)->bytes_held = 0;
    if (!held)
        return;
    VG_(HT_ResetIter)(held);
    while ((h = VG_(HT_Next)(held)))
        if (sim_touched_pages(cap.sim, h->page, h->page + PAGE_BYTES)) {
            site_of(h->site)->pages_touched++;
            site_of(h->site)->bytes_held += h->most < PAGE_BYTES ? h->most : PAGE_BYTES;
        }
}

static Int by_cost(const void *a, const void *b)
{
    const struct site *x = site[*(const UInt *)a], *y = site[*(const UInt *)b];
    if (x->cost.walk_cycles != y->cost.walk_cycles)
        return x->cost.walk_cycles > y->cost.walk_cycles ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void put_site(const struct site *s, ULong accesses, ULong all)
{
    put_begin("row");
    put_string(s->how);
    put_string(s->object);
    put_string(s->file);
    put_string(s->function);
    put_number(s->line);
    put_number(s->blocks);
    put_number(s->bytes);
    put_number(s->peak);
    if (all)
        put_number((ULong)((unsigned __int128)accesses * s->weight / all));
    else
        put_unknown();
    put_number(s->pages_touched);
    put_number((s->bytes_held + PAGE_BYTES - 1) / PAGE_BYTES);
    put_costs(&s->cost);
    put_end();
}

void cap_put_heap(ULong accesses)
{
    static const HChar *const columns[] = { "$how", "$object", "$file", "$function", "line", "blocks", "bytes", "peak_bytes", "accesses",
                                            "pages_touched", "pages_used", RESULTS_COST_COLUMNS, NULL };
    static UInt order[SITES_MAX];
    ULong all = 0, samples = 0;
    cap_heap_settle();
    count_pages();
    for (UInt i = 0; i < sites; i++) {
        order[i] = i;
        all += site_of(i)->weight;
        samples += site_of(i)->samples;
    }
    put_count("heap.samples", samples);
    put_table("allocations", columns);
    VG_(ssort)(order, sites, sizeof order[0], by_cost);
    for (UInt i = 0; i < sites; i++)
        put_site(site[order[i]], accesses, all);
}
