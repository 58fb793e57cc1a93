/* SPDX-License-Identifier: GPL-2.0-or-later
 * check_kernel.c - `pagewalk run --check-kernel`: the host's kernel is what this process really runs on, so the model is held
 * against it while the program runs.  Compared are
 *
 *   every memory system call's result (follow_calls.c does that always)
 *   every SIGSEGV and SIGBUS: one that came though the model had none to send, and one that the model sent in vain
 *   now and then, after a system call, the lines of /proc/self/maps that are the program's, and what pagemap says of
 *   their pages: there or not, swapped, of a file or not
 *
 * A difference is one more row of diverge.c.  Not compared is what the tool lays out in its own way: the heap and the first
 * stack, the vDSO (hidden from the program), addresses (adopted), names, and which pages of files are mapped (the tool
 * reads the program's code, too): of private file mappings only the program's own copies are. */
#include "put.h"

extern Addr VG_(brk_base), VG_(brk_limit);             /* core: the heap                                       */

enum { SIGNAL_BUS = 7, SIGNAL_SEGV = 11, NR_kill = 62, NR_tkill = 200, NR_tgkill = 234 };
enum { OFTEN_AT_FIRST = 64, THEN_EVERY = 64 };         /* of the memory system calls are followed by a look    */
enum { WORDS = 512, CALL_BYTES = 72, LINE_BYTES = 80 };
#define PM_COMPARED (7ull << 61)                       /* present, swapped, of a file                          */
#define PM_FILE (1ull << 61)
#define PM_SWAP (1ull << 62)
#define STACK_MAX (64ul << 20)                         /* nothing else lies so close below the first stack     */

static Bool begins(const HChar *s, const HChar *with) { return VG_(strncmp)(s, with, VG_(strlen)(with)) == 0; }

static struct {
    ULong calls, signals, looks, lines, pages;
    struct { Int signo; Addr addr; ThreadId tid; Bool waits; } expected; /* the model sent this one            */
    Bool sent;                                         /* by the program to itself                             */
    Addr weak_low, weak_high;                          /* all pages advised FREE or PAGEOUT lie between        */
} check;

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static const HChar *signal_name(Int signo) { return signo == SIGNAL_BUS ? "SIGBUS" : "SIGSEGV"; }

/* What the model sent and the host did not, if there was time for it. */
static void settle_signal(ThreadId tid)
{
    HChar what[CALL_BYTES];
    if (!check.expected.waits || check.expected.tid != tid)
        return;
    check.expected.waits = False;
    VG_(snprintf)(what, sizeof what, "access 0x%lx", check.expected.addr);
    follow_note(cap.follower, what, "ok", signal_name(check.expected.signo));
}

/* A kernel's access to user memory ends in an error, not in a signal; it has no code. */
bool cap_check_mend(void *ctx, const struct sim_outcome *out)
{
    bool mended = cap_mend(ctx, out);
    if (mended || !cap.opt.check_kernel || !out->code)
        return mended;
    settle_signal(cap.tid);
    check.expected.signo = (Int)out->signo;
    check.expected.addr = (Addr)out->addr;
    check.expected.tid = cap.tid;
    check.expected.waits = True;
    return false;
}

void cap_check_kernel_signal(ThreadId tid, Int signo)
{
    HChar what[CALL_BYTES];
    if (!cap.opt.check_kernel || (signo != SIGNAL_BUS && signo != SIGNAL_SEGV))
        return;
    check.signals++;
    if (check.expected.waits && check.expected.tid == tid && check.expected.signo == signo) {
        check.expected.waits = False;
    } else if (!check.sent) {
        VG_(snprintf)(what, sizeof what, "instruction at 0x%lx", VG_(get_IP)(tid));
        follow_note(cap.follower, what, signal_name(signo), "ok");
    }
    check.sent = False;
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

static struct { UInt call; const UWord *args; } asked;  /* the call whose results are being compared                */

void cap_check_kernel_result(UInt call, const UWord *args)
{
    asked.call = call;
    asked.args = args;
}

static Long raw_mmap(const UWord *a)
{
    register UWord flags __asm__("r10") = a[3], fd __asm__("r8") = a[4], offset __asm__("r9") = a[5];
    Long r;
    __asm__ volatile("syscall" : "=a"(r) : "0"((Long)__NR_mmap), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(flags), "r"(fd), "r"(offset)
                     : "rcx", "r11", "memory");
    return r;
}

/* The tool's core refuses some calls before any kernel hears of them: mappings with addresses or lengths that it cannot
 * have, moves it does not know.  Where nothing would be lost, the kernel is asked itself; what it says is the host's answer. */
Bool cap_tool_refused(const HChar *modelled)
{
    const UWord *a = asked.args;
    const HChar *name;
    Long r;
    if (!cap.opt.check_kernel || !a)
        return False;
    if (asked.call == TRACE_MREMAP)
        return (a[3] & MM_MREMAP_DONTUNMAP) || !a[1];
    if (asked.call != TRACE_MMAP || (a[3] & (MM_MAP_FIXED | MM_MAP_FIXED_NOREPLACE)))
        return False;
    r = raw_mmap(a);
    if (r >= 0 || r < -4095) {
        cap_raw_syscall(__NR_munmap, (UWord)r, a[1], 0);
        return modelled[0] == '0';
    }
    name = mm_errno_name((int)-r);
    return name && modelled[0] == '-' && VG_STREQ(name, modelled + 1);
}

/* ---- mappings ---------------------------------------------------------------------------------------------------- */

/* What is compared of a line of maps, or of a part of it. */
struct piece { Addr start, end; HChar perms[5]; ULong offset, inode; };
struct lines { HChar *text; SizeT used, room; };

static void add_text(void *ctx, const char *text, unsigned long len)
{
    struct lines *l = ctx;
    while (l->used + len >= l->room)
        l->text = VG_(realloc)("pagewalk.maps", l->text, l->room = l->room ? 2 * l->room : 64 << 10);
    VG_(memcpy)(l->text + l->used, text, len);
    l->used += len;
    l->text[l->used] = 0;
}

static void read_host(struct lines *l)
{
    static HChar part[4096];
    Int fd = VG_(fd_open)("/proc/self/maps", VKI_O_RDONLY, 0), n;
    while (fd >= 0 && (n = VG_(read)(fd, part, sizeof part)) > 0)
        add_text(l, part, (unsigned long)n);
    if (fd >= 0)
        VG_(close)(fd);
}

/* "start-end perms offset dev inode   name".  False: there are no more. */
static Bool next_line(const HChar **at, struct piece *p)
{
    HChar *to;
    if (!*at || !**at)
        return False;
    *p = (struct piece){ .start = VG_(strtoull16)(*at, &to) };
    p->end = VG_(strtoull16)(to + 1, &to);
    VG_(memcpy)(p->perms, to + 1, 4);
    p->offset = VG_(strtoull16)(to + 6, &to);
    to = VG_(strchr)(to + 1, ' ');
    p->inode = (ULong)VG_(strtoll10)(to, &to);
    while (*to == ' ')
        to++;
    if (begins(to, "[v"))
        p->end = p->start;               /* the model's vDSO, which the program does not see */
    while (*to && *to != '\n')
        to++;
    *at = *to ? to + 1 : to;
    return True;
}

/* Without [low, high), which never lies in the middle of one mapping. */
static void leave_out(struct piece *p, Addr low, Addr high)
{
    if (p->start >= low && p->start < high)
        p->start = high;
    if (p->end > low && p->end <= high)
        p->end = low;
}

static Addr first_stack_end(void)
{
    static Addr end;                      /* asked while that thread lives                                      */
    if (!end)
        end = page_up(VG_(thread_get_stack_max)(1) + 1);
    return end;
}

/* The heap and the first stack: False when nothing else is left. */
static Bool comparable(struct piece *p)
{
    const Addr heap = page_up(VG_(brk_base)), top = first_stack_end();
    const NSegment *seg = VG_(am_find_nsegment)(heap);       /* more than the program asked for                  */
    leave_out(p, heap, seg && seg->kind == SkAnonC ? seg->end + 1 : page_up(VG_(brk_limit)));
    leave_out(p, top - STACK_MAX, top);
    return p->start < p->end;
}

/* The beginning of what is left of a line that is the program's; the rest of the line stays in *left. */
static Bool clients(struct piece *left, struct piece *out)
{
    while (left->start < left->end) {
        const NSegment *seg = VG_(am_find_nsegment)(left->start);
        Bool ours = seg && (seg->kind == SkAnonC || seg->kind == SkFileC || seg->kind == SkShmC);
        Addr end = seg && seg->end + 1 < left->end ? seg->end + 1 : left->end;
        if (ours && out->end == left->start && out->start < out->end)
            out->end = end;
        else if (ours && out->start < out->end)
            return True;
        else if (ours)
            *out = (struct piece){ left->start, end, "", left->offset, left->inode };
        else if (out->start < out->end)
            return True;
        if (ours)
            VG_(memcpy)(out->perms, left->perms, sizeof out->perms);
        left->offset += left->inode ? end - left->start : 0;
        left->start = end;
    }
    return out->start < out->end;
}

static Bool next_host(const HChar **at, struct piece *left, struct piece *out)
{
    do {
        *out = (struct piece){ 0 };
        while (!clients(left, out))
            if (!next_line(at, left))
                return False;
    } while (!comparable(out));
    return True;
}

static Bool next_model(const HChar **at, struct piece *out)
{
    while (next_line(at, out))
        if (comparable(out))
            return True;
    return False;
}

/* Shared memory without a name has an inode number that nobody chose. */
static Bool same(const struct piece *h, const struct piece *m)
{
    return h->start == m->start && h->end == m->end && VG_STREQ(h->perms, m->perms) &&
           (!m->inode || (h->offset == m->offset && (h->inode == m->inode || h->perms[3] == 's')));
}

static void piece_text(HChar *to, SizeT room, const struct piece *p, Bool there)
{
    if (there)
        VG_(snprintf)(to, (Int)room, "%lx-%lx %s %llx", p->start, p->end, p->perms, (ULong)(p->inode ? p->offset : 0));
    else
        VG_(snprintf)(to, (Int)room, "(nothing)");
}

/* ---- pages ------------------------------------------------------------------------------------------------------- */

/* Of files only the program's own copies are compared: which pages of the file are mapped depends on who else looked. */
static ULong compared(ULong word, const struct piece *p)
{
    word &= PM_COMPARED;
    return p->inode && (word & PM_FILE) ? 0 : word;
}

/* What was given to the kernel to take may be there, gone, or swapped out. */
static Bool in_set(Addr va, ULong host)
{
    return va >= check.weak_low && va < check.weak_high && (!host || (host & PM_SWAP));
}

static void note_weak(const UWord *args)
{
    if (args[2] != MM_MADV_FREE && args[2] != MM_MADV_PAGEOUT)
        return;
    if (!check.weak_high || args[0] < check.weak_low)
        check.weak_low = args[0];
    if (args[0] + page_up(args[1]) > check.weak_high)
        check.weak_high = args[0] + page_up(args[1]);
}

static void compare_pages(Int pagemap, const struct piece *p, const HChar *call)
{
    static ULong host[WORDS], model[WORDS];
    HChar what[CALL_BYTES * 2], was[CALL_BYTES], would[CALL_BYTES];
    const ULong pages = (p->end - p->start) >> PAGE_LG2, n = pages < WORDS ? pages : WORDS;
    /* Another part of a long mapping at each look. */
    const Addr from = p->start + (pages > n ? check.looks * WORDS % (pages - n + 1) : 0) * PAGE_BYTES;
    if (VG_(lseek)(pagemap, (Off64T)(from >> PAGE_LG2) * 8, VKI_SEEK_SET) < 0 ||
        VG_(read)(pagemap, host, (Int)(n * 8)) != (Int)(n * 8))
        return;
    mm_pagemap_read(follow_proc(cap.follower), from, (u64 *)model, n);
    check.pages += n;
    for (ULong i = 0; i < n; i++)
        if (compared(host[i], p) != compared(model[i], p) && !in_set(from + i * PAGE_BYTES, compared(host[i], p))) {
            VG_(snprintf)(what, sizeof what, "pagemap of 0x%lx after %s", (Addr)(from + i * PAGE_BYTES), call);
            VG_(snprintf)(was, sizeof was, "0x%llx", host[i] & PM_COMPARED);
            VG_(snprintf)(would, sizeof would, "0x%llx", model[i] & PM_COMPARED);
            follow_note(cap.follower, what, was, would);
            return;                       /* one of each mapping and look */
        }
}

/* ---- a look ------------------------------------------------------------------------------------------------------ */

static void look(const HChar *call)
{
    struct lines host = { 0 }, model = { 0 };
    struct piece left = { 0 }, h, m;
    const struct pw_out out = { add_text, &model };
    const HChar *at_h, *at_m;
    Int pagemap = VG_(fd_open)("/proc/self/pagemap", VKI_O_RDONLY, 0);
    HChar what[CALL_BYTES * 2], was[LINE_BYTES], would[LINE_BYTES];
    read_host(&host);
    mm_show_maps(follow_proc(cap.follower), &out);
    at_h = host.text;
    at_m = model.text;
    check.looks++;
    for (;;) {
        Bool more_h = next_host(&at_h, &left, &h), more_m = next_model(&at_m, &m);
        if (!more_h && !more_m)
            break;
        check.lines++;
        if (more_h && more_m && same(&h, &m)) {
            if (pagemap >= 0)
                compare_pages(pagemap, &h, call);
            continue;
        }
        VG_(snprintf)(what, sizeof what, "maps after %s", call);
        piece_text(was, sizeof was, &h, more_h);
        piece_text(would, sizeof would, &m, more_m);
        follow_note(cap.follower, what, was, would);
        break;                            /* what comes behind it is shifted */
    }
    if (pagemap >= 0)
        VG_(close)(pagemap);
    VG_(free)(host.text);
    VG_(free)(model.text);
}

void cap_check_kernel_call(ThreadId tid, UInt nr, const UWord *args, const HChar *memory_call)
{
    HChar call[CALL_BYTES];
    if (!cap.opt.check_kernel)
        return;
    settle_signal(tid);
    if ((nr == NR_kill || nr == NR_tkill) && (args[1] == SIGNAL_SEGV || args[1] == SIGNAL_BUS))
        check.sent = True;
    if (nr == NR_tgkill && (args[2] == SIGNAL_SEGV || args[2] == SIGNAL_BUS))
        check.sent = True;
    if (!memory_call)
        return;
    check.calls++;
    if (nr == __NR_madvise)
        note_weak(args);
    if (check.calls > OFTEN_AT_FIRST && check.calls % THEN_EVERY)
        return;
    VG_(snprintf)(call, sizeof call, "%s(0x%lx, 0x%lx, 0x%lx)", memory_call, args[0], args[1], args[2]);
    look(call);
}

void cap_check_kernel_end(void)
{
    if (!cap.opt.check_kernel || !cap.exiting)
        return;
    settle_signal(cap.tid);
    look("exit");
}

/* The nearest that the model knows. */
UInt cap_host_version(void)
{
    HChar text[64] = "";
    Int fd = VG_(fd_open)("/proc/sys/kernel/osrelease", VKI_O_RDONLY, 0), n = fd < 0 ? 0 : VG_(read)(fd, text, sizeof text - 1);
    HChar *to;
    ULong major, minor;
    if (fd >= 0)
        VG_(close)(fd);
    text[n > 0 ? n : 0] = 0;
    major = (ULong)VG_(strtoll10)(text, &to);
    minor = *to == '.' ? (ULong)VG_(strtoll10)(to + 1, &to) : 0;
    return major != 6 || !minor ? 601 : minor > 19 ? 619 : (UInt)(major * 100 + minor);
}

void cap_forget_kernel_check(void) { VG_(memset)(&check, 0, sizeof check); }

void cap_put_kernel_check(void)
{
    if (!cap.opt.check_kernel)
        return;
    put_count("check_kernel.calls", check.calls);
    put_count("check_kernel.signals", check.signals);
    put_count("check_kernel.looks", check.looks);
    put_count("check_kernel.lines", check.lines);
    put_count("check_kernel.pages", check.pages);
}
