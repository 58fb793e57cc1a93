/* SPDX-License-Identifier: MIT
 * interp.h - the interpreter of the scenario language (docs/scenario-language.md): lines in, answers out.
 *
 * Used by script.c (files and pipes), by the fuzz target and by tests (memory).  No input crashes it: what is malformed
 * or impossible is answered with one line "error: ..." and changes nothing. */
#ifndef PAGEWALK_SCRIPT_INTERP_H
#define PAGEWALK_SCRIPT_INTERP_H

#include "pagewalk/types.h"

struct interp;
struct mmu_profile;

struct interp_options {
    bool explain;
    bool check_flush;  /* say where an invalidation was missing (mmu.h)                                          */
    u64 ram_max_bytes; /* machines larger than this are refused; 0: 1 TiB                                       */
    u64 len_max_bytes; /* reads, writes and mappings longer than this are refused; 0: no limit                  */
    const struct mmu_profile *profile; /* of machines whose command names none; NULL: skylake                     */
    /* Profiles that are not built in, for as long as the interpreter lives; NULL: there are none.  What is wrong with
     * one that it does not give, it puts into *why. */
    const struct mmu_profile *(*find_profile)(void *ctx, const char *name, const char **why);
    void *find_profile_ctx;
};

/* NULL: out of memory.  Answers go to out, each line with its newline; out must live as long as the interpreter. */
struct interp *interp_new(const struct interp_options *options, const struct pw_out *out);
/* One line, without its newline.  false: it was answered with an error. */
bool interp_line(struct interp *in, const char *line, size_t len_bytes);
/* At the end, with check_flush: one line that counts what was found.  False: an invalidation was missing. */
bool interp_flushes(struct interp *in);
void interp_free(struct interp *in);

#endif
