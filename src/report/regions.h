/* SPDX-License-Identifier: MIT
 * regions.h - the address space in pieces of 2 MiB, as a results file has it (docs/formats.md, "regions"). */
#ifndef PAGEWALK_REPORT_REGIONS_H
#define PAGEWALK_REPORT_REGIONS_H

#include "report/results.h"

struct region { struct num start, touched_pages, misses, walk_cycles; const char *mapping, *kind; };
struct regions { struct region *at; size_t n; };

/* Those where a huge page could be, is not, and would save walks; most walk cycles first.  at is to be freed; no memory
 * reads as none. */
struct regions regions_worth_huge(const struct results *r);

#endif
