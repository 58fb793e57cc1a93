/* SPDX-License-Identifier: MIT
 * cpuid.h - what CPUID answers on one logical processor, read from the processor or from a recorded dump.
 *
 * The leaves that say something about translation are kept, everything else is dropped.  decode.c makes a profile. */
#ifndef PAGEWALK_PROBE_CPUID_H
#define PAGEWALK_PROBE_CPUID_H

#include "pagewalk/types.h"

#define CPUID_ROWS 64

struct cpuid_row { u32 leaf, sub, eax, ebx, ecx, edx; };
struct cpuid_dump {
    unsigned rows;
    struct cpuid_row row[CPUID_ROWS];
    bool hybrid;          /* the processor has more than one kind of core                                        */
    int cpu, other_cpu;   /* logical processor read, and one with another kind of core; -1: not known            */
};

/* A row of zeros when the processor has no such leaf: what it would mean then. */
struct cpuid_row cpuid_get(const struct cpuid_dump *d, u32 leaf, u32 sub);

/* This machine: the logical processor `cpu`, or the one the caller runs on (-1).  false: there is no such processor, or
 * it may not be used. */
bool cpuid_read_host(struct cpuid_dump *d, int cpu);

/* Is this text a dump?  Two forms are read: "CPUID 00000002: 76036301-00F0B5FF-00000000-00C30000 [SL 00]" (AIDA64,
 * InstLatx64) and "   0x00000002 0x01: eax=0x76036301 ebx=0x00f0b5ff ecx=..." (cpuid -r). */
bool cpuid_is_dump(const char *text, size_t len_bytes);
/* The rows of its logical processor number `cpu`, counted from 0.  false: it has none. */
bool cpuid_read_dump(struct cpuid_dump *d, const char *text, size_t len_bytes, unsigned cpu);

#endif
