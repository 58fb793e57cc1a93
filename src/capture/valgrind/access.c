/* SPDX-License-Identifier: GPL-2.0-or-later
 * access.c - the model's answer to an access that the filter could not dismiss.
 *
 * When the model would send a signal, three things may be true: a file has grown since it was mapped (the size is
 * looked up again), the program really has memory there that the model does not know (it is adopted and counted as a
 * difference), or the program is about to get that signal (nothing to do: Valgrind delivers it). */
#include "cap.h"

static void report_unknown_memory(Addr va, const struct sim_outcome *out)
{
    HChar call[64];
    VG_(snprintf)(call, sizeof call, "access 0x%lx", (UWord)page_down(va));
    cap_diverged(call, "ok", out->signo == MM_SIGBUS ? "SIGBUS" : "SIGSEGV");
}

static Bool mended(Addr va, const struct sim_outcome *out)
{
    if (out->signo == MM_SIGBUS)
        return cap_refresh_file_size(va);
    if (!cap_adopt_segment(va))
        return False;
    report_unknown_memory(va, out);
    return True;
}

/* False: a signal is on its way. */
static __attribute__((noinline)) Bool model_access(Addr va, struct cap_site *site)
{
    struct sim_outcome out;
    sim_access(cap.sim, cap.cpu, va, site->size_bytes, site->kind, &site->s, &out);
    for (Int tries = 0; UNLIKELY(out.signo) && tries < 3 && mended(out.addr, &out); tries++)
        sim_access(cap.sim, cap.cpu, va, site->size_bytes, site->kind, &site->s, &out);
    return !out.signo;
}

/* The short way first: most accesses that the filter sends here hit the first level. */
static inline __attribute__((always_inline)) Bool make_access(Addr va, struct cap_site *site, enum mmu_kind kind)
{
    cap.slow[kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D]++;
    if (LIKELY((va & PAGE_MASK_LOW) + site->size_bytes <= PAGE_BYTES && mmu_touch(cap.mmu, cap.cpu, va, kind)))
        return True;
    return model_access(va, site);
}

/* With link-time optimisation the short way is inlined whole, once for each kind. */
#define FLAT __attribute__((flatten))
FLAT VG_REGPARM(2) void cap_load(Addr va, struct cap_site *site) { make_access(va, site, MMU_LOAD); }
FLAT VG_REGPARM(2) void cap_store(Addr va, struct cap_site *site) { make_access(va, site, MMU_STORE); }
FLAT VG_REGPARM(1) void cap_fetch(struct cap_site *site) { make_access(site->fetched, site, MMU_FETCH); }

/* The filter again: the access before may have brought the page. */
static Bool in_slot(Addr va, const struct cap_site *site)
{
    return va - cap_fast.slot[site->kind][(va >> PAGE_LG2) & cap.slot_mask[site->kind]] <= PAGE_BYTES - site->size_bytes;
}

VG_REGPARM(2) void cap_group(Addr va, struct cap_site *site)
{
    for (UInt i = 0, n = site->group; i < n; i++) {
        Addr at = va + (Addr)(Long)site[i].from_first;
        if (!in_slot(at, &site[i]) && !make_access(at, &site[i], site[i].kind))
            return; /* the program does not get to the rest */
    }
}

VG_REGPARM(2) void cap_access_conditional(Addr va, struct cap_site *site)
{
    site->executed++;
    make_access(va, site, site->kind);
}

void cap_kernel_touch(Addr va, SizeT len_bytes, Bool write)
{
    Addr end = va + len_bytes;
    struct sim_outcome out = { .signo = MM_SIGSEGV };
    if (!cap.running || !len_bytes || end < va)
        return;
    cap.kernel_pages += (page_up(end) - page_down(va)) >> PAGE_LG2;
    for (Int tries = 0; va < end && tries < 3; tries++) {
        va += sim_kernel_access(cap.sim, cap.cpu, va, end - va, write, &cap.syscall_site);
        if (va < end && !mended(va, &out))
            break;
    }
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
