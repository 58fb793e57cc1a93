/* SPDX-License-Identifier: MIT
 * kernel.c - creating a kernel inside the embedder's block, and its small services.
 *
 *   block:  struct kernel | one struct frame a frame | heap (vmas, chains, files ...)
 * All three are touched only as far as they are used. */
#include "calls.h"

#define ALIGN 64ull
#define HEAP_MIN (4ull << 10)
#define HEAP_MAX (2ull << 30)            /* a handle times 16 must fit the reverse map's 27 bits of handle        */

void kernel_config_init(struct kernel_config *cfg)
{
    *cfg = (struct kernel_config){ .version = 618, .fault_around_bytes = 65536,
                                   .readahead_bytes = 131072, .mmap_min_addr = 65536,
                                   .max_map_count = 65530, .rlimit_stack_bytes = 8ull << 20,
                                   .rlimit_data_bytes = ~(u64)0, .rlimit_as_bytes = ~(u64)0,
                                   .rlimit_memlock_bytes = ~(u64)0, .thp = MM_THP_MADVISE, .overcommit_ratio = 50,
                                   .anon_names = true, .memory_failure = true };
}

static u64 align_up(u64 n) { return (n + ALIGN - 1) & ~(ALIGN - 1); }
static u64 frames_bytes(const struct hw *hw) { return align_up((hw->ram_bytes >> PAGE_LG2) * sizeof(struct frame)); }

size_t kernel_bytes(const struct hw *hw, const struct kernel_config *cfg)
{
    u64 heap = (128ull << 20) + hw->ram_bytes / 32;
    return ALIGN + align_up(sizeof(struct kernel)) + frames_bytes(hw) + align_up(swap_bytes(cfg)) + (heap < HEAP_MAX ? heap : HEAP_MAX);
}

static u32 version_of(const struct kernel_config *cfg) { return cfg->version ? cfg->version : 618; }

static bool acceptable(const struct hw *hw, const struct kernel_config *cfg)
{
    u32 around = cfg->fault_around_bytes;
    struct quirks q;

    return hw->cpus >= 1 && hw->cpus <= MAX_CPUS && !(hw->ram_bytes & PAGE_MASK_LOW) &&
           hw->ram_bytes >> PAGE_LG2 >= 16 && hw->ram_bytes >> PAGE_LG2 < NO_FRAME && around >= PAGE_BYTES &&
           around <= PMD_BYTES && !(around & (around - 1)) && kver_load(&q, version_of(cfg));
}

static void start_cpus(struct kernel *k)
{
    for (unsigned cpu = 0; cpu < k->hw.cpus; cpu++) {
        u64 cr4 = k->hw.read_reg(k->hw.ctx, cpu, HW_CR4) | X86_CR4_PAE;
        cr4 |= (X86_CR4_PGE | X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE) & k->hw.cr4_allowed;
        cr4 |= k->pcid ? X86_CR4_PCIDE : 0;
        k->hw.write_reg(k->hw.ctx, cpu, HW_CR4, cr4);
        k->hw.write_reg(k->hw.ctx, cpu, HW_EFER, k->hw.read_reg(k->hw.ctx, cpu, HW_EFER) | X86_EFER_NXE);
        k->hw.write_reg(k->hw.ctx, cpu, HW_CR0, k->hw.read_reg(k->hw.ctx, cpu, HW_CR0) | X86_CR0_WP);
    }
}

struct kernel *kernel_create(void *block, size_t block_bytes, const struct hw *hw, const struct kernel_config *cfg)
{
    u64 skew = -(u64)(uintptr_t)block & (ALIGN - 1);
    u64 swap_at_bytes = skew + align_up(sizeof(struct kernel)) + frames_bytes(hw);
    u64 heap_at_bytes = swap_at_bytes + align_up(swap_bytes(cfg)), heap;
    u8 *base = (u8 *)block + skew;
    struct kernel *k = (struct kernel *)(void *)base;

    if (!acceptable(hw, cfg) || block_bytes < heap_at_bytes + HEAP_MIN)
        return NULL;
    heap = block_bytes - heap_at_bytes;
    memset(k, 0, sizeof *k);
    k->hw = *hw;
    k->cfg = *cfg;
    kver_load(&k->q, version_of(cfg));
    k->totalram = cfg->totalram_bytes ? cfg->totalram_bytes : hw->ram_bytes;
    k->actor = &k->nobody;
    heap_init(&k->heap, (u8 *)block + heap_at_bytes, heap < HEAP_MAX ? heap : HEAP_MAX);
    frames_init(k, (struct frame *)(void *)(base + align_up(sizeof *k)));
    k->idle_top = table_alloc(k);         /* frame 0, so that 0 can mean "none" elsewhere */
    k->zero = frames_alloc(k, 0, FRAME_RESERVED);
    k->vdso = frames_alloc(k, 0, FRAME_FILE);
    k->huge_zero = PFN_NONE;
    k->pku = hw->cr4_allowed & X86_CR4_PKE;
    k->pcid = (hw->cr4_allowed & X86_CR4_PCIDE) && !cfg->no_pcid;
    k->kpti = cfg->kpti;
    k->dirty_bits = X86_PTE_D | (cfg->soft_dirty ? PTE_SOFT_DIRTY : 0);
    k->new_flags = cfg->soft_dirty ? VM_SOFTDIRTY : 0;
    swap_init(k, (u8 *)block + swap_at_bytes);
    pools_init(k);
    thp_init(k);
    start_cpus(k);
    pcid_init(k);
    return k;
}

void kernel_fail_allocation(struct kernel *k, u64 nth) { k->fail_in = nth; }
bool kernel_allocation_failed(const struct kernel *k) { return !k->fail_in; }

/* Without memory pressure only khugepaged runs in the background. */
void kernel_tick(struct kernel *k) { khugepaged_tick(k); }

void kernel_on_fault(struct kernel *k, void (*fn)(void *ctx, struct proc *p, u64 addr, const struct mm_trap_result *r),
                     void *ctx)
{
    k->on_fault = fn;
    k->on_fault_ctx = ctx;
}

void kernel_on_shootdown(struct kernel *k, void (*fn)(void *ctx, struct proc *p, u64 start, u64 end, unsigned ipis), void *ctx)
{
    k->on_shootdown = fn;
    k->on_shootdown_ctx = ctx;
}

void kernel_explain(struct kernel *k, const struct pw_out *out)
{
    k->explain = out ? *out : (struct pw_out){ 0 };
}

/* One line: %x hexadecimal with 0x, %d decimal, %s the address of a string. */
void explain_line(struct kernel *k, const char *format, const u64 *args)
{
    struct text t = { .len = 0 };

    for (const char *c = format; *c; c++) {
        if (*c != '%') {
            text_char(&t, *c);
            continue;
        }
        switch (*++c) {
        case 'x': text_0x(&t, *args++); break;
        case 'd': text_dec(&t, *args++); break;
        default: text_str(&t, (const char *)(uintptr_t)*args++); break;
        }
    }
    text_char(&t, '\n');
    text_emit(&t, &k->explain);
}

static const struct { u8 number; const char *name; } errno_names[] = {
    { MM_EPERM, "EPERM" }, { MM_ENOENT, "ENOENT" }, { MM_EINTR, "EINTR" }, { MM_EIO, "EIO" }, { MM_EBADF, "EBADF" },
    { MM_EAGAIN, "EAGAIN" }, { MM_ENOMEM, "ENOMEM" }, { MM_EACCES, "EACCES" }, { MM_EFAULT, "EFAULT" },
    { MM_EBUSY, "EBUSY" }, { MM_EEXIST, "EEXIST" }, { MM_ENODEV, "ENODEV" }, { MM_EINVAL, "EINVAL" }, { MM_ENOTTY, "ENOTTY" },
    { MM_EFBIG, "EFBIG" }, { MM_ENOSPC, "ENOSPC" }, { MM_ENOSYS, "ENOSYS" }, { MM_EOVERFLOW, "EOVERFLOW" },
    { MM_EOPNOTSUPP, "EOPNOTSUPP" },
};

const char *mm_errno_name(int err)
{
    for (size_t i = 0; i < COUNT_OF(errno_names); i++)
        if (errno_names[i].number == err)
            return errno_names[i].name;
    return NULL;
}
