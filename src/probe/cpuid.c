/* SPDX-License-Identifier: MIT
 * cpuid.c - see cpuid.h.  Leaf numbers: SDM2 and APM3 under CPUID. */
#include "probe/cpuid.h"

#include <sched.h>
#include <string.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

/* Leaves to read, with how many sub-leaves at most. */
static const struct { u32 leaf, subs; } wanted[] = {
    { 0x0, 1 }, { 0x1, 1 }, { 0x2, 1 }, { 0x4, 4 }, { 0x7, 2 }, { 0x18, 32 }, { 0x1a, 1 }, { 0x40000000, 1 }, { 0x80000000, 1 },
    { 0x80000001, 1 }, { 0x80000002, 1 }, { 0x80000003, 1 }, { 0x80000004, 1 }, { 0x80000005, 1 }, { 0x80000006, 1 },
    { 0x80000008, 1 }, { 0x80000019, 1 }, { 0x8000001d, 4 }, { 0x80000021, 1 },
};
#define WANTED (sizeof wanted / sizeof *wanted)

struct cpuid_row cpuid_get(const struct cpuid_dump *d, u32 leaf, u32 sub)
{
    for (unsigned i = 0; i < d->rows; i++)
        if (d->row[i].leaf == leaf && d->row[i].sub == sub)
            return d->row[i];
    return (struct cpuid_row){ leaf, sub, 0, 0, 0, 0 };
}

/* Leaves that were not asked for, and more sub-leaves than there are, are dropped. */
static void keep(struct cpuid_dump *d, const struct cpuid_row *r)
{
    for (unsigned i = 0; i < WANTED; i++)
        if (r->leaf == wanted[i].leaf && r->sub < wanted[i].subs && d->rows < CPUID_ROWS)
            d->row[d->rows++] = *r;
}

#define LEAF7_EDX_HYBRID (1u << 15)

static void finish(struct cpuid_dump *d)
{
    d->hybrid = cpuid_get(d, 7, 0).edx & LEAF7_EDX_HYBRID;
}

/* ---- this machine ------------------------------------------------------------------------------------------------- */

#if defined(__x86_64__) || defined(__i386__)
static struct cpuid_row ask(u32 leaf, u32 sub)
{
    struct cpuid_row r = { leaf, sub, 0, 0, 0, 0 };
    __cpuid_count(leaf, sub, r.eax, r.ebx, r.ecx, r.edx);
    return r;
}

/* Past a range's last leaf Intel's processors answer with another leaf's values. */
static bool has_leaf(u32 leaf)
{
    u32 range = leaf & 0xf0000000;
    if (range == 0x40000000)
        return ask(1, 0).ecx >> 31; /* only a hypervisor answers there */
    return leaf <= ask(range, 0).eax;
}

static u32 last_sub(u32 leaf, u32 subs)
{
    bool caches = leaf == 4 || leaf == 0x8000001d; /* one of no type ends the list: harmless                   */
    u32 last = leaf == 0x18 || leaf == 7 ? ask(leaf, 0).eax : caches ? subs : 0;
    return last < subs ? last : subs - 1;
}

static void ask_all(struct cpuid_dump *d)
{
    d->rows = 0;
    for (unsigned i = 0; i < WANTED; i++) {
        if (!has_leaf(wanted[i].leaf))
            continue;
        for (u32 sub = 0; sub <= last_sub(wanted[i].leaf, wanted[i].subs); sub++) {
            struct cpuid_row r = ask(wanted[i].leaf, sub);
            keep(d, &r);
        }
    }
    finish(d);
}
#else
static void ask_all(struct cpuid_dump *d) { d->rows = 0; }
#endif

static bool move_to(int cpu)
{
    cpu_set_t set;
    if (cpu < 0 || cpu >= CPU_SETSIZE)
        return false;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
}

/* The first processor of another core kind: leaf 1Ah EAX[31:24] differs. */
static void find_other_kind(struct cpuid_dump *d, const cpu_set_t *allowed)
{
    struct cpuid_dump there = { 0 };

    for (int cpu = 0; cpu < CPU_SETSIZE && d->other_cpu < 0; cpu++) {
        if (!CPU_ISSET(cpu, allowed) || !move_to(cpu))
            continue;
        ask_all(&there);
        if (cpuid_get(&there, 0x1a, 0).eax >> 24 != cpuid_get(d, 0x1a, 0).eax >> 24)
            d->other_cpu = cpu;
    }
}

bool cpuid_read_host(struct cpuid_dump *d, int cpu)
{
    cpu_set_t before;
    bool movable = sched_getaffinity(0, sizeof before, &before) == 0, good;

    *d = (struct cpuid_dump){ .cpu = cpu >= 0 ? cpu : sched_getcpu(), .other_cpu = -1 };
    /* All leaves from one core: on hybrid processors they differ. */
    good = movable && d->cpu >= 0 && move_to(d->cpu);
    if (!good && cpu >= 0)
        return false;
    ask_all(d);
    if (d->hybrid && movable)
        find_other_kind(d, &before);
    if (movable)
        sched_setaffinity(0, sizeof before, &before);
    return d->rows > 0;
}

/* ---- dumps ---------------------------------------------------------------------------------------------------------- */

struct line { const char *at, *end; };

static void skip_blanks(struct line *l)
{
    while (l->at < l->end && (*l->at == ' ' || *l->at == '\t'))
        l->at++;
}

static bool skip(struct line *l, const char *text)
{
    size_t n = strlen(text);
    if ((size_t)(l->end - l->at) < n || strncmp(l->at, text, n) != 0)
        return false;
    l->at += n;
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool hex(struct line *l, unsigned digits, u32 *out)
{
    *out = 0;
    for (; digits; digits--, l->at++) {
        int d = l->at < l->end ? hex_digit(*l->at) : -1;
        if (d < 0)
            return false;
        *out = *out << 4 | (u32)d;
    }
    return true;
}

/* "CPUID 00000018: 00000000-00080007-00000001-00004122 [SL 01]"; *numbered: it names its sub-leaf. */
static bool dashed_row(struct line l, struct cpuid_row *r, bool *numbered)
{
    skip_blanks(&l);
    if (!skip(&l, "CPUID ") || !hex(&l, 8, &r->leaf) || !skip(&l, ": ") || !hex(&l, 8, &r->eax) || !skip(&l, "-") ||
        !hex(&l, 8, &r->ebx) || !skip(&l, "-") || !hex(&l, 8, &r->ecx) || !skip(&l, "-") || !hex(&l, 8, &r->edx))
        return false;
    skip_blanks(&l);
    *numbered = skip(&l, "[SL ") && hex(&l, 2, &r->sub);
    return true;
}

/* "   0x00000018 0x01: eax=0x00000000 ebx=0x00080007 ecx=0x00000001 edx=0x00004122" */
static bool named_row(struct line l, struct cpuid_row *r)
{
    skip_blanks(&l);
    return skip(&l, "0x") && hex(&l, 8, &r->leaf) && skip(&l, " 0x") && hex(&l, 2, &r->sub) && skip(&l, ": eax=0x") &&
           hex(&l, 8, &r->eax) && skip(&l, " ebx=0x") && hex(&l, 8, &r->ebx) && skip(&l, " ecx=0x") && hex(&l, 8, &r->ecx) &&
           skip(&l, " edx=0x") && hex(&l, 8, &r->edx);
}

static bool row_of(struct line l, struct cpuid_row *r, bool *numbered)
{
    *numbered = true;
    return named_row(l, r) || dashed_row(l, r, numbered);
}

static bool next_line(const char **at, const char *end, struct line *l)
{
    const char *nl;
    if (*at >= end)
        return false;
    nl = memchr(*at, '\n', (size_t)(end - *at));
    *l = (struct line){ *at, nl ? nl : end };
    *at = nl ? nl + 1 : end;
    return true;
}

#define LOOK_BYTES 4096u

bool cpuid_is_dump(const char *text, size_t len_bytes)
{
    const char *end = text + (len_bytes < LOOK_BYTES ? len_bytes : LOOK_BYTES);
    struct cpuid_row r = { 0 };
    struct line l;
    bool numbered;

    while (next_line(&text, end, &l))
        if (row_of(l, &r, &numbered))
            return true;
    return false;
}

bool cpuid_read_dump(struct cpuid_dump *d, const char *text, size_t len_bytes, unsigned cpu)
{
    const char *end = text + len_bytes;
    struct line l;
    int seen = -1;
    u32 sub = 0, leaf_before = ~0u;

    *d = (struct cpuid_dump){ .cpu = (int)cpu, .other_cpu = -1 };
    while (next_line(&text, end, &l)) {
        struct cpuid_row r = { 0 };
        bool numbered;
        if (!row_of(l, &r, &numbered))
            continue;
        if (r.leaf == 0 && r.sub == 0)
            seen++;  /* each processor's list begins with leaf 0 */
        sub = r.leaf == leaf_before ? sub + 1 : 0;
        leaf_before = r.leaf;
        if (!numbered)
            r.sub = sub; /* older dumps list sub-leaves in order, without their numbers */
        if (seen == (int)cpu)
            keep(d, &r);
    }
    finish(d);
    return d->rows > 0;
}
