/* SPDX-License-Identifier: MIT
 * contexts.c - see batch.h.  A context is one choice of WP, SMEP, SMAP, protection keys, CPL, AC, implicit or not and
 * kind of access; each shape of the batch meets each of them, with an offset into the page that changes.  CR4.CET is 1
 * where WP=1 and SMEP=0; there the accesses of shadow stacks are made as well. */
#include "batch.h"

/* Protection-key classes: keys off, or the leaf's key with neither, AD or WD set and every other key with the
 * opposite.  User and supervisor keys are paired in two ways, so that neither register can stand in for the other. */
static uint32_t key_register(unsigned class, unsigned key)
{
    static const uint32_t own[] = { 0, 0, 1, 2 }, others[] = { 0, 0x55555555, 0, 0 };
    return (others[class] & ~(3u << 2 * key)) | own[class] << 2 * key;
}

uint64_t batch_noise(struct batch *b)
{
    b->noise ^= b->noise << 13; /* xorshift64 */
    b->noise ^= b->noise >> 7;
    b->noise ^= b->noise << 17;
    return b->noise;
}

static void every_shape(struct batch *b, struct oracle_access a)
{
    uint64_t offset;
    if (b->skip_contexts > 1 && batch_noise(b) % b->skip_contexts)
        return;
    offset = batch_noise(b) & 0xfff;
    judge_flush(b->j);
    for (unsigned i = 0; i < b->shapes; i++) {
        a.va = b->va[i] ^ offset;
        judge_access(b->j, &a, &b->path[i]);
    }
}

/* The accesses of shadow stacks, with every class of the keys once, AC=0: it must not matter, nor must SMAP. */
static void shadow_stacks(struct batch *b, bool implicit, unsigned keys)
{
    static const bool chosen[8] = { [0] = true, [3] = true, [5] = true, [6] = true };
    if (!b->j->cpu.cet || b->j->cpu.ac || !chosen[keys])
        return;
    every_shape(b, (struct oracle_access){ .kind = ORACLE_READ, .implicit = implicit, .shadow = true });
    every_shape(b, (struct oracle_access){ .kind = ORACLE_WRITE, .implicit = implicit, .shadow = true });
    if (!implicit)
        every_shape(b, (struct oracle_access){ .kind = ORACLE_WRITE, .shadow = true, .wruss = true });
}

/* n: CPL, AC, implicit. */
static void one_privilege(struct batch *b, unsigned n, unsigned keys)
{
    struct oracle_access a = { .implicit = n >> 2 & 1 };
    judge_privilege(b->j, n & 1 ? 3 : 0, n >> 1 & 1);
    for (a.kind = ORACLE_READ; a.kind <= ORACLE_FETCH; a.kind++)
        if (a.kind != ORACLE_FETCH || (!a.implicit && (keys == 0 || keys == 2)))
            every_shape(b, a); /* there are no implicit fetches, and keys do not concern fetches: off, and AD, do */
    shadow_stacks(b, a.implicit, keys);
}

static void run(struct batch *b)
{
    struct judge *j = b->j;
    struct oracle_cpu c = { .la57 = j->cpu.la57, .nxe = j->cpu.nxe };

    for (unsigned keys = 0; keys < (j->cpu.amd ? 4u : 8u); keys++) {
        unsigned user_class = keys & 3, supervisor_class = (keys + (keys >> 2)) & 3;
        c.pke = user_class != 0;
        c.pkru = key_register(user_class, b->key);
        c.pks = supervisor_class != 0 && !j->cpu.amd;
        c.pkrs = key_register(supervisor_class, b->key);
        for (unsigned n = 0; n < 64; n++) {
            c.wp = n >> 3 & 1;
            c.smep = n >> 4 & 1;
            c.smap = n >> 5 & 1;
            c.cet = c.wp && !c.smep;
            if (n % 8 == 0)
                judge_context(j, &c);
            if ((n * 7 + n / 8 + keys) % b->one_context_in == 0)
                one_privilege(b, n, keys);
        }
    }
    b->shapes = 0;
    b->key = (b->key + 5) & 15;
}

void batch_begin(struct batch *b, struct judge *j, unsigned every, unsigned one_context_in)
{
    bool la57 = j->cpu.la57;
    *b = (struct batch){ .j = j, .noise = 0x9e3779b97f4a7c15ull, .skip_shapes = 1, .top = la57 ? 4 : 3,
                         .allowed = la57 ? 3 : 5, .one_context_in = one_context_in };
    while (b->skip_shapes * b->skip_shapes < every)
        b->skip_shapes++;
    b->skip_contexts = (every + b->skip_shapes - 1) / b->skip_shapes;
}

bool batch_skips(struct batch *b)
{
    return b->skip_shapes > 1 && batch_noise(b) % b->skip_shapes;
}

void batch_add(struct batch *b, uint64_t va)
{
    b->va[b->shapes] = va;
    oracle_walk(b->j->ram, &b->j->cpu, va, &b->path[b->shapes]);
    if (++b->shapes == BATCH_SHAPES)
        run(b);
}

void batch_end(struct batch *b)
{
    run(b);
}
