/* SPDX-License-Identifier: MIT
 * whatif_options.h - the options of `pagewalk whatif` and `pagewalk advise`. */
#ifndef PAGEWALK_CLI_WHATIF_OPTIONS_H
#define PAGEWALK_CLI_WHATIF_OPTIONS_H

#include "trace/estimate.h"
#include "trace/whatif.h"

struct whatif_options {
    struct whatif replay;
    struct basis basis;               /* costs: known once the first replay is done, or from --costs                    */
    bool costs_given;
    const char *json, *html;
    bool quiet;
    char **words;                     /* what follows the file                                                          */
    unsigned n;
};

/* 0, STATUS_HELP, or the status to exit with after saying why. */
int parse_whatif_options(const char *command, int argc, char **argv, struct whatif_options *o);
/* What the estimates rest on, when the first alternative is done. */
const struct basis *whatif_basis(struct whatif_options *o, const struct alternative *first);

#endif
