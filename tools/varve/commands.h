// SPDX-License-Identifier: Apache-2.0
// The commands of the tool, one file each, and what they share: opening the source that the options
// name, and turning errors into exit codes.
//
// Threading: one task.
#ifndef VARVE_COMMANDS_H
#define VARVE_COMMANDS_H

#include "args.h"
#include "source.h"

extern const struct command command_backup;
extern const struct command command_check;
extern const struct command command_complete;
extern const struct command command_config;
extern const struct command command_events;
extern const struct command command_export;
extern const struct command command_flush;
extern const struct command command_health;
extern const struct command command_import;
extern const struct command command_man;
extern const struct command command_plugins;
extern const struct command command_prune;
extern const struct command command_query;
extern const struct command command_series;
extern const struct command command_stats;
extern const struct command command_summary;
extern const struct command command_top;
extern const struct command command_wear;

// The i-th command, NULL after the last; the command of that name, or NULL.
const struct command *command_at(size_t i);
const struct command *command_find(const char *name);

// Opens what --socket, --store and -c say. Returns DONE, USAGE or UNREACHABLE (said on stderr).
int open_source(struct varve_source *source, const struct args *args);

// Says what failed, if it did, closes the source and flushes standard output. Returns the exit code
// for `rc`, or FAILED when closing or writing failed.
int finish(struct varve_source *source, int rc);

// Builds a query from SELECTOR and the range options, but for the tier; `from` and `to` are the
// defaults. Returns DONE or USAGE.
int read_query(const struct args *args, const char *from, const char *to,
               struct varve_query *query);

// The exit code of an answer with so many points: nothing in it is worth a word, unless series were
// left out (said).
int judge_points(const struct args *args, const struct varve_query *query, uint64_t points,
                 uint32_t skipped, int code);

// The core's "not found" says which selector; this says where to look.
void explain_unknown(struct varve_source *source, const char *selector, int rc);

// Lines for history in the future, which a clock that was ahead has left; cmd_stats.c.
void put_future(const struct varve_stats *stats);

// Turns --tier into the index that it has at the open source. Returns DONE, USAGE, or another exit
// code (said on stderr).
int read_tier(const struct args *args, struct varve_source *source, int *tier);

#endif
