/* SPDX-License-Identifier: MIT
 * oracle.c - see oracle.h.  SDM3 sections are of chapter 28 as of 2016 (29 since 2023).  What the manual says is written is written
 * to memory at once, noted, and in the end taken back, so that an entry which plays two parts is right without further thought. */
#include "walking.h"

/* A and D of the guest's i-th entry read, in its half of 8 bytes.  PDPTEs of PAE have none. */
static uint64_t guest_bits(const struct walking *w, const struct oracle_path *path, unsigned i, uint64_t set)
{
    if (w->c->format == GUEST_PAE && w->c->npt && i == 0)
        return 0;
    return w->c->format == GUEST_32 && bit(path->entry_pa[i], 2) ? set << 32 : set;
}

/* The access does not go through: A may be set in entries that were used, and `leaf` in the last. */
static void free_guest_bits(struct walking *w, const struct oracle_path *path, uint64_t leaf)
{
    for (unsigned i = 0; i < w->tables; i++) {
        bool last = i == (unsigned)path->entries - 1;
        if (!last)
            w->out->entry[w->table_note[i]].free |= guest_bits(w, path, i, A_NPT);
        else if (path->ends == ORACLE_LEAF && !path->unreadable)
            w->out->entry[w->table_note[i]].free |= guest_bits(w, path, i, A_NPT | leaf);
    }
}

/* 28.2.3.2, A/D of EPT off; NPT with ROGPT: where an A or D bit must be set in a guest's entry, its page is then written as well.
 * Unless the first translation allowed that, it is made anew. */
static bool set_guest_bits(struct walking *w, const struct oracle_path *path, const struct oracle_answer *guest)
{
    bool written_later = w->c->npt ? w->c->rogpt : !w->c->ad && !(w->c->departs & DEPARTS_AD_NOT_WRITTEN);

    for (unsigned i = 0; i < w->tables; i++) {
        uint64_t set = guest_bits(w, path, i, guest->set_in_all | (i == w->tables - 1 ? guest->set_in_leaf : 0));
        uint64_t *entry = &w->ram[w->table_pa[i] / 8];
        struct nested_access a = { .gpa = path->entry_pa[i], .what = READ | WRITE };
        struct nested_path p;
        if ((*entry & set) == set)
            continue;
        if (written_later && !w->table_writable[i] && !translate_nested(w, &a, &p))
            return false;
        *entry |= set;
    }
    return true;
}

static void translate_twice(struct walking *w, const struct oracle_access *a)
{
    static const unsigned what[] = { [ORACLE_READ] = READ, [ORACLE_WRITE] = WRITE, [ORACLE_FETCH] = FETCH };
    struct nested_answer *out = w->out;
    struct oracle_answer guest = { .outcome = ORACLE_DONE, .pa = a->va };
    struct oracle_cpu judging;
    /* 28.2.1: without paging, guest-physical is linear; table 27-7: and every address a writable user-mode one. */
    struct oracle_path path = { .user = true, .writable = true };
    struct nested_path last;

    if (w->c->format != GUEST_UNPAGED) {
        guest_walk(w, a->va, &path);
        if (path.unreadable) { free_guest_bits(w, &path, 0); return; }
        judging = w->c->guest;
        judging.nxe = judging.nxe && w->c->format != GUEST_32; /* 4.6.1, 4.7: takes PAE */
        oracle_judge(&judging, a, &path, &guest);
    }
    if (guest.outcome != ORACLE_DONE) {
        free_guest_bits(w, &path, 0);
        if (path.ends == ORACLE_RESERVED && path.entries == (w->c->guest.la57 ? 3 : 2) &&
            departs_in_1g(w->c, path.entry[path.entries - 1], true))
            w->ram[w->table_pa[w->tables - 1] / 8] |= A_NPT;
        if (w->c->departs & DEPARTS_RSVD_WITHOUT_P && guest.error & 8)
            guest.error &= ~1u;
        out->outcome = guest.outcome;
        out->error = guest.error;
        out->error_free = guest.error_free;
        return;
    }
    w->user_page = path.user;
    w->writable_page = path.writable;
    w->nx_page = path.execute_disable;
    if (!set_guest_bits(w, &path, &guest)) { free_guest_bits(w, &path, guest.set_in_leaf); return; }
    out->gpa = guest.pa;
    if (!translate_nested(w, &(struct nested_access){ .gpa = guest.pa, .what = what[a->kind], .final = true }, &last)) {
        free_guest_bits(w, &path, guest.set_in_leaf);
        return;
    }
    out->outcome = ORACLE_DONE;
    out->pa = last.host_pa;
    out->nested_lg2 = last.page_lg2;
    out->page_lg2 = w->c->format == GUEST_UNPAGED ? last.page_lg2 : path.page_lg2;
}

void nested_judge(uint64_t *ram, const struct nested_cpu *c, const struct oracle_access *a, struct nested_answer *out)
{
    struct walking w = { .ram = ram, .c = c, .out = out };

    out->entries = out->logged = 0;
    out->error = out->error_free = out->gpa = out->pa = 0;
    out->page_lg2 = out->nested_lg2 = 0;
    translate_twice(&w, a);
    for (unsigned i = 0; i < out->entries; i++)
        out->entry[i].after = ram[out->entry[i].pa / 8];
    for (unsigned i = out->entries; i-- > 0;)
        ram[out->entry[i].pa / 8] = out->entry[i].before;
    for (unsigned i = 0; i < out->entries; i++)
        out->entry[i].before = ram[out->entry[i].pa / 8];
    out->guest_entries = w.tables;
}
