/* SPDX-License-Identifier: GPL-2.0-or-later
 * instrument.c - adds the checks to the program's code.  Called by Valgrind for each superblock it translates.
 *
 * In front of each access stands the filter of mmu.h ("the fast path"): one slot is loaded, one subtraction and one
 * comparison decide, and only when the access is not to the most recently used entry of its set is the model called:
 *
 *     off  = (va >> 9) & (mask * 8)         slot index of the page, times 8
 *     diff = va - slot[kind][off]
 *     if (diff > 4096 - size) cap_access(va, site)
 *
 * Instruction fetches are checked once for each page that a run of instructions enters: further fetches from the page
 * fetched last hit the same most recently used entry and change nothing.
 *
 * Counts cost one increment a region (the code up to the next side exit); what a region does each time it runs is
 * noted beside it.
 *
 * Accesses that follow each other at constant distances share one check (plan.c).
 *
 * With --pw-filter=no every access and every fetch calls the model; the counts must come out the same. */
#include "plan.h"

struct mmu_fast cap_fast;

/* ---- emitting ------------------------------------------------------------------------------------------------ */

static IRExpr *word(UWord v) { return IRExpr_Const(IRConst_U64(v)); }

static IRExpr *assign(IRSB *sb, IRType type, IRExpr *e)
{
    IRTemp t = newIRTemp(sb->tyenv, type);
    addStmtToIRSB(sb, IRStmt_WrTmp(t, e));
    return IRExpr_RdTmp(t);
}

static IRExpr *bin(IRSB *sb, IROp op, IRType type, IRExpr *a, IRExpr *b)
{
    return assign(sb, type, IRExpr_Binop(op, a, b));
}

static void emit_call(IRSB *sb, IRExpr *guard, IRExpr *va, struct cap_site *site)
{
    static void *const one[] = { [MMU_LOAD] = cap_load, [MMU_STORE] = cap_store };
    void *fn = site->conditional ? (void *)cap_access_conditional : site->group > 1 ? (void *)cap_group : one[site->kind];
    IRDirty *d = unsafeIRDirty_0_N(2, "cap_access", VG_(fnptr_to_fnentry)(fn), mkIRExprVec_2(va, word((UWord)site)));
    if (guard)
        d->guard = guard;
    addStmtToIRSB(sb, IRStmt_Dirty(d));
}

/* True (a 1-bit expression) unless size bytes at va lie in the page of va's slot. */
static IRExpr *not_in_slot(IRSB *sb, UChar kind, IRExpr *va, Long size)
{
    UWord base = (UWord)cap_fast.slot[kind];
    IRExpr *off = bin(sb, Iop_And64, Ity_I64, bin(sb, Iop_Shr64, Ity_I64, va, IRExpr_Const(IRConst_U8(PAGE_LG2 - 3))),
                      word(cap.slot_mask[kind] * 8));
    IRExpr *at = bin(sb, Iop_Add64, Ity_I64, off, word(base));
    IRExpr *slot = assign(sb, Ity_I64, IRExpr_Load(Iend_LE, Ity_I64, at));
    IRExpr *diff = bin(sb, Iop_Sub64, Ity_I64, va, slot);
    return assign(sb, Ity_I1, IRExpr_Unop(Iop_Not1, bin(sb, Iop_CmpLE64U, Ity_I1, diff, word(PAGE_BYTES - (UWord)size))));
}

/* a begins a group: its sites follow each other. */
static void emit_access(IRSB *sb, const struct planned *a, struct cap_site *site)
{
    IRExpr *guard = a->guard, *low = a->va;
    if (!guard && cap.opt.filter && a->high - a->low <= (Long)PAGE_BYTES) {
        if (a->low != a->offset)
            low = bin(sb, Iop_Sub64, Ity_I64, a->va, word((UWord)(a->offset - a->low)));
        guard = not_in_slot(sb, a->kind, low, a->high - a->low);
    }
    emit_call(sb, guard, a->va, site);
}

static void emit_fetch(IRSB *sb, Addr ip, Addr va, struct cap_site *site)
{
    IRDirty *d = unsafeIRDirty_0_N(1, "cap_fetch", VG_(fnptr_to_fnentry)(cap_fetch), mkIRExprVec_1(word((UWord)site)));
    *site = (struct cap_site){ .s.ip = ip, .fetched = va, .size_bytes = 1, .kind = MMU_FETCH };
    if (cap.opt.filter) {
        UWord at = (UWord)&cap_fast.slot[MMU_FETCH][(va >> PAGE_LG2) & cap.slot_mask[MMU_FETCH]];
        IRExpr *slot = assign(sb, Ity_I64, IRExpr_Load(Iend_LE, Ity_I64, word(at)));
        d->guard = bin(sb, Iop_CmpNE64, Ity_I1, slot, word(page_of(va)));
    }
    addStmtToIRSB(sb, IRStmt_Dirty(d));
}

static void emit_count(IRSB *sb, ULong *counter)
{
    IRExpr *at = word((UWord)counter);
    IRExpr *old = assign(sb, Ity_I64, IRExpr_Load(Iend_LE, Ity_I64, at));
    addStmtToIRSB(sb, IRStmt_Store(Iend_LE, at, bin(sb, Iop_Add64, Ity_I64, old, word(1))));
}

/* The fetch checks of one instruction; returns the next free site. */
static struct cap_site *emit_fetches(IRSB *out, Addr ip, UInt len, Addr *page, struct cap_site *site)
{
    Addr last = page_of(ip + (len ? len : 1) - 1);
    if (!cap.opt.filter || page_of(ip) != *page)
        emit_fetch(out, ip, ip, site++);
    if (last != page_of(ip))
        emit_fetch(out, ip, last, site++);
    *page = last;
    return site;
}

/* Sites of a group need their distance from its first. */
static void fill_site(struct cap_site *site, const struct planned *p)
{
    static Long group_offset;
    if (p->group)
        group_offset = p->offset;
    *site = (struct cap_site){ .s.ip = plan.insn[p->insn].ip, .size_bytes = p->size_bytes, .kind = p->kind,
                               .conditional = p->guard != NULL, .group = (UChar)p->group,
                               .from_first = p->guard ? 0 : (Int)(p->offset - group_offset) };
}

static void emit_block(IRSB *out, const IRSB *in, Int first, struct cap_block *block)
{
    struct cap_site *site = block->site, *fetch = block->site + plan.accesses;
    UInt a = 0, region = 0;
    Addr page = 1;
    emit_count(out, &block->region[region++].executed);
    for (Int i = first; i < in->stmts_used; i++) {
        IRStmt *st = in->stmts[i];
        if (st->tag == Ist_IMark) {
            addStmtToIRSB(out, st);
            fetch = emit_fetches(out, st->Ist.IMark.addr, st->Ist.IMark.len, &page, fetch);
            continue;
        }
        for (; a < plan.accesses && plan.access[a].stmt == i; a++, site++) {
            const struct planned *p = &plan.access[a];
            fill_site(site, p);
            if (p->group)
                emit_access(out, p, site);
        }
        addStmtToIRSB(out, st);
        if (st->tag == Ist_Exit)
            emit_count(out, &block->region[region++].executed);
    }
    tl_assert(fetch == block->site + block->sites);
}

IRSB *cap_instrument(VgCallbackClosure *closure, IRSB *in, const VexGuestLayout *layout, const VexGuestExtents *extents,
                     const VexArchInfo *host, IRType guest_word, IRType host_word)
{
    IRSB *out = deepCopyIRSBExceptStmts(in);
    Int first = plan_block(in);
    struct cap_block *block = cap_block_new((Addr)closure->nraddr, plan.regions, plan.insns, plan.accesses + plan.fetches);
    VG_(memcpy)(block->region, plan.region, plan.regions * sizeof plan.region[0]);
    VG_(memcpy)(block->insn, plan.insn, plan.insns * sizeof plan.insn[0]);
    for (UInt i = 0; i < plan.insns; i++) {
        if (plan.insn[i].ip < block->low)
            block->low = plan.insn[i].ip;
        if (plan.insn[i].ip >= block->high)
            block->high = plan.insn[i].ip + 1;
    }
    for (Int i = 0; i < first; i++)
        addStmtToIRSB(out, in->stmts[i]);
    emit_block(out, in, first, block);
    (void)layout; (void)extents; (void)host; (void)guest_word; (void)host_word;
    return out;
}
