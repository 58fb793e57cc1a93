/* SPDX-License-Identifier: MIT
 * play.c - see play.h.  What the manual leaves free about A and D is allowed and then made equal, so that the accesses after it do
 * not depend on the choice: software sets the bits that may have been set, and nothing is cached between two accesses. */
#include "play.h"

u64 nested_operand(const struct nested_step *s) { return ~s->value; }

u64 nested_narrow(const struct nested_cpu *c, u64 value) { return c->format == GUEST_LONG ? value : (u32)value; }

static u64 *word(struct nested_engine *e, u64 pa) { return &nested_memory(e)[pa / 8]; }

void nested_put_data(struct nested_engine *e, const struct nested_case *c, const struct nested_step *s)
{
    u64 *at = word(e, c->frame + s->offset);
    at[0] = s->value;
    at[1] = 0;
    if (s->kind == ORACLE_FETCH && c->cpu.format == GUEST_LONG) { /* movabs $value,%rax; ud2 */
        at[0] = s->value << 16 | 0xb848;
        at[1] = s->value >> 48 | 0x0b0full << 16;
    } else if (s->kind == ORACLE_FETCH) { /* mov $value,%eax; ud2 */
        at[0] = (s->value & 0xffffffff) << 8 | 0xb8 | 0x0b0full << 40;
    }
}

void nested_tell_log(struct nested_engine *e, u32 first, u32 next, struct nested_raw *out)
{
    out->logged = (first - next) & 0xffff;
    out->log = 0;
    for (u32 i = 0; i < out->logged && i < 8; i++)
        out->log = nested_fold(out->log, *word(e, fixed_page(FIXED_LOG) + (first - i) % 512 * 8));
}

void nested_expect(struct nested_engine *e, const struct nested_case *c, const struct nested_cpu *cpu, const struct nested_step *s,
                   struct nested_expected *x)
{
    struct oracle_access a = { .va = c->va + s->offset, .kind = s->kind };
    struct nested_seen *want = &x->want;
    struct nested_answer *answer = &x->answer;

    nested_judge(nested_memory(e), cpu, &a, answer);
    *want = (struct nested_seen){ .raw = { .outcome = (u64)answer->outcome, .error = answer->error }, .entries = answer->entries };
    for (u32 i = 0; i < answer->entries; i++)
        want->entry[i] = answer->entry[i].after;
    want->data = *word(e, c->frame + s->offset);
    want->raw.logged = answer->logged;
    for (u32 i = 0; i < answer->logged; i++)
        want->raw.log = nested_fold(want->raw.log, answer->log[i]);
    if (answer->outcome == ORACLE_PF) {
        want->raw.address = a.va;
    } else if (answer->outcome >= NESTED_VIOLATION && answer->outcome != NESTED_LOG_FULL) {
        want->raw.address = answer->gpa;
        want->raw.linear = answer->outcome == NESTED_VIOLATION ? a.va : 0;
    } else if (answer->outcome == ORACLE_DONE) {
        want->raw.value = s->kind == ORACLE_WRITE ? 0 : nested_narrow(cpu, s->value);
        if (s->kind == ORACLE_WRITE)
            want->data = (want->data ^ nested_narrow(cpu, want->data)) | nested_narrow(cpu, nested_operand(s));
    }
}

static bool play_step(struct nested_engine *e, const struct nested_case *c, u32 index, const struct nested_listener *l)
{
    static struct nested_expected x;
    static struct nested_seen got;
    const struct nested_step *s = &c->step[index];
    struct nested_cpu cpu = c->cpu;

    cpu.guest.cpl = s->cpl;
    cpu.guest.ac = s->ac;
    nested_put_data(e, c, s);
    nested_expect(e, c, &cpu, s, &x);
    nested_access(e, c, &cpu, s, &got.raw);
    got.data = *word(e, c->frame + s->offset);
    got.entries = x.answer.entries;
    for (u32 i = 0; i < got.entries; i++)
        got.entry[i] = *word(e, x.answer.entry[i].pa);
    if (!l->accessed(l->ctx, c, index, &x, &got))
        return false;
    for (u32 i = 0; i < got.entries; i++)
        *word(e, x.answer.entry[i].pa) = x.answer.entry[i].after;
    for (u32 i = 0; i < got.entries; i++)
        *word(e, x.answer.entry[i].pa) |= x.answer.entry[i].free;
    return true;
}

void nested_play(struct nested_engine *e, const struct nested_case *c, const struct nested_listener *l)
{
    for (u32 i = 0; i < c->words; i++)
        *word(e, c->word[i].pa) = c->word[i].value;
    for (u32 i = 0; i < c->steps && play_step(e, c, i, l); i++)
        ;
    for (u32 i = 0; i < c->words; i++)
        *word(e, c->word[i].pa) = 0;
}

bool nested_permitted(const struct nested_expected *x, const struct nested_seen *got)
{
    return nested_permitted_by(x, x, got);
}

/* Does an entry hold what it must?  One that the other expectation does not read stays. */
static bool entry_permitted(const struct nested_answer *other, const struct nested_answer *x, u32 i, u64 got)
{
    for (u32 k = 0; k < other->entries; k++)
        if (other->entry[k].pa == x->entry[i].pa)
            return !((got ^ other->entry[k].after) & ~other->entry[k].free);
    return got == x->entry[i].before;
}

bool nested_permitted_by(const struct nested_expected *other, const struct nested_expected *x, const struct nested_seen *got)
{
    const struct nested_raw *want = &other->want.raw, *raw = &got->raw;
    bool same = raw->outcome == want->outcome && !((raw->error ^ want->error) & ~other->answer.error_free) &&
                raw->address == want->address && raw->linear == want->linear && raw->value == want->value &&
                raw->logged == want->logged && raw->log == want->log && got->data == other->want.data && got->entries == x->want.entries;
    for (u32 i = 0; same && i < x->want.entries; i++)
        same = entry_permitted(&other->answer, &x->answer, i, got->entry[i]);
    return same;
}

u64 nested_digest(u64 h, const struct nested_expected *x, const struct nested_seen *got)
{
    h = nested_fold(h, got->raw.outcome);
    h = nested_fold(h, got->raw.error & ~x->answer.error_free);
    h = nested_fold(h, got->raw.address);
    h = nested_fold(h, got->raw.linear);
    h = nested_fold(h, got->raw.value);
    h = nested_fold(h, got->raw.logged);
    h = nested_fold(h, got->raw.log);
    h = nested_fold(h, got->data);
    for (u32 i = 0; i < got->entries; i++)
        h = nested_fold(h, got->entry[i] & ~x->answer.entry[i].free);
    return h;
}
