/* SPDX-License-Identifier: MIT
 * report_cmd.c - `pagewalk report`: shows a results file again, in any format. */
#include "cli/cli.h"
#include "cli/output.h"

#include <string.h>

static bool is_standard_output(const char *file) { return file && !strcmp(file, "-"); }

int cmd_report(int argc, char **argv)
{
    struct report_options o;
    struct report report;
    int status = parse_report_options(argc, argv, &o);
    bool good;

    if (status == STATUS_HELP)
        return print_help(command_find("report"));
    if (status)
        return status;
    /* Standard output is for one thing at a time. */
    for (int i = 0; i < VIEWS; i++)
        o.view.quiet = o.view.quiet || is_standard_output(o.view.file[i]);
    if (!output_check_views(&o.view) || !load_report(&report, o.file))
        return STATUS_OURS;
    good = output_views(&report, &o.view, stdout);
    report_free(&report);
    return good ? 0 : STATUS_OURS;
}
