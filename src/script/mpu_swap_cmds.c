/* SPDX-License-Identifier: MIT
 * mpu_swap_cmds.c - `mpu swap`, `load`, `store`, `sync`: swapping without translation.  Called by mpu_cmds.c. */
#include "mpu_cmds.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_MAX_BYTES (1u << 20)

static void swap_free(struct mpu_swap *s, u8 *shadow)
{
    free(s->ram);
    free(s->flash);
    free(s->holds);
    free(s->dirty);
    free(shadow);
}

void mpu_swap_end(struct mpu_world *x)
{
    swap_free(&x->swap, x->shadow);
    memset(&x->swap, 0, sizeof x->swap);
    x->shadow = NULL;
}

/* mpu swap WINDOW SIZE ram=SIZE page=SIZE [first=N] [regions=N] */
bool mpu_swap_cmd(struct interp *in, const struct words *w)
{
    struct mpu_world *x = in->mpu;
    u64 ram = 0, page = 0, first = 0, regions = x->mpu.regions;
    u8 *shadow;
    struct mpu_swap s = { .mpu = &x->mpu };

    if (!need_u32(in, w, 2, &s.window) || !need_u32(in, w, 3, &s.window_bytes))
        return false;
    if (!mpu_take_value(in, w, 4, "ram", WINDOW_MAX_BYTES, &ram) || !mpu_take_value(in, w, 4, "page", WINDOW_MAX_BYTES, &page) ||
        !mpu_take_value(in, w, 4, "first", MPU_REGIONS_MAX, &first) || !mpu_take_value(in, w, 4, "regions", MPU_REGIONS_MAX, &regions))
        return false;
    if (!ram || !page || s.window_bytes > WINDOW_MAX_BYTES)
        return fail(in, "mpu swap WINDOW SIZE ram=SIZE page=SIZE [first=N] [regions=N]; sizes up to 1M", NULL);
    s.ram_bytes = (u32)ram;
    s.page_bytes = (u32)page;
    s.first_region = (u8)first;
    s.regions = (u8)regions;
    s.ram = calloc(1, ram);
    s.flash = calloc(1, s.window_bytes + 1u);
    s.holds = calloc(ram / page + 1, sizeof *s.holds);
    s.dirty = calloc(ram / page + 1, 1);
    shadow = calloc(1, s.window_bytes + 1u);
    if (!s.ram || !s.flash || !s.holds || !s.dirty || !shadow || !mpu_swap_begin(&s)) {
        swap_free(&s, shadow);
        return fail(in, "sizes must be powers of two, page <= ram <= window, the window aligned, and the regions there", NULL);
    }
    mpu_swap_end(x);
    x->swap = s;
    x->shadow = shadow;
    done_ok(in);
    return true;
}

/* One byte, and what the handler did for it. */
static bool one_byte(struct interp *in, u32 addr, bool store, u8 *value)
{
    struct mpu_swap *s = &in->mpu->swap;
    const struct mpu_swap before = *s;
    const bool done = store ? mpu_swap_store(s, addr, *value) : mpu_swap_load(s, addr, value);

    if (!in->options.explain || s->faults == before.faults)
        return done;
    explain_begin(in);
    text_str(&in->t, store ? "MemManage, store to " : "MemManage, load from ");
    text_0x(&in->t, addr);
    text_str(&in->t, ": page ");
    text_dec(&in->t, (addr - s->window) / s->page_bytes);
    if (s->pages_read != before.pages_read) {
        text_str(&in->t, s->pages_written != before.pages_written ? " comes from flash, its frame's page was written there" : " comes from flash");
    } else {
        text_str(&in->t, s->first_writes != before.first_writes ? " is stored into for the first time: writable now" :
                                                                   " is in RAM: a region is moved over it");
    }
    line_end(in);
    return done;
}

/* mpu load ADDR [COUNT], mpu store ADDR VALUE [COUNT]: COUNT bytes, VALUE, VALUE + 1, ... */
static bool swap_bytes(struct interp *in, const struct words *w, bool store)
{
    struct mpu_world *x = in->mpu;
    const u64 faults = x->swap.faults;
    u64 value = 0, count = 1, done;
    u8 byte = 0;
    u32 addr = 0;

    if (!x->swap.ram)
        return fail(in, "nothing is swapped: begin with mpu swap", NULL);
    if (!need_u32(in, w, 2, &addr) || (store && !need_number(in, w, 3, &value)) ||
        (w->n > 3u + store && !need_number(in, w, 3 + store, &count)))
        return false;
    if (addr < x->swap.window || count > x->swap.window_bytes || addr - x->swap.window > x->swap.window_bytes - count)
        return fail(in, "not all in the window", NULL);
    for (done = 0; done < count; done++) {
        byte = (u8)(value + done);
        if (!one_byte(in, addr + (u32)done, store, &byte))
            break;
        if (store)
            x->shadow[addr - x->swap.window + done] = byte;
    }
    in->t.len = 0;
    text_str(&in->t, done == count ? "ok" : "refused");
    if (!store && done) {
        text_str(&in->t, " last=");
        text_0x(&in->t, byte);
    }
    text_str(&in->t, " faults=");
    text_dec(&in->t, x->swap.faults - faults);
    line_end(in);
    return true;
}

bool mpu_load_cmd(struct interp *in, const struct words *w) { return swap_bytes(in, w, false); }
bool mpu_store_cmd(struct interp *in, const struct words *w) { return swap_bytes(in, w, true); }

static void put_count(struct text *t, const char *name, u64 n)
{
    text_char(t, ' ');
    text_str(t, name);
    text_char(t, '=');
    text_dec(t, n);
}

bool mpu_sync_cmd(struct interp *in, const struct words *w)
{
    struct mpu_swap *s = &in->mpu->swap;

    (void)w;
    if (!s->ram)
        return fail(in, "nothing is swapped: begin with mpu swap", NULL);
    mpu_swap_sync(s);
    in->t.len = 0;
    text_str(&in->t, memcmp(s->flash, in->mpu->shadow, s->window_bytes) ? "differs" : "same");
    put_count(&in->t, "accesses", s->accesses);
    put_count(&in->t, "faults", s->faults);
    put_count(&in->t, "pages_read", s->pages_read);
    put_count(&in->t, "pages_written", s->pages_written);
    put_count(&in->t, "first_writes", s->first_writes);
    put_count(&in->t, "regions_moved", s->regions_moved);
    line_end(in);
    return true;
}
