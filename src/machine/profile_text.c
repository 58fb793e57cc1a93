/* SPDX-License-Identifier: MIT
 * profile_text.c - the words and keys of a profile's text as tables; see profile_text.h. */
#include "machine/profile_text.h"

const struct profile_word profile_vendors[] = { { "intel", MMU_INTEL }, { "amd", MMU_AMD }, { NULL, 0 } };
const struct profile_word profile_features[] = {
    { "nx", MMU_NX }, { "pse", MMU_PSE }, { "pse36", MMU_PSE36 }, { "pae", MMU_PAE }, { "lm", MMU_LM }, { "pge", MMU_PGE },
    { "pat", MMU_PAT }, { "pcid", MMU_PCID }, { "invpcid", MMU_INVPCID }, { "smep", MMU_SMEP }, { "smap", MMU_SMAP },
    { "pku", MMU_PKU }, { "pks", MMU_PKS }, { "la57", MMU_LA57 }, { "pdpe1gb", MMU_PDPE1GB },
    { "shstk", MMU_SHSTK }, { "svm", MMU_SVM }, { "tce", MMU_TCE },
    { "invlpgb", MMU_INVLPGB }, { NULL, 0 },
};
const struct profile_word profile_ports[] = {
    { "fetch", MMU_PORT_I }, { "load", MMU_PORT_LOAD }, { "store", MMU_PORT_STORE }, { NULL, 0 }
};
const struct profile_word profile_sizes[] = {
    { "4K", 1u << MMU_4K }, { "2M", 1u << MMU_2M }, { "1G", 1u << MMU_1G }, { NULL, 0 }
};
const struct profile_word profile_hashes[] = { { "linear", MMU_LINEAR }, { "xor", MMU_XOR }, { NULL, 0 } };
const struct profile_word profile_repls[] = {
    { "lru", MMU_LRU }, { "plru", MMU_PLRU }, { "plru3x4", MMU_PLRU_3X4 }, { "nru", MMU_NRU }, { "random", MMU_RANDOM }, { NULL, 0 }
};
const struct profile_word profile_levels[] = { { "PDE", 1 }, { "PDPTE", 2 }, { "PML4E", 3 }, { "PML5E", 4 }, { NULL, 0 } };

const struct profile_word profile_sides[] = { { "fetch", MMU_SIDE_I }, { "data", MMU_SIDE_D }, { NULL, 0 } };
const struct profile_word profile_forms[] = {
    { "pipt", MMU_PIPT }, { "vipt", MMU_VIPT }, { "vipt_one", MMU_VIPT_ONE }, { "vivt", MMU_VIVT }, { NULL, 0 }
};

#define NUMBER(row, key, member, low, high) \
    { key, offsetof(struct row, member), sizeof((struct row *)0)->member, FORM_NUMBER, low, high, NULL, false }
#define WORDS(row, key, member, form, words) \
    { key, offsetof(struct row, member), sizeof((struct row *)0)->member, form, 0, 0, words, false }

const struct profile_key profile_tlb_keys[] = {
    NUMBER(mmu_tlb_desc, "level", level, 1, 2),
    WORDS(mmu_tlb_desc, "for", ports, FORM_WORDS, profile_ports),
    WORDS(mmu_tlb_desc, "pages", sizes, FORM_WORDS, profile_sizes),
    NUMBER(mmu_tlb_desc, "ways", ways, 1, 255),
    NUMBER(mmu_tlb_desc, "sets", sets, 1, 32768),
    WORDS(mmu_tlb_desc, "index", hash, FORM_WORD, profile_hashes),
    WORDS(mmu_tlb_desc, "replacement", repl, FORM_WORD, profile_repls),
    { "pcids", offsetof(struct mmu_tlb_desc, pcids), 1, FORM_NUMBER, 1, MMU_PCIDS_NONE, NULL, true },
    { NULL, 0, 0, 0, 0, 0, NULL, false },
};
const struct profile_key profile_psc_keys[] = {
    NUMBER(mmu_psc_desc, "entries", entries, 1, 32768),
    NUMBER(mmu_psc_desc, "ways", ways, 1, 255),
    { NULL, 0, 0, 0, 0, 0, NULL, false },
};
const struct profile_key profile_cache_keys[] = {
    WORDS(mmu_cache_desc, "for", side, FORM_WORD, profile_sides),
    WORDS(mmu_cache_desc, "form", form, FORM_WORD, profile_forms),
    NUMBER(mmu_cache_desc, "ways", ways, 1, 255),
    NUMBER(mmu_cache_desc, "sets", sets, 1, 32768),
    NUMBER(mmu_cache_desc, "line", line_bytes, 16, 4096),
    WORDS(mmu_cache_desc, "replacement", repl, FORM_WORD, profile_repls),
    { NULL, 0, 0, 0, 0, 0, NULL, false },
};
const struct profile_key profile_timing_keys[] = {
    NUMBER(mmu_timing, "stlb_hit", stlb_hit_cycles, 0, 10000),
    NUMBER(mmu_timing, "walk_base", walk_base_cycles, 0, 10000),
    NUMBER(mmu_timing, "read_near", read_near_cycles, 0, 10000),
    NUMBER(mmu_timing, "read_far", read_far_cycles, 0, 10000),
    NUMBER(mmu_timing, "near_lines", near_lines, 0, 65535),
    { NULL, 0, 0, 0, 0, 0, NULL, false },
};

#define COST(key, member) { key, offsetof(struct mmu_costs, member), sizeof((struct mmu_costs *)0)->member, FORM_NUMBER, 1, 65535, NULL, true }
const struct profile_key profile_costs_keys[] = {
    COST("mhz", mhz), COST("memory", memory_cycles), COST("fault", fault_cycles), COST("zero", zero_cycles), COST("copy", copy_cycles),
    { NULL, 0, 0, 0, 0, 0, NULL, false },
};

const char *mmu_feature_name(unsigned bit)
{
    for (const struct profile_word *w = profile_features; bit < 32 && w->name; w++)
        if (w->value == 1u << bit)
            return w->name;
    return NULL;
}
