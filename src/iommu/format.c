/* SPDX-License-Identifier: MIT
 * format.c - second-level tables as modes of the walker: which bits are reserved at each level, which make a page.  Called
 * once, by create.c.  VT-d 9.8; the rows are arch/vtd_sl_fields.def. */
#include "internal.h"

#include "machine/fields.h"

struct facts { unsigned m, leaf_low; bool large_2m, large_1g, snoop; };

static u64 claimed(const struct facts *f, int level, enum form form)
{
    u64 mask = 0;

#include "arch/vtd_sl_fields.def"
    return mask;
}

static void build(struct mode *mode, const struct iommu_config *cfg, unsigned levels)
{
    struct facts f = { .m = cfg->maxphyaddr, .large_2m = cfg->large_2m, .large_1g = cfg->large_1g, .snoop = cfg->snoop };

    *mode = (struct mode){ .paging = PAGING_LONG, .levels = (u8)levels, .present = VTD_SL_R | VTD_SL_W,
                           .addr_mask = bits(12, cfg->maxphyaddr - 1u) };
    for (int l = 0; l < (int)levels; l++) {
        const bool large = (l == 1 && cfg->large_2m) || (l == 2 && cfg->large_1g);

        f.leaf_low = size_lg2((unsigned)l);
        mode->leaf[l] = l == 0 ? mode->present : large ? VTD_SL_PS : 0;
        mode->mbz[l][0] = ~claimed(&f, l, T);
        mode->mbz[l][1] = ~claimed(&f, l, L);
        mode->usual[l] = VTD_SL_R | mode->mbz[l][l == 0];
    }
}

void format_build(struct iommu *m)
{
    for (unsigned levels = LEVELS_MIN; levels <= LEVELS_MAX; levels++)
        build(&m->mode[levels - LEVELS_MIN], &m->cfg, levels);
}
