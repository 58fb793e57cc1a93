/* SPDX-License-Identifier: MIT
 * oracle.c - the manual, sentence by sentence, in straight lines.  SDM3 chapter 4 (2016 numbering), with AMD's
 * differences from APM2 chapter 5 where they are named.  Slow and dull on purpose; see oracle.h. */
#include "oracle.h"

static bool bit(uint64_t value, unsigned n)
{
    return (value >> n) & 1;
}

/* Bits high..low of value, in place. */
static uint64_t bits(uint64_t value, unsigned high, unsigned low)
{
    return high < low ? 0 : ((value >> low) & (~0ull >> (63 - (high - low)))) << low;
}

/* 3.3.7.1 (volume 1): all bits above the highest implemented one equal it. */
static bool is_canonical(uint64_t va, unsigned width)
{
    uint64_t upper = va >> (width - 1);
    return upper == 0 || upper == (~0ull >> (width - 1));
}

/* 4.5: what is reserved in every present entry of long mode. */
static bool reserved_everywhere(uint64_t entry, const struct oracle_cpu *c)
{
    if (bits(entry, 51, c->maxphyaddr))
        return true;
    return bit(entry, 63) && !c->nxe;
}

/* Table 4-14 for PML4E; the PML5E has the same form.  APM2 figures 5-19 and 5-24: bits 8:7 must be zero. */
static bool top_entry_reserved(uint64_t entry, const struct oracle_cpu *c)
{
    return reserved_everywhere(entry, c) || bit(entry, 7) || (c->amd && bit(entry, 8));
}

/* Tables 4-15 and 4-16. */
static bool pdpte_reserved(uint64_t entry, const struct oracle_cpu *c)
{
    if (reserved_everywhere(entry, c))
        return true;
    if (!bit(entry, 7))
        return false;
    return !c->has_1g || bits(entry, 29, 13);
}

/* Tables 4-17 and 4-18. */
static bool pde_reserved(uint64_t entry, const struct oracle_cpu *c)
{
    return reserved_everywhere(entry, c) || (bit(entry, 7) && bits(entry, 20, 13));
}

/* 4.6: user-mode accesses are those at CPL 3 that are not implicit accesses to system structures; and WRUSS's. */
static bool is_user_access(const struct oracle_cpu *c, const struct oracle_access *a)
{
    return a->wruss || (c->cpl == 3 && !a->implicit);
}

/* 4.6.2.  address_is_user: U/S is 1 in every entry of the walk. */
static bool key_forbids(const struct oracle_cpu *c, const struct oracle_access *a, unsigned key, bool address_is_user)
{
    if (a->kind == ORACLE_FETCH)
        return false;
    if (address_is_user) {
        if (!c->pke)
            return false;
        if (bit(c->pkru, 2 * key))
            return true;
        return bit(c->pkru, 2 * key + 1) && a->kind == ORACLE_WRITE && (is_user_access(c, a) || c->wp);
    }
    if (!c->pks)
        return false;
    if (bit(c->pkrs, 2 * key))
        return true;
    return bit(c->pkrs, 2 * key + 1) && a->kind == ORACLE_WRITE && c->wp;
}

/* APM2 5.7.3: shadow-stack accesses are made to shadow-stack pages, and to those of their own mode. */
static bool shadow_stack_forbids(const struct oracle_cpu *c, const struct oracle_access *a, const struct oracle_path *p)
{
    if (!p->shadow_stack)
        return true;
    return is_user_access(c, a) ? !p->user : p->user;
}

/* 4.6.1, in the manual's order.  writable, user, execute_disable: combined over the walk. */
static bool rights_forbid(const struct oracle_cpu *c, const struct oracle_access *a, bool writable, bool user,
                          bool execute_disable)
{
    bool smap_applies = c->smap && !(!a->implicit && c->ac == 1);

    if (!is_user_access(c, a)) {
        if (a->kind == ORACLE_READ)
            return user && smap_applies;
        if (a->kind == ORACLE_WRITE) {
            if (user && smap_applies)
                return true;
            return c->wp && !writable;
        }
        if (user)
            return c->smep || (c->nxe && execute_disable);
        return c->nxe && execute_disable;
    }
    if (!user)
        return true;
    if (a->kind == ORACLE_READ)
        return false;
    if (a->kind == ORACLE_WRITE)
        return !writable;
    return c->nxe && execute_disable;
}

/* 4.7, but for P, RSVD and PK, which the place of the fault decides. */
static uint32_t describe(const struct oracle_cpu *c, const struct oracle_access *a)
{
    uint32_t error = 0;
    if (a->kind == ORACLE_WRITE)
        error |= 2;
    if (is_user_access(c, a))
        error |= 4;
    if (a->kind == ORACLE_FETCH && (c->smep || c->nxe)) /* CR4.PAE is 1 in long mode */
        error |= 16;
    if (a->shadow)
        error |= 64;
    return error;
}

/* Reads one entry, noting it.  The index is VA[low+8:low] (4.5).  What cannot be read is no present entry. */
static uint64_t read_entry(const struct oracle_memory *m, uint64_t table, uint64_t va, unsigned low, struct oracle_path *out)
{
    uint64_t pa = table + ((va >> low) & 511) * 8;
    out->entry_pa[out->entries] = pa;
    out->entry[out->entries] = 0;
    if (!m->read)
        out->entry[out->entries] = m->ram[pa / 8];
    else if (!m->read(m->ctx, pa, &out->entry[out->entries]))
        out->unreadable = true;
    return out->entry[out->entries++];
}

/* 4.6.1: R/W and U/S of every entry count, XD of any. */
static void combine(struct oracle_path *out, uint64_t entry)
{
    out->writable = out->writable && bit(entry, 1);
    out->user = out->user && bit(entry, 2);
    out->execute_disable = out->execute_disable || bit(entry, 63);
}

/* 4.5, 4.6.2: the page's address without its offset, and its key. */
static void reach(struct oracle_path *out, uint64_t leaf, unsigned page_lg2)
{
    out->ends = ORACLE_LEAF;
    /* APM2 5.7.2: the leaf has R/W=0 and D=1, all entries above it R/W=1. */
    out->shadow_stack = !bit(leaf, 1) && bit(leaf, 6);
    for (int i = 0; i < out->entries - 1; i++)
        out->shadow_stack = out->shadow_stack && bit(out->entry[i], 1);
    out->page_lg2 = page_lg2;
    out->key = (unsigned)bits(leaf >> 59, 3, 0);
    out->frame = bits(leaf, 51, page_lg2);
}

/* 4.5, 4.7: from the top; the first entry that is not present, or present with a reserved bit, ends the walk. */
static inline void walk(const struct oracle_memory *m, const struct oracle_cpu *c, uint64_t va, struct oracle_path *out)
{
    uint64_t pml5e, pml4e, pdpte, pde, pte, table = c->root;

    out->entries = 0;
    out->writable = out->user = true;
    out->execute_disable = out->unreadable = false;
    if (!is_canonical(va, c->la57 ? 57 : 48)) { out->ends = ORACLE_NOT_CANONICAL; return; }

    if (c->la57) {
        pml5e = read_entry(m, table, va, 48, out);
        if (!bit(pml5e, 0)) { out->ends = ORACLE_NOT_PRESENT; return; }
        if (top_entry_reserved(pml5e, c)) { out->ends = ORACLE_RESERVED; return; }
        combine(out, pml5e);
        table = bits(pml5e, 51, 12);
    }

    pml4e = read_entry(m, table, va, 39, out);
    if (!bit(pml4e, 0)) { out->ends = ORACLE_NOT_PRESENT; return; }
    if (top_entry_reserved(pml4e, c)) { out->ends = ORACLE_RESERVED; return; }
    combine(out, pml4e);
    table = bits(pml4e, 51, 12);

    pdpte = read_entry(m, table, va, 30, out);
    if (!bit(pdpte, 0)) { out->ends = ORACLE_NOT_PRESENT; return; }
    if (pdpte_reserved(pdpte, c)) { out->ends = ORACLE_RESERVED; return; }
    combine(out, pdpte);
    if (bit(pdpte, 7)) { reach(out, pdpte, 30); return; }
    table = bits(pdpte, 51, 12);

    pde = read_entry(m, table, va, 21, out);
    if (!bit(pde, 0)) { out->ends = ORACLE_NOT_PRESENT; return; }
    if (pde_reserved(pde, c)) { out->ends = ORACLE_RESERVED; return; }
    combine(out, pde);
    if (bit(pde, 7)) { reach(out, pde, 21); return; }
    table = bits(pde, 51, 12);

    pte = read_entry(m, table, va, 12, out);
    if (!bit(pte, 0)) { out->ends = ORACLE_NOT_PRESENT; return; }
    if (reserved_everywhere(pte, c)) { out->ends = ORACLE_RESERVED; return; }
    combine(out, pte);
    reach(out, pte, 12);
}

void oracle_walk(const uint64_t *ram, const struct oracle_cpu *c, uint64_t va, struct oracle_path *out)
{
    walk(&(struct oracle_memory){ .ram = ram }, c, va, out);
}

void oracle_walk_through(const struct oracle_memory *m, const struct oracle_cpu *c, uint64_t va, struct oracle_path *out)
{
    walk(m, c, va, out);
}

void oracle_judge(const struct oracle_cpu *c, const struct oracle_access *a, const struct oracle_path *path,
                  struct oracle_answer *out)
{
    uint64_t offset_mask;
    bool by_key, by_rights;

    out->error = describe(c, a);
    out->error_free = 0;
    out->set_in_all = out->set_in_leaf = 0;
    if (a->wruss && c->cpl == 3) { out->outcome = ORACLE_GP; return; } /* APM2 5.7.1: privileged */
    if (path->ends == ORACLE_NOT_CANONICAL) { out->outcome = a->stack ? ORACLE_SS : ORACLE_GP; return; }
    out->outcome = ORACLE_PF;
    if (path->ends == ORACLE_NOT_PRESENT)
        return;
    out->error |= 1;
    if (path->ends == ORACLE_RESERVED) { out->error |= 8; return; }

    by_key = key_forbids(c, a, path->key, path->user);
    by_rights = a->shadow ? shadow_stack_forbids(c, a, path)
                          : rights_forbid(c, a, path->writable, path->user, path->execute_disable);
    if (by_key || by_rights) {
        out->error |= by_key ? 32 : 0;
        /* 4.7 says PK is set when the key forbids the access; for a user access to a supervisor address under PKS,
         * which is refused anyway, the text can be read both ways. */
        out->error_free = is_user_access(c, a) && !path->user ? 32 : 0;
        return;
    }

    /* 4.8: A in every entry used, D in the leaf when writing. */
    out->outcome = ORACLE_DONE;
    out->set_in_all = 1u << 5;
    out->set_in_leaf = a->kind == ORACLE_WRITE ? 1u << 6 : 0;
    offset_mask = (1ull << path->page_lg2) - 1;
    out->pa = path->frame | (a->va & offset_mask);
}
