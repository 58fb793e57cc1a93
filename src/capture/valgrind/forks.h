/* SPDX-License-Identifier: GPL-2.0-or-later
 * forks.h - copy-on-write after fork: what forks.c has seen of this process. */
#ifndef PAGEWALK_CAP_FORKS_H
#define PAGEWALK_CAP_FORKS_H

#include "cap.h"

/* Before a fork (shares_memory: as vfork does); after it in the parent, and in the child, whose counting begins anew. */
void cap_forking(Bool shares_memory);
void cap_forked(Int child);
void cap_born(void);
/* A page was copied because a write found it shared. */
void cap_copied(Addr va, ULong bytes, Addr ip);

struct cap_birth { Bool forked; ULong ns, shared_pages; };   /* of this process, from the host's clock           */
struct cap_fork { UInt number; Int child; ULong work, ns, shared_pages; };
struct cap_copy {
    UInt first_fork, last_fork;     /* shared by those forks; 0: by this process's own birth                        */
    ULong start, pages, page_bytes; /* neighbours, in this order                                                    */
    ULong first_ns, last_ns;
    const struct cap_line *line;    /* NULL: unknown                                                                */
};
const struct cap_birth *cap_birth(void);                     /* NULL: this process was not forked, or by vfork   */
UInt cap_forks(const struct cap_fork **list);
UInt cap_copies(const struct cap_copy **list);

#endif
