/* SPDX-License-Identifier: MIT
 * test_cpuid.c - profiles decoded from recorded CPUID dumps (cpuid/ beside this file, each with its source): what a
 * decoder must get right on real processors is one row or one test each. */
#include "probe/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *folder;
static struct mmu_profile_store store;

static struct cpuid_dump dump_of(const char *name, unsigned cpu)
{
    static char text[16384];
    struct cpuid_dump d;
    char path[512];
    FILE *f;
    size_t n;

    snprintf(path, sizeof path, "%s/%s.txt", folder, name);
    f = fopen(path, "r");
    assert_non_null(f);
    n = fread(text, 1, sizeof text, f);
    fclose(f);
    assert_true(n < sizeof text && cpuid_is_dump(text, n));
    assert_true(cpuid_read_dump(&d, text, n, cpu));
    return d;
}

static const struct mmu_profile *decode(const char *name, unsigned cpu)
{
    struct cpuid_dump d = dump_of(name, cpu);
    decode_profile(&d, "host", &store);
    assert_null(mmu_profile_unfit(&store.profile));
    return &store.profile;
}

#define D (MMU_PORT_LOAD | MMU_PORT_STORE)
#define U (MMU_PORT_I | D)
#define S4K (1 << MMU_4K)
#define S2M (1 << MMU_2M)
#define S1G (1 << MMU_1G)

static const struct mmu_tlb_desc *array(const struct mmu_profile *p, u8 level, u8 port, u8 size)
{
    for (unsigned i = 0; i < p->tlbs; i++)
        if (p->tlb[i].level == level && p->tlb[i].ports & port && p->tlb[i].sizes & size)
            return &p->tlb[i];
    fail_msg("no array of level %u, port %u, size %u", level, port, size);
    return NULL;
}

static void geometry(const struct mmu_tlb_desc *t, u32 ways, u32 sets)
{
    if (t->ways != ways || t->sets != sets)
        fail_msg("%s is %u ways of %u sets, not %u of %u", t->name, t->ways, t->sets, ways, sets);
}

static void says(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("\"%s\" does not say \"%s\"", text, what);
}

static void begins(const char *text, const char *with)
{
    if (strncmp(text, with, strlen(with)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", text, with);
}

/* ---- whole processors: the dump gives the arrays of the profile that was made from it by hand -------------------------- */

static void known_processors(void **state)
{
    static const struct { const char *dump; unsigned cpu; const char *profile; } known[] = {
        { "skylake-ht", 0, "skylake" }, { "broadwell", 0, "broadwell" }, { "icelake", 0, "icelake" },
        { "sapphirerapids", 0, "goldencove" }, { "meteorlake", 0, "redwoodcove" }, { "meteorlake", 1, "crestmont" },
        { "silvermont", 0, "silvermont" }, { "turin", 0, "zen5" }, { "genoa-vm", 0, "zen4" }, { "kabini", 0, "jaguar" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct mmu_profile *p = decode(known[i].dump, known[i].cpu), *q = mmu_profile_find(known[i].profile);
        struct cpuid_dump d = dump_of(known[i].dump, known[i].cpu);
        assert_ptr_equal(decode_nearest(&d), q);
        assert_int_equal(p->vendor, q->vendor);
        for (unsigned j = 0; j < q->tlbs; j++) {
            const struct mmu_tlb_desc *want = &q->tlb[j], *got = NULL;
            for (unsigned k = 0; k < p->tlbs; k++)
                if (!strcmp(p->tlb[k].name, want->name))
                    got = &p->tlb[k];
            if (!got)
                fail_msg("%s lacks %s", known[i].dump, want->name);
            else if (got->level != want->level || got->ports != want->ports || got->sizes != want->sizes || got->ways != want->ways ||
                     got->sets != want->sets || got->hash != want->hash || got->repl != want->repl)
                fail_msg("%s: %s is %u x %u, sizes %u", known[i].dump, got->name, got->ways, got->sets, got->sizes);
        }
        assert_int_equal(p->tlbs, q->tlbs);
        assert_int_equal(p->pscs, q->pscs);
        assert_int_equal(p->caches, 2);
        for (unsigned j = 0; j < p->caches; j++)
            if (p->cache[j].ways != q->cache[j].ways || p->cache[j].sets != q->cache[j].sets || p->cache[j].line_bytes != q->cache[j].line_bytes)
                fail_msg("%s: %s is %u x %u lines", known[i].dump, p->cache[j].name, p->cache[j].ways, p->cache[j].sets);
    }
}

/* ---- the quirks ----------------------------------------------------------------------------------------------------------- */

/* Leaf 4, which only one of the dumps has whole, and 80000005h. */
static void first_level_caches(void **state)
{
    (void)state;
    begins(decode("skylake", 0)->cache[1].source, "CPUID leaf 4; ");
    begins(decode("turin", 0)->cache[1].source, "CPUID leaf 80000005h; ");
    begins(decode("icelake", 0)->cache[1].source, "assumed, as icelake: ");
}

/* Descriptor C3h says 6 ways: true of Broadwell, while Skylake has 12. */
static void second_level_of_skylake(void **state)
{
    const struct mmu_tlb_desc *t;
    (void)state;

    t = array(decode("skylake", 0), 2, MMU_PORT_LOAD, S4K);
    geometry(t, 12, 128);
    assert_int_equal(t->hash, MMU_XOR);
    assert_int_equal(t->repl, MMU_PLRU_3X4);
    says(t->source, "C3h says 6 ways");
    t = array(decode("broadwell", 0), 2, MMU_PORT_LOAD, S4K);
    geometry(t, 6, 256);
    begins(t->source, "CPUID leaf 2 (ways: as it says)");
    geometry(array(&store.profile, 2, MMU_PORT_LOAD, S1G), 4, 4);
}

/* B5h and B6h: the instruction TLB is split between two threads, whole without Hyper-Threading. */
static void instruction_tlb_of_a_thread(void **state)
{
    (void)state;
    geometry(array(decode("skylake-ht", 0), 1, MMU_PORT_I, S4K), 8, 8);
    geometry(array(decode("skylake", 0), 1, MMU_PORT_I, S4K), 8, 16);
}

/* Leaf 18h of Golden Cove reports the load array of the core before it; later parts tell the truth. */
static void load_array_of_golden_cove(void **state)
{
    const struct mmu_tlb_desc *t = array(decode("sapphirerapids", 0), 1, MMU_PORT_LOAD, S4K);
    (void)state;

    geometry(t, 6, 16);
    says(t->source, "it says 64 entries");
    t = array(decode("meteorlake", 0), 1, MMU_PORT_LOAD, S4K);
    geometry(t, 6, 16);
    begins(t->source, "CPUID leaf 18h (ways: as it says)");
    geometry(array(decode("icelake", 0), 1, MMU_PORT_LOAD, S4K), 4, 16); /* there 64 is right */
}

/* On a hybrid processor leaf 18h belongs to the core that was asked. */
static void hybrid_cores_differ(void **state)
{
    const struct mmu_profile *p = decode("meteorlake", 0);
    (void)state;

    geometry(array(p, 2, MMU_PORT_LOAD, S2M), 8, 128);
    says(p->notes, "performance core");
    p = decode("meteorlake", 1);
    geometry(array(p, 1, MMU_PORT_LOAD, S4K), 48, 1);
    geometry(array(p, 2, MMU_PORT_LOAD, S2M), 6, 512);
    says(p->notes, "efficiency core");
    assert_null(strstr(decode("sapphirerapids", 0)->notes, "hybrid"));
}

/* Hypervisors zero leaf 18h or freeze leaf 2: nothing is invented, everything is marked. */
static void hidden_by_a_hypervisor(void **state)
{
    static const char *const dumps[] = { "sapphirerapids-vm", "skylake-qemu" }, *const nearest[] = { "goldencove", "skylake" };
    (void)state;

    for (unsigned i = 0; i < 2; i++) {
        const struct mmu_profile *p = decode(dumps[i], 0), *q = mmu_profile_find(nearest[i]);
        assert_int_equal(p->tlbs, q->tlbs);
        for (unsigned k = 0; k < p->tlbs; k++) {
            assert_int_equal(p->tlb[k].ways, q->tlb[k].ways);
            begins(p->tlb[k].source, "assumed, as ");
        }
        says(p->notes, "all arrays are assumed");
    }
    says(decode("sapphirerapids-vm", 0)->notes, "leaf 18h, which is empty");
    says(decode("genoa-vm", 0)->notes, "answered by a hypervisor");
    /* What the hypervisor left is taken; leaf 80000019h it zeroed, so 1 GiB pages are assumed. */
    begins(array(&store.profile, 1, MMU_PORT_LOAD, S4K)->source, "CPUID leaves 80000005h");
    says(array(&store.profile, 1, MMU_PORT_LOAD, S1G)->source, "pages of all sizes: assumed");
    begins(array(&store.profile, 2, MMU_PORT_LOAD, S1G)->source, "assumed, as zen4");
}

/* AMD's associativity is an encoding: 3072 entries of "8 ways" would be 384 sets. */
static void encoded_ways_of_zen(void **state)
{
    const struct mmu_tlb_desc *t = array(decode("genoa-vm", 0), 2, MMU_PORT_LOAD, S4K);
    (void)state;

    geometry(t, 24, 128);
    says(t->source, "its associativity is an encoding");
    geometry(array(&store.profile, 2, MMU_PORT_I, S4K), 4, 128);
    geometry(array(&store.profile, 1, MMU_PORT_LOAD, S4K), 72, 1);
}

/* An unknown Zen with a count no profile has: sets must still be a power of two, and the ways are marked. */
static void encoded_ways_of_an_unknown(void **state)
{
    struct cpuid_dump d = dump_of("genoa-vm", 0);
    const struct mmu_tlb_desc *t;
    (void)state;

    for (unsigned i = 0; i < d.rows; i++)
        if (d.row[i].leaf == 0x80000006)
            d.row[i].ebx = 0x6a004200; /* 2560 entries of "8 ways": 320 sets */
    decode_profile(&d, "host", &store);
    assert_null(mmu_profile_unfit(&store.profile));
    t = array(&store.profile, 2, MMU_PORT_LOAD, S4K);
    assert_int_equal(t->ways * t->sets, 2560);
    says(t->source, "no geometry");
}

/* Zen 5 counts the second level in units of 32. */
static void zen5_counts_in_32s(void **state)
{
    const struct mmu_profile *p = decode("turin", 0);
    (void)state;

    geometry(array(p, 2, MMU_PORT_LOAD, S4K), 8, 512);
    geometry(array(p, 2, MMU_PORT_I, S4K), 4, 512);
    geometry(array(p, 2, MMU_PORT_LOAD, S1G), 4, 256);
    geometry(array(p, 1, MMU_PORT_LOAD, S4K), 96, 1); /* the first level is not scaled */
}

/* Sub-leaf 0 of Ice Lake has type 0: a hole, not the end; and there is no row for 4 KiB code pages. */
static void holes_of_icelake(void **state)
{
    const struct mmu_profile *p = decode("icelake", 1);
    (void)state;

    geometry(array(p, 1, MMU_PORT_STORE, S4K), 16, 1);
    assert_int_equal(array(p, 1, MMU_PORT_STORE, S4K)->ports, MMU_PORT_STORE);
    begins(array(p, 2, U, S1G)->source, "CPUID leaf 18h");
    begins(array(p, 1, MMU_PORT_I, S4K)->source, "assumed, as icelake");
}

/* ---- the rest ---------------------------------------------------------------------------------------------------------------- */

static void bits_and_names(void **state)
{
    const struct mmu_profile *p = decode("turin", 0);
    u32 base = MMU_NX | MMU_PSE36 | MMU_PGE | MMU_PSE | MMU_PAE | MMU_PAT | MMU_LM;
    (void)state;

    assert_int_equal(p->maxphyaddr, 52);
    assert_int_equal(p->va_bits, 57);
    assert_int_equal(p->features & (base | MMU_PCID | MMU_INVPCID | MMU_SMEP | MMU_SMAP | MMU_PKU | MMU_PKS | MMU_LA57 | MMU_PDPE1GB),
                     base | MMU_PCID | MMU_INVPCID | MMU_SMEP | MMU_SMAP | MMU_PKU | MMU_LA57 | MMU_PDPE1GB);
    assert_string_equal(p->title, "AMD EPYC 9655 96-Core Processor (family 1Ah, model 02h)");
    p = decode("genoa-vm", 0);
    assert_int_equal(p->maxphyaddr, 48);
    assert_int_equal(p->va_bits, 48);
    assert_false(p->features & MMU_PKU); /* the profile zen4 has it; this machine does not say so */
    p = decode("silvermont", 0);
    assert_int_equal(p->maxphyaddr, 36);
    assert_int_equal(p->features & (MMU_SMEP | MMU_PCID | MMU_PDPE1GB), MMU_SMEP);
    p = decode("skylake", 0);
    assert_string_equal(p->title, "Intel(R) Core(TM) i5-6400T CPU @ 2.20GHz (family 06h, model 5Eh)");
}

/* A register of leaf 2 whose bit 31 is set holds no descriptors. */
static void descriptors_that_are_none(void **state)
{
    struct cpuid_dump d = dump_of("skylake", 0);
    (void)state;

    for (unsigned i = 0; i < d.rows; i++)
        if (d.row[i].leaf == 2)
            d.row[i].edx |= 1u << 31;
    decode_profile(&d, "host", &store);
    begins(array(&store.profile, 2, MMU_PORT_LOAD, S4K)->source, "assumed, as skylake");
    begins(array(&store.profile, 1, MMU_PORT_LOAD, S4K)->source, "CPUID leaf 2");
}

/* A first-level array of few entries makes the others of its pages the second level. */
static void micro_arrays(void **state)
{
    const struct mmu_profile *p = decode("silvermont", 0);
    (void)state;

    begins(array(p, 1, MMU_PORT_LOAD, S4K)->source, "CPUID leaf 2");
    geometry(array(p, 1, MMU_PORT_LOAD, S4K), 32, 1);
    begins(array(p, 2, MMU_PORT_LOAD, S4K)->source, "CPUID leaf 2");
    geometry(array(p, 2, MMU_PORT_LOAD, S4K), 4, 32);
    begins(array(p, 2, MMU_PORT_LOAD, S2M)->source, "CPUID leaf 2");
}

/* Fully associative is a code too: FFh. */
static void fully_associative(void **state)
{
    struct cpuid_dump d = dump_of("kabini", 0);
    (void)state;

    for (unsigned i = 0; i < d.rows; i++)
        if (d.row[i].leaf == 0x80000005)
            d.row[i].ebx = 0xff30ff18; /* 48 entries for data, 24 for code: no profile has these                    */
    decode_profile(&d, "host", &store);
    geometry(array(&store.profile, 1, MMU_PORT_LOAD, S4K), 48, 1);
    geometry(array(&store.profile, 1, MMU_PORT_I, S4K), 24, 1);
}

/* A model that no row knows still gives a whole profile, and says what it leans on. */
static void unknown_models(void **state)
{
    static const u32 signature[] = { 0x000f0ff0, 0x00000000, 0x0ff00ff1, 0x00b70f00 };
    (void)state;

    for (unsigned i = 0; i < 8; i++) {
        struct cpuid_dump d = dump_of(i < 4 ? "skylake" : "kabini", 0);
        for (unsigned k = 0; k < d.rows; k++)
            if (d.row[k].leaf == 1)
                d.row[k].eax = signature[i % 4];
        decode_profile(&d, "host", &store);
        assert_null(mmu_profile_unfit(&store.profile));
        if (i != 7)
            says(store.profile.notes, i == 3 ? "taken from" : "This model is not known here");
    }
}

/* Whatever the registers hold, the profile fits a machine. */
static void any_registers(void **state)
{
    static const char *const dumps[] = { "skylake", "sapphirerapids", "genoa-vm", "turin", "meteorlake" };
    u64 seed = 7;
    (void)state;

    for (unsigned i = 0; i < 20000; i++) {
        struct cpuid_dump d = dump_of(dumps[i % 5], 0);
        for (unsigned k = 0; k < d.rows; k++) {
            u32 *reg = &d.row[k].eax;
            if (d.row[k].leaf == 0)
                continue;
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if (seed >> 40 & 1)
                reg[seed >> 41 & 3] ^= (u32)(seed >> 20) >> (seed >> 43 & 31);
        }
        decode_profile(&d, "host", &store);
        if (mmu_profile_unfit(&store.profile))
            fail_msg("round %u: %s", i, mmu_profile_unfit(&store.profile));
        for (unsigned k = 0; k < store.profile.tlbs; k++)
            assert_true(store.profile.tlb[k].ports && store.profile.tlb[k].sizes);
    }
}

static void this_machine(void **state)
{
    struct cpuid_dump d;
    (void)state;

    if (!cpuid_read_host(&d, -1))
        skip();
    decode_profile(&d, "host", &store);
    assert_null(mmu_profile_unfit(&store.profile));
    assert_true(store.profile.features & MMU_LM);
    assert_false(cpuid_read_host(&d, 100000));
}

static void texts_that_are_no_dumps(void **state)
{
    static const char *const text[] = { "", "CPUID", "CPUID 00000000: 0000-", "pagewalk-profile 1\nname x\n",
                                        "CPUID 00000000: 0000000G-756E6547-6C65746E-49656E69" };
    struct cpuid_dump d;
    (void)state;

    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        assert_false(cpuid_is_dump(text[i], strlen(text[i])));
        assert_false(cpuid_read_dump(&d, text[i], strlen(text[i]), 0));
    }
    d = dump_of("icelake", 1);
    assert_int_equal(cpuid_get(&d, 1, 0).ebx, 0x01400800);
    assert_int_equal(cpuid_get(&d, 0x18, 7).ecx, 0x80);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_processors), cmocka_unit_test(first_level_caches), cmocka_unit_test(second_level_of_skylake), cmocka_unit_test(instruction_tlb_of_a_thread),
        cmocka_unit_test(load_array_of_golden_cove), cmocka_unit_test(hybrid_cores_differ), cmocka_unit_test(hidden_by_a_hypervisor),
        cmocka_unit_test(encoded_ways_of_zen), cmocka_unit_test(encoded_ways_of_an_unknown), cmocka_unit_test(zen5_counts_in_32s),
        cmocka_unit_test(holes_of_icelake), cmocka_unit_test(bits_and_names), cmocka_unit_test(unknown_models),
        cmocka_unit_test(descriptors_that_are_none), cmocka_unit_test(micro_arrays), cmocka_unit_test(fully_associative),
        cmocka_unit_test(any_registers), cmocka_unit_test(this_machine), cmocka_unit_test(texts_that_are_no_dumps) };
    if (argc < 2)
        return 2;
    folder = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
