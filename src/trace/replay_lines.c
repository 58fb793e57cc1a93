/* SPDX-License-Identifier: MIT
 * replay_lines.c - who caused what in a replay: costs by instruction, and from there by line.
 *
 * The recording says which line an instruction belongs to when the run itself looked it up: at the latest before that may
 * change (TRACE_FORGET), and at the end. */
#include "replay_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST = 1 << 12 };
#define UNKNOWN 0xffffffffu

/* ---- instructions ------------------------------------------------------------------------------------------------- */

static u32 slot_of(const struct replay_lines *l, u64 ip)
{
    u32 i = (u32)(ip * 0x9e3779b97f4a7c15ull >> 32) & (l->slots - 1);
    while (l->slot[i] && l->site[l->slot[i] - 1].ip != ip)
        i = (i + 1) & (l->slots - 1);
    return i;
}

static bool grow_sites(struct replay_lines *l)
{
    u32 room = l->sites_room ? 2 * l->sites_room : FIRST;
    struct sim_site *site = realloc(l->site, room * sizeof *site);
    u32 *line_of, *slot;
    l->site = site ? site : l->site;
    line_of = site ? realloc(l->line_of, room * sizeof *line_of) : NULL;
    l->line_of = line_of ? line_of : l->line_of;
    slot = line_of ? calloc(2ul * room, sizeof *slot) : NULL;
    if (!slot)
        return false;
    free(l->slot);
    l->slot = slot;
    l->slots = 2 * room;
    l->sites_room = room;
    for (u32 i = 0; i < l->sites; i++)
        l->slot[slot_of(l, l->site[i].ip)] = i + 1;
    return true;
}

u32 lines_site(struct replay_lines *l, u64 ip)
{
    u32 i;
    if (l->sites == l->sites_room && !grow_sites(l)) {
        l->no_memory = true;
        return 0;
    }
    i = slot_of(l, ip);
    if (l->slot[i])
        return l->slot[i] - 1;
    l->site[l->sites] = (struct sim_site){ .ip = ip };
    l->line_of[l->sites] = UNKNOWN;
    l->slot[i] = ++l->sites;
    return l->sites - 1;
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

/* Of "object\0file\0function\0line" */
static size_t key_bytes(const char *key)
{
    size_t n = 0;
    for (int part = 0; part < 4; part++)
        n += strlen(key + n) + 1;
    return n;
}

static u64 hash(const char *key, size_t n)
{
    u64 h = 14695981039346656037ull;
    while (n--)
        h = (h ^ (u8)*key++) * 1099511628211ull;
    return h ^ h >> 32;
}

static u32 line_slot(const struct replay_lines *l, const char *key, size_t n)
{
    u32 i = (u32)hash(key, n) & (l->line_slots - 1);
    while (l->line_slot[i] && (key_bytes(l->line[l->line_slot[i] - 1].key) != n || memcmp(l->line[l->line_slot[i] - 1].key, key, n)))
        i = (i + 1) & (l->line_slots - 1);
    return i;
}

static bool grow_lines(struct replay_lines *l)
{
    u32 room = l->lines_room ? 2 * l->lines_room : FIRST;
    struct replay_line *line = realloc(l->line, room * sizeof *line);
    u32 *slot = line ? calloc(2ul * room, sizeof *slot) : NULL;
    l->line = line ? line : l->line;
    if (!slot)
        return false;
    free(l->line_slot);
    l->line_slot = slot;
    l->line_slots = 2 * room;
    l->lines_room = room;
    for (u32 i = 0; i < l->lines; i++)
        l->line_slot[line_slot(l, l->line[i].key, key_bytes(l->line[i].key))] = i + 1;
    return true;
}

static u32 find_line(struct replay_lines *l, const char *key, size_t n)
{
    u32 i;
    if (l->lines == l->lines_room && !grow_lines(l))
        return UNKNOWN;
    i = line_slot(l, key, n);
    if (!l->line_slot[i]) {
        char *copy = malloc(n);
        if (!copy)
            return UNKNOWN;
        memcpy(copy, key, n);
        l->line[l->lines] = (struct replay_line){ .key = copy };
        l->line_slot[i] = ++l->lines;
    }
    return l->line_slot[i] - 1;
}

void lines_name(struct replay_lines *l, const struct trace_event *e)
{
    char key[4096 + 24];
    size_t n = e->text_bytes, zeros = 0;
    for (size_t i = 0; i < n; i++)
        zeros += !e->text[i];
    if (n > 4096 || zeros != 3 || e->text[n - 1])
        return;
    memcpy(key, e->text, n);
    n += (size_t)snprintf(key + n, 24, "%llu", (unsigned long long)e->word[1]) + 1;
    u32 site = lines_site(l, e->word[0]), line = find_line(l, key, n);
    l->no_memory = l->no_memory || line == UNKNOWN;
    if (!l->no_memory)
        l->line_of[site] = line;
}

static void add(struct sim_cost *to, struct sim_cost *from)
{
    sim_cost_add(to, from);
    *from = (struct sim_cost){ 0 };
}

void lines_fold(struct replay_lines *l)
{
    for (u32 i = 0; i < l->sites; i++) {
        if (l->line_of[i] != UNKNOWN && l->site[i].cost)
            add(&l->line[l->line_of[i]].cost, l->site[i].cost);
        l->line_of[i] = UNKNOWN;
    }
}

/* Into the site of the same instruction, to be folded with it. */
void lines_fold_call(struct replay_lines *l, struct sim_site *s)
{
    struct sim_site *own = &l->site[lines_site(l, s->ip)];
    if (!s->cost || l->no_memory)
        return;
    if (own->cost) {
        add(own->cost, s->cost);
    } else {
        own->cost = s->cost;     /* lives as long as the session */
        s->cost = NULL;
    }
}

void lines_forget_costs(struct replay_lines *l)
{
    for (u32 i = 0; i < l->sites; i++)
        if (l->site[i].cost)
            *l->site[i].cost = (struct sim_cost){ 0 };
    for (u32 i = 0; i < l->lines; i++)
        l->line[i].cost = (struct sim_cost){ 0 };
}

void lines_free(struct replay_lines *l)
{
    for (u32 i = 0; i < l->lines; i++)
        free(l->line[i].key);
    free(l->site);
    free(l->line_of);
    free(l->slot);
    free(l->line);
    free(l->line_slot);
}
