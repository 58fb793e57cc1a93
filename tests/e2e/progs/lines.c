/* SPDX-License-Identifier: MIT
 * lines.c - accesses of every shape for l1.sh: strides, lines crossed, read-modify-writes, a copy by an instruction that
 * repeats, and more code than a first-level cache holds.  No library and a stack of its own, so that every address is the
 * linker's and two instrumentation tools see the same. */
#define N 160

static double a[N][N], b[N][N];
static unsigned char bytes[1 << 17];
char stack[1 << 14];
volatile unsigned long sum;

/* A thousand routines of 61 bytes each: most instructions stand in one line, some in two. */
__asm__(".text\n"
        "routines:\n"
        "  .rept 1000\n"
        "  .rept 10\n  .byte 0x48, 0x05, 1, 0, 0, 0\n  .endr\n" /* add $1, %rax: 6 bytes                          */
        "  ret\n"
        "  .endr\n");
extern const char routines[];

static void call_routines(int times)
{
    for (int t = 0; t < times; t++)
        for (int i = 0; i < 1000; i += 1 + t % 3) {
            const char *at = routines + i * 61;
            unsigned long rax = 0;
            __asm__ volatile("call *%1" : "+a"(rax) : "r"(at) : "cc", "memory");
            sum += rax;
        }
}

static void transpose(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            b[j][i] = a[i][j] + 1;
}

/* Eight bytes at every place of a line. */
static void crossing(void)
{
    for (unsigned long i = 0; i + 8 < sizeof bytes; i += 61)
        sum += *(volatile unsigned long *)(bytes + i);
    for (unsigned long i = 3; i + 8 < sizeof bytes; i += 4093)
        *(volatile unsigned long *)(bytes + i) = i;
}

static void modify(void)
{
    for (unsigned long i = 0; i < sizeof bytes; i += 192)
        __asm__ volatile("addb $1, %0" : "+m"(bytes[i]));
    for (unsigned long i = 0; i < sizeof bytes / 2; i += 4096)
        __asm__ volatile("lock incq %0" : "+m"(*(unsigned long *)(bytes + i + 8)));
}

static void copy(void)
{
    void *to = bytes + (1 << 16);
    const void *from = bytes;
    unsigned long n = 20000;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

/* Written first, so that no two pages begin as one frame of zeros. */
static void touch(volatile unsigned char *at, unsigned long n)
{
    for (unsigned long i = 0; i < n; i += 4096)
        at[i] = 1;
    at[n - 1] = 1;
}

__attribute__((used)) void go(void)
{
    touch((void *)a, sizeof a);
    touch((void *)b, sizeof b);
    touch(bytes, sizeof bytes);
    touch((void *)&sum, sizeof sum);
    for (int t = 0; t < 3; t++) {
        transpose();
        crossing();
        modify();
        copy();
        call_routines(4);
    }
    __asm__ volatile("syscall" : : "a"(231), "D"(0) : "rcx", "r11", "memory");
}

__asm__(".globl _start\n_start: lea stack + 16384(%rip), %rsp\n  call go\n  ud2\n");
