/* SPDX-License-Identifier: MIT
 * main.c - a change to the paging structures, then an invalidation or none, then accesses: is each answer one that
 * the architecture permits, and is it what it was when the golden file was written?
 *     staleness PROFILE            with the default policies (machine/policy.h)
 *     staleness PROFILE --other    with the others
 *
 * A scenario: both CPUs have used the address (or its neighbour, or nothing); one entry of its path changes; one CPU
 * or both invalidate; a CPU makes the access, and makes it again.  Permitted: oracle.h.  Exit status 1 when an answer
 * was not.
 *
 * Printed for each change, one letter an invalidation: by the CPU that accesses, by the other one, by both (an IPI):
 *     o  every first access that could tell found the old state       n  the new one
 *     b  both occurred                                                 x  neither
 *     =  old and new look the same                                     .  no such scenario
 * then a digest over everything that mmu_translate() answered and wrote. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who invalidates, seen from the CPU that accesses. */
enum by { BY_SELF, BY_OTHER, BY_BOTH, BYS };

static const struct warm { const char *name; bool used, beside; int kind; } warms[] = {
    { "cold", false, false, 0 }, { "neighbour", true, true, ORACLE_LOAD }, { "load", true, false, ORACLE_LOAD },
    { "store", true, false, ORACLE_STORE }, { "fetch", true, false, ORACLE_FETCH },
};
#define WARMS (sizeof warms / sizeof *warms)
#define KINDS 3u

struct scenario {
    const struct change *change;
    const struct invalidation *invalidation;
    const struct warm *warm;
    enum by by;
    unsigned level, cpu;
    int kind;
    bool user;
};

struct tally {
    unsigned long long scenarios, wrong;
    bool old, new, neither;
    uint32_t digest;
};

static const enum mmu_kind kind_of[] = { [ORACLE_LOAD] = MMU_LOAD, [ORACLE_STORE] = MMU_STORE,
                                         [ORACLE_FETCH] = MMU_FETCH };

/* ---- one access --------------------------------------------------------------------------------------------------- */

static bool same_answer(const struct permitted *p, const struct mmu_result *r)
{
    if (p->fault)
        return r->status == MMU_FAULT_PF && r->error == p->error;
    return r->status == MMU_OK && r->pa == p->pa;
}

/* 4.8: after a walk, A in what it read, and D in the leaf of a store. */
static bool marked(const struct world *w, const struct permitted *p, int kind)
{
    for (unsigned i = 0; i < p->entries; i++) {
        uint64_t wanted = A | (i + 1 == p->entries && kind == ORACLE_STORE ? D : 0);
        if ((w->ram[p->entry_pa[i] / 8] & wanted) != wanted)
            return false;
    }
    return true;
}

/* Every word of the tables, to see what an access wrote: A where it was not, and D if it was a store. */
struct words { uint64_t at[2][4], beside[2]; };

static struct words words_of(const struct world *w)
{
    struct words s;
    memset(&s, 0, sizeof s);
    for (unsigned level = 0; level < 4; level++) {
        s.at[0][level] = *entry_in(w, FIRST(level), VA, level);
        s.at[1][level] = *entry_in(w, OTHER(level), VA, level);
    }
    s.beside[0] = *entry_in(w, FIRST(w->leaf_level), neighbour(w), w->leaf_level);
    s.beside[1] = *entry_in(w, OTHER(w->leaf_level), neighbour(w), w->leaf_level);
    return s;
}

static bool only_marks(const struct words *from, const struct words *to, int kind, bool fault)
{
    const uint64_t *a = &from->at[0][0], *b = &to->at[0][0];
    uint64_t may = A | (kind == ORACLE_STORE && !fault ? D : 0), no = 0;
    for (unsigned i = 0; i < 8; i++)
        no |= (a[i] ^ b[i]) & (~may | a[i] | (b[i] & P ? 0 : ~0ull));
    return !no && from->beside[0] == to->beside[0] && from->beside[1] == to->beside[1];
}

/* Makes the access on both sides; NULL, or what is not permitted. */
static const char *access_checked(struct world *w, unsigned cpu, int kind, bool user, struct mmu_result *r)
{
    struct permitted may[ORACLE_PERMITTED];
    unsigned n = oracle_access(&w->o, cpu, kind, user, may), i = 0;
    bool answered = false;
    struct words before = words_of(w), after;

    mmu_set(w->m, cpu, MMU_CPL, user ? 3 : 0);
    mmu_translate(w->m, cpu, VA, kind_of[kind], 0, r);
    after = words_of(w);
    if (r->status == MMU_FAULT_PF)
        oracle_faulted(&w->o, cpu);
    oracle_settle(&w->o);
    if (!only_marks(&before, &after, kind, r->status != MMU_OK))
        return "what it wrote";
    if (r->status == MMU_FAULT_PF && mmu_get(w->m, cpu, MMU_CR2) != VA)
        return "CR2";
    for (; i < n; i++) {
        answered |= same_answer(&may[i], r);
        if (same_answer(&may[i], r) && marked(w, &may[i], kind))
            return NULL;
    }
    return answered ? "A and D bits" : "answer";
}

/* ---- one scenario ------------------------------------------------------------------------------------------------- */

static void warm_up(struct world *w, const struct warm *warm)
{
    struct mmu_result r;
    for (unsigned cpu = 0; cpu < ORACLE_CPUS && warm->used; cpu++) {
        mmu_set(w->m, cpu, MMU_CPL, 0);
        mmu_translate(w->m, cpu, warm->beside ? neighbour(w) : VA, kind_of[warm->kind], 0, &r);
        if (r.status == MMU_FAULT_PF && !warm->beside)
            oracle_faulted(&w->o, cpu);
        oracle_settle(&w->o);
    }
}

static void invalidate(struct world *w, const struct scenario *s)
{
    for (unsigned cpu = 0; cpu < ORACLE_CPUS; cpu++)
        if (s->by == BY_BOTH || (cpu == s->cpu) == (s->by == BY_SELF))
            s->invalidation->run(w, cpu);
}

static void digest(struct tally *t, uint64_t value)
{
    for (unsigned i = 0; i < 64; i += 8) /* FNV-1a */
        t->digest = (t->digest ^ (value >> i & 255)) * 16777619u;
}

static void digest_result(struct tally *t, const struct mmu_result *r)
{
    digest(t, r->status | (uint64_t)r->by << 8 | (uint64_t)r->page_lg2 << 16 | (uint64_t)r->reads << 24 |
              (uint64_t)r->wrote_ad << 32 | (uint64_t)r->psc_level << 40);
    digest(t, r->pa);
    digest(t, r->error);
}

static __attribute__((cold)) void complain(const struct world *w, const struct scenario *s, unsigned again,
                                           const struct mmu_result *r, const char *what)
{
    static const char *const by[] = { "itself", "the other", "both" };
    fprintf(stderr, "NOT PERMITTED, %s: %s, %u levels of tables, %s in level %u%s; %s by %s; warmed by %s; %s %s %s: "
            "status %u pa 0x%llx error 0x%x\n", what, w->profile->name, 4 - w->leaf_level, s->change->name, s->level,
            w->g ? ", G" : "", s->invalidation->name, by[s->by], s->warm->name, again ? "second" : "first",
            s->user ? "user" : "supervisor", s->kind == ORACLE_LOAD ? "load" : s->kind == ORACLE_STORE ? "store" : "fetch",
            r->status, (unsigned long long)r->pa, r->error);
}

static void classify(struct tally *t, const struct permitted *old, const struct permitted *new,
                     const struct mmu_result *r)
{
    if (old->fault == new->fault && old->error == new->error && old->pa == new->pa)
        return;
    t->old |= same_answer(old, r);
    t->new |= same_answer(new, r);
    t->neither |= !same_answer(old, r) && !same_answer(new, r);
}

static void run(struct world *w, const struct scenario *s, struct tally *t)
{
    struct permitted old, new;
    struct mmu_result r;

    world_map(w, s->change, s->level);
    world_reset(w);
    warm_up(w, s->warm);
    oracle_uncached(&w->o, s->cpu, s->kind, s->user, &old);
    change_make(w, s->change, s->level);
    oracle_settle(&w->o);
    oracle_uncached(&w->o, s->cpu, s->kind, s->user, &new);
    invalidate(w, s);
    for (unsigned again = 0; again < 2; again++) {
        const char *wrong = access_checked(w, s->cpu, s->kind, s->user, &r);
        digest_result(t, &r);
        if (!again)
            classify(t, &old, &new, &r);
        if (wrong && t->wrong++ < 10)
            complain(w, s, again, &r, wrong);
    }
    t->scenarios++;
}

/* ---- the table ---------------------------------------------------------------------------------------------------- */

/* Every warming and every access; the CPUs take turns. */
static char one_cell(struct world *w, struct scenario s, struct tally *t)
{
    t->old = t->new = t->neither = false;
    for (unsigned i = 0; i < WARMS * KINDS * 2; i++) {
        s.warm = &warms[i / (KINDS * 2)];
        s.kind = (int)(i % KINDS);
        s.user = i / KINDS % 2;
        s.cpu = (i / KINDS + i / (KINDS * 2)) % ORACLE_CPUS;
        run(w, &s, t);
    }
    if (t->neither)
        return 'x';
    return t->old && t->new ? 'b' : t->old ? 'o' : t->new ? 'n' : '=';
}

static void one_row(struct world *w, const struct change *change, unsigned level, struct tally *t)
{
    static const char *const size[] = { "4K", "2M", "1G" };
    t->digest = 2166136261u;
    printf("%s%s L%u %-12s ", size[w->leaf_level], w->g ? " G" : "  ", level, change->name);
    for (enum by by = BY_SELF; by < BYS; by++) {
        for (unsigned i = 0; i < invalidations_len; i++) {
            struct scenario s = { .change = change, .invalidation = &invalidations[i], .by = by, .level = level };
            putchar(by != BY_SELF && i == 0 ? '.' : one_cell(w, s, t));
        }
        putchar(' ');
    }
    printf("%08x\n", t->digest);
}

static void legend(const char *profile)
{
    printf("%s: what an access finds after a change.  o the old state, n the new, b either, by the access, x something "
           "else, = no difference\n", profile);
    printf("Columns, for the CPU itself, the other one, and both:");
    for (unsigned i = 0; i < invalidations_len; i++)
        printf("%s%s", i ? "; " : " ", invalidations[i].name);
    printf("\n\n");
}

int main(int argc, char **argv)
{
    struct tally t = { .scenarios = 0 };
    struct world w;

    bool other = argc == 3 && !strcmp(argv[2], "--other");

    if ((argc != 2 && !other) || !mmu_profile_find(argv[1])) {
        fprintf(stderr, "usage: staleness PROFILE [--other]\n");
        return 2;
    }
    world_create(&w, argv[1]);
    if (other)
        policy_other(w.m);
    legend(argv[1]);
    for (unsigned shape = 0; shape < 6; shape++) {
        w.leaf_level = shape % 3;
        w.g = shape / 3 ? G : 0;
        for (unsigned i = 0; i < changes_len; i++)
            for (unsigned level = w.leaf_level; level < 4; level++)
                if (change_possible(&w, &changes[i], level)) {
                    world_clear(&w);
                    one_row(&w, &changes[i], level, &t);
                }
    }
    printf("\n%llu scenarios, %llu answers not permitted\n", t.scenarios, t.wrong);
    world_destroy(&w);
    return t.wrong ? 1 : 0;
}
