/* SPDX-License-Identifier: GPL-2.0-or-later
 * instrument.c - adds the checks to the program's code.  Called by Valgrind for each superblock it translates.
 *
 * In front of each access stands the filter of mmu.h ("marks"): one mark is loaded, one subtraction and one comparison
 * decide, and only when the page is not marked is the model called; then a number is left at the mark:
 *
 *     off  = (va >> 8) & (1023 * 16)                      where the page's mark is
 *     diff = va - mark[kind][off].page
 *     if (diff > 4096 - size) load_8(va)
 *     *mark[kind][off].used = clock;  clock += 1
 *
 * At the end of a region the clock is moved on to CAP_CLOCK_STEP for each instruction since the block began: so it also
 * says how many instructions were executed, which cap_work() gives to the model.
 *
 * The model leaves the mark of the accessed page full, or empty: an empty one points nowhere.  It learns from the thread
 * which instruction makes the access; accesses that are not plain loads and stores pass a struct cap_site instead.
 *
 * Instruction fetches are checked once for each page that a run of instructions enters: further fetches from the page
 * fetched last hit the same most recently used entry and change nothing.
 *
 * Counts cost one increment a region (the code up to the next side exit); what a region does each time it runs is
 * noted beside it.
 *
 * Accesses that follow each other at constant distances share one check (plan.c).
 *
 * With --l1 each access is checked once more, for its line (cache.h, "marks"), after its page was; each instruction, when it
 * is not in the line fetched last.
 *
 * With --pw-filter=no every access and every fetch calls the model; the counts must come out the same. */
#include "calls.h"
#include "heap.h"
#include "l1.h"
#include "plan.h"
#include "starts.h"
#include "trace/ring.h"

struct mmu_marks cap_marks;

/* The block that is being emitted. */
static struct {
    IRSB *out;
    struct cap_block *block;
    Int sp;                  /* where it has the stack pointer                                                      */
    Int shadow;              /* where a thread's state has its shadow registers                                     */
    IRExpr *clock;           /* the number that the first check leaves                                              */
    UInt uses, regions;      /* numbers left so far; regions done                                                   */
    struct cap_site *site;   /* the next free one                                                                   */
    Addr page;               /* of the last fetch                                                                   */
    Addr line;               /* --l1: of the last fetch                                                             */
    IRExpr *log;             /* --record: where the block's words begin                                             */
    UInt words, slots;       /* --record: written, described so far                                                 */
    Addr insn, insn_end;     /* the last instruction, and the one behind it                                         */
    Bool stored_end;         /* it has stored that address                                                          */
} now;

/* ---- emitting ------------------------------------------------------------------------------------------------ */

static IRExpr *word(UWord v) { return IRExpr_Const(IRConst_U64(v)); }

static void emit(IRStmt *st) { addStmtToIRSB(now.out, st); }

static IRExpr *assign(IRType type, IRExpr *e)
{
    IRTemp t = newIRTemp(now.out->tyenv, type);
    emit(IRStmt_WrTmp(t, e));
    return IRExpr_RdTmp(t);
}

static IRExpr *bin(IROp op, IRExpr *a, IRExpr *b) { return assign(Ity_I64, IRExpr_Binop(op, a, b)); }
static IRExpr *load(IRExpr *at) { return assign(Ity_I64, IRExpr_Load(Iend_LE, Ity_I64, at)); }
static void store(IRExpr *at, IRExpr *value) { emit(IRStmt_Store(Iend_LE, at, value)); }

static void emit_call(void *fn, IRExpr **args, Int n, IRExpr *guard)
{
    IRDirty *d = unsafeIRDirty_0_N(n, "cap_access", VG_(fnptr_to_fnentry)(fn), args);
    if (guard)
        d->guard = guard;
    emit(IRStmt_Dirty(d));
}

static void emit_call_with_site(void *fn, IRExpr *va, const struct cap_site *site, IRExpr *guard)
{
    emit_call(fn, mkIRExprVec_2(va, word((UWord)site)), 2, guard);
}

/* ---- marks and counters ------------------------------------------------------------------------------------------ */

/* What to add to the address of cap_marks for a field of the mark that an address looks at. */
static IRExpr *mark_offset(IRExpr *va)
{
    return bin(Iop_And64, bin(Iop_Shr64, va, IRExpr_Const(IRConst_U8(PAGE_LG2 - 4))), word((MMU_MARKS - 1) * sizeof(struct mmu_mark)));
}

static IRExpr *field(IRExpr *offset, const void *of_first)
{
    return bin(Iop_Add64, offset, word((UWord)of_first));
}

static IRExpr *clock_after(UInt n) { return n ? bin(Iop_Add64, now.clock, word(n)) : now.clock; }

/* Leaves the next number at a mark. */
static void emit_use(IRExpr *used_at)
{
    store(load(used_at), clock_after(now.uses++));
}

/* What the block's end and its side exits leave behind.  An instruction makes far fewer checks than it has numbers. */
static void emit_clock(void)
{
    UInt end = plan.region[now.regions++].end_insn, want = 0;
    for (UInt i = 0; i < end; i++)
        want += plan.insn[i].instructions * CAP_CLOCK_STEP;
    emit(IRStmt_Put(now.shadow + CAP_CLOCK_AT, clock_after(want > now.uses ? want : now.uses)));
}

static void emit_count(const ULong *counter)
{
    Long distance = (const UChar *)counter - (const UChar *)cap_counter;
    Bool near = distance >= 0 && distance < 1ll << 31;
    IRExpr *at = near ? bin(Iop_Add64, assign(Ity_I64, IRExpr_Get(now.shadow + CAP_COUNTERS_AT, Ity_I64)), word((UWord)distance))
                      : word((UWord)counter);
    store(at, bin(Iop_Add64, load(at), word(1)));
}

/* ---- calls (--call-paths, --heap) ---------------------------------------------------------------------------------- */

static IRExpr *stack_pointer(void) { return assign(Ity_I64, IRExpr_Get(now.sp, Ity_I64)); }
static IRExpr *last_call(void) { return load(word((UWord)&cap_call_top)); }
static void emit_last_call(IRExpr *call) { store(word((UWord)&cap_call_top), call); }
static IRExpr *member(IRExpr *call, SizeT offset) { return offset ? bin(Iop_Add64, call, word(offset)) : call; }

/* After a call instruction: its return address has been pushed. */
static void emit_call_down(Addr ip)
{
    IRExpr *call = bin(Iop_Add64, last_call(), word(sizeof(struct cap_call)));
    store(call, bin(Iop_Add64, stack_pointer(), word(sizeof(UWord))));
    store(member(call, offsetof(struct cap_call, ip)), word(ip));
    store(member(call, offsetof(struct cap_call, path)), word(0));
    emit_last_call(call);
}

/* The block ends with a return: the address has been popped. */
static void emit_return(void)
{
    IRExpr *sp = stack_pointer();
    emit_call(cap_call_unmatched, mkIRExprVec_1(sp), 1, assign(Ity_I1, IRExpr_Binop(Iop_CmpNE64, sp, load(last_call()))));
    emit_last_call(bin(Iop_Sub64, last_call(), word(sizeof(struct cap_call))));
}

/* The translation of a known function may follow its call in the same block: the last instruction then has stored the
 * address behind it, and the next is elsewhere. */
static void emit_call_inside(const IRStmt *next)
{
    if (now.stored_end && next->Ist.IMark.addr != now.insn_end)
        emit_call_down(now.insn);
    now.insn = next->Ist.IMark.addr;
    now.insn_end = next->Ist.IMark.addr + next->Ist.IMark.len;
    now.stored_end = False;
}

static Bool stores_end(const IRStmt *st)
{
    const IRExpr *data = st->tag == Ist_Store ? st->Ist.Store.data : NULL;
    return data && data->tag == Iex_Const && data->Iex.Const.con->tag == Ico_U64 && data->Iex.Const.con->Ico.U64 == now.insn_end;
}

/* An allocation function begins here: its arguments are still where its caller put them. */
static void emit_alloc_enter(Addr ip)
{
    UInt function = cap_alloc_function(ip);
    if (function)
        emit_call(cap_alloc_enter, mkIRExprVec_1(word(function)), 1, NULL);
}

static void emit_block_end(const IRSB *in)
{
    if (in->jumpkind == Ijk_Call)
        emit_call_down(now.insn);
    else if (in->jumpkind == Ijk_Ret)
        emit_return();
}

/* ---- recording (record.c) ---------------------------------------------------------------------------------------- */

static struct ring_slot slot[MAX_ACCESSES + 2 * MAX_INSNS];

static void describe(Addr ip, UChar kind, UChar flags, UInt size_bytes, Long from_first)
{
    tl_assert(now.slots < sizeof slot / sizeof slot[0]);
    slot[now.slots++] = (struct ring_slot){ ip, kind, flags, (u16)size_bytes, (s32)from_first };
}

/* Before the model hears of the access. */
static void emit_word(IRExpr *value)
{
    if (cap.opt.record)
        store(bin(Iop_Add64, now.log, word(8ul * ++now.words)), value);
}

/* The block's own number is known when all of its slots are: until then the store holds none. */
static IRConst *emit_record_begin(void)
{
    IRExpr *number = word(0), *used, *full;
    IRDirty *d = unsafeIRDirty_0_N(0, "cap_record_room", VG_(fnptr_to_fnentry)(cap_record_room), mkIRExprVec_0());
    now.words = now.slots = 0;
    if (!cap.opt.record)
        return NULL;
    used = bin(Iop_And64, assign(Ity_I64, IRExpr_Get(now.shadow + CAP_LOG_AT, Ity_I64)), word(RING_CHUNK_BYTES - 1));
    full = assign(Ity_I1, IRExpr_Binop(Iop_CmpLE64U, word(cap_record_limit_bytes()), used));
    d->guard = full;
    d->nFxState = 1;
    VG_(memset)(&d->fxState[0], 0, sizeof d->fxState[0]);
    d->fxState[0].fx = Ifx_Modify;
    d->fxState[0].offset = (UShort)(now.shadow + CAP_LOG_AT);
    d->fxState[0].size = 8;
    emit(IRStmt_Dirty(d));
    now.log = assign(Ity_I64, IRExpr_Get(now.shadow + CAP_LOG_AT, Ity_I64));
    store(now.log, number);
    return number->Iex.Const.con;
}

static void emit_record_exit(void)
{
    if (cap.opt.record)
        emit(IRStmt_Put(now.shadow + CAP_LOG_AT, bin(Iop_Add64, now.log, word(8ul * (1 + now.words)))));
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

/* One that the thread's state and the address describe. */
static Bool is_plain(const IRSB *in, const struct planned *a)
{
    const IRStmt *st = in->stmts[a->stmt];
    Bool load_or_store = st->tag == Ist_Store || (st->tag == Ist_WrTmp && st->Ist.WrTmp.data->tag == Iex_Load);
    return a->group == 1 && !a->guard && a->ip_set && load_or_store && cap_plain_access(a->kind, a->size_bytes);
}

static void emit_model_call(const IRSB *in, const struct planned *a, const struct cap_site *site, IRExpr *guard)
{
    if (is_plain(in, a))
        emit_call(cap_plain_access(a->kind, a->size_bytes), mkIRExprVec_1(a->va), 1, guard);
    else
        emit_call_with_site(a->guard ? cap_access_conditional : a->group > 1 ? cap_group : cap_access, a->va, site, guard);
}

/* a begins a group: its sites follow each other. */
static void emit_access(const IRSB *in, const struct planned *a, const struct cap_site *site)
{
    const struct mmu_mark *first = cap_marks.mark[a->kind];
    IRExpr *low = a->va, *offset, *into, *hit;
    if (a->guard || !cap.opt.filter) {
        emit_model_call(in, a, site, a->guard);
        return;
    }
    tl_assert(a->high - a->low <= (Long)PAGE_BYTES);
    if (a->low != a->offset)
        low = bin(Iop_Sub64, a->va, word((UWord)(a->offset - a->low)));
    offset = mark_offset(low);
    into = bin(Iop_Sub64, low, load(field(offset, &first->page)));
    hit = assign(Ity_I1, IRExpr_Binop(Iop_CmpLE64U, into, word(PAGE_BYTES - (UWord)(a->high - a->low))));
    emit_model_call(in, a, site, assign(Ity_I1, IRExpr_Unop(Iop_Not1, hit)));
    emit_use(field(offset, &first->used));
}

static void emit_fetch(Addr ip, Addr va)
{
    struct mmu_mark *mark = &cap_marks.mark[MMU_FETCH][va >> PAGE_LG2 & (MMU_MARKS - 1)];
    struct cap_site *site = now.site++;
    IRExpr *guard = NULL;
    *site = (struct cap_site){ .ip = ip, .fetched = va, .size_bytes = 1, .kind = MMU_FETCH };
    describe(ip, MMU_FETCH, now.slots ? RING_SLOT_WORD : RING_SLOT_FETCH, 1, 0);
    if (now.slots > 1)
        emit_word(word(va));
    if (cap.opt.filter)
        guard = assign(Ity_I1, IRExpr_Binop(Iop_CmpNE64, load(word((UWord)&mark->page)), word(page_of(va))));
    emit_call(cap_fetch, mkIRExprVec_1(word((UWord)site)), 1, guard);
    if (cap.opt.filter)
        emit_use(word((UWord)&mark->used));
}

/* ---- lines (--l1) ---------------------------------------------------------------------------------------------------- */

static IRExpr *line_mark(const u64 *marks, IRExpr *va, UInt line_bytes)
{
    UInt shift = (UInt)__builtin_ctz(line_bytes) - 3;
    return load(field(bin(Iop_And64, bin(Iop_Shr64, va, IRExpr_Const(IRConst_U8((UChar)shift))), word((CACHE_MARKS - 1) * 8)), marks));
}

static void emit_line_call(IRExpr *va, UInt size_bytes, UChar kind, IRExpr *guard)
{
    emit_call(cap_l1_access, mkIRExprVec_2(va, word(cap_l1_what(size_bytes, kind))), 2, guard);
}

/* Made already, as far as its page goes. */
static void emit_line_access(const struct planned *p)
{
    UInt line = cap_l1_line_bytes(MMU_SIDE_D);
    struct cache_marks *marks = &cap_lines[MMU_SIDE_D];
    IRExpr *into, *guard = p->guard;
    if (!guard && cap.opt.filter && p->size_bytes <= line) {
        into = bin(Iop_Sub64, p->va, line_mark(p->kind == MMU_STORE ? marks->store : marks->load, p->va, line));
        guard = assign(Ity_I1, IRExpr_Binop(Iop_CmpLT64U, word(line - p->size_bytes), into));
    }
    emit_line_call(p->va, p->size_bytes, p->kind, guard);
}

static IRExpr *line_missing(Addr line_va)
{
    UInt line = cap_l1_line_bytes(MMU_SIDE_I);
    const u64 *mark = &cap_lines[MMU_SIDE_I].load[line_va / line & (CACHE_MARKS - 1)];
    return assign(Ity_I1, IRExpr_Binop(Iop_CmpNE64, load(word((UWord)mark)), word(line_va)));
}

/* One access for each instruction, as long as it is; one inside the line fetched last changes nothing. */
static void emit_line_fetch(Addr ip, UInt len)
{
    UInt line = cap_l1_line_bytes(MMU_SIDE_I);
    Addr first, last;
    IRExpr *guard = NULL;
    len = len ? len : 1;
    first = ip & ~(Addr)(line - 1);
    last = (ip + len - 1) & ~(Addr)(line - 1);
    if (cap.opt.filter && first == last && first == now.line)
        return;
    if (cap.opt.filter && last - first <= line) {
        guard = line_missing(last);
        if (first != last) {
            IRExpr *both = bin(Iop_Or64, assign(Ity_I64, IRExpr_Unop(Iop_1Uto64, guard)), assign(Ity_I64, IRExpr_Unop(Iop_1Uto64, line_missing(first))));
            guard = assign(Ity_I1, IRExpr_Binop(Iop_CmpNE64, both, word(0)));
        }
    }
    emit_line_call(word(ip), len, MMU_FETCH, guard);
    now.line = last;
}

/* ---- fetches --------------------------------------------------------------------------------------------------------- */

/* The fetch checks of one instruction. */
static void emit_fetches(Addr ip, UInt len)
{
    Addr last = page_of(ip + (len ? len : 1) - 1);
    if (!cap.opt.filter || page_of(ip) != now.page)
        emit_fetch(ip, ip);
    if (last != page_of(ip))
        emit_fetch(ip, last);
    now.page = last;
}

/* The site of an access that needs one; those of a group follow each other and need their distance from its first. */
static struct cap_site *fill_site(const IRSB *in, const struct planned *p)
{
    static Long group_offset;
    if (p->group)
        group_offset = p->offset;
    describe(plan.insn[p->insn].ip, p->kind, p->group ? RING_SLOT_WORD : RING_SLOT_MEMBER, p->size_bytes,
             p->guard ? 0 : p->offset - group_offset);
    if (is_plain(in, p))
        return NULL;
    *now.site = (struct cap_site){ .ip = plan.insn[p->insn].ip, .size_bytes = p->size_bytes, .kind = p->kind,
                                   .conditional = p->guard != NULL, .group = (UChar)p->group,
                                   .from_first = p->guard ? 0 : (Int)(p->offset - group_offset) };
    return now.site++;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* A group's sites are filled before its fetches' neighbours: a group spans no fetch. */
static void emit_block(const IRSB *in, Int first)
{
    const ULong *counter = now.block->executed;
    IRConst *number = emit_record_begin();
    UInt a = 0;
    now.page = now.line = 1; /* none starts there */
    now.uses = now.regions = 0;
    now.stored_end = False;
    now.clock = assign(Ity_I64, IRExpr_Get(now.shadow + CAP_CLOCK_AT, Ity_I64));
    emit_count(counter++);
    for (Int i = first; i < in->stmts_used; i++) {
        IRStmt *st = in->stmts[i];
        if (st->tag == Ist_IMark) {
            if (cap_calls_wanted())
                emit_call_inside(st);
            emit(st);
            if (cap.opt.heap && i == first)
                emit_alloc_enter(st->Ist.IMark.addr);
            emit_fetches(st->Ist.IMark.addr, st->Ist.IMark.len);
            if (cap.opt.l1)
                emit_line_fetch(st->Ist.IMark.addr, st->Ist.IMark.len);
            continue;
        }
        for (; a < plan.accesses && plan.access[a].stmt == i; a++) {
            const struct planned *p = &plan.access[a];
            const struct cap_site *site = fill_site(in, p);
            if (p->group) {
                emit_word(p->guard ? assign(Ity_I64, IRExpr_ITE(p->guard, p->va, word(RING_SKIPPED))) : p->va);
                emit_access(in, p, site);
            }
            if (cap.opt.l1)
                emit_line_access(p);
        }
        if (st->tag == Ist_Exit) {
            emit_clock();
            emit_record_exit();
        }
        emit(st);
        now.stored_end = now.stored_end || stores_end(st);
        if (st->tag == Ist_Exit)
            emit_count(counter++);
    }
    emit_clock();
    if (cap_calls_wanted())
        emit_block_end(in);
    emit_record_exit();
    if (number)
        number->Ico.U64 = cap_record_block(slot, now.slots);
    tl_assert(now.site == now.block->site + now.block->sites);
}

static UInt sites_needed(const IRSB *in)
{
    UInt n = plan.fetches;
    for (UInt i = 0; i < plan.accesses; i++)
        n += !is_plain(in, &plan.access[i]);
    return n;
}

IRSB *cap_instrument(VgCallbackClosure *closure, IRSB *in, const VexGuestLayout *layout, const VexGuestExtents *extents,
                     const VexArchInfo *host, IRType guest_word, IRType host_word)
{
    Int first = plan_block(in, (Addr)closure->nraddr, layout->offset_IP);
    struct cap_block *block = cap_block_new((Addr)closure->nraddr, plan.regions, plan.insns, sites_needed(in));
    VG_(memcpy)(block->region, plan.region, plan.regions * sizeof plan.region[0]);
    VG_(memcpy)(block->insn, plan.insn, plan.insns * sizeof plan.insn[0]);
    for (UInt i = 0; i < plan.insns; i++) {
        if (plan.insn[i].ip < block->low)
            block->low = plan.insn[i].ip;
        if (plan.insn[i].ip >= block->high)
            block->high = plan.insn[i].ip + 1;
    }
    now.out = deepCopyIRSBExceptStmts(in);
    now.block = block;
    now.shadow = layout->total_sizeB;
    now.sp = layout->offset_SP;
    now.site = block->site;
    for (Int i = 0; i < first; i++)
        emit(in->stmts[i]);
    emit_block(in, first);
    cap_code_new((Addr)closure->nraddr, extents);
    (void)host; (void)guest_word; (void)host_word;
    return now.out;
}
