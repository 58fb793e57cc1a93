/* SPDX-License-Identifier: MIT
 * costs.h - what translation and memory cost this machine beside hits: walks in large memory, the memory itself, the kernel's page
 * faults.  Called by `pagewalk probe`; apply.c puts them into the profile, whatif.c reckons with them. */
#ifndef PAGEWALK_PROBE_COSTS_H
#define PAGEWALK_PROBE_COSTS_H

#include "pagewalk/types.h"

enum { COSTS_SIZES = 4 };
/* In cycles of the core; 0: not measured. */
struct costs_found {
    struct { u64 bytes; double memory, walk; } at[COSTS_SIZES]; /* a load of a random line of so much memory in huge pages;
                                                    how much longer it takes in small ones                          */
    bool huge;                       /* the kernel gave huge pages for it                                           */
    double fault;                    /* a page fault, the page's contents apart                                     */
    double zero, copy;               /* of 4 KiB                                                                    */
};

/* cycle_ns: of the core.  Takes a few seconds and up to 2 GiB, or as quick as it can be; sizes there is no memory for are left
 * out. */
void costs_measure(double cycle_ns, bool quick, struct costs_found *out);

#endif
