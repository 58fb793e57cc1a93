/* SPDX-License-Identifier: MIT
 * pkeys.c - protection keys (SDM3 4.6.2): the keys of an address space and the register PKRU of each process.  Called by
 * the embedder, by mmap and mprotect (which choose a mapping's key), and by the trap.
 * Key 0 always exists.  A mapping that may only be executed gets the address space's execute-only key, allocated when
 * it is first wanted: PKRU then refuses the data accesses that page tables alone cannot.  A process that runs has its
 * PKRU in the CPU's register, else in proc.pkru.  Without the feature the calls answer EINVAL, pkey_alloc
 * ENOSPC from the second time on. */
#include "calls.h"

#define KEYS 16
#define PKRU_INIT 0x55555554u             /* every key but 0: no access                                       */
enum { KEY_NO_ACCESS = 1, KEY_NO_WRITE = 2 };

/* ---- PKRU ---------------------------------------------------------------------------------------------------------- */

static bool on_cpu(const struct proc *p, unsigned *cpu)
{
    const struct kernel *k = p->k;

    for (*cpu = 0; *cpu < k->hw.cpus; ++*cpu)
        if (k->cpu[*cpu].proc == p)
            return true;
    return false;
}

u32 mm_pkru(const struct proc *p)
{
    unsigned cpu;

    return p->k->pku && on_cpu(p, &cpu) ? (u32)p->k->hw.read_reg(p->k->hw.ctx, cpu, HW_PKRU) : p->pkru;
}

void mm_set_pkru(struct proc *p, u32 value)
{
    unsigned cpu;

    if (p->k->pku && on_cpu(p, &cpu))
        p->k->hw.write_reg(p->k->hw.ctx, cpu, HW_PKRU, value);
    p->pkru = value;
}

void pkru_init(struct proc *p) { mm_set_pkru(p, p->k->pku ? PKRU_INIT : 0); }

/* A context switch. */
void pkru_switch(struct kernel *k, unsigned cpu, struct proc *from, struct proc *to)
{
    if (!k->pku || from == to)
        return;
    if (from)
        from->pkru = (u32)k->hw.read_reg(k->hw.ctx, cpu, HW_PKRU);
    if (to)
        k->hw.write_reg(k->hw.ctx, cpu, HW_PKRU, to->pkru);
}

static unsigned rights_of(u32 pkru, unsigned key) { return pkru >> (2 * key) & 3; }

static void set_rights(struct proc *p, unsigned key, unsigned rights)
{
    mm_set_pkru(p, (mm_pkru(p) & ~(3u << (2 * key))) | rights << (2 * key));
}

/* May the process read, or write, memory with this mapping's key? */
bool pkey_allows(const struct proc *p, const struct vma *v, bool write)
{
    unsigned rights = rights_of(mm_pkru(p), vma_pkey(v));

    return !p->k->pku || !(rights & (write ? KEY_NO_ACCESS | KEY_NO_WRITE : KEY_NO_ACCESS));
}

/* ---- keys ---------------------------------------------------------------------------------------------------------- */

void pkeys_init(struct mm *mm)
{
    mm->pkeys = mm->k->pku ? 1 : 0;
    mm->exec_key = 0;
}

static int alloc_key(struct mm *mm)
{
    for (int key = 0; key < KEYS; key++)
        if (!(mm->pkeys >> key & 1)) {
            mm->pkeys |= (u16)(1u << key);
            return key;
        }
    return -1;
}

/* The execute-only key is allocated, but not the program's to use. */
static bool is_allocated(const struct mm *mm, int key)
{
    return mm->k->pku && key >= 0 && key < KEYS && (mm->pkeys >> key & 1) && (!mm->exec_key || key != mm->exec_key);
}

/* execute_only_pkey(); 0: there is none. */
unsigned pkey_execute_only(struct proc *p)
{
    struct mm *mm = p->mm;
    int key;

    if (!p->k->pku)
        return 0;
    if (!mm->exec_key) {
        key = alloc_key(mm);
        if (key <= 0)                     /* key 0, freed and found again, protects nothing */
            return 0;
        mm->exec_key = (u8)key;
        EXPLAIN(p->k, "protection key %d is the execute-only key", key);
    } else if (rights_of(mm_pkru(p), mm->exec_key) & KEY_NO_ACCESS) {
        return mm->exec_key;
    }
    set_rights(p, mm->exec_key, KEY_NO_ACCESS);
    return mm->exec_key;
}

/* arch_override_mprotect_pkey(): the key that a mapping has after mprotect.  asked -1: none was named. */
unsigned pkey_for_mprotect(struct proc *p, const struct vma *v, int prot, int asked)
{
    unsigned key;

    if (!p->k->pku)
        return 0;
    if (asked != -1)
        return (unsigned)asked;
    if ((v->flags & VM_ACCESS) == VM_EXEC && p->mm->exec_key && vma_pkey(v) == p->mm->exec_key && prot != MM_PROT_EXEC)
        return 0;
    key = prot == MM_PROT_EXEC ? pkey_execute_only(p) : 0;
    return key ? key : vma_pkey(v);
}

bool pkey_may_use(const struct proc *p, int key) { return key == -1 || is_allocated(p->mm, key); }

/* Without the feature there is one key; whoever first asks for it is refused and it is lost. */
static long refuse_key(struct mm *mm)
{
    if (mm->pkeys)
        return -MM_ENOSPC;
    mm->pkeys = 1;
    return -MM_EINVAL;
}

long mm_pkey_alloc(struct proc *p, u64 flags, u64 rights)
{
    int key;

    kernel_enter(p);
    if (flags || (rights & ~(u64)(KEY_NO_ACCESS | KEY_NO_WRITE)))
        return -MM_EINVAL;
    if (!p->k->pku)
        return refuse_key(p->mm);
    key = alloc_key(p->mm);
    if (key < 0)
        return -MM_ENOSPC;
    set_rights(p, (unsigned)key, (unsigned)rights);
    return key;
}

long mm_pkey_free(struct proc *p, int key)
{
    kernel_enter(p);
    if (!is_allocated(p->mm, key))
        return -MM_EINVAL;
    p->mm->pkeys &= (u16)~(1u << key);
    return 0;
}
