/* SPDX-License-Identifier: MIT
 * ept.h - bits of an entry of Intel's extended page tables, of EPTP, and of what exits report, by Intel's names.  Data
 * only.  SDM3 28.2.2 (entries, tables 28-1 to 28-6), 24.6.11 (EPTP). */
#ifndef PAGEWALK_ARCH_EPT_H
#define PAGEWALK_ARCH_EPT_H

#include "pagewalk/types.h"

#define EPT_R (1ull << 0)
#define EPT_W (1ull << 1)
#define EPT_X (1ull << 2)  /* with mode-based execute: for supervisor-mode linear addresses                      */
#define EPT_MT_SHIFT 3     /* memory type of a leaf, three bits                                                  */
#define EPT_MT (7ull << EPT_MT_SHIFT)
#define EPT_MT_WB (6ull << EPT_MT_SHIFT)
#define EPT_IPAT (1ull << 6)
#define EPT_PS (1ull << 7)
#define EPT_A (1ull << 8)
#define EPT_D (1ull << 9)
#define EPT_XU_BIT 10      /* mode-based execute: for user-mode linear addresses                                 */
#define EPT_XU (1ull << EPT_XU_BIT)

#define EPTP_MT 7ull
#define EPTP_LEVELS_SHIFT 3 /* levels less one, three bits                                                       */
#define EPTP_AD (1ull << 6)
#define EPTP_RESERVED 0xf80ull

#endif
