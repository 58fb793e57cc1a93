/* SPDX-License-Identifier: MIT
 * pack.c - reads the ring (ring.h), drops the accesses that can change nothing (format.h), and has the rest written down
 * (encode.c).  Runs in a process of its own beside the program.
 *
 * Which accesses can be dropped: a translation that was looked up last in an array is the most recently used of its
 * set, whatever the sets, and looking it up again changes nothing.  Arrays belong to a side, or to loads or stores
 * alone; so both the last access of the side and the last access of the kind must have been to the page.  Events may change
 * what is cached: after one, the next access is kept. */
#include "trace/pack.h"
#include "trace/encode.h"

#include "base/check.h"
#include "pagewalk/mmu.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct slot { u64 ip; s32 from_first; u32 place; u16 size_bytes; u8 kind, flags; };
struct block { u32 slots; struct slot slot[]; };

struct packer {
    struct encoder *e;
    struct block **block;
    u64 blocks_room;
    u64 last[3];                 /* page of the last access of each kind; ~0: none                                 */
    u64 last_data;               /* page of the last load or store                                                 */
    bool bad;                    /* the ring held what cannot be                                                   */
};

static void forget_last(struct packer *p) { p->last[0] = p->last[1] = p->last[2] = p->last_data = ~(u64)0; }

/* ---- accesses ------------------------------------------------------------------------------------------------------ */

static inline void fetched(struct packer *p, const struct slot *s, u64 va)
{
    u64 page = va >> PAGE_LG2;
    if (p->last[MMU_FETCH] != page)
        encode_access(p->e, s->place, page, false);
    p->last[MMU_FETCH] = page;
}

static inline void access_made(struct packer *p, const struct slot *s, u64 va)
{
    u64 page = va >> PAGE_LG2;
    bool crosses = (va & PAGE_MASK_LOW) + s->size_bytes > PAGE_BYTES;
    if (RARE(s->kind == MMU_FETCH)) {
        fetched(p, s, va);
        return;
    }
    if (p->last_data == page && p->last[s->kind] == page && !crosses)
        return;
    encode_access(p->e, s->place, page, crosses);
    p->last_data = p->last[s->kind] = page + crosses;
}

/* The words of one block; where the next thing in the chunk begins. */
static u64 *block_ran(struct packer *p, const struct block *b, u64 *w, const u64 *end)
{
    const struct slot *s = b->slot, *last = s + b->slots;
    u64 first = 0;
    if (LIKELY(s < last && s->flags & RING_SLOT_FETCH)) {
        fetched(p, s, s->ip);
        s++;
    }
    for (; s < last; s++) {
        if (s->flags & RING_SLOT_MEMBER) {
            access_made(p, s, first + (u64)(s64)s->from_first);
        } else {
            if (w >= end || *w >> 63)
                break;
            first = *w;
            *w++ = 0;
            if (first != RING_SKIPPED)
                access_made(p, s, first);
        }
    }
    return w;
}

/* ---- definitions ------------------------------------------------------------------------------------------------------ */

static struct block *new_block(struct packer *p, const u64 *w, u64 slots)
{
    struct block *b = calloc(1, sizeof *b + slots * sizeof b->slot[0]);
    const struct ring_slot *from = (const struct ring_slot *)w;
    if (!b)
        return NULL;
    b->slots = (u32)slots;
    for (u64 i = 0; i < slots; i++)
        b->slot[i] = (struct slot){ .ip = from[i].ip, .from_first = from[i].from_first, .size_bytes = from[i].size_bytes, .kind = from[i].kind,
                                    .place = encode_place(p->e, from[i].ip, from[i].kind), .flags = from[i].flags };
    return b;
}

static bool room_for(struct packer *p, u64 number)
{
    u64 room = p->blocks_room ? p->blocks_room : 1 << 16;
    struct block **more;
    while (room <= number)
        room *= 2;
    if (room == p->blocks_room)
        return true;
    more = realloc(p->block, room * sizeof *more);
    if (!more)
        return false;
    memset(more + p->blocks_room, 0, (room - p->blocks_room) * sizeof *more);
    p->block = more;
    p->blocks_room = room;
    return true;
}

static u64 *define(struct packer *p, u64 *w)
{
    u64 number = *w & ~RING_TAG_MASK, slots = w[1];
    if (number >> 32 || slots > RING_CHUNK_WORDS / RING_SLOT_WORDS || !room_for(p, number) || !(p->block[number] = new_block(p, w + 2, slots)))
        p->bad = true;
    memset(w, 0, (2 + slots * RING_SLOT_WORDS) * 8);
    return w + 2 + slots * RING_SLOT_WORDS;
}

/* ---- events ------------------------------------------------------------------------------------------------------------- */

static u64 *event(struct packer *p, u64 *w, bool mend)
{
    struct trace_event e = { .type = (u32)(*w & 0xffff), .text_bytes = (u32)(*w >> 32 & 0xffff) };
    unsigned words = trace_words(e.type);
    u64 *end = w + 1 + words + (e.text_bytes + 7) / 8;
    mend = mend || (*w & RING_MEND);
    memcpy(e.word, w + 1, words * 8);
    e.text = (const char *)(w + 1 + words);
    encode_event(p->e, &e, mend);
    if (e.type != TRACE_LINE)
        forget_last(p);
    memset(w, 0, (size_t)(end - w) * 8);
    return end;
}

/* Those of the tail that happened before the word at `here`. */
static u64 *mends_before(struct packer *p, u64 *mend, const u64 *tail_end, u64 here)
{
    while (mend < tail_end && *mend <= here) {
        *mend = 0;
        mend = event(p, mend + 1, true);
    }
    return mend;
}

static void chunk(struct packer *p, u64 *w, u64 words, u64 tail)
{
    u64 *start = w, *end = w + tail, *mend = end, *tail_end = w + words;
    while (w < end && !p->bad) {
        u64 tag = *w & RING_TAG_MASK, number = *w & ~RING_TAG_MASK;
        mend = mends_before(p, mend, tail_end, (u64)(w - start));
        if (tag == RING_BLOCK && number < p->blocks_room && p->block[number]) {
            *w = 0;
            w = block_ran(p, p->block[number], w + 1, end);
        } else if (tag == RING_EVENT) {
            w = event(p, w, false);
        } else if (tag == RING_DEFINE) {
            w = define(p, w);
        } else {
            p->bad = true;
        }
    }
    mends_before(p, mend, tail_end, ~(u64)0);
}

/* ---- the ring ----------------------------------------------------------------------------------------------------------- */

static void futex(u32 *word, int op, u32 value)
{
    struct timespec twentieth = { 0, 50000000 };
    syscall(SYS_futex, word, op, value, op == FUTEX_WAIT ? &twentieth : NULL, NULL, 0);
}

static void answer(struct ring_head *ring, enum ring_child how)
{
    __atomic_store_n(&ring->child, how, __ATOMIC_RELEASE);
    futex(&ring->child, FUTEX_WAKE, ~0u >> 1);
}

static bool asks(struct ring_head *ring) { return __atomic_load_n(&ring->child, __ATOMIC_ACQUIRE) == RING_CHILD_ASKS; }

/* A forked child begins with all that its parent has: what was written and what was learnt of it.  So does its reader, which is
 * forked too. */
static void take_child(struct packer *p, struct pack_job *job)
{
    struct ring_head *parents = job->ring;
    pid_t reader;
    encode_flush(p->e);              /* what is left would be written by both                                          */
    reader = fork();
    if (reader == 0 && job->child(job, parents->child_pid, parents->child_fd) && !encode_move(p->e, job->fd)) {
        answer(parents, RING_CHILD_READ);
        return;
    }
    if (reader == 0)
        _exit(1);
    while (reader > 0 && asks(parents) && !kill(reader, 0))
        futex(&parents->child, FUTEX_WAIT, RING_CHILD_ASKS);
    if (asks(parents))
        answer(parents, RING_CHILD_REFUSED);
}

/* False: no more will come. */
static bool wait_for_chunk(struct packer *p, struct pack_job *job)
{
    for (;;) {
        struct ring_head *r = job->ring;
        u32 published = __atomic_load_n(&r->published, __ATOMIC_ACQUIRE);
        if (published != r->taken)
            return true;
        if (asks(r)) {
            take_child(p, job);
            continue;
        }
        if (__atomic_load_n(&r->closed, __ATOMIC_ACQUIRE) || job->gone(job->ctx))
            return __atomic_load_n(&r->published, __ATOMIC_ACQUIRE) != r->taken;
        futex(&r->published, FUTEX_WAIT, published);
    }
}

int pack(struct pack_job job, const char *settings)
{
    struct packer p = { .e = encode_open(job.fd, settings) };
    int err;
    if (!p.e)
        return ENOMEM;
    forget_last(&p);
    while (!p.bad && wait_for_chunk(&p, &job)) {
        u32 n = job.ring->taken % RING_CHUNKS;
        chunk(&p, ring_chunk(job.ring, n), job.ring->words[n], job.ring->mends[n]);
        __atomic_store_n(&job.ring->taken, job.ring->taken + 1, __ATOMIC_RELEASE);
        futex(&job.ring->taken, FUTEX_WAKE, 1);
    }
    job.ring->reader_gone = 1;
    for (u64 i = 0; i < p.blocks_room; i++)
        free(p.block[i]);
    free(p.block);
    err = encode_close(p.e);
    return err ? err : p.bad || job.ring->overflow ? EPROTO : 0;
}
