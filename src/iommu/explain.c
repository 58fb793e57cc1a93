/* SPDX-License-Identifier: MIT
 * explain.c - a look in words: each entry read, decoded, and the rule that decided.  Called by the embedder. */
#include "internal.h"

#include "base/text.h"

static const struct { u8 reason; const char *text; } reasons[] = {
    { IOMMU_NO_FAULT, "allowed" },
    { IOMMU_ROOT_NOT_PRESENT, "the root entry is not present (VT-d 7.1.3, LRT.2)" },
    { IOMMU_CONTEXT_NOT_PRESENT, "the context entry is not present (VT-d 7.1.3, LCT.2)" },
    { IOMMU_CONTEXT_INVALID, "the context entry asks for what this IOMMU has not, or its table is not in memory (VT-d 7.1.3, LCT.4)" },
    { IOMMU_BEYOND_WIDTH, "the address is wider than the domain (VT-d 7.1.3, LGN.1)" },
    { IOMMU_NO_WRITE, "an entry on the path does not allow writing (VT-d 7.1.3, LGN.2)" },
    { IOMMU_NO_READ, "an entry on the path does not allow reading (VT-d 7.1.3, LGN.3)" },
    { IOMMU_TABLE_OUTSIDE, "a page table is not in memory (VT-d 7.1.3, LSL.1)" },
    { IOMMU_ROOT_OUTSIDE, "the root table is not in memory (VT-d 7.1.3, LRT.1)" },
    { IOMMU_CONTEXT_OUTSIDE, "the context table is not in memory (VT-d 7.1.3, LCT.1)" },
    { IOMMU_ROOT_RESERVED, "the root entry has a reserved bit set (VT-d 7.1.3, LRT.3)" },
    { IOMMU_CONTEXT_RESERVED, "the context entry has a reserved bit set (VT-d 7.1.3, LCT.3)" },
    { IOMMU_ENTRY_RESERVED, "a page-table entry has a reserved bit set (VT-d 7.1.3, LSL.2)" },
    { IOMMU_TO_INTERRUPTS, "interrupts live there, not memory (VT-d 3.14)" },
    { IOMMU_BAD_ROOT_MODE, "RTADDR names a translation table mode that is not there (VT-d 7.1.3, RTA.1)" },
};

const char *iommu_reason_text(enum iommu_reason reason)
{
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].reason == reason)
            return reasons[i].text;
    return "no reason of that number";
}

static void put_words(struct text *t, const char *name, u64 pa, const u64 *e)
{
    text_str(t, name);
    text_str(t, " at ");
    text_0x(t, pa);
    text_str(t, ": ");
    text_0x(t, e[0]);
    text_char(t, ' ');
    text_0x(t, e[1]);
}

static void put_context(struct text *t, const u64 *e)
{
    static const char *const types[] = { "translated", "translated, device TLB", "passed through", "reserved type" };

    text_str(t, e[0] & VTD_CONTEXT_P ? ": domain " : ": not present");
    if (e[0] & VTD_CONTEXT_P) {
        text_dec(t, context_domain(e));
        text_str(t, ", ");
        text_str(t, types[context_tt(e)]);
        text_str(t, ", ");
        text_dec(t, context_levels(e));
        text_str(t, " levels, table ");
        text_0x(t, page_down(e[0]));
    }
    text_str(t, e[0] & VTD_CONTEXT_FPD ? ", faults are not recorded" : "");
}

static void explain_context(const struct iommu_look *l, const struct pw_out *out)
{
    struct text t = { 0 };

    if (l->root_read) {
        put_words(&t, "root entry", l->root_pa, l->root);
        text_emit(&t, out);
    }
    if (l->r.context_hit)
        text_str(&t, "context cache");
    else if (l->context_read)
        put_words(&t, "context entry", l->context_pa, l->context);
    else
        return;
    put_context(&t, l->context);
    text_emit(&t, out);
}

static void put_rights(struct text *t, u64 e)
{
    text_str(t, e & VTD_SL_R ? " R" : " -");
    text_str(t, e & VTD_SL_W ? "W" : "-");
}

static void explain_step(const struct iommu_step *s, const struct pw_out *out)
{
    static const char *const verdicts[] = { [MMU_STEP_NEXT] = " to the next table", [MMU_STEP_LEAF] = " the page",
                                            [MMU_STEP_NOT_PRESENT] = " not present", [MMU_STEP_RESERVED] = " reserved bit set" };
    struct text t = { 0 };

    text_str(&t, "L");
    text_dec(&t, s->level);
    text_str(&t, " entry at ");
    text_0x(&t, s->pa);
    text_str(&t, ": ");
    text_0x(&t, s->entry);
    put_rights(&t, s->entry);
    text_str(&t, verdicts[s->verdict]);
    text_emit(&t, out);
}

static void explain_end(const struct iommu_look *l, enum iommu_kind kind, const struct pw_out *out)
{
    static const char *const ways[] = { [IOMMU_BY_OFF] = "translation is off: ", [IOMMU_BY_PASS] = "the device is passed through: ",
                                        [IOMMU_BY_INTERRUPT] = "an interrupt, not memory: ", [IOMMU_BY_CONTEXT] = "",
                                        [IOMMU_BY_IOTLB] = "IOTLB: ", [IOMMU_BY_WALK] = "" };
    struct text t = { 0 };

    text_str(&t, "rule: ");
    text_str(&t, ways[l->r.by]);
    text_str(&t, kind == IOMMU_WRITE ? "write " : "read ");
    text_str(&t, l->r.reason ? "refused: " : "");
    text_str(&t, iommu_reason_text((enum iommu_reason)l->r.reason));
    if (l->r.reason && l->quiet)
        text_str(&t, "; not recorded");
    text_emit(&t, out);
}

void iommu_explain(const struct iommu_look *l, enum iommu_kind kind, const struct pw_out *out)
{
    explain_context(l, out);
    for (unsigned i = 0; i < l->steps; i++)
        explain_step(&l->step[i], out);
    explain_end(l, kind, out);
}
