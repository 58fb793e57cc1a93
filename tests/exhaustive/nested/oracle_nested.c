/* SPDX-License-Identifier: MIT
 * oracle_nested.c - one nested translation, see oracle.c: EPT by SDM3 28.2, NPT by APM2 15.25. */
#include "walking.h"

/* 28.2.2: bits 2:0; and bit 10 with mode-based execute control. */
static bool ept_present(const struct nested_cpu *c, uint64_t e)
{
    return bits(e, 2, 0) || (c->modes && bit(e, 10));
}

static bool ept_maps_page(const struct nested_cpu *c, uint64_t e, unsigned low)
{
    if (low == 12)
        return true;
    if (low == 21)
        return !c->no_2m && bit(e, 7);
    return low == 30 && c->has_1g && bit(e, 7);
}

/* 28.2.3.1, and tables 28-1 to 28-6. */
static bool ept_misconfigured(const struct nested_cpu *c, uint64_t e, unsigned low)
{
    uint64_t type = bits(e, 5, 3) >> 3;

    if (bit(e, 1) && !bit(e, 0))
        return true;
    if (!c->execute_only && !bit(e, 0) && (bit(e, 2) || (c->modes && bit(e, 10))))
        return true;
    if (bits(e, 51, c->maxphyaddr))
        return true;
    if (!ept_maps_page(c, e, low))
        return bits(e, 7, 3); /* bit 7 is 0, or there are no pages of this size */
    if (low == 30 && bits(e, 29, c->departs & DEPARTS_BIT_12_IGNORED ? 13 : 12))
        return true;
    if (low == 21 && bits(e, 20, c->departs & DEPARTS_BIT_12_IGNORED ? 13 : 12))
        return true;
    return type == 2 || type == 3 || type == 7;
}

/* APM2 5.3: the host's format.  Bit 8 must be zero in the upper two levels, bit 7 too. */
static bool npt_maps_page(const struct nested_cpu *c, uint64_t e, unsigned low)
{
    if (low == 12)
        return true;
    if (low == 21)
        return bit(e, 7);
    return low == 30 && c->has_1g && bit(e, 7);
}

static bool npt_reserved(const struct nested_cpu *c, uint64_t e, unsigned low)
{
    if (bits(e, 51, c->maxphyaddr))
        return true;
    if (bit(e, 63) && !c->nxe)
        return true;
    if (low >= 39)
        return bits(e, c->departs & DEPARTS_BIT_8_IGNORED ? 7 : 8, 7);
    if (low == 30 && bit(e, 7))
        return !c->has_1g || bits(e, 29, 13);
    if (low == 21 && bit(e, 7))
        return bits(e, 20, 13);
    return false;
}

/* From the top to the page or to what ends the walk. */
static void nested_walk(struct walking *w, uint64_t gpa, struct nested_path *p)
{
    const struct nested_cpu *c = w->c;
    uint64_t table = c->root, e;
    unsigned low = c->five_levels ? 48 : 39;

    *p = (struct nested_path){ .fault = ORACLE_DONE, .rights = ~0ull, .first = w->out->entries };
    for (;; low -= 9) {
        e = read_and_note(w, table + ((gpa >> low) & 511) * 8);
        p->last = w->out->entries - 1;
        p->rights &= e ^ (c->npt ? 1ull << 63 : 0);
        p->present = c->npt ? bit(e, 0) : ept_present(c, e);
        if (!p->present) {
            p->fault = c->npt ? NESTED_PAGE_FAULT : NESTED_VIOLATION;
            return;
        }
        if (c->npt ? npt_reserved(c, e, low) : ept_misconfigured(c, e, low)) {
            p->fault = c->npt ? NESTED_PAGE_FAULT : NESTED_MISCONFIGURATION;
            return;
        }
        if (c->npt ? npt_maps_page(c, e, low) : ept_maps_page(c, e, low))
            break;
        table = bits(e, 51, 12);
    }
    p->page_lg2 = low;
    p->host_pa = bits(e, 51, low) | (gpa & ((1ull << low) - 1));
}

/* 28.2.3.2: what the entries together must allow. */
static bool ept_refuses(const struct walking *w, uint64_t rights, unsigned what)
{
    if (what & READ && !bit(rights, 0))
        return true;
    if (what & WRITE && !bit(rights, 1))
        return true;
    return what & FETCH && !bit(rights, w->c->modes && w->user_page ? 10 : 2);
}

/* Table 27-7. */
static uint64_t ept_qualification(const struct walking *w, uint64_t rights, const struct nested_access *a)
{
    uint64_t q = 0;
    if (a->what & READ)
        q |= 1;
    if (a->what & WRITE)
        q |= 2;
    if (a->what & FETCH)
        q |= 4;
    if (bit(rights, 0))
        q |= 8;
    if (bit(rights, 1))
        q |= 16;
    if (bit(rights, 2))
        q |= 32;
    if (w->c->modes && bit(rights, 10))
        q |= 64;
    q |= 128; /* every access here has a linear address */
    if (!a->final)
        return q;
    q |= 256;
    if (w->c->info && w->user_page)
        q |= 512;
    if (w->c->info && w->writable_page)
        q |= 1024;
    if (w->c->info && w->nx_page)
        q |= 2048;
    return q;
}

/* With GMET, what the supervisor does to the page itself is the supervisor's in the nested tables, too. */
static bool npt_supervisor(const struct walking *w, const struct nested_access *a)
{
    return w->c->gmet && a->final && w->c->guest.cpl != 3;
}

/* APM2 15.25.5: every access of a guest is a user access to the nested tables; the host's CR0.WP does not matter. */
static bool npt_refuses(const struct walking *w, uint64_t rights, const struct nested_access *a)
{
    if (npt_supervisor(w, a) ? bit(rights, 2) && a->what & FETCH : !bit(rights, 2))
        return true;
    if (a->what & WRITE && !bit(rights, 1))
        return true;
    return a->what & FETCH && w->c->nxe && !bit(rights, 63);
}

/* APM2 15.25.6. */
static uint64_t npt_exitinfo1(const struct walking *w, const struct nested_path *p, const struct nested_access *a, bool reserved)
{
    uint64_t info = npt_supervisor(w, a) ? 0 : 4;
    if (p->present && !(reserved && w->c->departs & DEPARTS_RSVD_WITHOUT_P))
        info |= 1;
    if (a->what & WRITE)
        info |= 2;
    if (reserved)
        info |= 8;
    if (a->what & FETCH)
        info |= 16;
    return info | (a->final ? 1ull << 32 : 1ull << 33);
}

bool departs_in_1g(const struct nested_cpu *c, uint64_t pdpte, bool fault)
{
    return c->departs & DEPARTS_1G_SETS_A && fault && bit(pdpte, 0) && bit(pdpte, 7) && bits(pdpte, 29, 13) &&
           !bits(pdpte, 51, c->maxphyaddr);
}

/* 28.2.5: to set A or D takes an entry of the log that is free; and D takes it.  false: there is none, and nothing is set. */
static bool log_page(struct walking *w, const struct nested_access *a, bool sets, bool sets_dirty)
{
    struct nested_answer *out = w->out;

    if (!w->c->logs || (!sets && !(w->c->departs & DEPARTS_LOG_FULL_ANYHOW)))
        return true;
    if (w->c->log_index > 511 || out->logged > w->c->log_index) /* the index counts down */
        return false;
    if (sets_dirty)
        out->log[out->logged++] = w->c->departs & DEPARTS_LOG_TO_THE_BYTE ? a->gpa : bits(a->gpa, 63, 12);
    return true;
}

/* The bits that the translation sets, or, when it is refused, may have set. */
static void set_nested_bits(struct walking *w, struct nested_path *p, const struct nested_access *a)
{
    uint64_t accessed = w->c->npt ? A_NPT : A_EPT, dirty = w->c->npt ? D_NPT : D_EPT, sets = 0, leaf;

    if (!w->c->npt && !w->c->ad)
        return;
    if (p->last - p->first == (w->c->five_levels ? 2 : 1) && departs_in_1g(w->c, w->out->entry[p->last].before, p->fault == NESTED_PAGE_FAULT))
        w->ram[w->out->entry[p->last].pa / 8] |= accessed;
    for (unsigned i = p->first; p->fault != ORACLE_DONE && i <= p->last; i++)
        if (i < p->last || p->page_lg2) /* what ended the walk was not used */
            w->out->entry[i].free |= accessed;
    if (p->fault != ORACLE_DONE)
        return;
    for (unsigned i = p->first; i <= p->last; i++)
        sets |= accessed & ~w->ram[w->out->entry[i].pa / 8];
    leaf = w->ram[w->out->entry[p->last].pa / 8];
    if (a->what & WRITE)
        sets |= dirty & ~leaf;
    if (!log_page(w, a, sets, sets & dirty)) {
        p->fault = NESTED_LOG_FULL;
        return;
    }
    for (unsigned i = p->first; i <= p->last; i++)
        w->ram[w->out->entry[i].pa / 8] |= accessed;
    if (a->what & WRITE)
        w->ram[w->out->entry[p->last].pa / 8] |= dirty;
}

bool translate_nested(struct walking *w, const struct nested_access *a, struct nested_path *p)
{
    struct nested_answer *out = w->out;
    bool reserved;

    nested_walk(w, a->gpa, p);
    reserved = p->fault == NESTED_PAGE_FAULT && p->present;
    if (p->fault == ORACLE_DONE && (w->c->npt ? npt_refuses(w, p->rights, a) : ept_refuses(w, p->rights, a->what)))
        p->fault = w->c->npt ? NESTED_PAGE_FAULT : NESTED_VIOLATION;
    set_nested_bits(w, p, a);
    if (p->fault == ORACLE_DONE)
        return true;
    out->outcome = p->fault;
    out->gpa = a->gpa;
    out->error = p->fault == NESTED_MISCONFIGURATION || p->fault == NESTED_LOG_FULL ? 0
               : w->c->npt ? npt_exitinfo1(w, p, a, reserved) : ept_qualification(w, p->rights, a);
    /* Bit 4 tells a code read; as in the error code of a #PF, which has no such bit without NXE? */
    out->error_free = w->c->npt && a->what & FETCH && !w->c->nxe ? 16 : 0;
    return false;
}
