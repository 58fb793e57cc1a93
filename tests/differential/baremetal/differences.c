/* SPDX-License-Identifier: MIT
 * differences.c - see differences.h.  Called by replay.c.  Each row is explained under its name in docs/differential.md.
 *
 * A row excuses only what it says: a difference has a name when the manual, changed in just the named points, gives the
 * emulator's outcome to the last bit. */
#include "differences.h"

static const struct named rows[] = {
    { QEMU, QUIRK_RSVD_WITHOUT_P, "reserved bits are reported with P=0" },
    { QEMU, QUIRK_RSVD_1G_SETS_A, "A is set in a 1 GiB entry with reserved bits" },
    { QEMU, QUIRK_1G_UNREPORTED, "1 GiB pages work though CPUID does not report them" },
    { QEMU, QUIRK_RMW_READS_FIRST, "a read-modify-write faults as a read" },
    { QEMU, QUIRK_SS_GIVES_GP, "not canonical through SS gives #GP" },
    { QEMU, QUIRK_CANONICAL_BY_PAGE, "the bytes behind a page's end are judged after the page" },
    { QEMU, QUIRK_AC_IMPLICIT_0, "AC allows implicit accesses at CPL 0" },
    { QEMU, QUIRK_KEPT_AFTER_PF, "what was cached of a page outlives a #PF on it" },
    { QEMU, QUIRK_CR0_UNCHECKED, "no write of CR0 gives #GP" },
    { QEMU, QUIRK_EFER_UNCHECKED, "no write of EFER gives #GP" },
    { BOCHS, QUIRK_PKRU_BY_MODE, "PKRU goes by the mode of the access, not of the page" },
    { BOCHS, QUIRK_AC_IMPLICIT_0, "AC allows implicit accesses at CPL 0" },
    { BOCHS, QUIRK_AC_IMPLICIT_3, "AC allows implicit accesses at CPL 3" },
    { BOCHS, QUIRK_KEPT_AFTER_PF, "what was cached of a page outlives a #PF on it" },
};

const struct named *named_at(u32 i)
{
    return i < sizeof rows / sizeof *rows ? &rows[i] : NULL;
}

u32 named_quirks(enum emulator emulator, const struct expected_at *at, const struct expectation *x,
                 const struct outcome *got)
{
    u32 own = 0;
    for (u32 i = 0; named_at(i); i++)
        own |= rows[i].emulator == emulator ? rows[i].quirk : 0;
    for (int n = 1; n <= 4; n++)
        for (u32 quirks = own; quirks; quirks = (quirks - 1) & own) {
            struct expectation other;
            if (__builtin_popcount(quirks) != n)
                continue;
            foresee(at, quirks, &other);
            if (permitted_by(&other, x, got))
                return quirks;
        }
    return 0;
}
