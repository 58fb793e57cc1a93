/* SPDX-License-Identifier: MIT
 * generate.c - makes case `number` of a seed; see case.h.  Called by guest.c and host.c, with equal results.
 *
 * First come frames of memory, then guest-physical addresses for them: below the size of the nested page the bits of the frame,
 * above it any; so no bit of one can stand in for another.  The linear address likewise.
 * What must hold: whatever an entry that is neither absent nor reserved names is a table of this case, or RAM; and under CR3 and
 * the nested root, slot 0 is FIXED's. */
#include "generate.h"

static void make_cpu(struct gen *g)
{
    struct nested_cpu *cpu = &g->c->cpu;
    u32 f = g->part->features;

    *cpu = (struct nested_cpu){
        .npt = g->p->flags & PARAMS_NPT, .five_levels = g->p->flags & PARAMS_LA57, .maxphyaddr = g->part->maxphyaddr,
        .has_1g = f & NESTED_1G, .no_2m = !(f & NESTED_2M), .ad = f & NESTED_AD && chance(g, 60),
        .modes = f & NESTED_MODES && chance(g, 50), .execute_only = f & NESTED_EXECUTE_ONLY, .info = f & NESTED_INFO,
        .nxe = chance(g, 80),
        .log_index = chance(g, 70) ? below(g, 512) : chance(g, 70) || !g->code ? below(g, 4) : 512 + below(g, 65536 - 512),
        .guest = { .amd = g->p->flags & PARAMS_NPT, .has_1g = f & PART_1G, .maxphyaddr = g->part->maxphyaddr,
                   .la57 = f & PART_LA57 && chance(g, 30), .wp = chance(g, 70), .smep = f & PART_SMEP && chance(g, 40),
                   .smap = f & PART_SMAP && chance(g, 40), .nxe = chance(g, 75) },
    };
    cpu->format = chance(g, 70) ? GUEST_LONG : 1 + (int)below(g, 3);
    cpu->pse36 = true;
    cpu->logs = cpu->ad && f & NESTED_LOGS && chance(g, 50);
    cpu->pse = cpu->format == GUEST_32 && chance(g, 70);
    if (cpu->format != GUEST_LONG)
        cpu->guest.la57 = false;
    cpu->root = fresh_table(g);
    g->c->host_wp = chance(g, 50);
}

static void fixed_in_case(struct gen *g)
{
    struct nested_cpu *cpu = &g->c->cpu;
    u64 all = cpu->npt ? P | RW | US | A : EPT_ALL | 1ull << 8;
    u64 table = cpu->root;
    for (u32 level = top_level(g);; level--) {
        u64 next = level == 2 ? fixed_page(FIXED_NESTED_PD) : level == 3 ? fixed_page(FIXED_NESTED_PDPT) : fresh_table(g);
        g->node[g->nodes++] = (struct node){ .prefix = 0, .level = (u8)level, .table = next, .entry_pa = table };
        if (level == 2) /* a word of FIXED itself */
            break;
        put_word(g, table, next | all);
        table = next;
    }
    g->node[g->nodes++] = (struct node){ .prefix = FIXED >> 21, .level = 1, .table = 0,
                                         .entry_pa = table + (FIXED >> 21) * 8 };
}

static void make_steps(struct gen *g)
{
    struct nested_case *c = g->c;
    c->steps = 1 + below(g, NESTED_STEPS);
    for (u32 i = 0; i < c->steps; i++)
        c->step[i] = (struct nested_step){
            .kind = g->code ? ORACLE_FETCH : chance(g, 50) ? ORACLE_WRITE : ORACLE_READ, .cpl = chance(g, 60) ? 3 : 0,
            .ac = chance(g, 50), .offset = (u16)(below(g, 4096 / 16) * 16), .value = next_random(&g->random) };
}

void nested_generate(const struct params *p, const struct part *part, const struct layout *l, u64 number, struct nested_case *c)
{
    struct gen g = { .random = p->seed * 0xd1342543de82ef95ull ^ number * 0xaf251af3b0f025b5ull, .p = p, .part = part,
                     .layout = l, .c = c };

    c->number = number;
    c->words = 0;
    g.first_table = below(&g, TABLE_FRAMES);
    g.code = chance(&g, 30);
    g.wild = (u32[]){ 0, 1, 3, 8 }[below(&g, 4)];
    make_cpu(&g);
    fixed_in_case(&g);
    make_guest(&g);
    make_steps(&g);
}

void nested_fixed(const struct params *p, void (*put)(void *ctx, u64 pa, u64 value), void *ctx)
{
    bool npt = p->flags & PARAMS_NPT;
    u64 all = npt ? P | RW | US | A : EPT_ALL | 1ull << 8;
    put(ctx, fixed_page(FIXED_NESTED_PDPT), fixed_page(FIXED_NESTED_PD) | all);
    put(ctx, fixed_page(FIXED_NESTED_PD) + (FIXED >> 21) * 8, FIXED | all | PS | (npt ? D : 6ull << 3 | 1ull << 9));
    put(ctx, fixed_page(FIXED_PML4), fixed_page(FIXED_PDPT) | P | RW | US | A);
    put(ctx, fixed_page(FIXED_PDPT), fixed_page(FIXED_PD) | P | RW | US | A);
    put(ctx, fixed_page(FIXED_PD), fixed_page(FIXED_PT) | P | RW | US | A);
    put(ctx, fixed_page(FIXED_PT), fixed_page(FIXED_STUBS) | P | A);
    put(ctx, fixed_page(FIXED_PT) + 8, fixed_page(FIXED_STUBS) | P | US | A);
    put(ctx, fixed_page(FIXED_PT_32), fixed_page(FIXED_STUBS) | P | A | (fixed_page(FIXED_STUBS) | P | US | A) << 32);
}
