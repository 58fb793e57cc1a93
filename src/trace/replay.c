/* SPDX-License-Identifier: MIT
 * replay.c - hands a recording to a follower (trace.h) on a machine and a kernel of the wanted settings.  Called by
 * `pagewalk replay` and `whatif`.
 *
 * Accesses whose page is marked (mmu.h, "marks") are done with here; the others go the way they go in a live run. */
#include "replay_internal.h"
#include "trace/setting_words.h"

#include "pagewalk/profile.h"
#include "pagewalk/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- accesses ------------------------------------------------------------------------------------------------------ */

__attribute__((noinline)) bool replay_model(struct replay *r, u32 site, u8 kind, u64 va, u32 bytes)
{
    r->model_accesses[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
    return (bytes == 1 && mmu_touch(r->mmu, r->cpu, va, (enum mmu_kind)kind)) ||
           follow_access(r->follower, va, bytes, kind, &r->lines.site[site]);
}

static inline void access_again(struct replay *r, const struct decoded *d)
{
    const struct replay_place *p = &r->place[d->place];
    u64 va = d->page << PAGE_LG2;
    if (RARE(d->crosses))
        replay_model(r, p->site, p->kind, va + PAGE_BYTES - 1, 2);
    else if (!replay_marked(r, p->kind, va))
        replay_model(r, p->site, p->kind, va, 1);
}

static void new_place(struct replay *r, const struct decoded *d)
{
    if (d->place >= r->places_room) {
        u32 room = r->places_room ? 2 * r->places_room : 1 << 16;
        struct replay_place *more = realloc(r->place, room * sizeof *more);
        if (!more) {
            r->no_memory = true;
            return;
        }
        r->place = more;
        r->places_room = room;
    }
    r->place[d->place] = (struct replay_place){ lines_site(&r->lines, d->ip), d->kind };
}

/* ---- events -------------------------------------------------------------------------------------------------------- */

/* What the model lacks when the recorded one lacked it is armed until then, group by group. */
static void arm(struct replay *r, const struct trace_event *e)
{
    char *text = malloc(e->text_bytes + 1ul);
    if (!text || r->arms == sizeof r->armed / sizeof r->armed[0]) {
        free(text);
        r->no_memory = true;
        return;
    }
    if (e->text_bytes)
        memcpy(text, e->text, e->text_bytes);
    r->armed[r->arms] = *e;
    r->armed[r->arms++].text = text;
}

/* True: there was something. */
static bool fire(struct replay *r)
{
    u32 n = r->arms;
    for (u32 i = 0; i < n; i++) {
        follow(r->follower, &r->armed[i]);
        free((char *)r->armed[i].text);
    }
    r->arms = 0;
    return n > 0;
}

static bool mend(void *ctx, const struct sim_outcome *out)
{
    (void)out;
    return fire(ctx);
}

static void switch_cpu(struct replay *r, unsigned cpu)
{
    mmu_bind_marks(r->mmu, r->cpu, NULL);
    r->cpu = cpu;
}

/* What was counted so far was the parent's. */
static void born(struct replay *r)
{
    struct sim_site *call = follow_call_site(r->follower);
    struct mmu_stats stats;
    lines_forget_costs(&r->lines);
    if (call->cost)
        *call->cost = (struct sim_cost){ 0 };
    r->before = (struct mmu_stats){ 0 };
    replay_stats(r, &stats);
    r->before = stats;
    sim_forget_costs(r->sim);
    follow_forget_counts(r->follower);
    for (int side = 0; side < MMU_SIDES; side++)
        r->model_accesses[side] = r->marked[side] = 0;
}

static void event(struct replay *r, const struct decoded *d)
{
    struct trace_event e = d->event;
    if (e.type == TRACE_LINE) {
        lines_name(&r->lines, &e);
        return;
    }
    if (d->mend) {
        arm(r, &e);
        return;
    }
    if (r->arms && e.type != TRACE_TOUCH)
        fire(r);
    if (e.type == TRACE_PROC && !r->name)
        r->name = strndup(e.text, e.text_bytes);
    if (e.type == TRACE_FORGET)
        lines_fold(&r->lines);
    if (e.type == TRACE_CPU) {
        e.word[0] %= r->cpus;    /* as many as there are now */
        switch_cpu(r, (unsigned)e.word[0]);
    }
    if (follow(r->follower, &e) && e.type == TRACE_BORN)
        born(r);
    if (e.type == TRACE_RUN || e.type == TRACE_CPU)
        mmu_bind_marks(r->mmu, r->cpu, &r->marks);
}

static void fold_call(void *ctx, struct sim_site *s) { lines_fold_call(&((struct replay *)ctx)->lines, s); }

/* ---- beginning --------------------------------------------------------------------------------------------------------- */

/* The trace of another tool has no settings: NULL. */
static const char *recorded(const struct replay *r, const char *name) { return r->d ? decode_setting(r->d, name) : NULL; }

static u64 setting(const struct replay *r, const char *name, u64 otherwise)
{
    const char *text = recorded(r, name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static const struct mmu_profile *recorded_profile(struct replay *r)
{
    const char *text = r->d ? recorded(r, "profile") : "skylake";
    struct mmu_profile_error err;
    if (!text)
        return NULL;
    if (!mmu_profile_is_text(text, strlen(text)))
        return mmu_profile_find(text);
    return mmu_profile_read(&r->store, text, strlen(text), &err) ? &r->store.profile : NULL;
}

static int recorded_thp(const struct replay *r)
{
    const char *text = recorded(r, "thp");
    int thp;
    return text && setting_find(thp_words, text, &thp) ? thp : MM_THP_NEVER;
}

/* A guest that nobody asked for is the recorded one, of the kind that the profile can have. */
static bool take_guest(struct replay *r, const struct replay_settings *s, struct sim_config *cfg)
{
    enum sim_guest_wish wish = s->guest;
    const char *why;
    cfg->host_page_lg2 = (u8)(s->host_page_lg2 ? s->host_page_lg2 : setting(r, "host_page_lg2", PAGE_LG2));
    if (wish == SIM_GUEST_UNSAID && sim_guest_word(recorded(r, "guest"), &wish) && wish != SIM_GUEST_UNSAID && s->profile)
        wish = SIM_GUEST_ANY;
    if (sim_guest_kind(r->profile, wish, &cfg->guest, &why))
        return true;
    r->cannot = why;
    return false;
}

static void *sparse(size_t bytes)
{
    void *p = bytes ? mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : MAP_FAILED;
    return p == MAP_FAILED ? NULL : p;
}

static bool begin_session(struct replay *r, const struct replay_settings *s)
{
    struct sim_config cfg = { 0 };
    r->profile = s->profile ? s->profile : recorded_profile(r);
    r->cpus = s->cpus ? s->cpus : (unsigned)setting(r, "cpus", 1);
    r->ram_bytes = s->ram_bytes ? s->ram_bytes : setting(r, "ram", r->d ? 8ull << 30 : 64ull << 30);
    if (!r->profile || !r->cpus || r->cpus > 64 || r->ram_bytes & PAGE_MASK_LOW || !take_guest(r, s, &cfg))
        return false;
    cfg.machine.cpus = r->cpus;
    cfg.machine.ram_bytes = r->ram_bytes;
    cfg.machine.vendor = r->profile->vendor;
    cfg.machine.features = r->profile->features;
    cfg.machine.profile = r->profile;
    cfg.machine.ram = r->ram = sparse(r->ram_bytes);
    kernel_config_init(&cfg.kernel);
    cfg.kernel.thp = (enum mm_thp)(s->thp >= 0 ? s->thp : recorded_thp(r));
    cfg.kernel.mmap_min_addr = setting(r, "mmap_min_addr", 65536);
    cfg.kernel.max_map_count = (u32)setting(r, "max_map_count", 65530);
    cfg.kernel.no_zero_page = r->foreign != NULL;
    cfg.kernel.version = s->kernel_version ? s->kernel_version : cfg.kernel.version;
    cfg.kernel.fault_around_bytes = s->fault_around_bytes ? s->fault_around_bytes : cfg.kernel.fault_around_bytes;
    r->block_bytes = sim_bytes(&cfg);
    r->block = sparse(r->block_bytes);
    r->sim = r->ram && r->block ? sim_create(r->block, r->block_bytes, &cfg) : NULL;
    return r->sim != NULL;
}

static bool begin_following(struct replay *r, const struct replay_settings *s)
{
    const struct follow_hooks hooks = { r, mend };
    void *block = malloc(follow_bytes());
    if (!block)
        return false;
    r->mmu = sim_mmu(r->sim);
    r->follower = follow_create(block, r->sim, &hooks);
    follow_on_fold(r->follower, fold_call, r);
    for (int i = 0; i < FOLLOW_WISHES; i++)
        follow_wish(r->follower, (enum follow_wish)i, s->wish[i]);
    if (s->page_lg2 && r->d) {
        follow_wish(r->follower, FOLLOW_GIGANTIC, "anon");
        replay_fill_pools(r, r->ram_bytes / 2);
    }
    return true;
}

static bool begin_reading(struct replay *r, const char *path, const struct replay_settings *s, struct replay_error *err)
{
    struct decode_error why;
    if (s->form || !decode_is_recording(path))
        return foreign_begin(r, path, s->form, err);
    r->d = decode_open(path, &why);
    if (!r->d)
        snprintf(err->text, sizeof err->text, "%s %s", path, why.text);
    return r->d != NULL;
}

struct replay *replay_open(const char *path, const struct replay_settings *s, struct replay_error *err)
{
    struct replay *r = calloc(1, sizeof *r);
    if (!r) {
        snprintf(err->text, sizeof err->text, "%s cannot be replayed: not enough memory", path);
        return NULL;
    }
    r->path = path;
    r->settings = *s;
    if (!begin_reading(r, path, s, err)) {
        replay_close(r);
        return NULL;
    }
    if (!begin_session(r, s) || !begin_following(r, s) || (r->foreign && !foreign_follow(r))) {
        snprintf(err->text, sizeof err->text, "%s cannot be replayed: %s", path,
                 r->cannot ? r->cannot : r->profile ? "no room for the simulated memory; try --ram with a smaller size" : "its CPU profile is not known here");
        replay_close(r);
        return NULL;
    }
    return r;
}

/* ---- running ------------------------------------------------------------------------------------------------------------ */

static void run_recording(struct replay *r, void (*progress)(void *ctx, unsigned percent), void *ctx)
{
    struct decoded d;
    unsigned shown = 0;
    do {
        decode_next(r->d, &d);
        if (LIKELY(d.what == DECODE_ACCESS)) {
            access_again(r, &d);
            continue;
        }
        if (d.what == DECODE_PLACE)
            new_place(r, &d);
        else if (d.what == DECODE_EVENT)
            event(r, &d);
        if (progress && decode_progress(r->d) != shown)
            progress(ctx, shown = decode_progress(r->d));
    } while (d.what != DECODE_END && !r->no_memory);
    fire(r);
    lines_fold_call(&r->lines, follow_call_site(r->follower));
    lines_fold(&r->lines);
}

void replay_run(struct replay *r, void (*progress)(void *ctx, unsigned percent), void *ctx)
{
    if (r->foreign)
        foreign_run(r, progress, ctx);
    else
        run_recording(r, progress, ctx);
}

bool replay_whole(const struct replay *r, struct replay_error *err)
{
    struct decode_error why = { "cannot be replayed: not enough memory" };
    if (r->foreign)
        return foreign_replayed(r, err);
    bool good = !r->no_memory && !r->lines.no_memory && decode_whole(r->d, &why);
    if (!good)
        snprintf(err->text, sizeof err->text, "%s %s", r->path, why.text);
    return good;
}

void replay_close(struct replay *r)
{
    if (!r)
        return;
    for (u32 i = 0; i < r->arms; i++)
        free((char *)r->armed[i].text);
    lines_free(&r->lines);
    free(r->place);
    free(r->name);
    free(r->follower);
    if (r->block)
        munmap(r->block, r->block_bytes);
    if (r->ram)
        munmap(r->ram, r->ram_bytes);
    decode_close(r->d);
    foreign_end(r);
    free(r);
}
