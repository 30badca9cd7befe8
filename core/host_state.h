// SPDX-License-Identifier: Apache-2.0
// The host's insides, shared by the files of core/ that make it up.
//
// Who owns what:
//   series_lock   additions to the series table
//   store_lock    timebase, windows, rollup, outbox, sequence numbers: all history that is in RAM
//   event_lock    the event log
//   sched_lock    jobs of the collectors, the states of their workers
//   open_lock     the arena, once the host is made: backends that are opened late
//   backend.lock  one per backend: the instance while it is open, its account and its figures
// A task that holds store_lock takes no other lock and does no I/O. A backend's lock may be held
// across I/O; series_lock and event_lock may be taken under it, store_lock may not.
#ifndef VARVE_CORE_HOST_STATE_H
#define VARVE_CORE_HOST_STATE_H

#include <stdatomic.h>

#include "arena.h"
#include "backup_files.h"
#include "cut.h"
#include "gaps.h"
#include "outbox.h"
#include "ring.h"
#include "rollup.h"
#include "sched.h"
#include "series.h"
#include "timebase.h"
#include "varve/host.h"
#include "wear.h"
#include "window.h"

// Points of one chunk; rows are gathered here on their way into a block.
#define VARVE_SCRATCH_BYTES (VARVE_COLUMN_MAX * sizeof(struct varve_point))
// Chunks are sorted in place where they have at most so many rows.
#define VARVE_SORT_IN_PLACE 64u
// Blocks that one transaction of a backend takes at most.
#define VARVE_COMMIT_BLOCKS 8u

// The last failure that an instance explained by varve_instance_fail().
struct varve_reason {
#ifdef VARVE_WITHOUT_TEXTS
    char text[1];
#else
    char text[VARVE_MESSAGE_TEXT];
#endif
};

// See backup.c. Of the task that makes the backups, but for the atomics and what is under the
// backend's lock.
struct varve_backup_state {
    void *buf; // VARVE_BLOCK_MAX; NULL: no backups are made
    struct varve_backup_place place;
    atomic_bool wanted;           // somebody asked for one
    _Atomic uint32_t ended;       // that somebody asked for, made or not
    int result;                   // of the last that somebody asked for; written before `ended`
    char made[VARVE_PATH_TEXT];   // its file, likewise
    char why[VARVE_MESSAGE_TEXT]; // or why there is none
    bool started;                 // the one at start is made, or not wanted
    bool postponed;               // the governor holds it back, and that was said
    int64_t retry_ms;             // boot time before which nothing is tried by itself
    uint32_t failures_in_row;
    int64_t last_ms;                 // lock: Unix time of the newest, INT64_MIN: none
    uint64_t bytes, count, failures; // lock
    uint32_t took_ms;                // lock
};

// Damaged blocks that are remembered at a time, of each sort.
#define VARVE_MEND_KEYS 4u

struct varve_mend_key {
    unsigned tier;
    struct varve_block_key key;
};

// See mend.c. Under the backend's lock, but for what its own task alone has.
struct varve_mend {
    struct varve_mend_key wanted[VARVE_MEND_KEYS]; // that readers met
    uint32_t wanted_count;
    struct varve_mend_key lost[VARVE_MEND_KEYS]; // the last that are whole nowhere
    uint32_t lost_next;                          // how many there were
    uint32_t restored;
    int64_t verified_ms; // its task's: the backup that was verified last; INT64_MIN: none
    void *buf;           // its task's: VARVE_BLOCK_MAX; NULL: there is nowhere to look
};

// Since when a task has been at its present step; see watchdog.c.
struct varve_beat {
    atomic_bool busy;
    _Atomic uint32_t since_ms; // boot time, modulo 2^32
};

struct varve_backend {
    struct varve_instance instance; // first, see varve_instance_reason()
    const struct varve_instance_conf *conf;
    struct varve_reason reason;
    struct varve_ledger_account account;
    struct varve_port_mutex lock;
    struct varve_port_signal wake;
    struct varve_port_task task;
    bool task_running;
    atomic_bool opened; // changes under the lock; see opening.c
    atomic_bool ready;  // could be opened now, by the next host
    bool reopens;       // was open before: ids and numbers in RAM are its own
    bool doubtful;      // it is damaged, by what it said when it was in use
    bool persistent;
    uint32_t identity;           // of what was at `where` when it was opened; 0: it is no path
    char where[VARVE_PATH_TEXT]; // of the store, open or not
    uint32_t defined;            // series ids below this are in its dictionary
    uint32_t event_cursor;       // events below this number are in it
    _Atomic int state;           // 0, or the error that it is retrying after
    _Atomic uint32_t flushed;    // of flush_rounds, the last that it has made a try for
    _Atomic uint32_t flash_kib;  // written by this process; for block headers, without the lock
    int64_t doubted_ms;          // boot time at which damage was seen last; 0: never
    int64_t retry_ms;            // boot time of the next try; 0: at once
    uint32_t failures_in_row;
    uint64_t blocks_put;
    uint64_t payload_bytes;                          // of these blocks
    uint64_t flash_before[VARVE_WRITE_REASON_COUNT]; // by earlier processes, as far as is known
    uint32_t ledger_day; // day (since 1970) that its ledger was last noted in; 0: none yet
    uint32_t commit_last_us, commit_max_us;
    struct varve_beat beat;
    bool stuck;              // the keeper's: that was reported
    uint32_t stuck_since_ms; // the keeper's
#ifndef VARVE_WITHOUT_BACKUP
    struct varve_backup_state backup; // see backup.c
    struct varve_mend *mend;          // NULL: it cannot be mended
#endif
    uint32_t salvages, salvage_blocks, salvage_restored, salvage_lost; // see salvage.c
};

struct varve_collector {
    struct varve_instance instance; // first, see varve_instance_reason()
    const struct varve_instance_conf *conf;
    struct varve_reason reason;
    bool ready; // init succeeded
    bool failing;
    uint32_t last_us, max_us;
    uint32_t series;      // series_lock: that are this one's
    int64_t run_samples;  // of its task: pushed in this run
    bool limited_samples; // of its task: that was said
    _Atomic uint32_t refused_series, refused_samples;
};

enum varve_worker_state {
    VARVE_WORKER_FREE, // no task
    VARVE_WORKER_RUNS,
    VARVE_WORKER_ENDS // is too many and returns: to be joined
};

struct varve_worker {
    struct varve_host *host;
    struct varve_port_task task;
    struct varve_port_signal wake;
    enum varve_worker_state state; // sched_lock
};

// Every collector may hang, and `workers` tasks still run the others.
#define VARVE_WORKER_SLOTS (VARVE_MAX_WORKERS + VARVE_MAX_INSTANCES)

struct varve_event_entry {
    struct varve_event event;
    int64_t boot_ms;
    bool stamped; // event.time_ms is Unix time
};

struct varve_event_log {
#ifndef VARVE_WITHOUT_TEXTS
    struct varve_event_entry entries[VARVE_MAX_EVENTS];
#endif
    uint32_t next;    // number of the next event; entry number n is at n % VARVE_MAX_EVENTS
    uint64_t dropped; // overwritten before every backend had them
};

// See wear_host.c. Under store_lock, but for the atomics.
struct varve_wear_state {
    struct varve_wear_governor governor;
    size_t configured_base;    // what base_tier is at level 1
    size_t wanted_base;        // what the level asks for; base_tier comes down to it at raise_ms
    int64_t raise_ms;          // Unix time, a boundary of the base tier; INT64_MAX: not set yet
    uint64_t seen;             // flash bytes that the governor has counted
    int64_t day_ms, month_ms;  // Unix time at which today and this month began
    uint64_t at_day, at_month; // flash bytes then
    int64_t history_ms;        // how far the stored history went back at start
    bool has_partial[VARVE_MAX_TIERS]; // the mark of the newest stored block lies within a cell
    atomic_bool paused;                // level 5
    _Atomic uint32_t day_number;       // of today, since 1970; 0 while the clock is not trusted
};

// Of query/cache.c: rows that queries have decoded.
struct varve_row_cache {
    uint8_t *memory;
    size_t bytes; // 0: there is none
    // cache_lock:
    bool begun;       // memory is in order
    uint32_t changes; // store_changes when it was
    uint64_t head;    // bytes ever taken
    uint64_t hits, misses;
};

struct varve_host {
    const struct varve_conf *conf;
    unsigned flags;
    struct varve_arena arena;
    bool initialised; // varve_instance_take() is over
    int unreadable;   // 0, or why persistent stores that can be opened are waited for all the same
    int64_t started_ms; // boot time

    struct varve_port_mutex series_lock, store_lock, event_lock, sched_lock, open_lock, cache_lock;
    struct varve_series_table series;
    struct varve_ring ring;

    struct varve_tier tiers[VARVE_MAX_TIERS];
    size_t tier_count;
    size_t base_tier; // the finest tier that goes to a persistent backend now; tier_count: none
    struct varve_timebase timebase;
    struct varve_window windows[VARVE_MAX_TIERS];
    struct varve_rollup rollup;
    struct varve_sketches sketches;
    struct varve_outbox outbox;
    int64_t import_ms;      // time of the sample that was imported last
    int64_t import_span_ms; // how far imported times went forward since the ring was empty
    struct varve_order order;
    struct varve_order cell_order;                  // cells may close while `order` is in use
    struct varve_cut cut;                           // of the raw window
    uint8_t *block;                                 // VARVE_BLOCK_MAX: the block being encoded
    struct varve_code_hint *hints[VARVE_MAX_TIERS]; // of the encoder; NULL: none for this tier
    uint8_t *read_block; // VARVE_BLOCK_MAX: the block being read at recovery
    void *scratch;       // VARVE_SCRATCH_BYTES: rows on their way into block or rollup
    void *cell_scratch;  // the same for cells that close while `scratch` is in use
    void *sort_scratch;  // the same for sorting either; NULL: there are so few that they need none
    uint32_t next_seq[VARVE_MAX_TIERS];
    int64_t upto_ms[VARVE_MAX_TIERS]; // as in the block header
    int64_t mark_ms[VARVE_MAX_TIERS]; // upto_ms of the newest block that ended a window
    size_t split_tier;       // the coarsest tier with a block that did not end its window; 0: none
    int64_t newest_ms;       // time of the newest row that was stamped
    struct varve_gaps gaps;  // in all history
    uint64_t samples_before; // accepted by earlier processes
    uint64_t samples;        // accepted by this one
    uint64_t dropped_ring, dropped_window;
    uint64_t rejected_time;       // samples with an absurd time
    int64_t future_ms;            // Unix times after this are absurd; INT64_MAX while untrusted
    uint64_t flash_before;        // bytes written to flash by earlier processes
    _Atomic uint32_t rejected_id; // samples of a series that does not exist

    struct varve_wear_state wear;

    struct varve_event_log events;

    struct varve_backend backends[VARVE_MAX_BACKENDS];
    size_t backend_count;
    _Atomic uint32_t store_changes; // how often blocks that were stored have become others
    struct varve_row_cache row_cache;
    _Atomic uint32_t memory_used; // of the arena
    size_t most_memory; // that a backend which was opened late has needed, with all that was there
    size_t collector_count;
#ifndef VARVE_WITHOUT_COLLECTORS
    uint8_t *series_owner; // by id: 1 + the collector that registered it first; 0: none yet
    struct varve_collector collectors[VARVE_MAX_INSTANCES];
    struct varve_job jobs[VARVE_MAX_INSTANCES]; // by collector
    struct varve_port_timer watch;              // the next deadline of a running collector
    struct varve_worker workers[VARVE_WORKER_SLOTS];
    size_t live_workers;  // sched_lock: in state VARVE_WORKER_RUNS
    bool workers_failing; // the keeper's: no task could be started
#endif

    struct varve_port_signal keeper_wake, progress;
    struct varve_port_task keeper;
    struct varve_beat keeper_beat;
    bool keeper_running;
    bool threaded; // tasks are running
    atomic_bool stopping;
    atomic_bool flush_wanted;      // taken by the keeper
    _Atomic uint32_t flush_rounds; // flushes that the keeper has passed on to the backends
};

// ---- pipeline.c: samples to blocks --------------------------------------------------------------

int varve_pipeline_init(struct varve_host *host);
// Takes samples from the ring into the raw window, closing windows that are full or old enough.
// Returns how many samples it took.
size_t varve_pipeline_drain(struct varve_host *host);
// Reads the clocks; closes the raw window when it is old enough, or in any case if `force`.
void varve_pipeline_tick(struct varve_host *host, int64_t now_ms, bool force);
// At shutdown, when no clock has told the time: what waits is stamped as if it had come right
// behind what is stored. That is too early, but neither in the future nor before what came before.
void varve_pipeline_assume_clock(struct varve_host *host);
// At shutdown: open cells of the base tier, where no finer tier is persisted.
void varve_pipeline_close_base(struct varve_host *host);
// Every closed cell into a block: what stored blocks do not hold is then in open cells only. Any
// task, without locks.
void varve_pipeline_close_cells(struct varve_host *host);
// Once it is known what is stored where: how windows are cut.
void varve_pipeline_plan(struct varve_host *host);
// Boot time at which tick() has something to do next.
int64_t varve_pipeline_due(struct varve_host *host);
// Forgets host->gaps; adds what a stored block of the tier says. From the finest tier on.
void varve_pipeline_init_gaps(struct varve_host *host);
void varve_pipeline_cover(const struct varve_host *host, struct varve_gaps *gaps, unsigned tier,
                          const struct varve_block_key *key);
// Blocks of the tier that end before this may be overwritten.
int64_t varve_pipeline_expiry(const struct varve_host *host, size_t tier);

// Bytes written to flash since the store was made, in whole KiB of this process.
uint64_t varve_flash_total(struct varve_host *host);

// No time is taken to have come before a trusted clock shows it.
int64_t varve_pipeline_past(const struct varve_host *host, int64_t time_ms);

// ---- raw.c: the raw window
// -----------------------------------------------------------------------

// Why a window ends.
enum varve_raw_end {
    VARVE_RAW_EARLY,      // somebody asked for it
    VARVE_RAW_FULL,       // its span is over, or its memory full
    VARVE_RAW_FILLS_PAGES // so does its block
};

// Closes the window, whatever it holds; leaves it as it is while its rows have no time yet.
void varve_raw_close(struct varve_host *host);
// Closes it when its span is over at boot time now_ms, and says so.
bool varve_raw_close_due(struct varve_host *host, int64_t now_ms);
// Closes it when the row would stretch it beyond its span, its memory or its pages.
void varve_raw_close_before(struct varve_host *host, const struct varve_sample *sample);
// Boot time at which its span is over; INT64_MAX: not while no further row comes.
int64_t varve_raw_due(const struct varve_host *host);

// The row's Unix time, by what is known of the clock now.
static inline int64_t varve_raw_row_ms(const struct varve_timebase *timebase,
                                       const struct varve_sample *row)
{
    bool is_unix = (row->flags & VARVE_SAMPLE_UNIX) != 0;
    return row->time_ms + (is_unix ? 0 : timebase->offset_ms);
}

// The row behind the last one joins the window.
static inline void varve_raw_note_row(struct varve_window *window)
{
    const struct varve_sample *row = &window->rows.raw[window->count];
    bool is_unix = (row->flags & VARVE_SAMPLE_UNIX) != 0;
    int64_t *first_ms = is_unix ? &window->first_unix_ms : &window->first_boot_ms;
    int64_t *last_ms = is_unix ? &window->last_unix_ms : &window->last_boot_ms;
    *first_ms = row->time_ms < *first_ms ? row->time_ms : *first_ms;
    *last_ms = row->time_ms > *last_ms ? row->time_ms : *last_ms;
    if (window->count == 0 || row->time_ms != row[-1].time_ms) {
        window->tick_row = window->count;
    }
    window->count++;
}

// ---- emit.c: rows to blocks
// ----------------------------------------------------------------------

struct varve_block_writer;
// Begins the tier's next block in host->block; no row is older than base_ms.
void varve_emit_begin(struct varve_host *host, struct varve_block_writer *w, size_t tier,
                      int64_t base_ms);
// Adds a chunk, n of struct varve_point or varve_cell, in a further block when this one is full.
void varve_emit_rows(struct varve_host *host, struct varve_block_writer *w, size_t tier,
                     varve_series_id id, const void *rows, size_t n);
// Puts the block into the outbox: the last one of a window, with the tier's marks, or one that ends
// within a window. Both return its length in bytes, 0 when it is empty and left out.
uint32_t varve_emit_last(struct varve_host *host, struct varve_block_writer *w, size_t tier);
uint32_t varve_emit_part(struct varve_host *host, struct varve_block_writer *w, size_t tier);

// ---- cells.c: cell windows
// -----------------------------------------------------------------------

// Finds out which new series ask for percentiles.
void varve_cells_note_series(struct varve_host *host);
// The rollup's sink: a closed cell joins its tier's window.
void varve_cells_take(void *arg, size_t level, varve_series_id id, const struct varve_cell *cell,
                      const struct varve_sketch *sketch);
// Before `rows` raw rows, which cover span_ms, are rolled up: closes the windows that might not
// hold their cells.
void varve_cells_reserve(struct varve_host *host, int64_t rows, int64_t span_ms);
// All rows before time_ms (Unix) are rolled up: moves the marks, closes the windows that are due.
void varve_cells_advance(struct varve_host *host, int64_t time_ms);
// Closes the windows of this rollup tier and of all finer ones.
void varve_cells_close(struct varve_host *host, size_t tier);
// Closes this tier's window alone, with no new mark, in the midst of rolling up.
void varve_cells_close_part(struct varve_host *host, size_t tier);

// ---- wear_host.c: the governor ------------------------------------------------------------------

// Whether persistent backends get blocks of the tier now. Under store_lock, like the next four.
bool varve_wear_keeps(const struct varve_host *host, size_t tier);
// Longest time that the raw window may cover.
int64_t varve_wear_window_ms(const struct varve_host *host);
// The same for the cell window of a tier.
int64_t varve_wear_cell_window_ms(const struct varve_host *host, size_t tier);
// Whether finer tiers are to be stored again from a row of this time on; then the pipeline closes
// what came before and calls varve_wear_raise().
bool varve_wear_raises_at(struct varve_host *host, int64_t unix_ms);
void varve_wear_raise(struct varve_host *host);
// Nothing may be written but at an orderly stop. Any task.
bool varve_wear_paused(const struct varve_host *host);
// Counts what was written and takes the level that follows. Any task, without locks.
void varve_wear_tick(struct varve_host *host, int64_t now_ms);
// Takes a level without being asked to by the windows; for tests and for the start.
void varve_wear_set_level(struct varve_host *host, unsigned level, int64_t now_ms);
// Adds the ledger's totals to the events: once a day, under the backend's lock; at an orderly stop.
void varve_wear_note_day(struct varve_host *host, struct varve_backend *backend);
void varve_wear_note_stop(struct varve_host *host);
// While the host is made, after varve_recover().
void varve_wear_recover(struct varve_host *host);
void varve_wear_stats(struct varve_host *host, struct varve_stats *out);

// ---- backend.c: blocks to stores ----------------------------------------------------------------

void varve_backends_close(struct varve_host *host);
// After a step of the backend: counts failures, sets the time of the next try, tells changes.
void varve_backend_note(struct varve_host *host, struct varve_backend *backend, int rc,
                        int64_t now_ms);
void varve_backend_note_flash(struct varve_backend *backend);
int varve_backends_start(struct varve_host *host);
void varve_backends_stop(struct varve_host *host);
void varve_backends_wake(struct varve_host *host);
// Stores what waits for one backend, or does one step of its maintenance. `now_ms` is boot time.
// Returns the ms until it wants to be called again.
int64_t varve_backend_step(struct varve_host *host, size_t index, int64_t now_ms, bool flush);
// The first error of a backend that does not work, or 0.
int varve_backends_error(struct varve_host *host);
// Blocks that working backends have not stored yet.
uint32_t varve_backends_pending(struct varve_host *host, uint32_t *bytes);

// ---- opening.c: stores, while the host is made
// ---------------------------------------------------

// With VARVE_HOST_WAIT a store that cannot be reached is left for later.
int varve_backends_open(struct varve_host *host, char *why, size_t why_cap);
// Opens a store and, if need be, salvages it; what it took of the arena stays taken when it
// succeeds. Where the host is made, or under open_lock on the backend's task.
int varve_backend_open_store(struct varve_host *host, struct varve_backend *backend);
// Whether what its medium is to be told by is there.
bool varve_backend_has_medium(const struct varve_backend *backend);
// Whether its callbacks may be used; to do so, its lock has to be held when it is asked.
static inline bool varve_backend_is_open(const struct varve_backend *backend)
{
    return atomic_load(&backend->opened);
}
// Its callbacks of these names, under its lock; VARVE_E_NOT_FOUND also while it is not open.
int varve_backend_next(struct varve_backend *backend, unsigned tier,
                       const struct varve_block_key *after, int64_t from_ms,
                       struct varve_block_key *out);
int varve_backend_get(struct varve_backend *backend, unsigned tier,
                      const struct varve_block_key *key, void *buf, size_t cap);

// ---- reopen.c: stores that can be opened later
// ---------------------------------------------------

// Whether the error is one of a device that may work later, and the host waits for it.
bool varve_can_wait(const struct varve_host *host, int rc);
// Whether it was waited long enough for what the device cannot read.
bool varve_backend_gives_up(const struct varve_backend *backend);
// Tries again to open what is not open. On the backend's task, without its lock. Returns the ms
// until the next try.
int64_t varve_backend_try_open(struct varve_host *host, struct varve_backend *backend,
                               int64_t now_ms);
// Closes a store that was moved away or replaced, that a mount hides, or whose medium is gone, so
// that it is opened anew, and says so. Costs a look at the path. On the backend's task, without its
// lock.
bool varve_backend_is_gone(struct varve_host *host, struct varve_backend *backend, int64_t now_ms);
// After a step that failed with `rc`: closes a store that is damaged, or that goes on failing, so
// that it is opened anew. On the backend's task, without its lock.
void varve_backend_doubt(struct varve_host *host, struct varve_backend *backend, int rc,
                         int64_t now_ms);
// Opens one that keeps its blocks in memory anew, empty; all of those. On failure it is closed.
int varve_backend_forget(struct varve_host *host, struct varve_backend *backend);
void varve_backends_forget(struct varve_host *host);

// ---- handover.c: to the next host ---------------------------------------------------------------

// When tasks have stopped and what could be stored is stored, before the backends are closed.
void varve_handover_pack(struct varve_host *host, struct varve_handover *handover);

// ---- dictionary.c: series that stores know ------------------------------------------------------

// Merges what one open store, or each of its kind, knows into the series table.
int varve_dictionary_load(struct varve_host *host, struct varve_backend *backend, char *why,
                          size_t why_cap);
int varve_dictionaries_load(struct varve_host *host, bool persistent, char *why, size_t why_cap);

// ---- salvage.c: damaged stores ------------------------------------------------------------------

// The backend's store cannot be opened because it is damaged: has it salvaged, or as a last resort
// set aside, and opens what is there then. Where open() is called. Returns what that says.
int varve_salvage(struct varve_host *host, struct varve_backend *backend);

// ---- backup.c: copies of stores -----------------------------------------------------------------

// While the host is made, when the backends are open; for one that is opened later.
int varve_backups_init(struct varve_host *host);
int varve_backup_init(struct varve_host *host, struct varve_backend *backend);
// Makes the backup that is due, if one is; on the backend's task, without its lock. `now_ms` is
// boot time.
void varve_backup_step(struct varve_host *host, struct varve_backend *backend, int64_t now_ms);
// At an orderly stop, after the last flush.
void varve_backups_at_stop(struct varve_host *host);
// Under the backend's lock.
void varve_backup_stats(const struct varve_backend *backend, struct varve_backend_stats *out);

// ---- mend.c: damaged blocks in stores that are sound otherwise ----------------------------------

// When a backend is open and varve_backup_init() is done; again when it was opened anew.
int varve_mend_init(struct varve_host *host, struct varve_backend *backend);
// A block of the backend was read and is damaged: has it restored, soon. Any task, without the
// backend's lock.
void varve_mend_note(struct varve_backend *backend, unsigned tier,
                     const struct varve_block_key *key);
// Restores one block that was noted; on the backend's task, without its lock. `now_ms` is boot
// time.
void varve_mend_step(struct varve_host *host, struct varve_backend *backend, int64_t now_ms);
// Restores all that were noted, while the host is made. Returns how many.
int varve_mend_noted(struct varve_host *host);
// Reads all blocks and restores what is damaged; with `remove`, what is whole nowhere is removed.
// Where varve_mend_step() is called, or without tasks. Returns how many blocks changed, or an
// error.
int varve_mend_all(struct varve_host *host, struct varve_backend *backend, bool remove);
// Under the backend's lock.
void varve_mend_stats(const struct varve_backend *backend, struct varve_backend_stats *out);

// ---- store.c: blocks wherever they are ----------------------------------------------------------

// Iterates the blocks of a tier in key order, each once.
struct varve_block_cursor {
    unsigned tier;
    int64_t from_ms;    // blocks that end earlier are left out
    uint32_t seq_limit; // blocks with this number or a higher one are left out
    struct varve_block_key key;
    bool started;
};
int varve_store_next(struct varve_host *host, struct varve_block_cursor *cursor);
// Blocks that are stored have become others under the same key, or may have: what queries remember
// of them is forgotten. After the change. Any task.
static inline void varve_store_changed(struct varve_host *host)
{
    atomic_fetch_add(&host->store_changes, 1);
}
// Oldest and newest time of all the tier's rows, in RAM and in blocks (INT64_MAX, INT64_MIN: none),
// as far as the stores can be read; a store that fails shows in its backend's state. Returns the
// number of blocks.
uint32_t varve_store_range(struct varve_host *host, unsigned tier, int64_t *oldest_ms,
                           int64_t *newest_ms);
// Copies and checks a block. Returns 0, VARVE_E_NOT_FOUND, VARVE_E_CORRUPT, ...
int varve_store_get(struct varve_host *host, unsigned tier, const struct varve_block_key *key,
                    void *buf, size_t cap, struct varve_block_info *info);

// ---- made.c: blocks in the order in which they were made ----------------------------------------

// Iterates the blocks of a tier in the order of their numbers, each number once. All but the first
// four: private.
struct varve_made_cursor {
    unsigned tier;
    int64_t from_ms;              // blocks that end earlier are left out
    uint32_t from_seq, below_seq; // so are those with other numbers
    struct varve_block_key *keys; // the next ones: [at, count) of `room`
    size_t room, count, at;
    bool more; // there may be others behind them
};
// A cursor over all blocks of a tier, to be narrowed by its first fields. Borrows `bytes` of
// memory, aligned to 8, room for one key at least: each further time that they are filled costs a
// look at all of the tier's blocks.
struct varve_made_cursor varve_made_start(unsigned tier, void *memory, size_t bytes);
// Returns 0, VARVE_E_NOT_FOUND behind the last block, or an error of a store.
int varve_made_next(struct varve_host *host, struct varve_made_cursor *made,
                    struct varve_block_key *key);

// ---- live.c: rows that are in RAM ---------------------------------------------------------------

// Copies the series' rows in the range that are not in a block yet: struct varve_point for tier 0,
// struct varve_cell otherwise, not sorted. Blocks with a number below *seq_limit hold all others.
// Returns the count or VARVE_E_FULL.
int varve_live_rows(struct varve_host *host, unsigned tier, varve_series_id id, int64_t from_ms,
                    int64_t to_ms, void *rows, size_t cap, uint32_t *seq_limit);
// Adds the sketches of what is in RAM only of a rollup tier, as varve_live_rows() gives the cells.
// Returns whether the series has any.
bool varve_live_sketch(struct varve_host *host, unsigned tier, varve_series_id id, int64_t from_ms,
                       int64_t to_ms, struct varve_sketch *into, uint32_t *seq_limit);
// Oldest and newest time of the tier's rows in RAM (INT64_MAX, INT64_MIN: none).
void varve_live_range(struct varve_host *host, unsigned tier, int64_t *oldest_ms,
                      int64_t *newest_ms);

// ---- recover.c, events.c, collect.c, keeper.c ---------------------------------------------------

// Takes the memory that recovery reads blocks into.
int varve_recover_init(struct varve_host *host);
// Loads dictionaries, continues sequence numbers and totals, rebuilds open cells from stored rows.
int varve_recover(struct varve_host *host, char *why, size_t why_cap);
// recover_counters.c: the values that counters had before the mark of the finest rollup tier, from
// raw blocks with a number below this.
void varve_recover_counters(struct varve_host *host, uint32_t below_seq);

// Before that: blocks that only memory kept over a restart go to the outbox, for the stores that
// want them. See rescue.c.
void varve_rescue(struct varve_host *host);

#ifdef VARVE_WITHOUT_TEXTS
static inline void varve_event_add(struct varve_host *host, enum varve_severity severity,
                                   const char *source, const char *kind, bool has_value,
                                   double value, const char *payload, const char *format, ...)
{
    (void)host;
    (void)severity;
    (void)source;
    (void)kind;
    (void)has_value;
    (void)value;
    (void)payload;
    (void)format;
}
#else
void varve_event_add(struct varve_host *host, enum varve_severity severity, const char *source,
                     const char *kind, bool has_value, double value, const char *payload,
                     const char *format, ...) __attribute__((format(printf, 8, 9)));
#endif
// Copies event number `number`, stamped; false when it is gone or its time is not known yet.
bool varve_event_get(struct varve_host *host, uint32_t number, struct varve_event *out);
// Puts the events that the backend does not have yet, but for those that cannot be stamped; under
// its lock. Returns the number of the first that was not put; *rc is what the backend said.
uint32_t varve_events_put(struct varve_host *host, struct varve_backend *backend, int *rc);
// Whether there are events that the backend does not have.
bool varve_events_wait(struct varve_host *host, const struct varve_backend *backend);

// The table refused a series: says so once. Counted by the table.
void varve_series_note_full(struct varve_host *host, const char *text);

int varve_collectors_init(struct varve_host *host);
int varve_collectors_start(struct varve_host *host);
// Returns VARVE_E_TIMEOUT when a collector does not come back: its task still uses the host.
int varve_collectors_stop(struct varve_host *host);
// Runs what is due, on the caller's task; returns the boot time of the next run.
int64_t varve_collectors_run(struct varve_host *host, int64_t now_ms);
// Reports collectors that passed their deadline.
void varve_collectors_watch(struct varve_host *host, int64_t now_ms);
// Runs that failed, of all; the plugin of one, and what there is to say of it. Any task.
uint64_t varve_collectors_failures(struct varve_host *host);
const struct varve_plugin *varve_collector_plugin(const struct varve_host *host, size_t index);
void varve_collector_stats(struct varve_host *host, size_t index, struct varve_instance_stats *out);

// workers.c. As many as are configured; on failure some may run.
int varve_workers_start(struct varve_host *host);
// The keeper, after each look at the deadlines: a worker in the place of each that hangs.
void varve_workers_replace(struct varve_host *host);
// Returns VARVE_E_TIMEOUT when one does not come back.
int varve_workers_stop(struct varve_host *host);

// watchdog.c. A task begins a step, gets on with a long one, or has none.
void varve_beat(struct varve_beat *beat);
void varve_beat_goes_on(struct varve_beat *beat);
void varve_beat_rest(struct varve_beat *beat);
// The keeper: reports backends that are stuck, and those that are back.
void varve_watchdog_tick(struct varve_host *host);

int varve_keeper_start(struct varve_host *host);
void varve_keeper_stop(struct varve_host *host);

struct varve_reason *varve_instance_reason(struct varve_instance *instance);

#endif
