// SPDX-License-Identifier: Apache-2.0
// The command line: one table of options for all commands, one description per command.
//
// Owns reading arguments, the help that is printed from the same tables, and the exit codes. Values
// stay text here; the getters below turn them into what a command needs and complain by name.
//
// Threading: one task.
#ifndef VARVE_ARGS_H
#define VARVE_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "varve/query.h"

enum exit_code {
    DONE = 0,
    FAILED = 1,
    USAGE = 2,
    NOTHING_FOUND = 3,
    UNREACHABLE = 4,
};

// name, argument ("" for a flag), help
#define ARG_OPTIONS(X)                                                                             \
    X(OPT_SOCKET, "socket", "PATH", "ask the daemon at this socket")                               \
    X(OPT_STORE, "store", "KIND:PATH", "open a store file instead, for example sqlite:varve.db")   \
    X(OPT_CONFIG, "config", "FILE", "take tiers and store from this configuration (also -c)")      \
    X(OPT_FROM, "from", "TIME", "start of the range")                                              \
    X(OPT_TO, "to", "TIME", "end of the range; default now")                                       \
    X(OPT_STEP, "step", "SPAN", "one point for each such span (10s, 5m, 1h); default: as stored")  \
    X(OPT_TIER, "tier", "NAME",                                                                    \
      "this tier (raw, minute, ...); default: to read, the best for range and step; to prune, "    \
      "all")                                                                                       \
    X(OPT_AGG, "agg", "HOW", "avg min max sum count last rate; default: avg, counters last")       \
    X(OPT_LOOKBACK, "lookback", "SPAN",                                                            \
      "of an expression: how old a sample may be to count as a series' value; default 5m")         \
    X(OPT_FORMAT, "format", "FORMAT", "how to print it")                                           \
    X(OPT_OUTPUT, "output", "FILE", "write there instead of to standard output")                   \
    X(OPT_GZIP, "gzip", "", "compress; also when the output file ends in .gz")                     \
    X(OPT_KIND, "kind", "KIND", "counter, gauge or auto: names that end in _total are counters")   \
    X(OPT_NAME, "name", "NAME", "of RRD files: the metrics' name; default: the file's")            \
    X(OPT_COLLECTD, "collectd", "",                                                                \
      "of RRD files: names and labels from the path, which is HOST/PLUGIN/TYPE.rrd")               \
    X(OPT_PRECISION, "precision", "UNIT", "of influx: the unit of times, ns us ms s; default ns")  \
    X(OPT_STRICT, "strict", "", "fail when any line is refused")                                   \
    X(OPT_KEEP_ALL, "keep-all", "", "switch retention off for this import (with --store or -c)")   \
    X(OPT_REPAIR, "repair", "", "remove what is damaged, and nothing else")                        \
    X(OPT_BEFORE, "before", "TIME", "remove what is older")                                        \
    X(OPT_FUTURE, "future", "", "remove what lies in the future, which a wrong clock has left")    \
    X(OPT_DRY_RUN, "dry-run", "", "only say what would be removed")                                \
    X(OPT_YES, "yes", "", "do not ask")                                                            \
    X(OPT_SEVERITY, "severity", "LEVEL",                                                           \
      "only events at least as severe: critical error "                                            \
      "warning notice info debug")                                                                 \
    X(OPT_ONLY, "only", "KIND", "only events of this kind, for example backup_ok")                 \
    X(OPT_BY, "by", "LABEL", "the values of this label instead, __name__ for the metrics' names")  \
    X(OPT_EVERY, "every", "SPAN", "how often to refresh; default 5s")                              \
    X(OPT_ONCE, "once", "", "print one frame as text and end")                                     \
    X(OPT_SORT, "sort", "COLUMN", "the largest of this column first")                              \
    X(OPT_LIMIT, "limit", "N", "no more than this many")                                           \
    X(OPT_AFTER, "after", "PLACE",                                                                 \
      "go on there: what a limited answer gave as its next place; to prune, a time: remove what "  \
      "is from then on")                                                                           \
    X(OPT_HELP, "help", "", "print this")

enum option_id {
#define ARG_ENUM(id, name, value, help) id,
    ARG_OPTIONS(ARG_ENUM)
#undef ARG_ENUM
    OPTION_COUNT
};

#define OPTION(id)     (UINT64_C(1) << (id))
#define OPTIONS_SOURCE (OPTION(OPT_SOCKET) | OPTION(OPT_STORE) | OPTION(OPT_HELP))
#define OPTIONS_RANGE                                                                              \
    (OPTION(OPT_FROM) | OPTION(OPT_TO) | OPTION(OPT_STEP) | OPTION(OPT_TIER) | OPTION(OPT_AGG))

#define ARG_POSITIONAL_MAX 4096 // files of an import

struct args {
    const struct command *command;
    const char *value[OPTION_COUNT]; // NULL: not given; flags: ""
    const char *positional[ARG_POSITIONAL_MAX];
    int count; // of positional
};

struct command {
    const char *name;
    const char *arguments; // for the usage line
    const char *summary;   // one line
    const char *text;      // paragraphs and examples
    uint64_t options;      // bit per option_id
    const char *formats;   // words for --format, the default first; NULL: table json csv
    int least, most;       // positional arguments
    int (*run)(const struct args *args);
};

// Reads argv, behind the command's name and up to its NULL. Returns DONE or USAGE (said on stderr).
int args_read(struct args *args, const struct command *command, char **argv);

void args_help(const struct command *command);
// Each option with its value, and what it does.
void args_each_option(const struct command *command,
                      void (*emit)(const char *name, const char *help));
// For completion: options that begin so are printed, one a line; whether an option takes a value;
// the words for --format.
void args_offer_options(const struct command *command, const char *typed);
bool args_takes_value(const struct command *command, const char *name);
const char *args_formats(const struct command *command);

// A usage error: prints "varve CMD: ..." and where to find help. Returns USAGE.
int args_usage(const struct args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

// Prints "varve: ..." on stderr. Returns `code`.
int complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum format {
    FORMAT_TABLE,
    FORMAT_JSON,
    FORMAT_CSV,
    FORMAT_SPARK,
    FORMAT_PLOT,
    FORMAT_JSONL,
    FORMAT_OPENMETRICS,
    FORMAT_PROMETHEUS,
    FORMAT_INFLUX,
    FORMAT_GRAFANA,
    FORMAT_SQLITE,
    FORMAT_HTML,
    FORMAT_RRD,
};

// Values with their defaults; DONE, or USAGE after a complaint.
int args_time(const struct args *args, enum option_id id, const char *fallback, int64_t *out);
int args_format(const struct args *args, enum format *out);
int args_agg(const struct args *args, enum varve_agg *out);
int args_step(const struct args *args, int64_t *out);
int args_lookback(const struct args *args, int64_t *out);
int args_every(const struct args *args, int64_t fallback_ms, int64_t *out);
// A positive number; 0 when it is not given.
int args_limit(const struct args *args, uint64_t *out);
// The place of a word among `words`, separated by blanks; the first when it is not given.
int args_word(const struct args *args, enum option_id id, const char *words, int *out);
int args_severity(const struct args *args, enum varve_severity *out);

#endif
