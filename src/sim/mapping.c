/* SPDX-License-Identifier: MIT
 * mapping.c - costs by what an address belongs to.  Called by access.c for each translation that cost something
 * and for each fault.
 *
 * A mapping's row is found by its name and permissions (files, special mappings), by its name alone ([heap],
 * [stack]), or, when it has no name, by its tag (follow_calls.c, or the embedder's) or else its first address.  The kernel is asked again
 * whenever any mapping may have changed (mm_generation), so a changed address space can never be charged to what stood
 * there before; else its last answer for these 2 MiB is tried first.  The step from an answer to the row is remembered
 * for longer: it does not depend on when it was given.  Rows are never dropped: a row outlives its mapping. */
#include "sim_internal.h"

#include "base/check.h"
#include "base/text.h"

#include <string.h>

enum row_kind { ROW_HEAP, ROW_STACK, ROW_SHARED, ROW_FILE, ROW_SPECIAL, ROW_ANON };
static const struct { char name[8]; bool by_perms; } row_kinds[] = {
    [ROW_HEAP] = { "heap", false },  [ROW_STACK] = { "stack", false },    [ROW_SHARED] = { "shared", true },
    [ROW_FILE] = { "file", true },   [ROW_SPECIAL] = { "special", true }, [ROW_ANON] = { "anon", false },
};

/* What tells rows apart. */
struct row_key { const char *name; u64 number, hash; enum row_kind kind; char perms[5]; };

static bool same_text(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* The end of a long name says more than its beginning. */
static const char *cut_left(const char *name)
{
    const size_t room = sizeof ((struct sim_mapping *)0)->name - 1;
    size_t len = 0;

    while (name[len])
        len++;
    return len > room ? name + (len - room) : name;
}

static enum row_kind kind_of(const struct mm_vma_view *v)
{
    if (same_text(v->name, "[heap]"))
        return ROW_HEAP;
    if (same_text(v->name, "[stack]"))
        return ROW_STACK;
    if (v->tag & SIM_TAG_STACK)
        return ROW_STACK;
    if (v->tag & SIM_TAG_ARENA)
        return ROW_HEAP;
    if (v->shared)
        return ROW_SHARED;
    if (v->file)
        return ROW_FILE;
    return v->name[0] == '[' && !v->tag ? ROW_SPECIAL : ROW_ANON;
}

/* What tells mappings without a name apart. */
static u64 number_of(const struct mm_vma_view *v) { return v->name[0] ? ROW_NAMED : v->tag ? v->tag : v->start; }

static u64 mix(u64 h, u64 x)
{
    h = (h ^ x) * 0x9e3779b97f4a7c15ull;
    return h ^ (h >> 29);
}

static void make_key(const struct mm_vma_view *v, struct row_key *k)
{
    k->name = cut_left(v->name);
    k->kind = kind_of(v);
    k->number = number_of(v);
    k->perms[0] = v->prot & MM_PROT_READ ? 'r' : '-';
    k->perms[1] = v->prot & MM_PROT_WRITE ? 'w' : '-';
    k->perms[2] = v->prot & MM_PROT_EXEC ? 'x' : '-';
    k->perms[3] = v->shared ? 's' : 'p';
    k->perms[4] = 0;
    k->hash = mix(k->number, row_kinds[k->kind].by_perms ? v->prot | (u64)v->shared << 8 : ~(u64)0);
    for (const char *c = k->name; *c; c++)
        k->hash = mix(k->hash, (u8)*c);
}

static void name_row(struct sim_mapping *row, const struct row_key *k)
{
    struct text t = { 0 };

    text_str(&t, k->name);
    if (!k->name[0] && k->number & (SIM_TAG_STACK | SIM_TAG_ARENA)) {
        text_str(&t, k->number & SIM_TAG_STACK ? "[thread stack " : "[malloc arena ");
        text_dec(&t, k->number & ~(SIM_TAG_STACK | SIM_TAG_ARENA));
        text_char(&t, ']');
    } else if (!k->name[0]) {
        text_str(&t, "anon ");
        text_0x(&t, k->number);
    }
    CHECK(t.len < sizeof row->name);
    memcpy(row->name, t.buf, t.len);
    memcpy(row->kind, row_kinds[k->kind].name, sizeof row->kind);
    memcpy(row->perms, k->perms, sizeof k->perms);
}

static bool row_is(const struct sim *s, unsigned i, const struct row_key *k)
{
    return s->row_hash[i] == k->hash && (!k->name[0] || same_text(s->row[i].name, k->name)) &&
           (!row_kinds[k->kind].by_perms || same_text(s->row[i].perms, k->perms));
}

static struct sim_mapping *find_row(struct sim *s, const struct row_key *k)
{
    unsigned slot = (unsigned)(k->hash >> 17) % SIM_ROW_SLOTS;

    for (; s->row_slot[slot]; slot = (slot + 1) % SIM_ROW_SLOTS)
        if (row_is(s, s->row_slot[slot] - 1u, k))
            return &s->row[s->row_slot[slot] - 1u];
    if (s->rows == SIM_ROWS)
        return &s->row[SIM_ROWS - 1];
    s->row_slot[slot] = (u16)(s->rows + 1);
    s->row_hash[s->rows] = k->hash;
    if (s->rows == SIM_ROWS - 1)
        name_row(&s->row[s->rows], &(struct row_key){ .name = "(other mappings)", .kind = ROW_SPECIAL, .perms = "----" });
    else
        name_row(&s->row[s->rows], k);
    return &s->row[s->rows++];
}

static struct sim_mapping *not_mapped(struct sim *s)
{
    return find_row(s, &(struct row_key){ .name = "(not mapped)", .hash = 1, .kind = ROW_SPECIAL, .perms = "----" });
}

struct sim_mapping *sim_row_of_all(struct sim *s)
{
    return find_row(s, &(struct row_key){ .name = "(all mappings)", .hash = 2, .kind = ROW_SPECIAL, .perms = "----" });
}

static bool memo_holds(const struct row_memo *m, const struct mm_vma_view *v)
{
    return m->row && m->number == number_of(v) && m->prot == v->prot && m->shared == v->shared &&
           (!v->name[0] || same_text(m->row->name, v->name));
}

struct sim_mapping *sim_row_asked(struct sim *s, const struct proc *p, u64 va, struct row_span *span)
{
    struct mm_vma_view v;
    struct row_memo *memo;
    struct row_key key;

    if (!p || !mm_find_vma(p, va, &v) || v.start > va)
        return not_mapped(s);
    memo = &s->memo[(v.start >> 12 ^ v.start >> 18 ^ v.start >> 24) % SIM_MEMOS];
    if (!memo_holds(memo, &v)) {
        make_key(&v, &key);
        *memo = (struct row_memo){ key.number, v.prot, v.shared, find_row(s, &key) };
    }
    if (v.end - v.start > memo->row->bytes)
        memo->row->bytes = v.end - v.start;
    *span = (struct row_span){ p, v.start, v.end - v.start, mm_generation(p), memo->row };
    return memo->row;
}

struct sim_mapping *sim_row_at(struct sim *s, const struct proc *p, u64 va)
{
    struct row_span *span = &s->span[(va >> 21 ^ va >> 30) % SIM_SPANS];

    if (LIKELY(va - span->start < span->bytes && span->proc == p && span->generation == mm_generation(p)))
        return span->row;
    return sim_row_asked(s, p, va, span);
}

static bool cost_anything(const struct sim_mapping *m)
{
    const struct sim_cost zero = { 0 };
    u64 faults = 0;

    for (unsigned i = 0; i < MM_FAULT_KINDS; i++)
        faults |= m->faults[i];
    return faults || memcmp(&m->cost, &zero, sizeof zero);
}

void sim_each_mapping(struct sim *s, void (*see)(void *ctx, const struct sim_mapping *m), void *ctx)
{
    for (unsigned i = 0; i < s->rows; i++)
        if (cost_anything(&s->row[i]))
            see(ctx, &s->row[i]);
}

void sim_forget_costs(struct sim *s)
{
    guest_forget_counts(s);
    for (unsigned i = 0; i < s->rows; i++) {
        s->row[i].cost = (struct sim_cost){ 0 };
        memset(s->row[i].faults, 0, sizeof s->row[i].faults);
    }
}
