/* SPDX-License-Identifier: MIT
 * calls.h - the functions that the files of this room share, by file.  Included by every file here. */
#ifndef PAGEWALK_KERNEL_CALLS_H
#define PAGEWALK_KERNEL_CALLS_H

#include "base/text.h"
#include "kernel/mm.h"

/* ---- kernel.c: explain mode.  Arguments are u64; strings go through TEXT(); at least one argument. */
void explain_line(struct kernel *k, const char *format, const u64 *args);
#define TEXT(s) ((u64)(uintptr_t)(s))
#define EXPLAIN(k, format, ...)                                                                                        \
    do {                                                                                                               \
        if (RARE((k)->explain.put != NULL))                                                                            \
            explain_line(k, format, (const u64[]){ __VA_ARGS__ });                                                     \
    } while (0)

/* kver.c */
bool kver_load(struct quirks *q, u32 version);

/* kernel_fail_allocation(): this is the one that fails. */
static inline bool alloc_fails(struct kernel *k) { return RARE(k->fail_in) && !--k->fail_in; }

/* heap.c: memory comes zeroed; a size is what it was allocated with */
void heap_init(struct heap *h, void *base, u64 bytes);
void *heap_alloc(struct kernel *k, size_t bytes);
void heap_free(struct kernel *k, void *p, size_t bytes);
#define HEAP_GRAIN 16u
static inline void *heap_at(const struct kernel *k, u32 handle) { return k->heap.base + (u64)handle * HEAP_GRAIN; }
static inline u32 heap_handle(const struct kernel *k, const void *p)
{
    return (u32)((u64)((const u8 *)p - k->heap.base) / HEAP_GRAIN);
}

/* HEAP_GRAIN bytes, not zeroed; NULL: heap_alloc() has to be asked. */
static inline void *heap_take_grain(struct kernel *k)
{
    struct heap *h = &k->heap;
    void *p;

    if (RARE(k->fail_in))
        return NULL;
    if (h->free[1]) {
        p = heap_at(k, h->free[1]);
        memcpy(&h->free[1], p, sizeof h->free[1]);
    } else {
        if (h->limit - h->used < HEAP_GRAIN)
            return NULL;
        p = h->base + h->used;
        h->used += HEAP_GRAIN;
    }
    h->live += HEAP_GRAIN;
    return p;
}

/* frames.c */
void frames_init(struct kernel *k, struct frame *frames);
pfn_t frames_alloc(struct kernel *k, unsigned order, enum frame_kind kind);
unsigned frame_node(const struct kernel *k, pfn_t f);
u64 frames_opened(const struct kernel *k, u64 n);
/* numa.c */
void numa_init(struct kernel *k);
u32 numa_take(struct kernel *k, unsigned order, enum frame_kind kind, u32 (*take)(struct kernel *, struct node *, unsigned));
void numa_policy_text(const struct vma *v, const struct proc *p, struct text *t); /* as in numa_maps              */
void frames_free(struct kernel *k, pfn_t pfn, unsigned order);
struct frame *frame_at(const struct kernel *k, pfn_t f);
pfn_t frame_pfn(const struct kernel *k, const struct frame *f);
pfn_t frames_alloc_1g(struct kernel *k, enum frame_kind kind);
void frames_free_1g(struct kernel *k, pfn_t pfn);
struct frame *folio_of(const struct kernel *k, struct frame *f);
void frame_mark_dirty(const struct kernel *k, struct frame *f);
bool frame_is_dirty(const struct kernel *k, struct frame *f);
u64 folio_pages(const struct frame *f);
void frame_get(struct kernel *k, struct frame *f);
void frame_put(struct kernel *k, struct frame *f);

/* contents.c */
void contents_zero(struct kernel *k, pfn_t pfn, unsigned order);
void contents_copy(struct kernel *k, struct frame *to, const struct frame *from);
void contents_gather(const struct mm *mm, u64 va, pfn_t block);
void contents_from(const struct mm *mm, u64 va, struct frame *to);
/* folio.c */
struct frame *folio_make(struct kernel *k, pfn_t block, unsigned order);
void folio_map_anon(struct mm *mm, struct frame *head, u64 va);
void folio_count_pmd(struct kernel *k, struct frame *head, int n);
u32 folio_mapcount(const struct frame *head);
u32 folio_cached(const struct frame *head);
bool folio_shared(const struct kernel *k, struct frame *f);
bool folio_split(struct kernel *k, struct frame *f);
void folio_split_at(struct kernel *k, struct frame *f);

/* lru.c */
void lru_add(struct kernel *k, struct frame *f, enum lru_batch which);
void lru_accessed(struct kernel *k, struct frame *f, bool locked);
void lru_drain(struct kernel *k);
void lru_drain_all(struct kernel *k);
void lru_drain_unmap(struct kernel *k);

/* rmap.c */
#define VPN_BITS 36
static inline u64 mapping_of(const struct mm *mm, u64 va) { return (u64)mm->handle << VPN_BITS | va >> PAGE_LG2; }
/* rmap_add() of a frame that is mapped already, for fork.  false: not at once; nothing has changed. */
static inline bool rmap_share(struct mm *mm, struct frame *f, u64 va)
{
    struct rmap_node *n = heap_take_grain(mm->k);

    if (!n)
        return false;
    *n = (struct rmap_node){ .map = mapping_of(mm, va), .next = f->more };
    f->more = heap_handle(mm->k, n);
    f->mapped++;
    return true;
}
bool rmap_add(struct mm *mm, struct frame *f, u64 va);
void rmap_remove(struct mm *mm, struct frame *f, u64 va);
void rmap_move(struct mm *mm, struct frame *f, u64 from, u64 to);
bool rmap_has(const struct mm *mm, const struct frame *f, u64 va);
struct mm *rmap_first_mm(const struct kernel *k, const struct frame *f);
u32 rmap_count(const struct mm *mm, const struct frame *f);
void rmap_each(struct kernel *k, struct frame *f, void (*fn)(struct mm *mm, struct frame *f, u64 va, void *arg),
               void *arg);

/* pgtable.c */
struct span {
    u64 end;        /* exclusive: where the next span begins                                                      */
    u64 *pmd;       /* level-1 entry; NULL: a hole above                                                          */
    u64 *pte;       /* level-0 entry of the span's first page; NULL: a hole or a 2 MiB page                       */
};
/* The only store to a page-table entry. */
static inline void pte_store(struct kernel *k, u64 *e, u64 value)
{
    u64 old = *e;
    *e = value;
    if (RARE(k->hw.pte_stored != NULL))
        k->hw.pte_stored(k->hw.ctx, (u64)((u8 *)e - k->hw.ram), old, value);
}
pfn_t table_alloc(struct kernel *k);
pfn_t top_alloc(struct kernel *k);
u64 *table_entry(const struct kernel *k, u64 table_pa, unsigned level, u64 va);
u64 *pgtable_find(const struct mm *mm, u64 va, unsigned level);
u64 *pgtable_leaf(const struct mm *mm, u64 va);
u64 *pgtable_make(struct mm *mm, u64 va, unsigned level);
struct span pgtable_span(const struct mm *mm, u64 va, u64 end);
void pgtable_free_range(struct gather *g, u64 start, u64 end, u64 floor, u64 ceiling);
void pgtable_reclaim(struct gather *g, u64 *pmd, u64 va);

/* pcid.c */
void pcid_init(struct kernel *k);
void mm_tlb_init(struct mm *mm);
void mm_switch(struct kernel *k, unsigned cpu, struct mm *next);
void mm_lazy(struct kernel *k, unsigned cpu);
void mm_unload(struct mm *mm);
void tlb_flush_all(struct kernel *k, unsigned cpu);
void tlb_flush_one(struct kernel *k, unsigned cpu, u64 va);
const char *pcid_check(const struct kernel *k);

/* pin.c */
u32 *folio_pins(struct frame *head);
bool page_pinned(const struct kernel *k, struct frame *f);
bool page_needs_copy(const struct mm *mm, struct frame *f);

/* tlbflush.c */
void flush_range(struct mm *mm, u64 start, u64 end);
void flush_page(struct mm *mm, u64 va);
void flush_mm(struct mm *mm);
struct gather gather_begin(struct mm *mm);
void gather_pte(struct gather *g, u64 va);
void gather_pmd(struct gather *g, u64 va);
void gather_leaf(struct gather *g, u64 va, unsigned lg2);
void gather_table(struct gather *g, pfn_t table, u64 va);
void gather_put(struct gather *g, struct frame *f);
void gather_step(struct gather *g);
void gather_flush(struct gather *g);

/* move_entries.c */
u64 move_entries(struct mm *mm, u64 from, u64 to, u64 len, bool drop_wp);

/* zap.c */
/* Guard markers go too; tables that became empty are freed; private copies of file pages stay. */
enum { ZAP_MARKERS = 1, ZAP_RECLAIM = 2, ZAP_CACHE_ONLY = 4 };
void rss_add(struct mm *mm, const struct frame *f, int pages);
void note_peak_rss(struct mm *mm);
void zap_range(struct gather *g, struct vma *v, u64 start, u64 end, unsigned how);
void zap_single(struct vma *v, u64 start, u64 end, unsigned how);

/* vma.c */
struct gap_query { u64 low, high, len; u64 found_start, found_end; struct vma *above; };
struct vma *vma_alloc(struct mm *mm, u64 start, u64 end, u64 flags);
struct vma *vma_dup(struct vma *from);
void vma_free(struct vma *v);
void vma_link_file(struct vma *v);
void vma_unlink_file(struct vma *v);
void vma_insert(struct vma *v);
void vma_remove(struct vma *v);
void vma_moved(struct vma *v);
struct vma *vma_find(struct mm *mm, u64 addr);
struct vma *vma_at(struct mm *mm, u64 addr);
struct vma *vma_overlap(struct mm *mm, u64 start, u64 end);
struct vma *vma_below(struct mm *mm, u64 addr);
bool gap_highest(struct mm *mm, struct gap_query *q);
bool gap_lowest(struct mm *mm, struct gap_query *q);
static inline bool vma_is_anon(const struct vma *v) { return !v->file && !v->name; }

/* vma_index.c */
struct vma *vma_index_find(const struct mm *mm, u64 addr);
void vma_index_add(struct vma *v);
void vma_index_move(struct vma *v);
void vma_index_remove(struct vma *v);
void vma_index_drop(struct mm *mm);
bool vma_index_valid(const struct mm *mm);

/* anon_vma.c */
bool anon_vma_prepare(struct vma *v);
bool anon_vma_clone(struct vma *dst, const struct vma *src);
bool anon_vma_adopt(struct vma *dst, const struct vma *src);
bool anon_vma_fork(struct vma *child, const struct vma *parent);
void anon_vma_unlink(struct vma *v);
bool vma_is_fork_child(const struct vma *v);

/* vma_merge.c */
u64 vma_ignored_flags(const struct kernel *k);
u64 vma_sticky_flags(const struct kernel *k);
struct vma *merge_new(struct merge *g);
long vma_modify(struct vma **pv, u64 start, u64 end, u64 flags);
long vma_modify_to(struct vma **pv, u64 start, u64 end, const struct vma_traits *to);
long vma_split_unchecked(struct vma *v, u64 addr, bool keep_upper);

/* change_prot.c */
enum change_how { CHANGE_RIGHTS, CHANGE_WP, CHANGE_RESOLVE }; /* the mapping's; write-protect; no longer            */
bool vma_tracks_soft_dirty(const struct vma *v);
bool vma_uses_wp_markers(const struct vma *v);
long change_protection(struct gather *g, struct vma *v, u64 start, u64 end, enum change_how how);

/* addr.c, limits.c */
u64 vma_start_gap(const struct vma *v);
long addr_choose(struct proc *p, const struct mm_file *file, u64 hint, u64 len, u64 pgoff, int flags);
void limits_account(struct mm *mm, u64 flags, s64 pages);
bool limits_may_expand(const struct mm *mm, u64 flags, u64 pages);
bool limits_may_lock(const struct mm *mm, u64 flags, u64 bytes);
bool limits_charge(struct kernel *k, u64 pages);
u64 limits_commit_pages(const struct kernel *k);
void limits_uncharge(struct kernel *k, u64 pages);

/* munmap.c, mmap.c, populate.c */
struct unmapping { u64 start, end, pages, accounted; struct uffd_event *events; };
long unmap_prepare(struct mm *mm, u64 start, u64 end, struct unmapping *u);
void unmap_cancel(struct mm *mm, struct unmapping *u);
void unmap_commit(struct mm *mm, const struct unmapping *u);
long unmap_range(struct mm *mm, u64 start, u64 end);
long unmap_range_telling(struct mm *mm, u64 start, u64 end, struct uffd_event **events);
u64 vm_flags_of_prot(int prot);
long fault_in_pages(struct vma *v, u64 start, u64 end, bool write, enum fault_wait wait);
long populate_pages(struct vma *v, u64 start, u64 end, bool write, enum fault_wait wait);
long populate_vma(struct vma *v, u64 start, u64 end, enum fault_wait wait);
long populate_range(struct mm *mm, u64 start, u64 end, bool ignore_errors);

/* fault.c, stack.c, cow.c, filemap.c */
u64 vma_page_prot(const struct vma *v);
enum fault_result fault_handle(struct fault *f);
void fault_count(struct kernel *k, const struct mm_trap_result *o);
void fault_tell(struct kernel *k, u64 addr, const struct mm_trap_result *o);
void map_new_anon(struct fault *f, u64 *e, struct frame *page);
long stack_grow(struct vma *v, u64 addr);
enum fault_result wp_fault(struct fault *f, u64 *e);
enum fault_result unshare_fault(struct fault *f, u64 *e);
enum fault_result file_fault(struct fault *f);
enum fault_result special_fault(struct fault *f);
struct extent { u64 first, end; };       /* page numbers of a file                                             */
bool map_cache_page(struct vma *v, u64 *e, u64 va, struct frame *page, bool write);
struct extent folio_extent(const struct inode *i, u64 index);
bool vma_is_shmem(const struct vma *v);
bool vma_wants_writenotify(const struct vma *v);

/* thp.c */
enum thp_use { THP_FAULT, THP_SMAPS, THP_KHUGEPAGED, THP_COLLAPSE };
#define THP_ALL_ORDERS (~0u)
void thp_init(struct kernel *k);
u32 thp_orders(const struct vma *v, enum thp_use use, u32 orders);
u32 thp_shmem_orders(const struct inode *i, const struct vma *v, u64 index, bool forced);
bool thp_fits(const struct vma *v, u64 va, unsigned order);
u32 thp_fitting(const struct vma *v, u64 va, u32 orders);
bool thp_anon_fault(struct fault *f, u64 *e);

/* huge.c, collapse.c, khugepaged.c */
bool huge_anon_fault(struct fault *f, enum fault_result *r);
enum fault_result huge_wp_fault(struct fault *f, u64 *pmd);
bool huge_map_cache(struct vma *v, u64 va, struct frame *head, bool write);
bool huge_may_reuse(struct mm *mm, struct frame *page);
void huge_split(struct mm *mm, u64 *pmd, u64 va);
void huge_split_at(struct vma *v, u64 addr);
void huge_zap(struct gather *g, u64 *pmd, u64 va);
void huge_age(struct gather *g, u64 *pmd, u64 va, bool cold_only);
bool huge_move(struct gather *g, u64 *pmd, u64 from, u64 to, u64 len);
bool huge_fork(struct mm *child, struct mm *parent, u64 *pmd, u64 va);
/* What came of an attempt to collapse 2 MiB. */
enum collapse {
    COLLAPSE_DONE, COLLAPSE_MAPPED,          /* it is one already                                              */
    COLLAPSE_NO_PMDS, COLLAPSE_NO_TABLE,     /* no level-1 table; none below it                                 */
    COLLAPSE_EMPTY, COLLAPSE_SWAP, COLLAPSE_SHARED, COLLAPSE_OLD, COLLAPSE_WRITE_PROTECTED,
    COLLAPSE_NO_PAGE, COLLAPSE_FOREIGN, COLLAPSE_BUSY, COLLAPSE_DIRTY, COLLAPSE_NO_BLOCK, COLLAPSE_FAILED
};
enum collapse collapse_anon(struct vma *v, u64 va, bool forced);
enum collapse collapse_file(struct vma *v, u64 va, bool forced);
void khugepaged_enter(const struct vma *v);
void khugepaged_fork(struct mm *child, const struct mm *parent);
void khugepaged_exit(struct mm *mm);
void khugepaged_tick(struct kernel *k);
void huge_install(struct vma *v, u64 *pmd, u64 va, pfn_t block);
long huge_collapse(struct vma *v, u64 start, u64 end);

/* hugetlb_pool.c */
struct pool *pool_of(struct kernel *k, unsigned lg2);
void pools_init(struct kernel *k);
struct frame *pool_take(struct kernel *k, struct pool *h, bool reserved);
void pool_return(struct kernel *k, struct frame *f);
bool pool_reserve(struct kernel *k, struct pool *h, u64 n);
void pool_unreserve(struct kernel *k, struct pool *h, u64 n);
void pool_resize(struct kernel *k, struct pool *h, u64 n);
bool region_has(const struct resv_map *m, u64 n);
u64 region_count(const struct resv_map *m, u64 from, u64 to);
bool region_add(struct kernel *k, struct resv_map *m, u64 from, u64 to);
u64 region_del(struct kernel *k, struct resv_map *m, u64 from, u64 to);
void region_clear(struct kernel *k, struct resv_map *m);

/* hugetlb.c, hugetlb_range.c: pre of all that take a mapping: VM_HUGETLB */
unsigned hugetlb_level(const struct vma *v);
u64 hugetlb_bytes(const struct vma *v);
u64 hugetlb_index(const struct vma *v, u64 va);
struct mm_file *hugetlb_file_new(struct kernel *k, unsigned lg2, u64 bytes);
long hugetlb_truncate(struct inode *i, u64 size);
long hugetlb_punch(struct inode *i, u64 start, u64 end);
long hugetlb_mmap(struct vma *v);
void hugetlb_close(struct vma *v);
void hugetlb_forget(struct vma *v);
enum fault_result hugetlb_fault(struct fault *f);
u64 *hugetlb_entry(const struct vma *v, u64 va);
void hugetlb_zap(struct gather *g, struct vma *v, u64 start, u64 end);
void hugetlb_protect(struct gather *g, struct vma *v, u64 start, u64 end);
bool hugetlb_fork(struct vma *child, struct vma *parent);
u64 hugetlb_move(struct gather *g, struct vma *v, u64 from, u64 to, u64 len);

/* pagecache.c, readahead.c, file.c */
u64 inode_pages(const struct inode *i);
struct frame *cache_peek(const struct inode *i, u64 index);
bool cache_has(const struct inode *i, u64 index);
bool cache_settle(struct inode *i);
struct frame *cache_get(struct inode *i, u64 index, bool *oom);
struct frame *cache_add(struct inode *i, u64 index);
bool cache_insert(struct inode *i, u64 index, struct frame *f);
bool cache_insert_folio(struct inode *i, u64 first, pfn_t block, unsigned order);
bool cache_add_folio(struct inode *i, u64 first, unsigned order);
void cache_cut(struct inode *i, u64 index);
bool cache_empty(const struct inode *i, u64 from, u64 to);
bool cache_write_back(struct inode *i, u64 from, u64 to, bool clean);
void cache_remove(struct inode *i, u64 from, u64 to);
void cache_each(struct inode *i, u64 from, u64 to, void (*fn)(struct inode *i, struct frame *f, void *arg), void *arg);
bool readahead_miss(struct mm_file *f, const struct vma *v, u64 index);
void readahead_hit(struct mm_file *f, const struct vma *v, struct frame *page, u64 index);
void file_get(struct mm_file *f);
void file_put(struct kernel *k, struct mm_file *f);
struct mm_file *file_new_anonymous(struct kernel *k, const struct mm_file_info *info);
struct mm_file *shmem_file_new(struct kernel *k, u64 bytes, bool charge);
void unmap_file_range(struct inode *i, u64 from, u64 to, unsigned how);
void truncate_inode(struct inode *i, u64 size);
void punch_inode(struct inode *i, u64 from, u64 to);

/* pkeys.c, prctl.c, anon_name.c, madvise.c */
void pkru_init(struct proc *p);
void pkru_switch(struct kernel *k, unsigned cpu, struct proc *from, struct proc *to);
bool pkey_allows(const struct proc *p, const struct vma *v, bool write);
void pkeys_init(struct mm *mm);
unsigned pkey_execute_only(struct proc *p);
unsigned pkey_for_mprotect(struct proc *p, const struct vma *v, int prot, int asked);
bool pkey_may_use(const struct proc *p, int key);
bool thp_disabled(const struct vma *v, bool collapse);
bool mdwe_refuses(const struct mm *mm, u64 old, u64 new);
u8 mdwe_inherited(const struct mm *from);
struct anon_name *anon_name_get(struct anon_name *n);
void anon_name_put(struct kernel *k, struct anon_name *n);
const char *anon_name_text(const struct anon_name *n);
long madvise_range(struct mm *mm, u64 addr, u64 len, int advice);

/* uffd.c, uffd_wait.c */
struct mm_uffd *uffd_new(struct mm *mm, int flags, u64 features);
void uffd_free(struct mm_uffd *u);
void uffd_mm_ends(struct mm *mm);
void uffd_reset(struct vma *v);
bool uffd_fork(struct vma *child, struct uffd_event **events);
long uffd_check_range(const struct mm_uffd *u, u64 start, u64 len);
long uffd_protect(struct vma *v, u64 start, u64 end, bool protect);
bool uffd_armed(const struct vma *v);
enum fault_result uffd_fault(struct fault *f, u64 reason);
bool uffd_answered(struct proc *p, u8 *waits);
void uffd_wake(struct mm_uffd *u, u64 start, u64 end);
void uffd_stop_waiting(struct proc *p);
struct uffd_event *uffd_event_new(struct mm_uffd *u, u8 event, u64 address, u64 len);
void uffd_event_drop(struct kernel *k, struct uffd_event *list);
void uffd_event_send(struct uffd_event *list);
bool uffd_removes(const struct vma *v, u64 start, u64 end);
bool uffd_unmaps(const struct vma *v, u64 start, u64 end, struct uffd_event **list);
void fault_retry(struct proc *p, const struct uffd_wait *w);

/* proc.c, fork.c */
void kernel_enter(struct proc *p);
struct mm *mm_new(struct kernel *k);
void mm_inherit(struct mm *mm, const struct mm *from);
void mm_put(struct mm *mm);
struct mm *fork_mm(struct mm *parent);

/* show_maps.c, show_status.c */
u64 frames_huge_cached(const struct kernel *k, enum frame_kind kind);
void show_vma_line(const struct vma *v, const struct pw_out *out);
const char *vma_shown_name(const struct vma *v);

#include "kernel/swap.h"

#endif
