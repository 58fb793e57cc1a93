/* SPDX-License-Identifier: MIT
 * numa.c - which node a frame comes from: first touch, and the policies of mbind(2) and set_mempolicy(2).  Called by frames.c when
 * there is more than one node.  Linux mm/mempolicy.c.
 *
 *   a fault's frames    the mapping's policy; without one, the task's; without that, the node of this CPU
 *   everything else     the task's policy: page tables, the page cache
 *
 *   local, preferred    the node, then all others, the nearest first
 *   preferred many      those named, the nearest first, then the others        bind   those named only
 *   interleave          of a mapping: by the page's offset; of a task: the next one each time; then as preferred
 *
 * A policy is its mode and, from bit 3 on, its nodes; 0 is none.  A mapping's lies in its flags, so that it splits, merges and is
 * inherited with them. */
#include "calls.h"

#define MODE_BITS 3u
#define NODES_FROM(policy) ((u8)((policy) >> MODE_BITS))
#define MODE_FROM(policy) ((policy) & ((1u << MODE_BITS) - 1))
#define BLOCK_BYTES (PAGE_BYTES << (ORDERS - 1))

static u16 policy_of(int mode, u64 nodes) { return (u16)((unsigned)mode | (unsigned)nodes << MODE_BITS); }
static u16 vma_policy(const struct vma *v) { return (u16)((v->flags & VM_POLICY) >> VM_POLICY_SHIFT); }

/* ---- nodes -------------------------------------------------------------------------------------------------------- */

static void node_init(struct node *z, u64 start, u64 end)
{
    *z = (struct node){ .start = start, .frontier = start, .end = end };
    for (unsigned o = 0; o < ORDERS; o++)
        z->free_list[o] = NO_FRAME;
}

void numa_init(struct kernel *k)
{
    k->nodes = 1;
    node_init(&k->node[0], 0, k->nr_frames);
}

/* Nodes by distance, of equal ones the lower number first. */
static void sort_near(struct node *z, unsigned self, const struct mm_nodes *n)
{
    const u8 *distance = n->distance[self];

    for (unsigned i = 0; i < n->nodes; i++) {
        unsigned at = i;
        for (; at && distance[z->near[at - 1]] > distance[i]; at--)
            z->near[at] = z->near[at - 1];
        z->near[at] = (u8)i;
    }
}

static bool nodes_fit(const struct kernel *k, const struct mm_nodes *n)
{
    u64 last = 0;

    if (!n->nodes || n->nodes > MM_NODES_MAX || k->mms || k->nodes != 1)
        return false;
    for (unsigned i = 0; i < n->nodes; last = n->end[i++]) {
        if (n->end[i] <= last || (n->end[i] % BLOCK_BYTES && i + 1 < n->nodes))
            return false;
        for (unsigned j = 0; j < n->nodes; j++)
            if (j != i && n->distance[i][j] <= n->distance[i][i])
                return false;
    }
    for (unsigned cpu = 0; cpu < k->hw.cpus; cpu++)
        if (n->cpu_node[cpu] >= n->nodes)
            return false;
    return last == k->nr_frames << PAGE_LG2;
}

bool kernel_set_nodes(struct kernel *k, const struct mm_nodes *n)
{
    if (!nodes_fit(k, n))
        return false;
    k->node[0].end = n->end[0] >> PAGE_LG2; /* what was used so far lies in its first block                       */
    k->nodes = n->nodes;
    for (unsigned i = 1; i < n->nodes; i++)
        node_init(&k->node[i], n->end[i - 1] >> PAGE_LG2, n->end[i] >> PAGE_LG2);
    for (unsigned i = 0; i < n->nodes; i++)
        sort_near(&k->node[i], i, n);
    memcpy(k->cpu_node, n->cpu_node, sizeof k->cpu_node);
    return true;
}

/* ---- placing ---------------------------------------------------------------------------------------------------------- */

/* Not the builtin, which is a call of the compiler's library where there is no such instruction. */
static unsigned count_nodes(u8 nodes)
{
    unsigned n = 0;

    for (; nodes; nodes &= nodes - 1u)
        n++;
    return n;
}

/* The n-th of the nodes named. */
static unsigned nth_node(u8 nodes, u64 n)
{
    n %= count_nodes(nodes);
    while (n--)
        nodes &= nodes - 1u;
    return (unsigned)__builtin_ctz(nodes);
}

static unsigned next_of_task(struct proc *p, u8 nodes)
{
    const u8 above = nodes & (u8)(0xfeu << p->interleaved);

    return p->interleaved = (u8)__builtin_ctz(above ? above : nodes);
}

/* Of the page that is placed, in what is mapped. */
static u64 offset_in(const struct kernel *k, const struct vma *v)
{
    const u64 offset = v->pgoff + ((k->placing->addr - v->start) >> PAGE_LG2);

    return k->q.interleave_wide ? offset : (u32)offset;
}

/* Where to begin, and which nodes come first; `only`: no others. */
struct place { unsigned first; u8 nodes; bool only; };

static struct place place_of(struct kernel *k, unsigned order, enum frame_kind kind)
{
    const struct vma *v = k->placing && kind != FRAME_TABLE ? k->placing->vma : NULL;
    const bool of_mapping = v && vma_policy(v);
    const u16 policy = of_mapping ? vma_policy(v) : k->actor->policy;
    const u8 nodes = NODES_FROM(policy), local = k->cpu_node[k->this_cpu];

    switch (MODE_FROM(policy)) {
    case MM_MPOL_PREFERRED: return (struct place){ .first = (unsigned)__builtin_ctz(nodes) };
    case MM_MPOL_BIND: return (struct place){ .first = local, .nodes = nodes, .only = true };
    case MM_MPOL_PREFERRED_MANY: return (struct place){ .first = local, .nodes = nodes };
    case MM_MPOL_INTERLEAVE: return (struct place){ .first = of_mapping ? nth_node(nodes, offset_in(k, v) >> order) : next_of_task(k->actor, nodes) };
    default: return (struct place){ .first = local };
    }
}

u32 numa_take(struct kernel *k, unsigned order, enum frame_kind kind, u32 (*take)(struct kernel *, struct node *, unsigned))
{
    const struct place p = place_of(k, order, kind);
    const u8 named = p.nodes ? p.nodes : 0xff;

    for (unsigned i = 0; i < 2 * k->nodes && !(p.only && i == k->nodes); i++) {
        const unsigned node = k->node[p.first].near[i % k->nodes];
        const bool turn = i < k->nodes ? named >> node & 1 : !(named >> node & 1);
        const u32 n = turn ? take(k, &k->node[node], order) : NO_FRAME;

        if (n == NO_FRAME)
            continue;
        EXPLAIN(k, "frame %x: node %d%s", n, node, TEXT(node == k->cpu_node[k->this_cpu] ? ", this CPU's" : ", remote"));
        return n;
    }
    return NO_FRAME;
}

/* ---- system calls ------------------------------------------------------------------------------------------------------- */

/* The policy that a mode and its nodes make.  false: none.  mpol_new(), mpol_set_nodemask(). */
static bool make_policy(const struct kernel *k, int mode, u64 nodes, u16 *policy)
{
    const u64 there = nodes & ((1u << k->nodes) - 1);

    if (mode < MM_MPOL_DEFAULT || mode > MM_MPOL_PREFERRED_MANY)
        return false;
    *policy = mode == MM_MPOL_DEFAULT ? 0 : policy_of(MM_MPOL_LOCAL, 0);
    if (mode == MM_MPOL_DEFAULT || mode == MM_MPOL_LOCAL)
        return !nodes;
    if (mode == MM_MPOL_PREFERRED && !nodes)
        return true;
    *policy = policy_of(mode, mode == MM_MPOL_PREFERRED ? there & -there : there);
    return there;
}

long mm_set_mempolicy(struct proc *p, int mode, u64 nodes)
{
    u16 policy;

    kernel_enter(p);
    if (!make_policy(p->k, mode, nodes, &policy))
        return -MM_EINVAL;
    p->policy = policy;
    if (MODE_FROM(policy) == MM_MPOL_INTERLEAVE)
        p->interleaved = MM_NODES_MAX - 1;
    return 0;
}

long mm_node_of(const struct proc *p, u64 addr)
{
    const u64 *e = pgtable_find(p->mm, addr, 0), *pmd = e ? NULL : pgtable_find(p->mm, addr, 1);

    if (pmd && pmd_huge(*pmd) && pte_counted(*pmd))
        return frame_node(p->k, (pfn_t){ pte_pfn(*pmd).n + (addr >> PAGE_LG2) % PTRS_PER_TABLE });
    return e && pte_counted(*e) ? (long)frame_node(p->k, pte_pfn(*e)) : -MM_EFAULT;
}

/* Is there a page outside the nodes named?  Where none is named, any page is. */
static bool misplaced(const struct proc *p, u64 start, u64 end, u64 nodes)
{
    for (u64 va = start; va < end; va += PAGE_BYTES) {
        const long node = mm_node_of(p, va);
        if (node >= 0 && !(nodes >> node & 1))
            return true;
    }
    return false;
}

/* queue_pages_range(): mapping by mapping, is there a hole behind it, then, is a page of it elsewhere? */
static long judge_range(const struct proc *p, u64 start, u64 end, u64 nodes, bool strict)
{
    for (const struct vma *v; start < end; start = v->end) {
        if (!(v = vma_at(p->mm, start)) || (v->end < end && !vma_at(p->mm, v->end)))
            return -MM_EFAULT;
        if (strict && misplaced(p, start, v->end < end ? v->end : end, nodes))
            return -MM_EIO;
    }
    return 0;
}

long mm_mbind(struct proc *p, u64 addr, u64 len, int mode, u64 nodes, unsigned flags)
{
    const u64 end = addr + page_up(len);
    u16 policy;
    long r;

    kernel_enter(p);
    if (flags & ~(unsigned)MM_MPOL_MF_STRICT || addr & PAGE_MASK_LOW || end < addr || !make_policy(p->k, mode, nodes, &policy))
        return -MM_EINVAL;
    if (end == addr)
        return 0;
    if (mode == MM_MPOL_DEFAULT)      /* holes, and where pages are, do not matter then                                  */
        r = vma_overlap(p->mm, addr, end) ? 0 : -MM_EFAULT;
    else
        r = judge_range(p, addr, end, nodes, flags & MM_MPOL_MF_STRICT);
    if (r)
        return r;
    for (struct vma *v; addr < end && (v = vma_overlap(p->mm, addr, end)); ) {
        const u64 at = addr > v->start ? addr : v->start, stop = v->end < end ? v->end : end;
        const u64 to = (v->flags & ~VM_POLICY) | (u64)policy << VM_POLICY_SHIFT;

        r = to == v->flags ? 0 : vma_modify(&v, at, stop, to);
        if (r)
            return r;
        addr = stop;
    }
    return 0;
}

/* ---- views ------------------------------------------------------------------------------------------------------------------ */

/* Nodes as ranges: "0-1,3". */
static void put_nodes(struct text *t, u8 nodes)
{
    bool first = true;

    for (unsigned i = 0; i < MM_NODES_MAX; i++) {
        const unsigned from = i;
        if (!(nodes >> i & 1))
            continue;
        while (nodes >> (i + 1) & 1)
            i++;
        text_char(t, first ? ':' : ',');
        text_dec(t, from);
        if (i > from) {
            text_char(t, '-');
            text_dec(t, i);
        }
        first = false;
    }
}

void numa_policy_text(const struct vma *v, const struct proc *p, struct text *t)
{
    static const char *const names[] = { "default", "prefer", "bind", "interleave", "local", "prefer (many)" };
    const u16 policy = vma_policy(v) ? vma_policy(v) : p->policy;

    text_str(t, names[MODE_FROM(policy)]);
    put_nodes(t, NODES_FROM(policy));
}
