// SPDX-License-Identifier: Apache-2.0
// The host: varve as a library. varved is a thin program around it; so is any firmware.
//
//   struct varve_conf conf;  ... varve_conf_init, parse or add, finish ...
//   static uint8_t memory[4 << 20];
//   struct varve_host *host;
//   varve_host_init(&host, &conf, memory, sizeof memory, 0, why, sizeof why);
//   int id = varve_series_add(host, &(struct varve_series_def){.text = "boiler_celsius"});
//   varve_push(host, id, 61.5);
//   for (;;) sleep_ms(varve_host_step(host));        // super-loop, or varve_host_start() once
//   varve_host_shutdown(host);
//
// No allocation: everything is carved from `memory` by init.
#ifndef VARVE_HOST_H
#define VARVE_HOST_H

#include "varve/conf.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    VARVE_HOST_READ_ONLY = 1u,     // open stores without writing a byte; push is refused
    VARVE_HOST_NO_COLLECTORS = 2u, // leave the configured collectors out
    VARVE_HOST_KEEP_ALL = 4u,      // retention off: nothing is overwritten
    VARVE_HOST_STORE_TIERS = 8u,   // take the tiers from the first store that has some
    VARVE_HOST_AS_IS = 32u,        // a damaged store is not salvaged: it opens as it is, or not
    VARVE_HOST_FRESH_MEMORY = 16u, // the memory holds zeros, as static memory does before its first
                                   // use: what is not needed is then never touched
    VARVE_HOST_WAIT = 64u, // a store that cannot be reached does not stop the start: history stays
                           // in RAM until it can be opened; see varve_host_waits()
    VARVE_HOST_SKETCHES = 128u, // series that have sketches in stored blocks keep them, whatever
                                // [series] says: memory for VARVE_MAX_SKETCHES of them
};

// Makes a host in `memory` (any alignment; it must stay until shutdown), opens the backends,
// loads the dictionary, rebuilds the open rollup cells from what is stored, initialises collectors.
// On failure nothing stays open and `why` holds a sentence that says what to do. A backend that
// cannot be opened is an error, not a silent loss of history; with VARVE_HOST_WAIT it shows in its
// state instead, unless waiting cannot help. Returns 0, VARVE_E_NO_MEMORY (the
// sentence says how much is needed), VARVE_E_BUSY (another process has the store), or what the
// backend said. Task context.
int varve_host_init(struct varve_host **host, const struct varve_conf *conf, void *memory,
                    size_t bytes, unsigned flags, char *why, size_t why_cap);

// Starts the tasks: collector workers, keeper, one per backend. Returns 0 or an error; on a port
// without tasks VARVE_E_UNSUPPORTED.
int varve_host_start(struct varve_host *host);

// Super-loop instead of tasks: runs what is due once and returns the ms until the next call is
// needed (0: at once, at most 1000). Task context, one caller.
int64_t varve_host_step(struct varve_host *host);

// Closes the raw window and returns when every backend that works has made it durable.
// VARVE_E_TIMEOUT, VARVE_E_CLOCK while samples wait for a plausible clock, or the error of a
// backend that does not. Any task, one caller at a time.
int varve_host_flush(struct varve_host *host, int64_t timeout_ms);

// Stops collectors and tasks, makes everything durable, closes the backends. The host is gone
// afterwards. Returns 0, the error of a backend that could not take what was left (logged), or
// VARVE_E_TIMEOUT when a collector hangs: everything is persisted, but the memory is still in use.
int varve_host_shutdown(struct varve_host *host);

// Whether a store could not be opened yet. While the host runs it is tried again, at growing
// intervals. VARVE_WAITS_READY: it could be opened now, but the host began without it and has given
// out numbers of its own; end this one with varve_host_hand_over() and start the next. Any task.
enum {
    VARVE_WAITS_NOT = 0,
    VARVE_WAITS = 1,
    VARVE_WAITS_READY = 2
};
int varve_host_waits(struct varve_host *host);

// What was in RAM, on its way from one host to the next one of the same process. It lies at the end
// of the memory that the first was given: the last `bytes` of it are not for the next.
struct varve_handover {
    size_t bytes;    // 0: nothing
    uint32_t blocks; // raw blocks, and rows that have no time yet
    uint32_t rows;
    uint32_t lost; // blocks for which there was no room
};

// Ends the host like varve_host_shutdown(), and keeps what no store could take: raw samples, the
// series that they are of, events. Returns what that does; there may be something to take over in
// any case but VARVE_E_TIMEOUT.
int varve_host_hand_over(struct varve_host *host, struct varve_handover *handover);

// In the next host, made in the same memory without its last `bytes`, before it is started: takes
// all of that in, as if it had just come. `memory` and `bytes` are what the first host was given.
// Ids may differ: series are found by their texts. Returns 0, or the first error of a series or of
// a sample.
int varve_host_take_over(struct varve_host *host, const struct varve_handover *handover,
                         const void *memory, size_t bytes);

// Whether the keeper and the backends get on with their work: 0, or VARVE_E_TIMEOUT with a sentence
// in `why` when one has been at the same step for longer than `[varve] stuck`. For whoever feeds a
// watchdog: nothing is reset by asking. Any task, once the tasks are started.
int varve_host_alive(const struct varve_host *host, char *why, size_t cap);

// ---- series and samples -------------------------------------------------------------------------

// Registers a series or finds it again; `def->text` is any valid spelling and is put in canonical
// order. Returns the id (>= 0), VARVE_E_INVALID for a bad name, VARVE_E_FULL when the cap refuses
// it (counted; logged once). Task context; takes a short lock.
int varve_series_add(struct varve_host *host, const struct varve_series_def *def);

// Pushes one sample stamped now. Any task; from an interrupt use varve_push_boot() with the port's
// own tick. Returns 0, VARVE_E_FULL when the ring is full (counted in dropped_ring), or
// VARVE_E_INVALID for an id that was never given out (counted in rejected). Never blocks.
int varve_push(struct varve_host *host, int id, double value);

// The same, stamped with a time of the port's boot clock, in ms. Any context.
int varve_push_boot(struct varve_host *host, int id, int64_t boot_ms, double value);

// The same for n samples of one time, in order, for less than n calls cost. Returns how many it has
// taken, less than n when the ring is full: the rest is the caller's to push again, or to count.
// Samples of an id that was never given out are taken, and counted in rejected. Any context.
size_t varve_push_row(struct varve_host *host, int64_t boot_ms, const int *ids,
                      const double *values, size_t n);

// One sample, stamped with a Unix time in ms: data with a history of its own. Any context.
int varve_push_at(struct varve_host *host, int id, int64_t unix_ms, double value);

// Hands over points of one series with their own times and waits for room instead of dropping.
// Task context. Returns 0 or an error.
int varve_host_import(struct varve_host *host, int id, const struct varve_point *points, size_t n);

// ---- looking in ---------------------------------------------------------------------------------

// Known series by id: fills `def` (texts live as long as the host) for the first id >= *id and sets
// *id to it. VARVE_E_NOT_FOUND after the last. Any task.
int varve_host_series(struct varve_host *host, varve_series_id *id, struct varve_series_def *def);

void varve_host_stats(struct varve_host *host, struct varve_stats *out);

// The index-th plugin instance, then the known plugins that are not configured. VARVE_E_NOT_FOUND
// after the last. Any task.
int varve_host_instance(struct varve_host *host, size_t index, struct varve_instance_stats *out);

// Checks the store of the index-th backend: reads everything in it and verifies it, which takes its
// time, under the backend's lock. VARVE_E_NOT_FOUND after the last, VARVE_E_UNSUPPORTED when the
// backend has nothing to check, VARVE_E_READ_ONLY for a repair of a store that is not open for
// writing. Task context.
int varve_host_check(struct varve_host *host, size_t index, struct varve_check *check);

// Makes a backup of the index-th backend's store now, whatever schedule and governor say, and waits
// for it; go_on(), if not NULL, is asked now and then whether to wait any longer. `made` gets the
// path of the file, or a sentence when it fails. VARVE_E_NOT_FOUND after the last backend,
// VARVE_E_UNSUPPORTED when it has no backups, VARVE_E_CLOCK while the clock is not plausible,
// VARVE_E_NO_SPACE, VARVE_E_CORRUPT, VARVE_E_TIMEOUT when go_on() said no, ... Task context, one
// caller at a time.
int varve_host_backup(struct varve_host *host, size_t index, char *made, size_t cap,
                      bool (*go_on)(void *arg), void *arg);

// The backups of the index-th backend's store, the oldest first; visit() returns non-zero to stop.
// VARVE_E_NOT_FOUND after the last backend. Task context.
int varve_host_backups(struct varve_host *host, size_t index,
                       int (*visit)(void *arg, const char *path, int64_t time_ms), void *arg);

// Reads everything in a file and verifies that it is a whole backup for the index-th backend. `why`
// gets a sentence when it is not. Task context, one caller at a time, while no backup is made.
int varve_host_verify_backup(struct varve_host *host, size_t index, const char *path, char *why,
                             size_t why_cap);

// Events with from_ms <= time <= to_ms, stored ones and those in RAM, in time order; visit()
// returns non-zero to stop. Of a store that cannot be read what RAM has is visited before its error
// is returned. Task context.
int varve_host_events(struct varve_host *host, int64_t from_ms, int64_t to_ms,
                      int (*visit)(void *arg, const struct varve_event *event), void *arg);

// Records an event, stamped now. `payload` is a JSON object or NULL. Task context.
void varve_host_event(struct varve_host *host, enum varve_severity severity, const char *source,
                      const char *kind, const char *message, const char *payload);

size_t varve_host_tiers(const struct varve_host *host, const struct varve_tier **tiers);

// A log line through the port: component, then a printf-like subset (%s %d %u %lld %llu %zu %c).
// Nothing, in a build without texts.
#ifdef VARVE_WITHOUT_TEXTS
static inline void varve_log(enum varve_severity severity, const char *component,
                             const char *format, ...)
{
    (void)severity;
    (void)component;
    (void)format;
}
#else
void varve_log(enum varve_severity severity, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#endif

// The same subset into a buffer, always NUL-terminated. Returns the length that it would have had.
size_t varve_format(char *buf, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif
#endif
