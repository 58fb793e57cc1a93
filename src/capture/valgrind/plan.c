/* SPDX-License-Identifier: GPL-2.0-or-later
 * plan.c - looks through a superblock before its code is emitted: its instructions, the regions between side exits, its
 * accesses, and which of those can be checked together.  Called by instrument.c.
 *
 * A read-modify-write instruction (a load and a store of the same address expression and size) is one access of kind
 * store, made where the load stands: the processor asks for write rights there (SDM3 4.7). */
#include "plan.h"

struct plan plan;

/* The instruction that the thread's state names at this point: not the one that runs after a jump that was followed. */
static struct { Addr value; Int at; } ip;

/* A group's accesses lie within so many bytes, so that most groups lie in one page. */
enum { GROUP_MAX = 16, GROUP_MAX_BYTES = 256 };

/* ---- addresses as root + offset -------------------------------------------------------------------------------- */

enum { MAX_TEMPS = 8192 };
static struct { IRTemp root; Long offset; } temp[MAX_TEMPS];

static void forget_temps(const IRSB *sb)
{
    UInt n = (UInt)sb->tyenv->types_used;
    for (UInt t = 0; t < n && t < MAX_TEMPS; t++) {
        temp[t].root = t;
        temp[t].offset = 0;
    }
}

static void note_temp(IRTemp to, const IRExpr *e)
{
    const IRExpr *from = e, *by = NULL;
    Long sign = 1;
    if (e->tag == Iex_Binop && (e->Iex.Binop.op == Iop_Add64 || e->Iex.Binop.op == Iop_Sub64)) {
        from = e->Iex.Binop.arg1;
        by = e->Iex.Binop.arg2;
        sign = e->Iex.Binop.op == Iop_Add64 ? 1 : -1;
    }
    if (to >= MAX_TEMPS || from->tag != Iex_RdTmp || from->Iex.RdTmp.tmp >= MAX_TEMPS || (by && by->tag != Iex_Const))
        return;
    temp[to].root = temp[from->Iex.RdTmp.tmp].root;
    temp[to].offset = temp[from->Iex.RdTmp.tmp].offset + (by ? sign * (Long)by->Iex.Const.con->Ico.U64 : 0);
}

/* ---- instructions, regions, accesses ---------------------------------------------------------------------------- */

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
    struct planned *a = &plan.access[plan.accesses++];
    *a = (struct planned){ .stmt = stmt, .va = va, .guard = guard, .size_bytes = (UShort)size, .kind = kind,
                           .insn = plan.insns - 1, .ip_set = ip.value == insn->ip, .root = IRTemp_INVALID, .fetches = plan.fetches, .region = plan.regions };
    if (va->tag == Iex_RdTmp && va->Iex.RdTmp.tmp < MAX_TEMPS) {
        a->root = temp[va->Iex.RdTmp.tmp].root;
        a->offset = temp[va->Iex.RdTmp.tmp].offset;
    }
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
    case Ist_Put:
        if (st->Ist.Put.offset == ip.at)
            ip.value = st->Ist.Put.data->tag == Iex_Const ? st->Ist.Put.data->Iex.Const.con->Ico.U64 : 0;
        break;
    case Ist_WrTmp:
        note_temp(st->Ist.WrTmp.tmp, st->Ist.WrTmp.data);
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

/* ---- groups ------------------------------------------------------------------------------------------------------ *
 * Accesses of one kind that follow each other, with addresses at constant distances, are checked together: when all of
 * them lie in the page of one slot, none of them would change anything.  When not, cap_group() makes them one by one.
 * Nothing that the model sees may stand between them: no other access, no fetch check, no side exit. */

static Bool joins(const struct planned *first, const struct planned *a, Long *low, Long *high)
{
    if (a->guard || a->root == IRTemp_INVALID || a->root != first->root || a->kind != first->kind ||
        a->fetches != first->fetches || a->region != first->region)
        return False;
    *low = a->offset < first->low ? a->offset : first->low;
    *high = a->offset + a->size_bytes > first->high ? a->offset + a->size_bytes : first->high;
    return *high - *low <= GROUP_MAX_BYTES;
}

static void plan_groups(void)
{
    struct planned *first = NULL;
    for (UInt i = 0; i < plan.accesses; i++) {
        struct planned *a = &plan.access[i];
        Long low, high;
        if (first && first->group < GROUP_MAX && joins(first, a, &low, &high)) {
            first->group++;
            first->low = low;
            first->high = high;
            continue;
        }
        a->group = 1;
        a->low = a->offset;
        a->high = a->offset + a->size_bytes;
        first = a->guard || a->root == IRTemp_INVALID || !cap.opt.filter ? NULL : a;
    }
}

Int plan_block(IRSB *sb, Addr start, Int ip_at)
{
    Int i = 0, first;
    Addr page = 1;               /* no page starts there */
    forget_temps(sb);
    ip.value = start;
    ip.at = ip_at;
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
    plan_groups();
    return first;
}

