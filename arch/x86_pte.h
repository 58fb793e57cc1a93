/* SPDX-License-Identifier: MIT
 * x86_pte.h - bits of an x86-64 page-table entry and of the error code, by Intel's names.  Data only: both halves
 * may include it.  SDM3 4.5 (entries, tables 4-14 to 4-19), 4.7 (error code). */
#ifndef PAGEWALK_ARCH_X86_PTE_H
#define PAGEWALK_ARCH_X86_PTE_H

#include "pagewalk/types.h"

#define X86_PTE_P (1ull << 0)
#define X86_PTE_RW_BIT 1
#define X86_PTE_RW (1ull << X86_PTE_RW_BIT)
#define X86_PTE_US (1ull << 2)
#define X86_PTE_PWT (1ull << 3)
#define X86_PTE_PCD (1ull << 4)
#define X86_PTE_A (1ull << 5)
#define X86_PTE_D (1ull << 6)
#define X86_PTE_PS (1ull << 7)  /* in entries of level 1 and above; PAT in level 0                              */
#define X86_PTE_G (1ull << 8)
#define X86_PTE_PAT_LARGE (1ull << 12)
#define X86_PTE_XD (1ull << 63)
#define X86_PTE_ADDR 0x000ffffffffff000ull /* bits 51:12 */
#define X86_PKEY_SHIFT 59

#define PF_P (1u << 0)
#define PF_W (1u << 1)
#define PF_U (1u << 2)
#define PF_RSVD (1u << 3)
#define PF_I (1u << 4)
#define PF_PK (1u << 5)
#define PF_SS (1u << 6)

#define X86_CR0_PE (1ull << 0)
#define X86_CR0_WP (1ull << 16)
#define X86_CR0_PG (1ull << 31)
#define X86_CR4_PSE (1ull << 4)
#define X86_CR4_PAE (1ull << 5)
#define X86_CR4_PGE (1ull << 7)
#define X86_CR4_LA57 (1ull << 12)
#define X86_CR4_PCIDE (1ull << 17)
#define X86_CR4_SMEP (1ull << 20)
#define X86_CR4_SMAP (1ull << 21)
#define X86_CR4_PKE (1ull << 22)
#define X86_CR4_CET (1ull << 23)
#define X86_CR4_PKS (1ull << 24)
#define X86_EFER_LME (1ull << 8)
#define X86_EFER_LMA (1ull << 10)
#define X86_EFER_NXE (1ull << 11)
#define X86_EFER_SVME (1ull << 12)
#define X86_EFER_TCE (1ull << 15)
#define X86_CR3_NOFLUSH (1ull << 63)

#endif
