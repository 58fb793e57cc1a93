/* SPDX-License-Identifier: MIT
 * guest.c - the bare-metal image: case after case it writes the tables, invalidates, lets an edu device do DMA, and puts what
 * happened into memory, which the host reads as a file when QEMU has ended.  run.sh compiles it with SEED and CASES.
 *
 * edu moves bytes between a buffer of its own (4 KiB at 0x40000) and memory 100 ms after it was told to: with -icount and
 * sleep=off virtual time jumps there while the processor halts. */
#include "case.h"

#define REG4(a) (*(volatile uint32_t *)(a))
#define VTD 0xfed90000u
#define APIC 0xfee00000u
#define TICKS 101000000u             /* of the APIC's timer, one ns each                                           */

void guest_main(void);

static uint32_t edu[DEVICES], *told = (uint32_t *)RESULTS;
static uint32_t queue_tail, ticket;

static void out4(uint16_t port, uint32_t v) { __asm__ volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
static uint32_t in4(uint16_t port)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static void out1(uint16_t port, uint8_t v) { __asm__ volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }

static void pci_write(uint32_t slot, uint32_t at, uint32_t v)
{
    out4(0xcf8, 0x80000000u | slot << 11 | at);
    out4(0xcfc, v);
}
static uint32_t pci_read(uint32_t slot, uint32_t at)
{
    out4(0xcf8, 0x80000000u | slot << 11 | at);
    return in4(0xcfc);
}

/* One store of 8 bytes: a register of the IOMMU or of a device. */
static void store8(uint32_t to, uint64_t v)
{
    __asm__ volatile("movq %1, %%mm0\n movq %%mm0, %0\n emms" : "=m"(*(volatile uint64_t *)to) : "m"(v) : "mm0");
}

static uint64_t load8(uint32_t from) { return REG4(from) | (uint64_t)REG4(from + 4) << 32; }

static void vtd_command(uint32_t v)
{
    REG4(VTD + 0x18) = v;
}

static void submit(uint64_t low, uint64_t high)
{
    const uint32_t at = ARENA + QUEUE_PAGE * 4096 + queue_tail;

    *(volatile uint64_t *)at = low;
    *(volatile uint64_t *)(at + 8) = high;
    queue_tail = (queue_tail + 16) % 4096;
}

static void queue_run(void)
{
    submit(5 | 1 << 5 | (uint64_t)++ticket << 32, ARENA + STATUS_PAGE * 4096);
    store8(VTD + 0x88, queue_tail);
    while (REG4(ARENA + STATUS_PAGE * 4096) != ticket)
        ;
}

/* Queued invalidation on or off; the other way is by register. */
static void queue_on(int on)
{
    vtd_command(0x80000000u | (on ? 1u << 26 : 0));
    if (on)
        queue_tail = 0;
    if (!on)
        store8(VTD + 0x88, 0);
}

static void invalidate(uint32_t granularity, uint32_t domain, uint64_t at, uint32_t mask, int by_queue)
{
    if (by_queue) {
        queue_on(1);
        submit(2 | granularity << 4 | domain << 16, at | mask);
        queue_run();
        queue_on(0);
    } else {
        store8(VTD + 0xf0, at | mask);
        store8(VTD + 0xf8, 1ull << 63 | (uint64_t)granularity << 60 | (uint64_t)domain << 32);
    }
}

static void invalidate_all(void)
{
    store8(VTD + 0x28, 1ull << 63 | 1ull << 61);
    invalidate(1, 0, 0, 0, 0);
}

static void clear_faults(void)
{
    REG4(VTD + 0x22c) = 1u << 31;
    REG4(VTD + 0x34) = 1;
}

static void dma(const struct step *s)
{
    const uint32_t e = edu[s->device];

    store8(e + (s->write ? 0x80 : 0x88), 0x40000);
    store8(e + (s->write ? 0x88 : 0x80), s->iova);
    store8(e + 0x90, s->bytes);
    store8(e + 0x98, s->write ? 3 : 1);
    REG4(APIC + 0x380) = TICKS;
    while (REG4(e + 0x98) & 1)
        __asm__ volatile("sti\n hlt\n cli" ::: "memory");
    REG4(APIC + 0x380) = 0;
}

#define WORD(pa) (*(volatile uint32_t *)(pa))

static void tell(void)
{
    const uint64_t low = load8(VTD + 0x220), high = load8(VTD + 0x228);
    uint32_t sum;

    CASE_SUM(sum, WORD);
    *told++ = REG4(VTD + 0x34);
    *told++ = sum;
    *told++ = (uint32_t)low;
    *told++ = (uint32_t)(low >> 32);
    *told++ = (uint32_t)high;
    *told++ = (uint32_t)(high >> 32);
}

static void put(const struct store *s) { *(volatile uint64_t *)s->pa = s->value; }

static void do_case(const struct iommu_case *c)
{
    for (uint32_t i = 0; i < c->stores; i++)
        put(&c->store[i]);
    for (uint32_t f = 0; f < FRAMES; f++) /* a frame says which it is                                               */
        for (uint32_t i = 0; i < 4096; i += 4)
            WORD(case_frame(f) + i) = (f + 1) * 0x01010101u + i;
    invalidate_all();
    clear_faults();
    for (uint32_t i = 0; i < c->steps; i++) {
        const struct step *s = &c->step[i];

        if (s->changes)
            put(&s->change);
        if (s->inv != INV_NONE)
            invalidate(s->inv, s->domain, s->at, s->mask, s->by_queue);
        dma(s);
        tell();
        if (s->clear)
            clear_faults();
    }
}

static void devices(void)
{
    for (uint32_t d = 0; d < DEVICES; d++) {
        pci_write(FIRST_SLOT + d, 4, pci_read(FIRST_SLOT + d, 4) | 6); /* memory, bus master                       */
        edu[d] = pci_read(FIRST_SLOT + d, 0x10) & ~15u;
    }
}

void guest_main(void)
{
    static struct iommu_case c;

    out1(0x21, 0xff);
    out1(0xa1, 0xff);
    REG4(APIC + 0xf0) = 0x1ff;
    REG4(APIC + 0x3e0) = 11; /* by 1 */
    REG4(APIC + 0x320) = 0x40;
    devices();
    *told++ = REG4(VTD + 0x08);
    *told++ = REG4(VTD + 0x0c);
    *told++ = REG4(VTD + 0x10);
    *told++ = REG4(VTD + 0x14);
    store8(VTD + 0x20, ARENA);
    vtd_command(1u << 30);
    store8(VTD + 0x90, ARENA + QUEUE_PAGE * 4096);
    vtd_command(1u << 31);
    for (uint32_t n = 0; n < CASES; n++) {
        case_make(&c, SEED, n);
        do_case(&c);
    }
    out4(0xf4, 0); /* isa-debug-exit */
}

/* The compiler's own words. */
void *memset(void *to, int value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        ((volatile char *)to)[i] = (char)value;
    return to;
}
void *memcpy(void *to, const void *from, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}
