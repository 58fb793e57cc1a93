/* SPDX-License-Identifier: MIT
 * nested_mode.c - EPT as masks of the walker (mode.h), built when a guest is entered.  NPT needs nothing: its entries are those
 * of x86-64 under the host's registers.  SDM3 28.2.2, 28.2.3.1; the rows are arch/ept_fields.def. */
#include "machine/fields.h"
#include "machine/guest.h"

struct facts { unsigned m, leaf_low; bool page2m, page1g; };

static u64 claimed(const struct facts *f, int level, enum form form)
{
    u64 mask = 0;
#include "arch/ept_fields.def"
    return mask;
}

void nested_mode_ept(struct mode *mode, const struct part *part, u32 features, u32 levels, bool mbe)
{
    struct facts f = { .m = part->maxphyaddr, .page2m = features & MMU_EPT_2M, .page1g = features & MMU_EPT_1G };
    u64 execute = EPT_X | (mbe ? EPT_XU : 0);
    *mode = (struct mode){ .paging = PAGING_LONG, .levels = (u8)levels, .addr_mask = bits(12, part->maxphyaddr - 1u),
                           .present = EPT_R | EPT_W | execute, .needs_read = EPT_W | (features & MMU_EPT_XO ? 0 : execute) };
    for (int l = 0; l < (int)levels; l++) {
        bool large = (l == 1 && f.page2m) || (l == 2 && f.page1g);
        f.leaf_low = 12 + 9 * (unsigned)l;
        mode->leaf[l] = l == 0 ? mode->present : large ? EPT_PS : 0;
        mode->mbz[l][0] = ~claimed(&f, l, T);
        mode->mbz[l][1] = ~claimed(&f, l, L);
        mode->usual[l] = EPT_R | mode->mbz[l][l == 0] | (l == 0 ? EPT_MT : 0);
    }
}
