/* SPDX-License-Identifier: GPL-2.0-or-later
 * instrument.c - adds the checks to the program's code.  Called by Valgrind for each superblock it translates.
 *
 * In front of each access stands the filter of mmu.h ("the fast path"): one slot is loaded, one subtraction and one
 * comparison decide, and only when the access is not to the most recently used entry of its set is the model called:
 *
 *     off  = (va >> 9) & 0x1f8              slot index of the page, times 8
 *     diff = va - slot[kind][off]
 *     if (diff > 4096 - size) cap_access(va, site)
 *
 * Instruction fetches are checked once for each page that a run of instructions enters: further fetches from the page
 * fetched last hit the same most recently used entry and change nothing.
 *
 * Counts cost one increment a region (the code up to the next side exit); what a region does each time it runs is
 * noted beside it.  A read-modify-write instruction (a load and a store of the same address expression and size) is
 * one access of kind store, made where the load stands: the processor asks for write rights there (SDM3 4.7).
 *
 * With --pw-filter=no every access and every fetch calls the model; the counts must come out the same. */
#include "cap.h"

struct mmu_fast cap_fast;

enum { MAX_ACCESSES = 1024, MAX_INSNS = 512, MAX_REGIONS = 512 };

struct planned {                 /* an access, before its code is emitted                                     */
    Int stmt;                    /* emitted in front of this statement                                        */
    IRExpr *va;
    IRExpr *guard;               /* NULL: always                                                              */
    UShort size_bytes;
    UChar kind;
    UInt insn;                   /* index into plan.insn                                                      */
};

/* What a superblock will need; filled by plan_block(), used by emit_block(). */
static struct {
    UInt accesses, insns, regions, fetches;
    struct planned access[MAX_ACCESSES];
    struct cap_insn insn[MAX_INSNS];
    struct cap_region region[MAX_REGIONS];
} plan;

/* ---- planning ------------------------------------------------------------------------------------------------ */

static void plan_region(void)
{
    if (plan.regions)
        plan.region[plan.regions - 1].end_insn = plan.insns;
    tl_assert(plan.regions < MAX_REGIONS);
    plan.region[plan.regions++] = (struct cap_region){ .first_insn = plan.insns, .end_insn = plan.insns };
}

static void plan_insn(Addr ip, UChar instructions)
{
    tl_assert(plan.insns < MAX_INSNS);
    plan.insn[plan.insns++] = (struct cap_insn){ .ip = ip, .instructions = instructions };
}

static Bool same_atom(const IRExpr *a, const IRExpr *b)
{
    if (a->tag != b->tag)
        return False;
    if (a->tag == Iex_RdTmp)
        return a->Iex.RdTmp.tmp == b->Iex.RdTmp.tmp;
    return a->tag == Iex_Const && a->Iex.Const.con->Ico.U64 == b->Iex.Const.con->Ico.U64;
}

static void plan_access(Int stmt, IRExpr *va, Int size, UChar kind, IRExpr *guard)
{
    struct cap_insn *insn = &plan.insn[plan.insns - 1];
    struct planned *last = plan.accesses ? &plan.access[plan.accesses - 1] : NULL;
    if (kind == MMU_STORE && !guard && last && last->insn == plan.insns - 1 && last->kind == MMU_LOAD && !last->guard &&
        last->size_bytes == size && same_atom(last->va, va)) {
        last->kind = MMU_STORE;         /* the load just before becomes a read-modify-write */
        insn->stores++;
        insn->modifies++;
        return;
    }
    tl_assert(plan.accesses < MAX_ACCESSES);
    plan.access[plan.accesses++] = (struct planned){ .stmt = stmt, .va = va, .guard = guard, .size_bytes = (UShort)size,
                                                     .kind = kind, .insn = plan.insns - 1 };
    if (!guard) {
        insn->loads += kind == MMU_LOAD;
        insn->stores += kind == MMU_STORE;
    }
}

/* A helper call that touches guest memory (FXSAVE and its like). */
static void plan_dirty(Int i, IRDirty *d)
{
    if (d->mFx == Ifx_None)
        return;
    if (d->mFx == Ifx_Read || d->mFx == Ifx_Modify)
        plan_access(i, d->mAddr, d->mSize, MMU_LOAD, NULL);
    if (d->mFx == Ifx_Write || d->mFx == Ifx_Modify)
        plan_access(i, d->mAddr, d->mSize, MMU_STORE, NULL);
}

static void plan_cas(Int i, IRSB *sb, IRCAS *cas)
{
    Int size = sizeofIRType(typeOfIRExpr(sb->tyenv, cas->dataLo)) * (cas->dataHi ? 2 : 1);
    plan_access(i, cas->addr, size, MMU_LOAD, NULL);
    plan_access(i, cas->addr, size, MMU_STORE, NULL);
}

static void plan_stmt(Int i, IRSB *sb, IRStmt *st)
{
    IRType type, wide;
    switch (st->tag) {
    case Ist_WrTmp:
        if (st->Ist.WrTmp.data->tag == Iex_Load)
            plan_access(i, st->Ist.WrTmp.data->Iex.Load.addr, sizeofIRType(st->Ist.WrTmp.data->Iex.Load.ty), MMU_LOAD, NULL);
        break;
    case Ist_Store:
        plan_access(i, st->Ist.Store.addr, sizeofIRType(typeOfIRExpr(sb->tyenv, st->Ist.Store.data)), MMU_STORE, NULL);
        break;
    case Ist_StoreG: {
        IRStoreG *g = st->Ist.StoreG.details;
        plan_access(i, g->addr, sizeofIRType(typeOfIRExpr(sb->tyenv, g->data)), MMU_STORE, g->guard);
        break;
    }
    case Ist_LoadG: {
        IRLoadG *g = st->Ist.LoadG.details;
        typeOfIRLoadGOp(g->cvt, &wide, &type);
        plan_access(i, g->addr, sizeofIRType(type), MMU_LOAD, g->guard);
        break;
    }
    case Ist_Dirty:
        plan_dirty(i, st->Ist.Dirty.details);
        break;
    case Ist_CAS:
        plan_cas(i, sb, st->Ist.CAS.details);
        break;
    default:
        break;
    }
}

/* After a side exit inside an instruction, its remaining accesses belong to the next region. */
static void plan_side_exit(Bool more_of_insn)
{
    Addr ip = plan.insn[plan.insns - 1].ip;
    plan_region();
    if (more_of_insn)
        plan_insn(ip, 0);
}

static Bool insn_goes_on(const IRSB *sb, Int i)
{
    for (i++; i < sb->stmts_used; i++) {
        IRStmtTag tag = sb->stmts[i]->tag;
        if (tag == Ist_IMark)
            return False;
        if (tag != Ist_NoOp && tag != Ist_AbiHint)
            return True;
    }
    return False;
}

static Addr page_of(Addr a) { return a & ~(Addr)0xfff; }

static void plan_fetch(Addr ip, UInt len, Addr *page)
{
    Addr last = page_of(ip + (len ? len : 1) - 1);
    if (!cap.opt.filter || page_of(ip) != *page)
        plan.fetches++;
    if (last != page_of(ip)) {
        plan.fetches++;
        plan.insn[plan.insns - 1].crossings++;
    }
    *page = last;
}

/* Returns the first statement after the preamble. */
static Int plan_block(IRSB *sb)
{
    Int i = 0, first;
    Addr page = 1;               /* no page starts there */
    plan.accesses = plan.insns = plan.regions = plan.fetches = 0;
    while (i < sb->stmts_used && sb->stmts[i]->tag != Ist_IMark)
        i++;
    first = i;
    plan_region();
    for (; i < sb->stmts_used; i++) {
        IRStmt *st = sb->stmts[i];
        if (st->tag == Ist_IMark) {
            plan_insn(st->Ist.IMark.addr + st->Ist.IMark.delta, 1);
            plan_fetch(st->Ist.IMark.addr, st->Ist.IMark.len, &page);
        } else if (st->tag == Ist_Exit) {
            plan_side_exit(insn_goes_on(sb, i));
        } else {
            plan_stmt(i, sb, st);
        }
    }
    plan.region[plan.regions - 1].end_insn = plan.insns;
    return first;
}

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
    Bool conditional = site->conditional;
    void *fn = conditional ? (void *)cap_access_conditional : (void *)cap_access;
    IRDirty *d = unsafeIRDirty_0_N(2, "cap_access", VG_(fnptr_to_fnentry)(fn), mkIRExprVec_2(va, word((UWord)site)));
    if (guard)
        d->guard = guard;
    addStmtToIRSB(sb, IRStmt_Dirty(d));
}

static void emit_access(IRSB *sb, const struct planned *a, struct cap_site *site)
{
    IRExpr *guard = a->guard;
    if (!guard && cap.opt.filter && a->size_bytes <= PAGE_BYTES) {
        UWord base = (UWord)cap_fast.slot[a->kind];
        IRExpr *off = bin(sb, Iop_And64, Ity_I64, bin(sb, Iop_Shr64, Ity_I64, a->va, IRExpr_Const(IRConst_U8(PAGE_LG2 - 3))),
                          word((MMU_SLOTS - 1) * 8));
        IRExpr *at = bin(sb, Iop_Add64, Ity_I64, off, word(base));
        IRExpr *slot = assign(sb, Ity_I64, IRExpr_Load(Iend_LE, Ity_I64, at));
        IRExpr *diff = bin(sb, Iop_Sub64, Ity_I64, a->va, slot);
        guard = bin(sb, Iop_CmpLT64U, Ity_I1, word(PAGE_BYTES - a->size_bytes), diff);
    }
    emit_call(sb, guard, a->va, site);
}

static void emit_fetch(IRSB *sb, Addr page, struct cap_site *site, Addr va)
{
    IRExpr *guard = NULL;
    if (cap.opt.filter) {
        UWord at = (UWord)&cap_fast.slot[MMU_FETCH][(page >> PAGE_LG2) % MMU_SLOTS];
        IRExpr *slot = assign(sb, Ity_I64, IRExpr_Load(Iend_LE, Ity_I64, word(at)));
        guard = bin(sb, Iop_CmpNE64, Ity_I1, slot, word(page));
    }
    emit_call(sb, guard, word(va), site);
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
    if (!cap.opt.filter || page_of(ip) != *page) {
        *site = (struct cap_site){ .s.ip = ip, .size_bytes = 1, .kind = MMU_FETCH };
        emit_fetch(out, page_of(ip), site++, ip);
    }
    if (last != page_of(ip)) {
        *site = (struct cap_site){ .s.ip = ip, .size_bytes = 1, .kind = MMU_FETCH };
        emit_fetch(out, last, site++, last);
    }
    *page = last;
    return site;
}

static void emit_block(IRSB *out, const IRSB *in, Int first, struct cap_block *block)
{
    struct cap_site *site = block->site;
    UInt a = 0, region = 0;
    Addr page = 1;
    emit_count(out, &block->region[region++].executed);
    for (Int i = first; i < in->stmts_used; i++) {
        IRStmt *st = in->stmts[i];
        if (st->tag == Ist_IMark) {
            addStmtToIRSB(out, st);
            site = emit_fetches(out, st->Ist.IMark.addr, st->Ist.IMark.len, &page, site);
            continue;
        }
        for (; a < plan.accesses && plan.access[a].stmt == i; a++, site++) {
            const struct planned *p = &plan.access[a];
            *site = (struct cap_site){ .s.ip = plan.insn[p->insn].ip, .size_bytes = p->size_bytes, .kind = p->kind,
                                       .conditional = p->guard != NULL };
            emit_access(out, p, site);
        }
        addStmtToIRSB(out, st);
        if (st->tag == Ist_Exit)
            emit_count(out, &block->region[region++].executed);
    }
    tl_assert(site == block->site + block->sites);
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
