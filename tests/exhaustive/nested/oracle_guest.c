/* SPDX-License-Identifier: MIT
 * oracle_guest.c - the guest's own tables, every entry of which is read through the nested ones; see oracle.c. */
#include "walking.h"

/* 28.2.3.2: with EPT's A/D bits on, a guest's entry is read as if it were written; APM2 15.25.5: with NPT always. */
static bool read_guest_entry(void *ctx, uint64_t gpa, uint64_t *entry)
{
    struct walking *w = ctx;
    struct nested_path p;
    unsigned what = w->c->npt ? w->c->rogpt ? READ : WRITE : w->c->ad ? READ | WRITE : READ;

    if (w->c->departs & DEPARTS_TABLE_NOT_READ && w->c->ad)
        what = WRITE;
    if (!translate_nested(w, &(struct nested_access){ .gpa = gpa, .what = what }, &p))
        return false;
    w->table_pa[w->tables] = p.host_pa;
    w->table_writable[w->tables] = bit(p.rights, 1) && (!w->c->npt || bit(w->ram[w->out->entry[p.last].pa / 8], 6));
    w->table_note[w->tables] = w->out->entries;
    w->tables++;
    *entry = read_and_note(w, p.host_pa);
    return true;
}

static bool read_entry(struct walking *w, uint64_t gpa, struct oracle_path *out)
{
    uint64_t entry = 0;
    out->entry_pa[out->entries] = gpa;
    out->unreadable = !read_guest_entry(w, gpa, &entry);
    out->entry[out->entries++] = entry;
    return !out->unreadable;
}

static void combine(struct oracle_path *out, uint64_t entry)
{
    out->writable = out->writable && bit(entry, 1);
    out->user = out->user && bit(entry, 2);
    out->execute_disable = out->execute_disable || bit(entry, 63);
}

static void reach(struct oracle_path *out, uint64_t frame, unsigned page_lg2)
{
    out->ends = ORACLE_LEAF;
    out->frame = frame;
    out->page_lg2 = page_lg2;
}

/* APM2 5.2.3: PDPTEs of PAE paging have no rights, no A and D. */
static bool pdpte_reserved(const struct nested_cpu *c, uint64_t pdpte)
{
    if (bits(pdpte, 63, c->guest.maxphyaddr))
        return true;
    return !(c->departs & DEPARTS_PDPTE_LOW_BITS) && (bits(pdpte, 8, 5) || bits(pdpte, 2, 1));
}

/* 4.4: PAE.  The PDPTEs are registers under EPT (28.2.1), memory under NPT (APM2 15.25.10). */
static void walk_pae(struct walking *w, uint64_t va, struct oracle_path *out)
{
    const struct oracle_cpu *g = &w->c->guest;
    uint64_t pdpte = w->c->pdpte[bits(va, 31, 30) >> 30], pde, pte;

    out->writable = out->user = true;
    out->ends = ORACLE_NOT_PRESENT;
    if (w->c->npt) {
        if (!read_entry(w, bits(g->root, 31, 5) + (bits(va, 31, 30) >> 30) * 8, out)) {
            if (w->c->departs & DEPARTS_PDPTES_LOADED)
                w->out->gpa &= ~31ull;
            return;
        }
        pdpte = out->entry[0];
    }
    if (!bit(pdpte, 0))
        return;
    if (w->c->npt && pdpte_reserved(w->c, pdpte)) { out->ends = ORACLE_RESERVED; return; }
    if (w->c->departs & DEPARTS_PDPTE_A)
        w->ram[w->table_pa[0] / 8] |= A_NPT;
    if (!read_entry(w, bits(pdpte, 51, 12) + (bits(va, 29, 21) >> 21) * 8, out))
        return;
    pde = out->entry[out->entries - 1];
    if (!bit(pde, 0))
        return;
    if (bits(pde, 62, g->maxphyaddr) || (bit(pde, 63) && !g->nxe) || (bit(pde, 7) && bits(pde, 20, 13))) { out->ends = ORACLE_RESERVED; return; }
    combine(out, pde);
    if (bit(pde, 7)) { reach(out, bits(pde, 51, 21), 21); return; }
    if (!read_entry(w, bits(pde, 51, 12) + (bits(va, 20, 12) >> 12) * 8, out))
        return;
    pte = out->entry[out->entries - 1];
    if (!bit(pte, 0))
        return;
    if (bits(pte, 62, g->maxphyaddr) || (bit(pte, 63) && !g->nxe)) { out->ends = ORACLE_RESERVED; return; }
    combine(out, pte);
    reach(out, bits(pte, 51, 12), 12);
}

static uint64_t entry_32(const struct oracle_path *out)
{
    unsigned last = (unsigned)out->entries - 1;
    return bits(out->entry[last] >> (bit(out->entry_pa[last], 2) ? 32 : 0), 31, 0);
}

/* 4.3: entries of 4 bytes. */
static void walk_32(struct walking *w, uint64_t va, struct oracle_path *out)
{
    const struct oracle_cpu *g = &w->c->guest;
    uint64_t pde, pte, high;
    unsigned widest = g->maxphyaddr < 40 ? g->maxphyaddr : 40;

    out->writable = out->user = true;
    out->ends = ORACLE_NOT_PRESENT;
    if (!read_entry(w, bits(g->root, 31, 12) + (bits(va, 31, 22) >> 22) * 4, out))
        return;
    pde = entry_32(out);
    if (!bit(pde, 0))
        return;
    if (bit(pde, 7) && w->c->pse) {
        high = bits(pde, 20, 13) << 19; /* 39:32 */
        if (w->c->pse36 ? bit(pde, 21) || bits(high, 39, widest) : bits(pde, 21, 13)) { out->ends = ORACLE_RESERVED; return; }
        combine(out, pde);
        reach(out, bits(pde, 31, 22) | high, 22);
        return;
    }
    combine(out, pde);
    if (!read_entry(w, bits(pde, 31, 12) + (bits(va, 21, 12) >> 12) * 4, out))
        return;
    pte = entry_32(out);
    if (!bit(pte, 0))
        return;
    combine(out, pte);
    reach(out, bits(pte, 31, 12), 12);
}

void guest_walk(struct walking *w, uint64_t va, struct oracle_path *out)
{
    struct oracle_memory through = { .read = read_guest_entry, .ctx = w };
    struct oracle_cpu guest = w->c->guest;

    *out = (struct oracle_path){ .entries = 0 };
    if (w->c->departs & DEPARTS_BIT_8_IGNORED)
        guest.amd = false;
    if (w->c->format == GUEST_LONG)
        oracle_walk_through(&through, &guest, va, out);
    else if (w->c->format == GUEST_PAE)
        walk_pae(w, va, out);
    else
        walk_32(w, va, out);
}
