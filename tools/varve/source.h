// SPDX-License-Identifier: Apache-2.0
// Where the tool gets its answers: a running daemon, or a store that it opens itself.
//
// Owns the choice between the two and the operations that both offer, so that commands and
// formatters never know which one it is. Leaves the protocol to client/ and opening stores to
// store/.
//
// Threading: one task, one open source at a time (the local one uses static memory).
#ifndef VARVE_SOURCE_H
#define VARVE_SOURCE_H

#include "store/store.h"
#include "varve/expr.h"
#include "varve/prune.h"
#include "varve/query.h"

// Long enough for a sentence with a path in it.
#define SOURCE_WHY 512u

struct varve_source_ops;

struct varve_source {
    const struct varve_source_ops *ops;            // NULL: closed
    char where[VARVE_PATH_TEXT + VARVE_NAME_TEXT]; // for messages
    char why[SOURCE_WHY];                          // the last failure, one sentence
};

typedef int (*varve_series_fn)(void *arg, varve_series_id id, const struct varve_series_def *def);
typedef int (*varve_event_fn)(void *arg, const struct varve_event *event);
typedef int (*varve_instance_fn)(void *arg, const struct varve_instance_stats *instance);

// Each returns 0 or an error with s->why set, or what a callback returned.
struct varve_source_ops {
    int (*query)(struct varve_source *s, const struct varve_query *query,
                 const struct varve_query_sink *sink);
    int (*expr)(struct varve_source *s, const struct varve_expr_query *query,
                const struct varve_query_sink *sink);
    int (*series)(struct varve_source *s, const char *selector, varve_series_fn visit, void *arg);
    int (*stats)(struct varve_source *s, struct varve_stats *out);
    int (*events)(struct varve_source *s, int64_t from_ms, int64_t to_ms, varve_event_fn visit,
                  void *arg);
    int (*instances)(struct varve_source *s, varve_instance_fn visit, void *arg);
    int (*config)(struct varve_source *s, varve_line_fn emit, void *arg);
    int (*flush)(struct varve_source *s);
    int (*check)(struct varve_source *s, struct varve_check *check); // the first backend's store
    int (*backup)(struct varve_source *s, varve_line_fn emit, void *arg); // paths of what is made
    int (*import_begin)(struct varve_source *s);
    int (*import_series)(struct varve_source *s, const struct varve_series_def *def); // the id
    int (*import_points)(struct varve_source *s, int id, const struct varve_point *points,
                         size_t n);
    int (*import_end)(struct varve_source *s);
    int (*prune_begin)(struct varve_source *s, const struct varve_prune_request *request);
    int (*prune_step)(struct varve_source *s, struct varve_prune_report *report);
    int (*close)(struct varve_source *s);
};

// What to open. All NULL: VARVE_SOCKET, or varved.sock in VARVE_STATE or /var/lib/varve; when
// nobody answers there, the store varve.db beside it (said on stderr).
struct source_choice {
    const char *socket; // path of a daemon's socket
    const char *store;  // KIND:PATH
    const char *config; // tiers and store of this configuration
    bool write;         // for importing, repairing and pruning
    bool existing;      // a store that is missing is not made
    bool every_store;   // of a configuration, not the first alone
    bool keep_all;      // retention off; only for a store
    bool as_is;         // a damaged store is not salvaged
    bool backups;       // of a configuration the first store that can have backups
};

// Where a store is and where its backups are, whether or not it can be opened.
struct source_store {
    bool remote;           // a daemon has it; `at` says nothing, the source is open
    struct store_place at; // its `choice` is as for --store
};

// Finds the store that source_open() would open, and opens the source only when a daemon answers.
// Returns 0, or an error with s->why.
int source_locate(struct varve_source *s, const struct source_choice *choice,
                  struct source_store *store);
int source_locate_local(struct varve_source *s, const struct source_choice *choice,
                        struct source_store *store);
// What a daemon alone can do with backups; see varve/client.h.
int source_remote_backups(struct varve_source *s, varve_line_fn emit, void *arg);
int source_remote_restore(struct varve_source *s, const char *path, varve_line_fn emit, void *arg);

// Returns 0, or an error with s->why. Close only what was opened.
int source_open(struct varve_source *s, const struct source_choice *choice);
// Closes; returns 0, or an error with s->why when a store could not take everything.
int source_close(struct varve_source *s);

// Whether it is a daemon; `where` is its socket then.
bool source_is_remote(const struct varve_source *s);

// The two kinds. `path` is a socket; `store` is KIND:PATH.
int source_open_remote(struct varve_source *s, const char *path);
int source_open_local(struct varve_source *s, const struct source_choice *choice);

// Keeps a failure's sentence. Returns `code`.
int source_fail(struct varve_source *s, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Appends the errors of a configuration to a stream, one a line.
void source_print_errors(const struct varve_conf *conf);

#endif
