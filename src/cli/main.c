/* SPDX-License-Identifier: MIT
 * main.c - the command: finds the sub-command and runs it.
 *
 * One caller is not a person: to follow a child process the capture tool runs its launcher, which is this command,
 * with the tool's own options in front of the child's program. */
#include "cli/cli.h"
#include "cli/launch.h"

#include "script/script.h"

#include <string.h>

const struct command *command_find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}

static const char *command_name(const void *ctx, unsigned i)
{
    (void)ctx;
    return commands[i].name;
}

static int unknown_command(const char *word)
{
    const char *near = suggest(word, command_name, NULL), *what = word[0] == '-' ? "option" : "command";

    if (near)
        say("unknown %s '%s'; did you mean '%s'? See `pagewalk help`", what, word, near);
    else
        say("unknown %s '%s'; see `pagewalk help`", what, word);
    return STATUS_OURS;
}

int cmd_help(int argc, char **argv)
{
    const struct command *c = argc > 1 ? command_find(argv[1]) : NULL;

    if (argc > 1 && !c)
        return unknown_command(argv[1]);
    return print_help(c);
}

static int print_version(void)
{
    puts("pagewalk " PAGEWALK_VERSION);
    return fflush(stdout) ? STATUS_OURS : 0;
}

int main(int argc, char **argv)
{
    const struct command *c;

    if (is_followed_child(argc, argv))
        return run_followed_child(argv);
    if (argc < 2) {
        fputs("usage: pagewalk run [OPTION...] [--] PROGRAM [ARGUMENT...]\n       pagewalk help\n", stderr);
        return STATUS_OURS;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
        return print_help(NULL);
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
        return print_version();
    c = command_find(argv[1]);
    return c ? c->run(argc - 1, argv + 1) : unknown_command(argv[1]);
}
