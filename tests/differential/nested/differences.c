/* SPDX-License-Identifier: MIT
 * differences.c - see differences.h.  A difference has a name only if the oracle, changed in just the points named, agrees. */
#include "differences.h"

static const struct nested_named named[] = {
    { DEPARTS_RSVD_WITHOUT_P, WHO_QEMU, "reserved bits are reported with P=0" },
    { DEPARTS_BIT_8_IGNORED, WHO_QEMU | WHO_BOCHS, "bit 8 of a PML4E or PML5E is not reserved" },
    { DEPARTS_1G_SETS_A, WHO_QEMU, "A is set in a 1 GiB entry with reserved bits" },
    { DEPARTS_TABLE_NOT_READ, WHO_BOCHS, "with EPT's A/D on, reading a guest's entry is told as a write alone" },
    { DEPARTS_AD_NOT_WRITTEN, WHO_BOCHS, "with EPT's A/D off, A and D of a guest's entry are set where EPT forbids to write" },
    { DEPARTS_BIT_12_IGNORED, WHO_BOCHS, "bit 12 of an EPT entry for a large page is not reserved" },
    { DEPARTS_PDPTE_A, WHO_QEMU, "A is set in a PDPTE of PAE paging" },
    { DEPARTS_PDPTE_LOW_BITS, WHO_QEMU, "bits 8:5 and 2:1 of a PDPTE of PAE paging are not reserved" },
    { DEPARTS_LOG_TO_THE_BYTE, WHO_BOCHS, "the page-modification log has addresses, not pages" },
    { DEPARTS_LOG_FULL_ANYHOW, WHO_BOCHS, "a full page-modification log refuses accesses that set neither A nor D" },
    { DEPARTS_PDPTES_LOADED, WHO_BOCHS, "PDPTEs are loaded when the guest is entered" },
};
enum { NAMED = sizeof named / sizeof *named };

const struct nested_named *nested_named_at(u32 i)
{
    return i < NAMED ? &named[i] : NULL;
}

u32 nested_named(struct nested_engine *e, const struct nested_difference *d)
{
    struct nested_cpu cpu = d->c->cpu;
    u32 known = 0, best = 0;

    cpu.guest.cpl = d->s->cpl;
    cpu.guest.ac = d->s->ac;
    for (u32 i = 0; i < NAMED; i++)
        known |= named[i].who & d->who ? named[i].departs : 0;
    for (u32 departs = known; departs; departs = (departs - 1) & known) {
        static struct nested_expected other;
        cpu.departs = departs;
        nested_expect(e, d->c, &cpu, d->s, &other);
        if (nested_permitted_by(&other, d->x, d->got) &&
            (!best || __builtin_popcount(departs) < __builtin_popcount(best)))
            best = departs;
    }
    return best;
}
