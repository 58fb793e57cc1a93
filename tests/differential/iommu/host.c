/* SPDX-License-Identifier: MIT
 * host.c - the model's side of the IOMMU's comparison: makes the same cases as the guest, plays them on the model, and compares
 * with what the guest left in its memory.
 *     iommu-compare RAM SEED CASES [--full]        RAM: the file that was QEMU's memory
 * A difference has a name only if the model, changed in just the points named, gives QEMU's outcomes to the last bit.
 * Ends with "N passed, M failed"; the lines before count the named differences, and show the first without a name. */
#include "case.h"

#include "pagewalk/iommu.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* What QEMU may do otherwise. */
enum { HIT_SILENT = 1, RESERVED_LOUD = 2, PASSES_ALL = 4, PAGES_COARSE = 8, WAYS = 16 };
static const char *const names[] = {
    "a request that an IOTLB entry refuses is not recorded",
    "a reserved bit in a context entry is recorded although FPD is set",
    "a device that is passed through reaches addresses beyond the width",
    "an invalidation of pages drops the domain's entries whose page numbers have the same low 8 bits, too",
};

struct model {
    uint8_t *ram, *block;
    size_t block_bytes;
    struct iommu_config cfg;
    struct iommu *m;
    uint8_t buffer[DEVICES][4096];   /* of the devices                                                             */
};

static void write_reg(struct model *x, uint32_t reg, unsigned bytes, uint64_t v)
{
    if (!iommu_write(x->m, reg, bytes, v))
        abort();
}

static uint64_t read_reg(const struct model *x, uint32_t reg, unsigned bytes)
{
    u64 v;

    if (!iommu_read(x->m, reg, bytes, &v))
        abort();
    return v;
}

static void queue_invalidate(struct model *x, const struct step *s)
{
    const uint64_t d[2] = { 2 | (unsigned)s->inv << 4 | (uint64_t)s->domain << 16, s->at | s->mask };

    memcpy(x->ram + ARENA + QUEUE_PAGE * 4096, d, sizeof d);
    write_reg(x, IOMMU_GCMD, 4, 1u << 31 | 1u << 26);
    write_reg(x, IOMMU_IQT, 8, 16);
    write_reg(x, IOMMU_GCMD, 4, 1u << 31);
    write_reg(x, IOMMU_IQT, 8, 0);
}

static void register_invalidate(struct model *x, const struct step *s)
{
    write_reg(x, IOMMU_IVA, 8, s->at | s->mask);
    write_reg(x, IOMMU_IOTLB, 8, 1ull << 63 | (uint64_t)s->inv << 60 | (uint64_t)s->domain << 32);
}

/* The first kept page of the domain whose number agrees with the named ones in the low 8 bits, the masked ones aside. */
static bool coarse_match(const struct model *x, const struct step *s, uint64_t *iova)
{
    const uint8_t mask = (uint8_t)~((1u << s->mask) - 1);
    struct iommu_kept e;

    for (unsigned n = 0; iommu_iotlb(x->m, n, &e); n++)
        if (e.domain == s->domain && !(((e.iova ^ s->at) >> 12) & mask)) {
            *iova = e.iova;
            return true;
        }
    return false;
}

static void invalidate(struct model *x, const struct step *s, int way)
{
    struct step more = *s;

    if (s->inv == INV_NONE)
        return;
    s->by_queue ? queue_invalidate(x, s) : register_invalidate(x, s);
    more.mask = 0;
    while (way & PAGES_COARSE && s->inv == INV_PAGES && coarse_match(x, s, &more.at))
        register_invalidate(x, &more);
}

static void clear_faults(struct model *x)
{
    write_reg(x, IOMMU_FRCD + 12, 4, 1u << 31);
    write_reg(x, IOMMU_FSTS, 4, 1);
}

static void put(struct model *x, const struct store *s) { memcpy(x->ram + s->pa, &s->value, 8); }

/* The request in QEMU's way: true when it is that way's, *ok as it ends there. */
static bool other_way(struct model *x, const struct step *s, uint64_t iova, int way, bool *ok, uint64_t *pa)
{
    struct iommu_look l;
    const uint16_t source = SOURCE(s->device);

    iommu_look(x->m, source, iova, s->write ? IOMMU_WRITE : IOMMU_READ, &l);
    *ok = false;
    if (way & HIT_SILENT && l.r.by == IOMMU_BY_IOTLB && l.r.reason)
        return true;
    if (way & PASSES_ALL && l.r.reason == IOMMU_BEYOND_WIDTH && (l.context[0] >> 2 & 3) == 2) {
        *ok = true;
        *pa = iova;
        return true;
    }
    return false;
}

/* The model's own way; RESERVED_LOUD takes FPD out of the context entry for as long as it is looked at. */
static bool translate(struct model *x, const struct step *s, uint64_t iova, int way, uint64_t *pa)
{
    const enum iommu_kind kind = s->write ? IOMMU_WRITE : IOMMU_READ;
    const uint32_t context = ARENA + 4096 + SOURCE(s->device) * 16;
    const uint8_t low = x->ram[context];
    struct iommu_result r;
    struct iommu_look l;

    iommu_look(x->m, SOURCE(s->device), iova, kind, &l);
    if (way & RESERVED_LOUD && l.r.reason == IOMMU_CONTEXT_RESERVED)
        x->ram[context] = low & 0xfd;
    const bool ok = iommu_translate(x->m, SOURCE(s->device), iova, kind, &r);
    x->ram[context] = low;
    *pa = r.pa;
    return ok;
}

/* The part of a request in one page.  What is refused, or outside memory, reads as zeros to this device. */
static void piece(struct model *x, const struct step *s, uint32_t done, uint32_t bytes, int way)
{
    uint8_t *device = x->buffer[s->device] + done;
    const uint64_t iova = s->iova + done;
    uint64_t pa = 0;
    bool ok;

    if (!other_way(x, s, iova, way, &ok, &pa))
        ok = translate(x, s, iova, way, &pa);
    ok = ok && pa < RAM_BYTES && bytes <= RAM_BYTES - pa;
    if (s->write && ok)
        memcpy(x->ram + pa, device, bytes);
    else if (!s->write && ok)
        memcpy(device, x->ram + pa, bytes);
    else if (!s->write)
        memset(device, 0, bytes);
}

static uint32_t word_at(const struct model *x, uint32_t pa)
{
    uint32_t v;

    memcpy(&v, x->ram + pa, 4);
    return v;
}

static void begin(struct model *x, const struct iommu_case *c)
{
    x->m = iommu_create(x->block, x->block_bytes, &x->cfg);
    write_reg(x, IOMMU_RTADDR, 8, ARENA);
    write_reg(x, IOMMU_GCMD, 4, 1u << 30);
    write_reg(x, IOMMU_IQA, 8, ARENA + QUEUE_PAGE * 4096);
    write_reg(x, IOMMU_GCMD, 4, 1u << 31);
    for (uint32_t i = 0; i < c->stores; i++)
        put(x, &c->store[i]);
    for (uint32_t f = 0; f < FRAMES; f++)
        for (uint32_t i = 0; i < 4096; i += 4) {
            const uint32_t v = (f + 1) * 0x01010101u + i;
            memcpy(x->ram + case_frame(f) + i, &v, 4);
        }
}

static void play(struct model *x, const struct iommu_case *c, int way, struct outcome *out)
{
    begin(x, c);
    for (uint32_t i = 0; i < c->steps; i++) {
        const struct step *s = &c->step[i];
        const uint32_t here = 4096 - (uint32_t)(s->iova & 4095);

        if (s->changes)
            put(x, &s->change);
        invalidate(x, s, way);
        piece(x, s, 0, s->bytes < here ? s->bytes : here, way);
        if (s->bytes > here)
            piece(x, s, here, s->bytes - here, way);
#define WORD(pa) word_at(x, pa)
        CASE_SUM(out[i].sum, WORD);
        out[i].fsts = (uint32_t)read_reg(x, IOMMU_FSTS, 4);
        out[i].low = read_reg(x, IOMMU_FRCD, 8);
        out[i].high = read_reg(x, IOMMU_FRCD + 8, 8);
        if (s->clear)
            clear_faults(x);
    }
}

/* PV means nothing while PP is 0, and QEMU 7.2 puts ffff there. */
#define RECORD_PV (0xfffffull << 40)

/* A record keeps what a cleared fault was: only pending ones are compared as a whole. */
static bool same(const struct iommu_case *c, const struct outcome *a, const struct outcome *b)
{
    for (uint32_t i = 0; i < c->steps; i++) {
        const bool pending = a[i].high >> 63;

        if (a[i].fsts != b[i].fsts || a[i].sum != b[i].sum || b[i].high >> 63 != pending)
            return false;
        if (pending && (a[i].low != b[i].low || (a[i].high ^ b[i].high) & ~RECORD_PV))
            return false;
    }
    return true;
}

static void show(uint32_t number, const struct iommu_case *c, const struct outcome *qemu, const struct outcome *model)
{
    printf("case %u\n", number);
    for (uint32_t i = 0; i < c->stores; i++)
        printf("    %x: %llx\n", c->store[i].pa, (unsigned long long)c->store[i].value);
    for (uint32_t i = 0; i < c->steps; i++) {
        const struct step *s = &c->step[i];

        if (s->changes)
            printf("    then %x: %llx\n", s->change.pa, (unsigned long long)s->change.value);
        if (s->inv)
            printf("    invalidate %u by %s: domain %u, %llx mask %u\n", s->inv, s->by_queue ? "queue" : "register", s->domain,
                   (unsigned long long)s->at, s->mask);
        printf("    device %x %s %llx, %u bytes\n      QEMU  fsts %x record %llx %llx sum %x\n      model fsts %x record %llx %llx sum %x\n",
               SOURCE(s->device), s->write ? "writes" : "reads", (unsigned long long)s->iova, s->bytes, qemu[i].fsts,
               (unsigned long long)qemu[i].high, (unsigned long long)qemu[i].low, qemu[i].sum, model[i].fsts,
               (unsigned long long)model[i].high, (unsigned long long)model[i].low, model[i].sum);
    }
}

/* The IOMMU that QEMU says it has. */
static bool new_model(struct model *x, uint64_t cap, uint64_t ecap)
{
    x->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    x->cfg = iommu_default(x->ram, RAM_BYTES);
    x->cfg.address_bits = x->cfg.maxphyaddr = (uint8_t)((cap >> 16 & 63) + 1);
    x->cfg.large_2m = cap >> 34 & 1;
    x->cfg.large_1g = cap >> 35 & 1;
    x->cfg.snoop = ecap >> 7 & 1;
    x->cfg.pass_through = ecap >> 6 & 1;
    x->cfg.iotlb_ways = x->cfg.iotlb_sets = 16;
    x->block_bytes = iommu_bytes(&x->cfg);
    x->block = aligned_alloc(64, x->block_bytes);
    return x->ram != MAP_FAILED && x->block && (cap >> 40 & 255) == 0;
}

int main(int argc, char **argv)
{
    const bool full = argc == 5 && !strcmp(argv[4], "--full");
    uint64_t passed = 0, failed = 0, steps = 0, refused = 0, named[WAYS] = { 0 };
    static struct model x;
    struct stat st;

    if (argc < 4 || (argc > 4 && !full)) {
        fprintf(stderr, "usage: iommu-compare RAM SEED CASES [--full]\n");
        return 2;
    }
    const int fd = open(argv[1], O_RDONLY);
    const uint8_t *ram = fd < 0 || fstat(fd, &st) ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (ram == MAP_FAILED) {
        perror(argv[1]);
        return 2;
    }
    const uint32_t seed = (uint32_t)strtoul(argv[2], NULL, 0), cases = (uint32_t)strtoul(argv[3], NULL, 0);
    const uint32_t *told = (const uint32_t *)(const void *)(ram + RESULTS);
    if (!new_model(&x, told[0] | (uint64_t)told[1] << 32, told[2] | (uint64_t)told[3] << 32)) {
        printf("no model of this IOMMU\n");
        return 1;
    }
    told += 4;
    for (uint32_t n = 0; n < cases; n++) {
        struct outcome qemu[STEPS], model[STEPS];
        uint8_t before[DEVICES][4096];
        struct iommu_case c;
        int way = 0;

        case_make(&c, seed, n);
        for (uint32_t i = 0; i < c.steps; i++, told += 6, steps++) {
            qemu[i] = (struct outcome){ told[0], told[1], told[2] | (uint64_t)told[3] << 32, told[4] | (uint64_t)told[5] << 32 };
            refused += qemu[i].high >> 63;
        }
        memcpy(before, x.buffer, sizeof before);
        for (; way < WAYS; way++) {
            memcpy(x.buffer, before, sizeof before);
            play(&x, &c, way, model);
            if (same(&c, qemu, model))
                break;
        }
        if (way < WAYS) {
            passed++;
            for (int k = 0; 1 << k < WAYS; k++)
                named[k] += way >> k & 1;
            continue;
        }
        memcpy(x.buffer, before, sizeof before);
        play(&x, &c, 0, model);
        if (failed++ < 3 || full)
            show(n, &c, qemu, model);
    }
    printf("%llu requests, %llu left a fault pending\n", (unsigned long long)steps, (unsigned long long)refused);
    for (int k = 0; 1 << k < WAYS; k++)
        if (named[k])
            printf("named difference in %llu cases: %s\n", (unsigned long long)named[k], names[k]);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed != 0;
}
