// SPDX-License-Identifier: Apache-2.0
// Talking to a running daemon over its UNIX socket.
//
// The protocol, version 7. Both directions carry frames; all integers are little-endian:
//
//   frame    u16 type   u16 flags (0)   u32 length of the payload (at most VARVE_FRAME_MAX) payload
//   text     u16 length, the bytes, a NUL that is not counted; no NUL inside
//   f64      the bits of an IEEE 754 double as u64
//   run      u16 series id, u16 n, then n times i64 time_ms, f64 value
//
// The client speaks first: HELLO (u32 magic "VRVC", u16 version). The daemon answers HELLO (u16
// version, text program version), or END with VARVE_E_VERSION. Then one request at a time; the
// answer is any number of row frames and then END (i32 status, text message; 0 is success).
//
//   request        payload                                          rows
//   PING           -                                                -
//   QUERY          text selector, i64 from, i64 to, i64 step,       INFO, (SERIES, POINTS...)...,
//                  i32 tier, u32 aggregation, u8 by_time            INFO again, with the counts
//   EXPR           text expression, i64 from, i64 to, i64 step,     as QUERY, but POINTS of several
//                  i64 lookback, i32 tier                           series may alternate
//   SERIES         text selector ("" for all)                       SERIES...
//   STATS          -                                                STATS
//   EVENTS         i64 from, i64 to                                 EVENT...
//   INSTANCES      -                                                INSTANCE...
//   FLUSH          u32 timeout in ms                                -
//   CONFIG         -                                                LINE...
//   IMPORT_BEGIN   -                                                -
//   IMPORT_SERIES  text series, u8 kind, text unit, text help       ID (i32 id)
//   IMPORT_POINTS  runs                                             no answer at all, not even END
//   IMPORT_END     -                                                -
//   PRUNE_BEGIN    text selector, i64 before, i32 tier, u8 apply    -
//   PRUNE_STEP     -                                                PRUNE
//   BACKUP         -                                                LINE: its path, for each store
//   BACKUPS        -                                                LINE..., their paths
//   RESTORE        text path of a backup                            LINE: the old store's new path
//
//   SERIES row     u16 id, u8 kind, text series, text unit, text help
//   POINTS row     runs
//   INFO, STATS, EVENT, INSTANCE: the fields of the struct in the order of tools/client/fields.c;
//                  STATS then has its tiers and its backends in the same way
//   PRUNE row      the fields of struct varve_prune_report, u32 tiers, the fields of each
//
// PRUNE_STEP does one bounded step of the prune that this connection began last and tells how far
// it is; between two steps the daemon serves others. A prune whose connection ends stops there. One
// connection prunes at a time, others are told VARVE_E_BUSY.
//
// IMPORT_POINTS is not answered so that it streams; its first failure is kept and is the status of
// IMPORT_END, which makes durable what was imported. Whoever reads takes nothing on trust: every
// length, count, enumerator and text is checked, and a frame that fails the check ends the
// connection.
//
// Threading: a client belongs to one task.
#ifndef VARVE_CLIENT_H
#define VARVE_CLIENT_H

#include "varve/expr.h"
#include "varve/prune.h"
#include "varve/query.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VARVE_PROTOCOL_MAGIC   0x43565256u // "VRVC"
#define VARVE_PROTOCOL_VERSION 7u
#define VARVE_FRAME_HEADER     8u
// Largest payload of one frame, in bytes.
#define VARVE_FRAME_MAX 32768u
// Output gathered before it is sent, in bytes: two whole frames.
#define VARVE_CHANNEL_OUT (2u * (VARVE_FRAME_HEADER + VARVE_FRAME_MAX))
// How long a peer may leave one frame unfinished, in ms.
#define VARVE_CHANNEL_STALL_MS 10000

enum varve_frame_type {
    VARVE_FRAME_HELLO = 1,
    VARVE_FRAME_PING = 2,
    VARVE_FRAME_QUERY = 3,
    VARVE_FRAME_SERIES = 4,
    VARVE_FRAME_STATS = 5,
    VARVE_FRAME_EVENTS = 6,
    VARVE_FRAME_INSTANCES = 7,
    VARVE_FRAME_FLUSH = 8,
    VARVE_FRAME_CONFIG = 9,
    VARVE_FRAME_IMPORT_BEGIN = 10,
    VARVE_FRAME_IMPORT_SERIES = 11,
    VARVE_FRAME_IMPORT_POINTS = 12,
    VARVE_FRAME_IMPORT_END = 13,
    VARVE_FRAME_PRUNE_BEGIN = 14,
    VARVE_FRAME_PRUNE_STEP = 15,
    VARVE_FRAME_BACKUP = 20,
    VARVE_FRAME_BACKUPS = 21,
    VARVE_FRAME_RESTORE = 22,
    VARVE_FRAME_EXPR = 30,

    VARVE_FRAME_ROW_INFO = 64,
    VARVE_FRAME_ROW_SERIES = 65,
    VARVE_FRAME_ROW_POINTS = 66,
    VARVE_FRAME_ROW_STATS = 67,
    VARVE_FRAME_ROW_EVENT = 68,
    VARVE_FRAME_ROW_INSTANCE = 69,
    VARVE_FRAME_ROW_LINE = 70,
    VARVE_FRAME_ROW_ID = 71,
    VARVE_FRAME_ROW_PRUNE = 72,
    VARVE_FRAME_END = 127,
};

// One end of a connection. Fields are private to tools/client/channel.c.
struct varve_channel {
    int fd;       // -1: closed
    int stall_ms; // how long one frame may take
    size_t used;  // bytes in `out`
    size_t frame; // offset of the open frame in `out`
    bool open;    // a frame is being written
    bool runs;    // and it is one of runs, to which more can be added
    uint8_t in[VARVE_FRAME_MAX];
    uint8_t out[VARVE_CHANNEL_OUT];
};

// A connection to a daemon; caller-owned, about 100 KiB.
struct varve_client {
    struct varve_channel channel;
    char server[VARVE_NAME_TEXT]; // the daemon's program version
    char why[VARVE_MESSAGE_TEXT]; // the last failure, one sentence
    char path[VARVE_PATH_TEXT];   // of the socket
};

// Connects to the socket at `path` and greets. Returns 0; VARVE_E_NOT_FOUND when there is no socket
// or nobody listens, VARVE_E_DENIED, VARVE_E_VERSION, VARVE_E_TIMEOUT, VARVE_E_TOO_BIG for a path
// that no socket can have. `client->why` says it in words. Close it in any case.
int varve_client_open(struct varve_client *client, const char *path);
void varve_client_close(struct varve_client *client);

// The calls below mirror varve/host.h and varve/query.h. They return what the daemon said, or
// VARVE_E_CLOSED, VARVE_E_TIMEOUT or VARVE_E_CORRUPT when the connection failed; `client->why`
// holds the sentence. A callback that returns non-zero ends the connection and its value is
// returned.

int varve_client_ping(struct varve_client *client);

int varve_client_query(struct varve_client *client, const struct varve_query *query,
                       const struct varve_query_sink *sink);

// Evaluates an expression; see varve/expr.h.
int varve_client_expr(struct varve_client *client, const struct varve_expr_query *query,
                      const struct varve_query_sink *sink);

// The known series that match `selector` ("" for all).
int varve_client_series(struct varve_client *client, const char *selector,
                        int (*visit)(void *arg, varve_series_id id,
                                     const struct varve_series_def *def),
                        void *arg);

int varve_client_stats(struct varve_client *client, struct varve_stats *out);

int varve_client_events(struct varve_client *client, int64_t from_ms, int64_t to_ms,
                        int (*visit)(void *arg, const struct varve_event *event), void *arg);

int varve_client_instances(struct varve_client *client,
                           int (*visit)(void *arg, const struct varve_instance_stats *instance),
                           void *arg);

int varve_client_flush(struct varve_client *client, int64_t timeout_ms);

// The daemon's effective configuration, line by line.
int varve_client_config(struct varve_client *client, varve_line_fn emit, void *arg);

// Makes a backup of each store that can have one; emit() gets the paths.
int varve_client_backup(struct varve_client *client, varve_line_fn emit, void *arg);
// The paths of the backups that are there, the oldest of each store first.
int varve_client_backups(struct varve_client *client, varve_line_fn emit, void *arg);
// Puts the backup at `path`, as the daemon sees it, in the place of its store; emit() gets the path
// under which the replaced store is kept. All other clients are disconnected.
int varve_client_restore(struct varve_client *client, const char *path, varve_line_fn emit,
                         void *arg);

// Import: begin, then register series (which gives the ids to use) and hand over points in any
// order of calls, then end, which says whether the daemon took them all.
int varve_client_import_begin(struct varve_client *client);
int varve_client_import_series(struct varve_client *client, const struct varve_series_def *def);
int varve_client_import_points(struct varve_client *client, int id,
                               const struct varve_point *points, size_t n);
int varve_client_import_end(struct varve_client *client);

// Prune: begin, then steps until report->done; see varve/prune.h. Dotted names may be selectors,
// too. Who asks is what the daemon knows of the connection: `request->by` is not sent.
int varve_client_prune_begin(struct varve_client *client,
                             const struct varve_prune_request *request);
int varve_client_prune_step(struct varve_client *client, struct varve_prune_report *report);

#ifdef __cplusplus
}
#endif
#endif
