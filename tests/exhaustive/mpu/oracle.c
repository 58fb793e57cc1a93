/* SPDX-License-Identifier: MIT
 * oracle.c - see oracle.h.  Dull on purpose: one question after the other, 64-bit arithmetic, no tables. */
#include "oracle.h"

static bool map_executes(uint32_t a)
{
    if (a < 0x40000000)
        return true;                 /* code, SRAM                                                                */
    if (a < 0x60000000)
        return false;                /* peripherals                                                               */
    if (a < 0xa0000000)
        return true;                 /* RAM                                                                       */
    return false;                    /* devices, system                                                           */
}

static bool map_allows(uint32_t a, char what) { return what == 'x' ? map_executes(a) : true; }

static bool in_v7_region(const struct oracle_in *in, unsigned n, uint32_t a)
{
    uint64_t bytes = 1, base;
    unsigned size = (in->attr[n] >> 1) % 32;

    if (in->attr[n] % 2 == 0)
        return false;
    if (size < 4)
        return false;
    for (unsigned i = 0; i < size + 1; i++)
        bytes = bytes * 2;
    base = in->rbar[n] / 32 * 32 / bytes * bytes;
    if (a < base || a >= base + bytes)
        return false;
    if (bytes >= 256) {
        uint64_t eighth = (a - base) / (bytes / 8);
        if ((in->attr[n] >> (8 + eighth)) % 2 == 1)
            return false;
    }
    return true;
}

static bool v7_allows(const struct oracle_in *in, unsigned n, uint32_t a, char what)
{
    unsigned ap = (in->attr[n] >> 24) % 8;
    bool xn = (in->attr[n] >> 28) % 2 == 1;
    bool read = false, write = false;

    if (ap == 1 && !in->unprivileged)
        read = write = true;
    if (ap == 2) {
        read = true;
        write = !in->unprivileged;
    }
    if (ap == 3)
        read = write = true;
    if (ap == 5 && !in->unprivileged)
        read = true;
    if (ap == 6 || ap == 7)
        read = true;
    if (what == 'w')
        return write;
    if (what == 'x')
        return read && !xn && a < 0xe0000000;
    return read;
}

static bool in_v8_region(const struct oracle_in *in, unsigned n, uint32_t a)
{
    if (in->attr[n] % 2 == 0)
        return false;
    return a / 32 >= in->rbar[n] / 32 && a / 32 <= in->attr[n] / 32;
}

static bool v8_allows(const struct oracle_in *in, unsigned n, uint32_t a, char what)
{
    bool xn = in->rbar[n] % 2 == 1;
    bool any = (in->rbar[n] >> 1) % 2 == 1;      /* AP[1]: unprivileged code too                                  */
    bool read_only = (in->rbar[n] >> 2) % 2 == 1; /* AP[2]                                                        */
    bool pxn = in->version == 81 && (in->attr[n] >> 4) % 2 == 1;

    if (in->unprivileged && !any)
        return false;
    if (what == 'w')
        return !read_only;
    if (what == 'x') {
        if (xn || a >= 0xe0000000)
            return false;
        return in->unprivileged || !pxn;
    }
    return true;
}

static bool byte_allowed(const struct oracle_in *in, uint32_t a, char what)
{
    int hits = 0;
    unsigned last = 0;

    if (a >= 0xe0000000 && a <= 0xe00fffff)
        return in->unprivileged ? false : map_allows(a, what);
    if (in->regions == 0)
        return map_allows(a, what);  /* there is no MPU                                                           */
    if (in->ctrl % 2 == 0)
        return map_allows(a, what);
    if (in->priority < 0 && (in->ctrl >> 1) % 2 == 0)
        return map_allows(a, what);
    for (unsigned n = 0; n < in->regions; n++)
        if (in->version == 7 ? in_v7_region(in, n, a) : in_v8_region(in, n, a)) {
            hits++;
            last = n;
        }
    if (hits == 0)
        return !in->unprivileged && (in->ctrl >> 2) % 2 == 1 ? map_allows(a, what) : false;
    if (in->version == 7)
        return v7_allows(in, last, a, what);
    if (hits > 1)
        return false;
    return v8_allows(in, last, a, what);
}

struct oracle_out oracle(const struct oracle_in *in)
{
    struct oracle_out out = { 0, in->cfsr, in->hfsr, in->mmfar, in->bfar };
    char right = in->what;
    bool bus, enabled;
    int own;

    if (in->what == 'v')
        return out;
    if (in->what == 's' || in->what == 'l')
        right = 'w';
    if (in->what == 'u')
        right = 'r';
    for (unsigned i = 0; i < in->size; i++) {
        uint32_t a = in->addr + i;

        if (byte_allowed(in, a, right))
            continue;
        bus = a >= 0xe0000000 && a <= 0xe00fffff && in->what != 'x';
        if (bus) {
            out.cfsr |= 0x8200;
            out.bfar = a;
        } else if (in->what == 'x') {
            out.cfsr |= 0x01;
        } else if (in->what == 's') {
            out.cfsr |= 0x10;
        } else if (in->what == 'u') {
            out.cfsr |= 0x08;
        } else if (in->what == 'l') {
            out.cfsr |= 0x20;
        } else {
            out.cfsr |= 0x82;
            out.mmfar = a;
        }
        if (in->priority < 0) {
            out.exception = -1;
            return out;
        }
        enabled = bus ? (in->shcsr >> 17) % 2 == 1 : (in->shcsr >> 16) % 2 == 1;
        own = (int)(bus ? in->shpr1 / 256 % 256 : in->shpr1 % 256);
        if (enabled && own < in->priority) {
            out.exception = bus ? 5 : 4;
        } else {
            out.exception = 3;
            out.hfsr |= 0x40000000;
        }
        return out;
    }
    return out;
}
