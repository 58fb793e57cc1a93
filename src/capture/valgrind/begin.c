/* SPDX-License-Identifier: GPL-2.0-or-later
 * begin.c - execve, as the kernel would have done it, before the program's first instruction.
 *
 * Valgrind has loaded the program itself.  Here its mappings are given to the model, and the page faults are taken that
 * execve takes on the program's behalf, in the kernel's order: the argument pages, the tails of .bss that are cleared,
 * the tables on the stack (docs/linux-facts.md). */
#include "cap.h"
#include "l1.h"

extern Addr VG_(brk_base);              /* core: where the data segment begins */

#define INITIAL_STACK_EXTRA_BYTES 0x20000ul  /* setup_arg_pages() maps 128 KiB below what it filled */

enum { AT_PHDR = 3, AT_PHNUM = 5, AT_BASE = 7, AT_ENTRY = 9, PT_LOAD = 1 };
struct elf_header { UChar ident[16]; UShort type, machine; UInt version; ULong entry, phoff, shoff; UInt flags; UShort ehsize, phentsize, phnum; };
struct elf_segment { UInt type, flags; ULong offset, vaddr, paddr, filesz, memsz, align; };

/* ---- mappings ------------------------------------------------------------------------------------------------ */

static void must(const struct trace_event *e)
{
    if (!cap_event(e))
        VG_(tool_panic)("the model refused the program's start");
}

static void map_program(Addr sp)
{
    Addr starts[512];
    Int n = VG_(am_get_segment_starts)(SkFileC | SkAnonC | SkShmC, starts, 512);
    tl_assert(n > 0);
    for (Int i = 0; i < n; i++) {
        const NSegment *seg = VG_(am_find_nsegment)(starts[i]);
        if (seg->kind == SkAnonC && page_up(VG_(brk_base)) >= seg->start && page_up(VG_(brk_base)) <= seg->end)
            continue;                            /* the heap: grows by brk */
        if (seg->start <= sp && sp <= seg->end)
            must(&(struct trace_event){ .type = TRACE_STACK, .word = { page_down(sp) - INITIAL_STACK_EXTRA_BYTES, seg->end + 1 } });
        else if (!cap_map_piece(seg, seg->start, seg->end + 1))
            VG_(tool_panic)("the model refused a mapping of the program's start");
    }
    cap_event1(TRACE_BRK, VG_(brk_base));
}

/* ---- the faults of execve -------------------------------------------------------------------------------------- */

static UWord aux_value(Addr sp, UWord type)
{
    UWord *w = (UWord *)sp;
    w += 1 + w[0] + 1;
    while (*w)
        w++;
    for (w++; w[0]; w += 2)
        if (w[0] == type)
            return w[1];
    return 0;
}

/* Where the .bss of a loaded object begins inside a page of its file, the rest of that page is cleared. */
static void clear_bss_tails(const struct elf_segment *ph, UInt n, Addr bias)
{
    for (UInt i = 0; i < n; i++) {
        Addr bss = bias + ph[i].vaddr + ph[i].filesz;
        if (ph[i].type == PT_LOAD && ph[i].memsz > ph[i].filesz && (bss & PAGE_MASK_LOW))
            cap_kernel_touch(bss, PAGE_BYTES - (bss & PAGE_MASK_LOW), True);
    }
}

static Addr load_bias(Addr phdr, UInt n)
{
    const struct elf_segment *ph = (const struct elf_segment *)phdr;
    for (UInt i = 0; i < n; i++)
        if (ph[i].type == PT_LOAD && ph[i].offset == 0)
            return page_down(phdr) - ph[i].vaddr;  /* headers lie in the first page of the file */
    return 0;
}

/* ---- the vDSO -------------------------------------------------------------------------------------------------- *
 * Valgrind hides it from the program, so that its own C library calls are real system calls.  Natively the loader reads
 * its first page, and the first look at a clock its data page: both are faults (docs/linux-facts.md, 3).  The model gets
 * the mappings below the lowest address Valgrind gives to mappings, and the faults when they would have come. */
#define VDSO_END 0x4000000ul
#define VDSO (VDSO_END - 2 * PAGE_BYTES)
#define VVAR (VDSO - 6 * PAGE_BYTES)

static void map_vdso(void)
{
    struct trace_event vvar = { .type = TRACE_SPECIAL, .word = { VVAR, 6 * PAGE_BYTES, MM_PROT_READ }, .text = "[vvar]", .text_bytes = 6 },
                       vdso = { .type = TRACE_SPECIAL, .word = { VDSO, 2 * PAGE_BYTES, MM_PROT_READ | MM_PROT_EXEC }, .text = "[vdso]", .text_bytes = 6 };
    if (cap_event(&vvar) && cap_event(&vdso))
        cap_kernel_touch(VDSO, 1, False);
}

void cap_clock_read(void)
{
    static Bool before;
    if (before)
        return;
    before = True;
    cap_kernel_touch(VVAR, 1, False);
}

static Addr first_string(Addr sp)
{
    UWord *w = (UWord *)sp;
    return w[0] ? w[1] : sp;                     /* argv[0] */
}

static void exec_faults(Addr sp)
{
    const NSegment *stack = VG_(am_find_nsegment)(sp);
    Addr strings = first_string(sp), phdr = aux_value(sp, AT_PHDR), base = aux_value(sp, AT_BASE);
    cap_kernel_touch(strings, stack->end + 1 - strings, True);
    if (phdr) {
        UInt n = (UInt)aux_value(sp, AT_PHNUM);
        clear_bss_tails((const struct elf_segment *)phdr, n, load_bias(phdr, n));
    }
    if (base) {
        const struct elf_header *h = (const struct elf_header *)base;
        clear_bss_tails((const struct elf_segment *)(base + h->phoff), h->phnum, base);
    }
    cap_kernel_touch(sp, strings - sp, True);
}

void cap_begin(ThreadId tid)
{
    Addr sp = cap_lay_out_stack(tid, VG_(get_SP)(tid));
    map_program(sp);
    cap_event(&(struct trace_event){ .type = TRACE_RUN });
    mmu_bind_marks(cap.mmu, 0, &cap_marks);
    cap_l1_switch();
    cap.running = True;
    cap.entry = aux_value(sp, AT_ENTRY);
    exec_faults(sp);
    map_vdso();
}
