/* SPDX-License-Identifier: MIT
 * ways.c - the emulators and processors of this comparison; see baremetal/emulator.h. */
#include "tests/differential/baremetal/emulator.h"

#define MIB ((u64)1 << 20)
#define GIB ((u64)1 << 30)

static const struct way ways[] = {
    { "npt-qemu", "NPT on QEMU TCG, 4 levels", QEMU, "max,+svm,vendor=AuthenticAMD,phys-bits=48", false, 7 * GIB, 2816 * MIB, 8 * GIB },
    { "npt-qemu-la57", "NPT on QEMU TCG, 5 levels", QEMU, "max,+svm,vendor=AuthenticAMD,phys-bits=52", true, 7 * GIB, 2816 * MIB, 8 * GIB },
    { "npt-bochs", "NPT on Bochs, Ryzen", BOCHS, "ryzen", false, 2 * GIB, 2 * GIB - 16 * MIB, 0 },
    { "ept-bochs", "EPT on Bochs, Ice Lake", BOCHS, "corei7_icelake_u", false, 2 * GIB, 2 * GIB - 16 * MIB, 0 },
};

const struct way *way_at(u32 i)
{
    return i < sizeof ways / sizeof *ways ? &ways[i] : NULL;
}
