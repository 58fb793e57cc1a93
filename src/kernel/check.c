/* SPDX-License-Identifier: MIT
 * check.c - mm_check(): the equations of mm.h, proved from scratch.  Called by tests after every operation.  Costs as
 * much as everything that exists; changes nothing. */
#include "calls.h"

#define REQUIRE(cond, text) do { if (!(cond)) return (text); } while (0)

/* ---- frames ---------------------------------------------------------------------------------------------------- */

static u32 rmap_length(const struct kernel *k, const struct frame *f)
{
    u32 n = f->mapped ? 1 : 0;
    for (u32 h = f->more; f->kind != FRAME_TABLE && h; n++)
        h = ((const struct rmap_node *)heap_at(k, h))->next;
    return n;
}

/* References of batches, by walking them: batches are few and short. */
static u32 in_batches(const struct kernel *k, u32 n)
{
    u32 count = 0;
    for (unsigned cpu = 0; cpu < k->hw.cpus; cpu++)
        for (unsigned w = LRU_ADD; w < LRU_BATCHES; w++)
            for (u32 i = 0; i < k->cpu[cpu].batch[w].n; i++)
                count += k->cpu[cpu].batch[w].frame[i] == n;
    return count;
}

/* The head of a folio answers for all its pages. */
static const char *check_folio(const struct frame *f, u32 n, u32 *want)
{
    if (n & (folio_pages(f) - 1))
        return NULL;
    *want += (f->flags & FRAME_HUGE) ? *folio_pins((struct frame *)f) : 0;
    for (u32 i = 0; i < folio_pages(f); i++) {
        if (&f[i].refs != folio_pins((struct frame *)f) && (i > 1 || (i && f->order < HUGE_ORDER)))
            REQUIRE(!f[i].refs, "frame: a tail of a folio has references of its own");
        REQUIRE(f[i].kind == f->kind && f[i].order == f->order && (f[i].flags & FRAME_HUGE) == (f->flags & FRAME_HUGE),
                "frame: the pages of a folio do not agree on it");
        *want += f[i].mapped + (f[i].inode != 0) + ((f[i].flags & FRAME_SWAPCACHE) != 0);
    }
    return NULL;
}

static const char *check_page(const struct kernel *k, const struct frame *f, u32 n)
{
    u32 refs = f->refs, want = 0;
    const char *err;

    REQUIRE(rmap_length(k, f) == f->mapped, "frame: mapped differs from the length of its reverse map");
    err = check_folio(f, n, &want);
    if (err || (n & (folio_pages(f) - 1)))
        return err;
    if (f->kind == FRAME_RESERVED || n == k->vdso.n)
        return NULL;
    if (f->lru != LRU_ON)
        want += in_batches(k, n);
    if (!(f->flags & FRAME_HUGE) && refs >= want)
        refs = want + (refs - want) % 1024; /* pins */
    REQUIRE(refs == want, "frame: references differ from mappings + cache + batch + pins");
    REQUIRE(f->refs, "frame: used without references");
    REQUIRE(f->kind == FRAME_ANON || !(f->flags & FRAME_EXCLUSIVE), "frame: exclusive but not anonymous");
    return NULL;
}

static const char *check_frames(const struct kernel *k)
{
    u64 free = 0, blocks[MM_NODES_MAX][ORDERS] = { 0 }, kinds[FRAME_KINDS] = { 0 };
    u64 mapped[FRAME_KINDS] = { 0 }, pmds[FRAME_KINDS] = { 0 };

    for (unsigned i = 0; i < k->nodes; i++)
        free += k->node[i].end - k->node[i].frontier;
    for (u64 n = 0; (n = frames_opened(k, n)) < k->nr_frames; ) {
        const struct frame *f = &k->frames[n];
        if (f->kind == FRAME_FREE) {
            const unsigned node = frame_node(k, (pfn_t){ n });
            u64 buddy = n ^ (1ull << f->order);
            REQUIRE(f->order < ORDERS && !(n & ((1ull << f->order) - 1)), "buddy: free block not aligned");
            REQUIRE(f->order == ORDERS - 1 || buddy + (1ull << f->order) > k->node[node].frontier ||
                    k->frames[buddy].kind != FRAME_FREE || k->frames[buddy].order != f->order,
                    "buddy: two free buddies were not joined");
            blocks[node][f->order]++;
            free += 1ull << f->order;
            n += 1ull << f->order;
            continue;
        }
        REQUIRE(f->kind != FRAME_TAIL, "buddy: frame in no block");
        if (f->kind == FRAME_HUGETLB) {
            REQUIRE(rmap_length(k, f) == f->mapped || !f->refs, "hugetlb: mapped differs from the reverse map's length");
            REQUIRE(f->refs % 1024 == (f->mapped + (f->inode != 0)) % 1024, "hugetlb: references differ from mappings + cache");
            kinds[FRAME_HUGETLB] += 1ull << f->order;
            mapped[FRAME_HUGETLB] += f->mapped != 0;
            n += 1ull << f->order;
            continue;
        }
        kinds[f->kind]++;
        if (f->kind != FRAME_TABLE) {
            const char *e = check_page(k, f, (u32)n);
            if (e)
                return e;
            mapped[f->kind] += f->mapped != 0;
            pmds[f->kind] += (f->flags & FRAME_HUGE) && f->order == HUGE_ORDER && n % PTRS_PER_TABLE == 1 && f->refs;
        }
        n++;
    }
    REQUIRE(free == k->free_frames, "buddy: free frames miscounted");
    for (unsigned i = 0; i < k->nodes * ORDERS; i++) {
        const struct node *z = &k->node[i / ORDERS];
        const unsigned o = i % ORDERS;
        u64 listed = 0;
        for (u32 n = z->free_list[o]; n != NO_FRAME; n = k->frames[n].free.next, listed++)
            REQUIRE(k->frames[n].kind == FRAME_FREE && k->frames[n].order == o, "buddy: used block in a free list");
        REQUIRE(listed == blocks[i / ORDERS][o] && listed == z->nr_free[o], "buddy: list and blocks differ");
    }
    for (unsigned i = FRAME_TABLE; i < FRAME_KINDS; i++)
        REQUIRE(kinds[i] == k->kind_frames[i], "frames: kind miscounted");
    for (unsigned i = FRAME_ANON; i < FRAME_KINDS; i++)
        REQUIRE(mapped[i] == k->mapped_frames[i] && pmds[i] == k->pmd_mapped[i], "frames: mapped ones miscounted");
    return NULL;
}

/* ---- one address space ----------------------------------------------------------------------------------------- */

struct tally { u64 rss[RSS_KINDS], tables, mapped, hugetlb, swapped; };

static const char *check_entry(const struct vma *v, u64 e, const struct frame *f, u64 va, struct tally *t)
{
    t->rss[f->kind == FRAME_ANON ? RSS_ANON : f->kind == FRAME_SHMEM ? RSS_SHMEM : RSS_FILE]++;
    t->mapped++;
    REQUIRE(f->kind >= FRAME_ANON && f->kind <= FRAME_SHMEM, "entry maps a frame that is not a page");
    REQUIRE(rmap_has(v->mm, f, va), "entry without a reverse map");
    REQUIRE(f->kind != FRAME_ANON || v->anon_vma, "anonymous page in a mapping without anon_vma");
    if (f->kind == FRAME_ANON && (e & X86_PTE_RW))
        REQUIRE(f->flags & FRAME_EXCLUSIVE, "writable entry of an anonymous page that is not exclusive");
    if (f->kind == FRAME_ANON && (f->flags & FRAME_EXCLUSIVE))
        REQUIRE(f->mapped == 1, "exclusive page mapped more than once");
    return NULL;
}

static const char *check_hugetlb(const struct vma *v, struct tally *t)
{
    REQUIRE(!((v->start | v->end) & (hugetlb_bytes(v) - 1)), "hugetlb: a mapping not of whole pages");
    for (u64 va = v->start; va < v->end; va += hugetlb_bytes(v)) {
        const u64 *e = hugetlb_entry(v, va);
        const struct frame *f = e && *e ? frame_at(v->mm->k, pte_pfn(*e)) : NULL;
        if (!f)
            continue;
        REQUIRE(f->kind == FRAME_HUGETLB && (*e & X86_PTE_PS) && f->order + PAGE_LG2 == v->file->inode->huge_lg2,
                "hugetlb: an entry that maps no page of its pool");
        REQUIRE(rmap_has(v->mm, f, va), "hugetlb: entry without a reverse map");
        REQUIRE(!(*e & X86_PTE_RW) || (v->flags & VM_SHARED) || f->mapped == 1, "hugetlb: a shared page is writable");
        t->hugetlb += hugetlb_bytes(v) >> PAGE_LG2;
    }
    return NULL;
}

static const char *check_entries(const struct vma *v, struct tally *t)
{
    if (v->flags & VM_HUGETLB)
        return check_hugetlb(v, t);
    struct kernel *k = v->mm->k;
    const char *err = NULL;

    for (u64 va = v->start, next; va < v->end && !err; va = next) {
        struct span s = pgtable_span(v->mm, va, v->end);
        next = s.end;
        if (s.pmd && pmd_huge(*s.pmd)) {
            REQUIRE(!(va & (PMD_BYTES - 1)) && next - va == PMD_BYTES, "2 MiB page crosses its mapping's end");
            for (u64 i = 0; i < PTRS_PER_TABLE && !(*s.pmd & PTE_SPECIAL) && !err; i++)
                err = check_entry(v, *s.pmd, frame_at(k, pte_pfn(*s.pmd)) + i, va + i * PAGE_BYTES, t);
            continue;
        }
        for (const u64 *e = s.pte; e && va < next && !err; va += PAGE_BYTES, e++) {
            if (*e & X86_PTE_P) {
                REQUIRE(v->flags & VM_ACCESS, "present entry in a mapping without rights");
                REQUIRE(!(*e & X86_PTE_RW) || (v->flags & VM_WRITE), "writable entry in a mapping that is not");
                REQUIRE((*e & X86_PTE_XD) || (v->flags & VM_EXEC), "executable entry in a mapping that is not");
            }
            t->swapped += pte_swap(*e);
            if (pte_counted(*e))
                err = check_entry(v, *e, frame_at(k, pte_pfn(*e)), va, t);
        }
    }
    return err;
}

/* A 2 MiB entry of anonymous memory. */
static bool has_deposit(const struct kernel *k, u64 e)
{
    return (e & PTE_SPECIAL) || frame_at(k, pte_pfn(e))->kind == FRAME_ANON;
}

/* Every table below the top, and entries outside of all mappings (there must be none). */
static const char *check_tables(struct mm *mm, u64 table, unsigned level, u64 base, struct tally *t)
{
    const u64 *e = (const u64 *)(const void *)(mm->k->hw.ram + table);
    u64 size = 1ull << (PAGE_LG2 + 9 * level);
    const char *err = NULL;

    u64 deposits = 0;

    for (u32 h = level == 1 ? frame_at(mm->k, pa_to_pfn(table))->more : 0; h; deposits++)
        h = mm->k->frames[h].free.next;
    for (u64 i = 0; i < PTRS_PER_TABLE && level == 1; i++)
        deposits -= pmd_huge(e[i]) && has_deposit(mm->k, e[i]);
    REQUIRE(!deposits, "tables deposited for 2 MiB entries differ from the entries");
    for (u32 h = level == 1 ? frame_at(mm->k, pa_to_pfn(table))->more : 0; h; t->tables++)
        h = mm->k->frames[h].free.next;
    for (u64 i = 0; i < PTRS_PER_TABLE && !err; i++) {
        u64 va = base + i * size;
        if (!e[i])
            continue;
        if (level && pmd_table(e[i])) {
            t->tables++;
            err = check_tables(mm, e[i] & X86_PTE_ADDR, level - 1, va, t);
        } else if (!vma_at(mm, va)) {
            err = "entry outside of all mappings";
        }
    }
    return err;
}

static const char *check_vma(const struct vma *v)
{
    const struct vma *p = v->prev;
    u64 max = v->gap;
    u32 chain = 0;
    bool own = !v->anon_vma;

    REQUIRE(v->start < v->end && v->end <= TASK_SIZE, "mapping: bad range");
    REQUIRE(!((v->start | v->end) & PAGE_MASK_LOW), "mapping: not page-aligned");
    REQUIRE(!p || p->end <= v->start, "mappings overlap");
    REQUIRE(v->gap == v->start - (p ? p->end : 0), "mapping: stale gap");
    max = v->left && v->left->max_gap > max ? v->left->max_gap : max;
    max = v->right && v->right->max_gap > max ? v->right->max_gap : max;
    REQUIRE(max == v->max_gap, "mapping: stale largest gap");
    REQUIRE((!v->left || v->left->prio <= v->prio) && (!v->right || v->right->prio <= v->prio), "treap: not a heap");
    for (const struct avc *c = v->chain; c; c = c->next, chain++)
        own = own || c->av == v->anon_vma;
    REQUIRE(own, "mapping: its anon_vma is not in its chain");
    REQUIRE(!v->file == !v->file_link, "mapping: file link missing or left over");
    return NULL;
}

static const char *check_mm(struct mm *mm)
{
    struct tally t = { .tables = 0 };
    u64 total = 0, locked = 0;
    u32 count = 0;
    const char *err = NULL;

    for (const struct vma *v = mm->first; v && !err; v = v->next) {
        u64 pages = (v->end - v->start) >> PAGE_LG2;
        count++;
        total += pages;
        locked += v->flags & VM_LOCKED ? pages : 0;
        REQUIRE(vma_at(mm, v->start) == v, "treap: a mapping is not found");
        err = check_vma(v);
        if (!err)
            err = check_entries(v, &t);
    }
    if (!err)
        err = check_tables(mm, pfn_to_pa(mm->top), TOP_LEVEL, 0, &t);
    if (err)
        return err;
    REQUIRE(vma_index_valid(mm), "index of mappings differs from the mappings");
    REQUIRE(count == mm->map_count, "map_count differs from the mappings");
    REQUIRE(total == mm->total_vm, "total_vm differs from the mappings");
    REQUIRE(locked + (u64)mm->locked_stale == mm->locked_vm, "locked_vm differs from the mappings");
    REQUIRE(t.tables == mm->tables, "page tables miscounted");
    REQUIRE(t.swapped == mm->swapped, "swap entries of an address space miscounted");
    REQUIRE(t.hugetlb == mm->hugetlb, "hugetlb: mapped pages miscounted");
    for (unsigned i = 0; i < RSS_KINDS; i++)
        REQUIRE(t.rss[i] == mm->rss[i], "RSS differs from the entries");
    return NULL;
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

static u64 charged(const struct kernel *k)
{
    u64 pages = 0;

    for (const struct mm *mm = k->mms; mm; mm = mm->next)
        for (const struct vma *v = mm->first; v; v = v->next)
            pages += v->flags & VM_ACCOUNT ? (v->end - v->start) >> PAGE_LG2 : 0;
    for (unsigned i = 0; i < INODE_HASH; i++)
        for (const struct inode *n = k->inodes[i]; n; n = n->next)
            pages += n->charged;
    return pages;
}

/* Promises that mappings and files of one page size hold and have not used. */
static u64 promised(const struct kernel *k, unsigned lg2)
{
    u64 n = 0;

    for (const struct mm *mm = k->mms; mm; mm = mm->next)
        for (const struct vma *v = mm->first; v; v = v->next) {
            u64 from = v->resv ? hugetlb_index(v, v->start) : 0, to = v->resv ? from + ((v->end - v->start) >> lg2) : 0;
            if (v->resv && v->file->inode->huge_lg2 == lg2)
                n += to - from - region_count(v->resv, from, to);
        }
    for (unsigned i = 0; i < INODE_HASH; i++)
        for (const struct inode *f = k->inodes[i]; f; f = f->next)
            if (f->huge_lg2 == lg2)
                n += region_count(&f->resv, 0, ~(u64)0) - f->pages;
    return n;
}

static const char *check_pool(const struct kernel *k, const struct pool *h)
{
    u64 listed = 0, all = 0, pending = 0;

    for (u32 n = h->first; n != NO_FRAME; n = k->frames[n].free.next, listed++)
        REQUIRE(k->frames[n].kind == FRAME_HUGETLB && !k->frames[n].refs, "hugetlb: a used page in the free list");
    for (u64 n = 0; h->nr && (n = frames_opened(k, n)) < k->nr_frames; ) {
        const struct frame *f = &k->frames[n];
        bool ours = f->kind == FRAME_HUGETLB && f->order + PAGE_LG2 == h->lg2;
        all += ours;
        pending += ours && f->refs && (f->flags & FRAME_PROMISED);
        n += f->kind == FRAME_FREE || f->kind == FRAME_HUGETLB ? 1ull << f->order : 1;
    }
    REQUIRE(listed == h->free && all == h->nr, "hugetlb: pages of the pool miscounted");
    REQUIRE(h->surplus <= h->nr, "hugetlb: more surplus pages than there are");
    REQUIRE(promised(k, h->lg2) == h->resv + pending, "hugetlb: promises differ from what mappings hold");
    return NULL;
}

const char *mm_check(const struct kernel *k)
{
    const char *err = check_frames(k);

    for (unsigned i = 0; i < POOLS && !err; i++)
        err = k->pool[i].lg2 ? check_pool(k, &k->pool[i]) : NULL;

    for (struct mm *mm = k->mms; mm && !err; mm = mm->next)
        err = check_mm(mm);
    if (!err && charged(k) != k->committed)
        err = "commit charge differs from the mappings";
    err = err ? err : swap_check(k);
    return err ? err : pcid_check(k);
}
