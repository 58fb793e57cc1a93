/* SPDX-License-Identifier: MIT
 * inline_budget.c - the inline accesses of mmu.h as functions of their own, for inline_budget.sh to count. */
#include "pagewalk/mmu.h"

bool budget_load_u64(struct mmu_mem *mem, u64 va, u64 *out);
bool budget_load_u8(struct mmu_mem *mem, u64 va, u8 *out);
bool budget_fetch_u32(struct mmu_mem *mem, u64 va, u32 *out);
bool budget_store_u64(struct mmu_mem *mem, u64 va, u64 value);

bool budget_load_u64(struct mmu_mem *mem, u64 va, u64 *out) { return mmu_load_u64(mem, va, out); }
bool budget_load_u8(struct mmu_mem *mem, u64 va, u8 *out) { return mmu_load_u8(mem, va, out); }
bool budget_fetch_u32(struct mmu_mem *mem, u64 va, u32 *out) { return mmu_fetch_u32(mem, va, out); }
bool budget_store_u64(struct mmu_mem *mem, u64 va, u64 value) { return mmu_store_u64(mem, va, value); }
