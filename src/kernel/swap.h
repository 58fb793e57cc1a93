/* SPDX-License-Identifier: MIT
 * swap.h - swap entries: what a page-table entry holds of an anonymous page that was written out.  Included by calls.h.
 *
 *   63      59 58                               9 8 7     4   3      2     1      0
 *   |  type 0 |  offset, all bits inverted       | 0 |     | excl | wp | soft | 0 |      x86's layout; P=0, PROTNONE=0
 *
 * Never 0, never a marker (type 29).  The mark of userfaultfd is where a marker has it. */
#ifndef PAGEWALK_KERNEL_SWAP_H
#define PAGEWALK_KERNEL_SWAP_H

#define SWP_SOFT_DIRTY (1ull << 1)
#define SWP_UFFD_WP PTE_MARK_WP
#define SWP_EXCLUSIVE (1ull << 3)
#define SWP_OFFSET_SHIFT 9
#define SWP_OFFSET_MASK (((1ull << 50) - 1) << SWP_OFFSET_SHIFT)

static inline bool pte_swap(u64 e) { return e && !pte_present(e) && !(e >> 59); }
static inline u64 swp_slot(u64 e) { return (~e & SWP_OFFSET_MASK) >> SWP_OFFSET_SHIFT; }
static inline u64 swp_entry(u64 slot) { return ~(slot << SWP_OFFSET_SHIFT) & SWP_OFFSET_MASK; }

/* swap.c */
size_t swap_bytes(const struct kernel_config *cfg);
void swap_init(struct kernel *k, void *memory);
u64 swap_users(const struct kernel *k, u64 e);
bool swap_cached(const struct kernel *k, u64 e);
void swap_dup(struct kernel *k, u64 e);
void swap_put(struct kernel *k, u64 e);
void swap_zap(struct mm *mm, u64 *e);
bool swap_take_slot(struct kernel *k, struct frame *f);
void swap_forget(struct kernel *k, struct frame *f);
bool swap_free_slot(struct kernel *k, struct frame *f);
void swap_unmapped(struct kernel *k, struct frame *f);
struct frame *swap_read(struct kernel *k, u64 e);
enum fault_result swap_fault(struct fault *f, u64 *e);
long swap_willneed(struct vma *v, u64 start, u64 end);
const char *swap_check(const struct kernel *k);

/* swapout.c */
void swap_range_out(struct vma *v, u64 start, u64 end);
void swap_balance(struct kernel *k);

#endif
