/* SPDX-License-Identifier: MIT
 * oracle.c - see oracle.h.  Section numbers are SDM3's (2016). */
#include "oracle.h"

#include <stdlib.h>
#include <string.h>

static bool bit(uint64_t value, unsigned n) { return value >> n & 1; }

/* ---- walks ------------------------------------------------------------------------------------------------------ */

/* Where a walk begins and what the path so far allows; next_level: of the entry to be read first. */
struct start { uint64_t table; unsigned next_level; bool writable, user, execute_disable; };

enum end { LEAF, NOT_PRESENT, RESERVED };

struct path {
    enum end end;
    unsigned entries;
    uint64_t entry_pa[4];
    unsigned level;            /* of the last entry                                                                */
    uint64_t leaf;
    bool writable, user, execute_disable;
};

static struct start root_of(const struct oracle_cpu *c)
{
    return (struct start){ c->root, 3, true, true, false };
}

static struct start start_at(const struct held_table *t)
{
    return (struct start){ t->table, t->level - 1u, t->writable, t->user, t->execute_disable };
}

/* 4.5; only the reserved bits that the scenarios use. */
static bool reserved(const struct oracle *o, uint64_t entry)
{
    return (entry & 0x000fffffffffffffull) >> o->maxphyaddr != 0;
}

/* 4.10.3.1: entries for P=1, not reserved, not a leaf.  A is set by the walk itself. */
static void keep_table(struct oracle_cpu *c, const struct path *p, unsigned level, uint64_t table)
{
    struct held_table t;
    memset(&t, 0, sizeof t); /* compared as bytes */
    t.pcid = c->pcid;
    t.level = (uint8_t)level;
    t.writable = p->writable;
    t.user = p->user;
    t.execute_disable = p->execute_disable;
    t.table = table;
    for (unsigned i = 0; i < c->tables; i++)
        if (!memcmp(&c->table[i], &t, sizeof t))
            return;
    if (c->tables == ORACLE_HELD)
        abort();
    c->table[c->tables++] = t;
}

/* keeper: NULL, or the CPU that may keep each step. */
static struct path walk(const struct oracle *o, struct start s, struct oracle_cpu *keeper)
{
    struct path p = { .writable = s.writable, .user = s.user, .execute_disable = s.execute_disable };
    for (unsigned level = s.next_level;; level--) {
        uint64_t pa = s.table + (o->va >> (12 + 9 * level) & 511) * 8, entry = o->ram[pa / 8];
        p.entry_pa[p.entries++] = pa;
        p.level = level;
        p.leaf = entry;
        if (!bit(entry, 0)) { p.end = NOT_PRESENT; return p; }
        if (reserved(o, entry)) { p.end = RESERVED; return p; }
        p.writable = p.writable && bit(entry, 1);
        p.user = p.user && bit(entry, 2);
        p.execute_disable = p.execute_disable || bit(entry, 63);
        if (level == 0 || bit(entry, 7)) { p.end = LEAF; return p; }
        s.table = entry & 0x000ffffffffff000ull;
        if (keeper)
            keep_table(keeper, &p, level, s.table);
    }
}

/* 4.10.2.2. */
static struct held_page page_of(const struct oracle_cpu *c, const struct path *p)
{
    struct held_page h;
    memset(&h, 0, sizeof h);
    h.page_lg2 = (uint8_t)(12 + 9 * p->level);
    h.key = p->leaf >> 59 & 15;
    h.global = c->pge && bit(p->leaf, 8);      /* 4.10.2.4 */
    h.pcid = h.global ? 0 : c->pcid;
    h.writable = p->writable;
    h.user = p->user;
    h.execute_disable = p->execute_disable;
    h.dirty = bit(p->leaf, 6);
    h.frame = p->leaf & 0x000ffffffffff000ull & ~((1ull << h.page_lg2) - 1);
    return h;
}

static void keep_page(struct oracle_cpu *c, const struct held_page *h)
{
    for (unsigned i = 0; i < c->pages; i++)
        if (!memcmp(&c->page[i], h, sizeof *h))
            return;
    if (c->pages == ORACLE_HELD)
        abort();
    c->page[c->pages++] = *h;
}

static void settle_from(const struct oracle *o, struct oracle_cpu *c, struct start s)
{
    struct path p = walk(o, s, c);
    struct held_page h = page_of(c, &p);
    if (p.end == LEAF)
        keep_page(c, &h);
}

void oracle_settle(struct oracle *o)
{
    for (unsigned n = 0; n < ORACLE_CPUS; n++) {
        struct oracle_cpu *c = &o->cpu[n];
        settle_from(o, c, root_of(c));
        for (unsigned i = 0; i < c->tables; i++) /* the loop may add to what it runs over */
            if (c->table[i].pcid == c->pcid)
                settle_from(o, c, start_at(&c->table[i]));
    }
}

void oracle_start(struct oracle *o)
{
    for (unsigned n = 0; n < ORACLE_CPUS; n++)
        o->cpu[n].pages = o->cpu[n].tables = 0;
    oracle_settle(o);
}

/* ---- invalidation: 4.10.4.1 -------------------------------------------------------------------------------------- */

enum { ANY_PCID = -1 };

/* Pages that hold va (with every_page: all), of one PCID, global ones as said. */
static void drop_pages(struct oracle *o, unsigned cpu, bool every_page, uint64_t va, int pcid, bool globals)
{
    struct oracle_cpu *c = &o->cpu[cpu];
    unsigned kept = 0;
    for (unsigned i = 0; i < c->pages; i++) {
        const struct held_page *h = &c->page[i];
        bool holds = every_page || !((va ^ o->va) >> h->page_lg2);
        bool named = h->global ? globals : pcid == ANY_PCID || h->pcid == pcid;
        if (!(holds && named))
            c->page[kept++] = *h;
    }
    c->pages = kept;
}

/* Entries on the path of va (with every_path: all) of one PCID. */
static void drop_tables(struct oracle *o, unsigned cpu, bool every_path, uint64_t va, int pcid)
{
    struct oracle_cpu *c = &o->cpu[cpu];
    unsigned kept = 0;
    for (unsigned i = 0; i < c->tables; i++) {
        const struct held_table *t = &c->table[i];
        bool on_path = every_path || !((va ^ o->va) >> (12 + 9 * t->level) & 0xfffffffffull);
        if (!(on_path && (pcid == ANY_PCID || t->pcid == pcid)))
            c->table[kept++] = *t;
    }
    c->tables = kept;
}

void oracle_invlpg(struct oracle *o, unsigned cpu, uint64_t va)
{
    drop_pages(o, cpu, false, va, o->cpu[cpu].pcid, true);
    drop_tables(o, cpu, true, 0, o->cpu[cpu].pcid);
}

void oracle_invpcid(struct oracle *o, unsigned cpu, unsigned type, uint16_t pcid, uint64_t va)
{
    switch (type) {
    case 0:
        drop_pages(o, cpu, false, va, pcid, false);
        drop_tables(o, cpu, false, va, pcid);
        break;
    case 1:
        drop_pages(o, cpu, true, 0, pcid, false);
        drop_tables(o, cpu, true, 0, pcid);
        break;
    default:
        drop_pages(o, cpu, true, 0, ANY_PCID, type == 2);
        drop_tables(o, cpu, true, 0, ANY_PCID);
        break;
    }
}

void oracle_mov_cr3(struct oracle *o, unsigned cpu, uint64_t root, uint16_t pcid, bool keep)
{
    o->cpu[cpu].root = root;
    o->cpu[cpu].pcid = pcid;
    if (keep)
        return;
    drop_pages(o, cpu, true, 0, pcid, false);
    drop_tables(o, cpu, true, 0, pcid);
}

void oracle_pge(struct oracle *o, unsigned cpu, bool pge)
{
    if (o->cpu[cpu].pge == pge)
        return;
    o->cpu[cpu].pge = pge;
    o->cpu[cpu].pages = o->cpu[cpu].tables = 0;
}

/* 0 to 1: what belongs to the current PCID.  The manual does not say that global translations do. */
void oracle_smep(struct oracle *o, unsigned cpu, bool smep)
{
    struct oracle_cpu *c = &o->cpu[cpu];
    if (smep && !c->smep) {
        drop_pages(o, cpu, true, 0, c->pcid, false);
        drop_tables(o, cpu, true, 0, c->pcid);
    }
    c->smep = smep;
}

/* What would have been used for the address is gone. */
void oracle_faulted(struct oracle *o, unsigned cpu)
{
    drop_pages(o, cpu, false, o->va, o->cpu[cpu].pcid, true);
    drop_tables(o, cpu, false, o->va, o->cpu[cpu].pcid);
}

/* ---- accesses ---------------------------------------------------------------------------------------------------- */

/* 4.6.2: data accesses to user pages. */
static bool key_forbids(const struct oracle_cpu *c, const struct held_page *h, int kind)
{
    if (kind == ORACLE_FETCH || !h->user)
        return false;
    return bit(c->pkru, 2 * h->key) || (kind == ORACLE_STORE && bit(c->pkru, 2 * h->key + 1));
}

/* 4.6.1 with CR0.WP=1 and EFER.NXE=1. */
static bool rights_forbid(const struct oracle_cpu *c, const struct held_page *h, int kind, bool user)
{
    if (user && !h->user)
        return true;
    if (kind == ORACLE_FETCH)
        return h->execute_disable || (!user && h->user && c->smep);
    if (!user && h->user && c->smap && !c->ac)
        return true;
    return kind == ORACLE_STORE && !h->writable;
}

/* 4.7. */
static uint32_t describe(int kind, bool user)
{
    return (kind == ORACLE_STORE ? 2u : 0) | (user ? 4u : 0) | (kind == ORACLE_FETCH ? 16u : 0);
}

/* The answer that a translation gives; not its walk. */
static struct permitted judge(const struct oracle *o, const struct oracle_cpu *c, const struct held_page *h, int kind,
                              bool user)
{
    bool by_key = key_forbids(c, h, kind);
    if (by_key || rights_forbid(c, h, kind, user))
        return (struct permitted){ .fault = true, .error = describe(kind, user) | 1 | (by_key ? 32 : 0) };
    return (struct permitted){ .pa = h->frame | (o->va & ((1ull << h->page_lg2) - 1)) };
}

static struct permitted by_walk(const struct oracle *o, const struct oracle_cpu *c, struct start s, int kind, bool user)
{
    struct path p = walk(o, s, NULL);
    struct held_page h = page_of(c, &p);
    struct permitted answer = { .fault = true, .error = describe(kind, user) | (p.end == RESERVED ? 9 : 0) };
    if (p.end != LEAF)
        return answer;
    answer = judge(o, c, &h, kind, user);
    if (!answer.fault) {
        answer.entries = p.entries;
        memcpy(answer.entry_pa, p.entry_pa, sizeof p.entry_pa);
    }
    return answer;
}

void oracle_uncached(const struct oracle *o, unsigned cpu, int kind, bool user, struct permitted *out)
{
    *out = by_walk(o, &o->cpu[cpu], root_of(&o->cpu[cpu]), kind, user);
}

/* 4.10.4.3: a cached translation that refuses may fault, once.  AMD looks into memory first (APM2 5.5.3): rights
 * refuse only when they do in memory. */
unsigned oracle_access(const struct oracle *o, unsigned cpu, int kind, bool user, struct permitted out[ORACLE_PERMITTED])
{
    const struct oracle_cpu *c = &o->cpu[cpu];
    unsigned n = 0;
    for (unsigned i = 0; i < c->pages; i++) {
        const struct held_page *h = &c->page[i];
        if (!h->global && h->pcid != c->pcid)
            continue;
        out[n] = judge(o, c, h, kind, user);
        if (out[n].fault ? !o->amd : kind != ORACLE_STORE || h->dirty) /* 4.8: D=0 and a store: a walk */
            n++;
    }
    out[n++] = by_walk(o, c, root_of(c), kind, user);
    for (unsigned i = 0; i < c->tables; i++) {
        if (c->table[i].pcid != c->pcid)
            continue;
        out[n] = by_walk(o, c, start_at(&c->table[i]), kind, user);
        if (!(o->amd && out[n].fault && out[n].error & 1 && !(out[n].error & 8)))
            n++;
    }
    return n;
}
