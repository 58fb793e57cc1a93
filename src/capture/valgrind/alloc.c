/* SPDX-License-Identifier: GPL-2.0-or-later
 * alloc.c - notices the calls of allocation functions (--heap), whoever defines them: the C library, another allocator in
 * a library, or the program itself.  Nothing is replaced, so that what is measured stays what the program does.
 *
 * instrument.c adds a call of cap_alloc_enter() where such a function begins.  It reads the arguments and flags the call on
 * top of the shadow stack; at the flagged call's return the result is known (calls.c).  Allocation functions inside
 * another (operator new calls malloc) are part of it. */
#include "calls.h"
#include "heap.h"
#include "libvex_guest_amd64.h"

/* What a function is given, by the place of its arguments; none: 0. */
enum does { ALLOCATES, REALLOCATES, FREES, GIVES_BY_POINTER };
static const struct function { const HChar *name; enum does does; UChar size, times, old; } functions[] = {
    { "", ALLOCATES, 0, 0, 0 },
    { "malloc", ALLOCATES, 1, 0, 0 },          { "calloc", ALLOCATES, 1, 2, 0 },        { "realloc", REALLOCATES, 2, 0, 1 },
    { "reallocarray", REALLOCATES, 2, 3, 1 },  { "free", FREES, 0, 0, 1 },              { "cfree", FREES, 0, 0, 1 },
    { "memalign", ALLOCATES, 2, 0, 0 },        { "aligned_alloc", ALLOCATES, 2, 0, 0 }, { "valloc", ALLOCATES, 1, 0, 0 },
    { "pvalloc", ALLOCATES, 1, 0, 0 },         { "posix_memalign", GIVES_BY_POINTER, 3, 0, 1 },
    { "operator new", ALLOCATES, 1, 0, 0 },    { "operator new[]", ALLOCATES, 1, 0, 0 },
    { "operator delete", FREES, 0, 0, 1 },     { "operator delete[]", FREES, 0, 0, 1 },
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0], THREADS = 4096 };

/* The allocation function that each thread is in. */
static struct inside { const struct function *function; struct cap_call *call; UWord arg[4]; UInt site; } inside[THREADS];

/* A symbol's name is that, or goes on with its version or its parameters. */
static Bool is_named(const HChar *symbol, const HChar *name)
{
    SizeT len = VG_(strlen)(name);
    return !VG_(strncmp)(symbol, name, len) && (!symbol[len] || symbol[len] == '@' || symbol[len] == '(');
}

UInt cap_alloc_function(Addr ip)
{
    const HChar *symbol;
    if (!VG_(get_fnname_if_entry)(VG_(current_DiEpoch)(), ip, &symbol))
        return 0;
    if (!VG_(strncmp)(symbol, "__libc_", 7))
        symbol += 7;
    for (UInt i = 1; i < FUNCTIONS; i++)
        if (is_named(symbol, functions[i].name))
            return i;
    return 0;
}

static UWord guest_register(Int offset)
{
    UWord value;
    VG_(get_shadow_regs_area)(cap.tid, (UChar *)&value, 0, offset, sizeof value);
    return value;
}

void cap_alloc_thread_begins(ThreadId tid)
{
    if (tid < THREADS)
        inside[tid].function = NULL;
}

Bool cap_alloc_inside(void) { return cap.tid < THREADS && inside[cap.tid].function; }

/* A function that was left by longjmp or an exception. */
static Bool was_left(const struct inside *in) { return in->call > cap_call_top || !(in->call->sp & CALL_FLAGGED); }

VG_REGPARM(1) void cap_alloc_enter(UWord function)
{
    struct inside *in = &inside[cap.tid];
    Addr sp = guest_register(offsetof(VexGuestAMD64State, guest_RSP));
    if (cap.tid >= THREADS || (in->function && !was_left(in)) || cap_call_top->sp != sp + sizeof(UWord))
        return;
    cap_call_top->sp |= CALL_FLAGGED;
    *in = (struct inside){ .function = &functions[function], .call = cap_call_top,
                           .arg = { 0, guest_register(offsetof(VexGuestAMD64State, guest_RDI)), guest_register(offsetof(VexGuestAMD64State, guest_RSI)),
                                    guest_register(offsetof(VexGuestAMD64State, guest_RDX)) } };
    in->site = in->function->does == FREES ? 0 : cap_heap_place(in->function->name);
    /* While free() works the block is already nobody's: what it writes there is the allocator's own. */
    if (in->function->does == FREES)
        cap_heap_remove(in->arg[in->function->old]);
}

static void finish(const struct inside *in, Addr result)
{
    const struct function *f = in->function;
    SizeT bytes = f->size ? in->arg[f->size] * (f->times ? in->arg[f->times] : 1) : 0;
    if (f->does == GIVES_BY_POINTER)
        result = result == 0 ? *(Addr *)in->arg[f->old] : 0;
    if (f->does == REALLOCATES && (result || !bytes))
        cap_heap_remove(in->arg[f->old]);
    if (f->does != FREES && result)
        cap_heap_add(result, bytes, in->site);
}

void cap_alloc_return(Addr sp)
{
    struct inside *in = &inside[cap.tid];
    if (cap.tid >= THREADS || !in->function || in->call->sp != (sp | CALL_FLAGGED))
        return;
    finish(in, guest_register(offsetof(VexGuestAMD64State, guest_RAX)));
    in->function = NULL;
    cap_heap_settle();
}
