/* SPDX-License-Identifier: GPL-2.0-or-later
 * access.c - the model's answer to an access that the filter could not dismiss.
 *
 * When the model would send a signal, three things may be true: a file has grown since it was mapped (the size is
 * looked up again), the program really has memory there that the model does not know (it is adopted and counted as a
 * difference), or the program is about to get that signal (nothing to do: Valgrind delivers it). */
#include "calls.h"
#include "heap.h"
#include "l1.h"

/* follow.c asks. */
bool cap_mend(void *ctx, const struct sim_outcome *out)
{
    bool mended;
    (void)ctx;
    cap.mending = True;
    mended = out->signo == MM_SIGBUS ? cap_refresh_file_size(out->addr) : cap_adopt_segment(out->addr);
    cap.mending = False;
    return mended;
}

/* False: a signal is on its way. */
static __attribute__((noinline)) Bool model_access(Addr va, UInt bytes, enum mmu_kind kind, Addr ip)
{
    Bool made;
    sim_worked(cap.sim, cap_work());
    struct sim_site *site = UNLIKELY(cap.opt.call_paths) ? cap_path_site(ip, cap_path_here()) : cap_site_at(ip);
    cap.in_block = True;
    made = UNLIKELY(cap.opt.heap) && kind != MMU_FETCH ? cap_heap_access(va, bytes, kind, site) : follow_access(cap.follower, va, bytes, kind, site);
    cap.in_block = False;
    if (UNLIKELY(!made))
        cap_record_fault();
    return made;
}

#define ALWAYS static inline __attribute__((always_inline))

/* The short way: most accesses that the filter sends here hit the first level all the same. */
ALWAYS Bool touched(Addr va, UInt bytes, enum mmu_kind kind)
{
    cap.slow[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
    return LIKELY((va & PAGE_MASK_LOW) + bytes <= PAGE_BYTES && mmu_touch(cap.mmu, cap.cpu, va, kind));
}

ALWAYS void sample(Addr va)
{
    if (UNLIKELY(cap_heap_sampling))
        cap_heap_sample(va);
}

ALWAYS Bool make_access(Addr va, const struct cap_site *site)
{
    return touched(va, site->size_bytes, site->kind) || model_access(va, site->size_bytes, site->kind, site->ip);
}

/* The lines that instrumented code compares with next are right. */
ALWAYS void settle_lines(void)
{
    if (UNLIKELY(cap.opt.l1))
        sim_cache_settle(cap.sim, cap.cpu);
}

/* The instrumented code will leave a number at the mark of va's page, as for an access it skipped: so the page must be the
 * last that was touched, or not marked. */
ALWAYS void settle(Addr va, UWord bytes, enum mmu_kind kind)
{
    if (UNLIKELY(cap_marks.mark[kind][va >> PAGE_LG2 & (MMU_MARKS - 1)].page != page_down(va) ||
                 (va & PAGE_MASK_LOW) + bytes > PAGE_BYTES))
        mmu_unmark(&cap_marks, kind, va);
    settle_lines();
}

/* ---- plain accesses: one function for each size and kind --------------------------------------------------------- */

ALWAYS void plain(Addr va, UInt bytes, enum mmu_kind kind)
{
    sample(va);
    if (!touched(va, bytes, kind))
        model_access(va, bytes, kind, VG_(get_IP)(cap.tid));
    settle(va, bytes, kind);
}

/* With link-time optimisation the short way is inlined whole. */
#define FLAT __attribute__((flatten))
#define PLAIN(bytes)                                                                                              \
    FLAT static VG_REGPARM(1) void load_##bytes(Addr va) { plain(va, bytes, MMU_LOAD); }                              \
    FLAT static VG_REGPARM(1) void store_##bytes(Addr va) { plain(va, bytes, MMU_STORE); }
PLAIN(1) PLAIN(2) PLAIN(4) PLAIN(8) PLAIN(16) PLAIN(32)

void *cap_plain_access(UChar kind, UInt size_bytes)
{
    static void *const load[] = { load_1, load_2, load_4, load_8, load_16, load_32 };
    static void *const store[] = { store_1, store_2, store_4, store_8, store_16, store_32 };
    if (size_bytes > 32 || size_bytes & (size_bytes - 1))
        return NULL;
    return (kind == MMU_LOAD ? load : store)[__builtin_ctz(size_bytes)];
}

/* ---- the others -------------------------------------------------------------------------------------------------- */

VG_REGPARM(2) void cap_access(Addr va, struct cap_site *site)
{
    sample(va);
    make_access(va, site);
    settle(va, site->size_bytes, site->kind);
}

VG_REGPARM(1) void cap_fetch(struct cap_site *site)
{
    make_access(site->fetched, site);
    settle(site->fetched, 1, MMU_FETCH);
}

VG_REGPARM(2) void cap_group(Addr va, struct cap_site *site)
{
    Addr low = va, high = va, page = 1;
    for (UInt i = 0, n = site->group; i < n; i++) {
        Addr at = va + (Addr)(Long)site[i].from_first;
        sample(at);
        low = at < low ? at : low;
        high = at + site[i].size_bytes > high ? at + site[i].size_bytes : high;
    }
    for (UInt i = 0, n = site->group; i < n; i++) {
        Addr at = va + (Addr)(Long)site[i].from_first;
        if (page_down(at) == page && page_down(at + site[i].size_bytes - 1) == page)
            continue; /* the page used last: changes nothing */
        if (!make_access(at, &site[i]))
            break; /* the program does not get to the rest */
        page = page_down(at + site[i].size_bytes - 1);
    }
    settle(low, high - low, site->kind);
}

VG_REGPARM(2) void cap_access_conditional(Addr va, struct cap_site *site)
{
    site->executed++;
    sample(va);
    make_access(va, site);
    settle_lines();
}

void cap_kernel_touch(Addr va, SizeT len_bytes, Bool write)
{
    Addr end = va + len_bytes;
    if (!cap.running || !len_bytes || end < va)
        return;
    cap.kernel_pages += (page_up(end) - page_down(va)) >> PAGE_LG2;
    cap_event(&(struct trace_event){ .type = TRACE_TOUCH, .word = { va, len_bytes, write, cap.call_ip } });
}

/* As many bytes of the string as lie in the program's memory; *ended: with its 0. */
static SizeT string_bytes(Addr va, Bool *ended)
{
    Addr at = va;
    for (*ended = False; !*ended; at++) {
        if ((at == va || !(at & PAGE_MASK_LOW)) && !VG_(am_is_valid_for_client)(at, 1, VKI_PROT_READ))
            break;
        *ended = !*(const HChar *)at;
    }
    return at - va;
}

SizeT cap_string_bytes(Addr va)
{
    Bool ended;
    SizeT n = string_bytes(va, &ended);
    return ended ? n : 0;
}

void cap_kernel_touch_string(Addr va)
{
    Bool ended;
    cap_kernel_touch(va, string_bytes(va, &ended), False);
}
