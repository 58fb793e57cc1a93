/* SPDX-License-Identifier: MIT
 * replay_settings.h - the options of `pagewalk replay` as a replay takes them. */
#ifndef PAGEWALK_CLI_REPLAY_SETTINGS_H
#define PAGEWALK_CLI_REPLAY_SETTINGS_H

#include "cli/options.h"
#include "trace/replay.h"

/* False: what is wrong has been said. */
bool replay_settings_of(const char *command, const struct replay_options *o, struct replay_settings *s);

#endif
