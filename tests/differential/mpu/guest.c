/* SPDX-License-Identifier: MIT
 * guest.c - the bare-metal image on an MPS2 board: case after case it sets the MPU, makes the accesses, and tells what
 * happened in two words each, through semihosting.  run.sh compiles it with SEED, CASES, V8 and ARENA. */
#include "case.h"

#define REG(a) (*(volatile uint32_t *)(a))
#define MPU_CTRL REG(0xe000ed94)
#define MPU_RNR REG(0xe000ed98)
#define MPU_RBAR REG(0xe000ed9c)
#define MPU_RASR REG(0xe000eda0)
#define SHPR1 REG(0xe000ed18)
#define SHCSR REG(0xe000ed24)
#define CFSR REG(0xe000ed28)
#define HFSR REG(0xe000ed2c)
#define MMFAR REG(0xe000ed34)

#define BUFFER_WORDS 1024u

volatile uint32_t seen_exception;
void access(uint32_t addr, uint32_t which, uint32_t value);
int semihosting(uint32_t op, const void *argument);
void guest_main(void);

static uint32_t buffer[BUFFER_WORDS], used;
static uint32_t out_handle;

static void flush(void)
{
    const uint32_t block[] = { out_handle, (uint32_t)(uintptr_t)buffer, used * 4 };

    (void)semihosting(5, block); /* SYS_WRITE                                                                     */
    used = 0;
}

static void tell(uint32_t word)
{
    buffer[used++] = word;
    if (used == BUFFER_WORDS)
        flush();
}

static void barrier(void) { __asm__ volatile("dsb\n isb" ::: "memory"); }

static void set(const struct mpu_case *c)
{
    MPU_CTRL = 0;
    for (uint32_t n = 0; n < CASE_REGIONS; n++) {
        MPU_RNR = n;
        MPU_RASR = 0;
        MPU_RBAR = c->rbar[n];
        MPU_RASR = c->attr[n];
    }
    SHPR1 = c->shpr1;
    SHCSR = c->shcsr;
    CFSR = ~0u;
    HFSR = ~0u;
    MPU_CTRL = c->ctrl;
    barrier();
}

static void do_step(const struct mpu_case *c, const struct step *s)
{
    /* The arena is all "bx lr": what is stored changes nothing. */
    const uint32_t lg2 = s->size == 4 ? 2 : s->size == 2, value = s->addr & 1 ? 0x70477047 : 0x47704770;
    uint32_t cfsr;

    seen_exception = 0;
    __asm__ volatile("msr basepri, %0" :: "r"(c->basepri));
    if (c->primask)
        __asm__ volatile("cpsid i");
    if (c->faultmask)
        __asm__ volatile("cpsid f");
    access(s->addr, s->op * 8u + s->unprivileged * 4u + lg2, value);
    __asm__ volatile("cpsie f\n cpsie i\n msr basepri, %0" :: "r"(0));
    cfsr = CFSR;
    tell(outcome_word(seen_exception, cfsr, HFSR));
    tell(cfsr & 0x80 ? MMFAR : 0);
}

void guest_main(void)
{
    static const char terminal[] = ":tt";
    const uint32_t block[] = { (uint32_t)(uintptr_t)terminal, 4, 3 };
    static struct mpu_case c;

    out_handle = (uint32_t)semihosting(1, block); /* SYS_OPEN, standard output                                    */
    for (uint32_t i = 0; i < ARENA_BYTES / 2 + 16; i++)
        ((volatile uint16_t *)ARENA)[i] = 0x4770;
    /* Region 7: the image, for everybody, the highest number. */
    MPU_RNR = 7;
    MPU_RBAR = V8 ? IMAGE | 2 : IMAGE;
    MPU_RASR = V8 ? (IMAGE + 0xfffe0) | 1 : 3u << 24 | 19u << 1 | 1;
    for (uint32_t n = 0; n < CASES; n++) {
        case_make(&c, V8, ARENA, SEED, n);
        set(&c);
        for (uint32_t i = 0; i < c.steps; i++)
            do_step(&c, &c.step[i]);
        MPU_CTRL = 0;
        barrier();
    }
    flush();
    (void)semihosting(0x18, (const void *)0x20026); /* SYS_EXIT                                                   */
}

/* The compiler's own words. */
void *memset(void *to, int value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        ((volatile char *)to)[i] = (char)value;
    return to;
}
