/* SPDX-License-Identifier: MIT
 * ways.c - the emulators and processors of this comparison; see emulator.h. */
#include "emulator.h"

#define MIB ((u64)1 << 20)
#define GIB ((u64)1 << 30)

static const struct way ways[] = {
    { "qemu", "QEMU TCG, 4 levels", QEMU, "max,vendor=GenuineIntel", false, 7 * GIB, 2816 * MIB, 8 * GIB },
    { "qemu-la57", "QEMU TCG, 5 levels", QEMU, "max,vendor=GenuineIntel", true, 7 * GIB, 2816 * MIB, 8 * GIB },
    { "qemu-small", "QEMU TCG, no 1 GiB pages, 36 address bits", QEMU, "max,vendor=GenuineIntel,-pdpe1gb,phys-bits=36",
      false, 7 * GIB, 2816 * MIB, 8 * GIB },
    { "bochs", "Bochs, Ice Lake", BOCHS, "corei7_icelake_u", false, 2 * GIB, 2 * GIB - 16 * MIB, 0 },
};

const struct way *way_at(u32 i)
{
    return i < sizeof ways / sizeof *ways ? &ways[i] : NULL;
}
