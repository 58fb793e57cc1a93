/* SPDX-License-Identifier: GPL-2.0-or-later
 * record.c - --record: every access and event goes into the ring as well (src/trace/ring.h).
 *
 * Instrumented code writes accesses itself, one word each; where the next goes stands in the thread's shadow registers
 * (CAP_LOG_AT), between the thread's turns in `at`.  What must hold:
 *   the word is written before the model is asked about the access, so that a fault's access is in the ring;
 *   words not written since the reader emptied the chunk are 0;
 *   a block that begins has room for all it may write (cap_record_room). */
#include "cap.h"
#include "trace/ring.h"

static struct ring_head *ring;
static u64 *at;                 /* where the next word goes, while no thread runs                                    */
static UInt mends;              /* in this chunk's list                                                              */
enum { MENDS = 64, MENDS_BYTES = 32768 };
static struct { u64 before; struct trace_event event; } mend[MENDS];
static HChar mend_text[MENDS_BYTES];
static UInt mend_bytes;
static u64 block_number = 1;

Bool cap_record_begin(Int fd)
{
    ring = VG_(am_shadow_alloc)(RING_BYTES);
    if (!ring || !cap_map_shared(ring, RING_BYTES, fd))
        return False;
    VG_(close)(fd);
    at = ring_chunk(ring, 0);
    return True;
}


/* ---- chunks ------------------------------------------------------------------------------------------------------ */

static void put_event(const struct trace_event *e, u64 flags)
{
    UInt words = trace_words(e->type), text_words = (e->text_bytes + 7) / 8;
    *at++ = RING_EVENT | e->type | flags | (u64)e->text_bytes << 32;
    VG_(memcpy)(at, e->word, words * 8);
    at += words;
    if (text_words)
        at[text_words - 1] = 0;
    VG_(memcpy)(at, e->text, e->text_bytes);
    at += text_words;
}

static void put_mends(void)
{
    for (UInt i = 0; i < mends; i++) {
        *at++ = mend[i].before;
        put_event(&mend[i].event, RING_MEND);
    }
    mends = mend_bytes = 0;
}

/* The reader may be behind: wait for it, but not for one that is gone. */
static void wait_for_room(void)
{
    u32 taken;
    while ((taken = __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE)) + RING_CHUNKS <= ring->published && !ring->reader_gone)
        cap_futex_wait(&ring->taken, taken);
}

static void publish(void)
{
    UInt n = ring->published;
    u64 *chunk = ring_chunk(ring, n);
    ring->mends[n % RING_CHUNKS] = (u64)(at - chunk);
    put_mends();
    ring->words[n % RING_CHUNKS] = (u64)(at - chunk);
    __atomic_store_n(&ring->published, n + 1, __ATOMIC_RELEASE);
    cap_futex_wake(&ring->published);
    wait_for_room();
    at = ring_chunk(ring, n + 1);
    if (ring->reader_gone)
        VG_(memset)(at, 0, RING_CHUNK_BYTES);
}

/* Room for a block and for all mends. */
enum { MENDS_WORDS = MENDS * (3 + TRACE_WORDS) + MENDS_BYTES / 8, CHUNK_FULL = RING_CHUNK_WORDS - RING_BLOCK_WORDS_MAX - MENDS_WORDS };

UWord cap_record_limit_bytes(void) { return CHUNK_FULL * 8ul; }

static Bool has_room(UInt words)
{
    return at + words < ring_chunk(ring, ring->published) + CHUNK_FULL;
}

static Bool running;             /* the thread that acts has `at` in its registers                                    */
static void from_thread(void) { VG_(get_shadow_regs_area)(cap.tid, (UChar *)&at, 1, CAP_LOG_AT, sizeof at); }
static void to_thread(void) { VG_(set_shadow_regs_area)(cap.tid, 1, CAP_LOG_AT, sizeof at, (const UChar *)&at); }

void cap_record_runs(void)
{
    if (!ring)
        return;
    to_thread();
    running = True;
}

void cap_record_stops(void)
{
    if (!ring)
        return;
    from_thread();
    running = False;
}

/* Called by a block that begins and may lack room. */
void cap_record_room(void)
{
    from_thread();
    publish();
    to_thread();
}

/* ---- events -------------------------------------------------------------------------------------------------------- */

/* Those the model asked for while a block runs wait until the chunk ends. */
static void keep_mend(const struct trace_event *e)
{
    u64 *here;
    if (mends == MENDS || e->text_bytes > MENDS_BYTES - mend_bytes) {
        ring->overflow = 1;
        return;
    }
    VG_(get_shadow_regs_area)(cap.tid, (UChar *)&here, 1, CAP_LOG_AT, sizeof here);
    mend[mends].before = (u64)(here - ring_chunk(ring, ring->published));
    mend[mends].event = *e;
    VG_(memcpy)(mend_text + mend_bytes, e->text, e->text_bytes);
    mend[mends++].event.text = mend_text + mend_bytes;
    mend_bytes += e->text_bytes;
}

/* The follower mends before it is done with an event, so these stand before it. */
void cap_record_event(const struct trace_event *e)
{
    UInt words = 1 + trace_words(e->type) + (e->text_bytes + 7) / 8;
    if (!ring)
        return;
    if (cap.in_block) {
        keep_mend(e);
        return;
    }
    if (running)                 /* a signal is delivered where the thread stands */
        from_thread();
    if (!has_room(words) || mends > MENDS / 2)
        publish();
    put_event(e, cap.mending ? RING_MEND : 0);
    if (running)
        to_thread();
}

void cap_record_end(void)
{
    if (!ring)
        return;
    publish();
    __atomic_store_n(&ring->closed, 1, __ATOMIC_RELEASE);
    cap_futex_wake(&ring->published);
}

/* The program is about to get a signal for the access last written: what of its block was reached is all that follows. */
void cap_record_fault(void)
{
    if (!ring)
        return;
    from_thread();
    while (*at)
        at++;
    to_thread();
}

/* ---- forks --------------------------------------------------------------------------------------------------------- *
 * The reader must have all before the child asks it (ring.h): both have the same past then. */

enum { PATIENCE = 100 };         /* tenths of a second                                                                 */

void cap_record_before_fork(void)
{
    u32 taken;
    if (!ring)
        return;
    if (running)
        from_thread();
    publish();
    if (running)
        to_thread();
    while ((taken = __atomic_load_n(&ring->taken, __ATOMIC_ACQUIRE)) != ring->published && !ring->reader_gone)
        cap_futex_wait(&ring->taken, taken);
    ring->child = RING_CHILD_NONE;
}

/* The child asks or will; who never does has died. */
static Bool answered(struct ring_head *r)
{
    u32 state;
    for (UInt i = 0; i < PATIENCE && (state = __atomic_load_n(&r->child, __ATOMIC_ACQUIRE)) < RING_CHILD_READ && !r->reader_gone; i++)
        cap_futex_wait(&r->child, state);
    return r->child == RING_CHILD_READ;
}

void cap_record_forked(void)
{
    if (ring && cap.opt.follow)
        answered(ring);
}

static Int ask_for_reader(struct ring_head *r)
{
    Int fd = (Int)cap_raw_syscall(__NR_memfd_create, (UWord)"pagewalk-ring", 0, 0);
    if (fd < 0 || cap_raw_syscall(__NR_ftruncate, (UWord)fd, RING_BYTES, 0) < 0)
        return -1;
    r->child_pid = VG_(getpid)();
    r->child_fd = fd;
    __atomic_store_n(&r->child, RING_CHILD_ASKS, __ATOMIC_RELEASE);
    cap_futex_wake(&r->published);
    if (answered(r))
        return fd;
    VG_(close)(fd);
    return -1;
}

/* A child that is not followed, or that nobody reads, writes to memory of its own. */
void cap_record_in_child(void)
{
    Int fd;
    if (!ring)
        return;
    fd = cap.opt.follow ? ask_for_reader(ring) : -1;
    if (fd >= 0 && cap_map_shared(ring, RING_BYTES, fd)) {
        VG_(close)(fd);
    } else {
        cap_make_sparse(ring, RING_BYTES);
        ring->reader_gone = 1;
    }
    at = ring_chunk(ring, 0);
    if (running)
        to_thread();
    cap_record_event(&(struct trace_event){ .type = TRACE_BORN });
}

/* ---- blocks -------------------------------------------------------------------------------------------------------- */

u64 cap_record_block(const struct ring_slot *slot, UInt slots)
{
    if (!has_room(2 + slots * RING_SLOT_WORDS))
        publish();
    *at++ = RING_DEFINE | block_number;
    *at++ = slots;
    VG_(memcpy)(at, slot, slots * RING_SLOT_WORDS * 8);
    at += slots * RING_SLOT_WORDS;
    return RING_BLOCK | block_number++;
}
