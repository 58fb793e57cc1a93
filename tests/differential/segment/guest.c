/* SPDX-License-Identifier: MIT
 * guest.c - the bare-metal image: case after case it fills the tables, executes the instruction at its privilege, and tells what
 * came of it by port E9h, one line of words in base 16 each.  First "=at" and where calls return to; last "=end".  Called by
 * guest.S.  Built with SEED and CASES. */
#include "case.h"

extern const char stubs[], stub_done[], call_2_end[], call_4_end[];
extern const char load_es[], load_ss[], load_ss_0[], load_ds[], load_fs[], load_gs[];
extern const char read_1[], read_2[], read_4[], write_1[], write_2[], write_4[];
extern const char jump_2[], jump_4[], call_2[], call_4[], return_2[], return_4[];
extern uint16_t return_2_release, return_4_release;
void guest_tables(void);
void guest_run(const uint32_t *frame);
void guest_told(const uint32_t *frame);
void guest_main(void);
uint64_t idt[65];

static struct seg_case c;
static struct told told;

#define ADDRESS(name) ((uint32_t)(uintptr_t)(name))

static void put(char ch) { __asm__ volatile("outb %0, $0xe9" : : "a"(ch)); }

static void put_text(const char *s)
{
    while (*s)
        put(*s++);
}

static void put_hex(uint32_t v)
{
    int shift = 28;

    put(' ');
    while (shift && !(v >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        put("0123456789abcdef"[v >> shift & 15]);
}

static void make_idt(void)
{
    for (uint32_t v = 0; v < 65; v++) {
        const uint32_t at = v < 32 ? ADDRESS(stubs) + 16 * v : ADDRESS(stub_done);

        if (v < 32 || v == 64)
            idt[v] = (at & 0xffff) | 0x800000 | (uint64_t)(v == 64 ? 0xee00 : 0x8e00) << 32 | (uint64_t)(at >> 16) << 48;
    }
}

static uint32_t instruction(void)
{
    static const char *const loads[] = { load_es, 0, load_ss, load_ds, load_fs, load_gs };
    static const char *const accesses[] = { read_1, read_2, read_4, write_1, write_2, write_4 };

    switch (c.op) {
    case OP_LOAD: return ADDRESS(c.reg == REG_SS && !c.cpl ? load_ss_0 : loads[c.reg]);
    case OP_ACCESS: return ADDRESS(accesses[c.bytes / 2 + (c.write ? 3 : 0)]);
    case OP_JUMP: return ADDRESS(c.bytes == 2 ? jump_2 : jump_4);
    case OP_CALL: return ADDRESS(c.bytes == 2 ? call_2 : call_4);
    default:
        return_2_release = return_4_release = c.release;
        return ADDRESS(c.bytes == 2 ? return_2 : return_4);
    }
}

void guest_told(const uint32_t *f)
{
    const uint32_t outer = f[8] & 3;

    told = (struct told){ .vector = f[5], .error = f[6], .cs = f[8], .value = c.op == OP_ACCESS && !c.write ? f[0] : 0 };
    told.ip = f[8] != OWN_CODE(c.cpl) ? f[7] : 0;
    told.ss = outer ? f[11] & 0xffff : OWN_DATA(0);
    told.sp = outer ? f[10] : (uint32_t)(uintptr_t)&f[10];
    told.ds_es = (f[4] & 0xffff) | f[3] << 16;
    told.fs_gs = (f[2] & 0xffff) | f[1] << 16;
    told.stack = case_digest_stack(0, told.ss, told.sp);
    told.tables = case_digest_tables(0);
}

static void play(void)
{
    uint32_t pointer[2] = { c.offset, c.selector }, flat = OWN_DATA(3), at = case_base(0, c.selector) + c.offset;
    uint32_t frame[8] = { 0, OWN_CODE(c.cpl), 2, OUTER_SP, OWN_DATA(c.cpl), c.selector, 0, 0 };

    if (c.bytes == 2)
        pointer[0] = (c.offset & 0xffff) | c.selector << 16;
    frame[0] = instruction();
    frame[6] = c.op >= OP_JUMP ? ADDRESS(pointer) : c.offset;
    frame[7] = c.op == OP_ACCESS && c.write ? 0x76543210 : 0;
    __asm__ volatile("movl %0, %%ds\n movl %0, %%es\n movl %0, %%fs\n movl %0, %%gs" : : "r"(flat) : "memory");
    guest_run(frame);
    if (c.op == OP_ACCESS && c.write && told.vector == 0x40) {
        told.value = case_word(0, at);
        case_restore(0, at);
    }
}

void guest_main(void)
{
    for (uint32_t at = PADS; at < PADS + 0x1800; at += 2) {
        *(volatile uint16_t *)(uintptr_t)at = 0x40cd;
        *(volatile uint16_t *)(uintptr_t)(at + 0x10000) = 0x40cd;
    }
    case_begin(0);
    make_idt();
    guest_tables();
    put_text("=at");
    put_hex(ADDRESS(call_2_end));
    put_hex(ADDRESS(call_4_end));
    put('\n');
    for (uint32_t n = 0; n < CASES; n++) {
        case_make(&c, SEED, n);
        case_set(0, &c);
        play();
        put('=');
        for (uint32_t i = 0; i < TOLD_WORDS; i++)
            put_hex(((const uint32_t *)&told)[i]);
        put('\n');
    }
    put_text("=end\n");
    __asm__ volatile("outb %0, %1" : : "a"((char)0), "Nd"((uint16_t)0xf4));
    for (const char *s = "Shutdown"; *s; s++)
        __asm__ volatile("outb %0, %1" : : "a"(*s), "d"((uint16_t)0x8900));
    for (;;)
        __asm__ volatile("hlt");
}

/* The compiler may call these. */
void *memcpy(void *to, const void *from, unsigned n)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memset(void *to, int ch, unsigned n)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(ch) : "memory");
    return start;
}
