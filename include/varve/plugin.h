// SPDX-License-Identifier: Apache-2.0
// The plugin interface. A plugin is one const descriptor: who it is, one option table, callbacks.
//
// The host allocates an instance's options and state from its static memory and zeroes the state,
// so one plugin can have several instances. Plugins talk to the host only, never to each other, and
// keep no mutable globals. The same source is linked in (static registry) or built as a module: the
// file ends in VARVE_PLUGIN(its_descriptor).
#ifndef VARVE_PLUGIN_H
#define VARVE_PLUGIN_H

#include "varve/block.h"
#include "varve/error.h"
#include "varve/stats.h"
#include "varve/storage.h"
#include "varve/types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VARVE_PLUGIN_MAGIC 0x4c505256u // "VRPL"
#define VARVE_PLUGIN_ABI   7u          // raised when anything in this header changes its layout

struct varve_host;

// ---- options --------------------------------------------------------------------------------

enum varve_option_type {
    VARVE_OPT_BOOL,     // bool: yes no on off true false 1 0
    VARVE_OPT_INT,      // int64_t, min..max
    VARVE_OPT_DURATION, // int64_t in ms, min..max: 500ms 5s 2m 24h 90d
    VARVE_OPT_SIZE,     // int64_t in bytes, min..max: 512 64K 8M 1G
    VARVE_OPT_STRING,   // const char *, owned by the configuration
    VARVE_OPT_CHOICE,   // int64_t: the index in `choices`
};

// One row of an option table: the only place in which an option is described. The host parses,
// range-checks, reports errors and prints the manual from it.
struct varve_option {
    const char *name;
    enum varve_option_type type;
    size_t offset;              // of the field in the plugin's options struct
    const char *fallback;       // the default, written as in a configuration file; NULL: required
    int64_t min, max;           // for INT, DURATION (ms) and SIZE; both 0: not limited
    const char *const *choices; // for CHOICE: NULL-terminated
    const char *help;           // one sentence, with the unit
};

#define VARVE_OPTIONS_END                                                                          \
    {                                                                                              \
        NULL, VARVE_OPT_BOOL, 0, NULL, 0, 0, NULL, NULL                                            \
    }

// ---- instances --------------------------------------------------------------------------------

struct varve_plugin;

// One configured plugin. Plugins read it; only the host writes it.
struct varve_instance {
    const struct varve_plugin *plugin;
    const char *name; // from the section: [collector NAME : plugin]
    struct varve_host *host;
    const void *options; // the plugin's options struct, filled from its table
    void *state;         // state_size bytes
    int64_t due_boot_ms; // collectors: the grid time of this run; push() stamps samples with it
    struct varve_ledger_account *account; // backends: where their files are counted
};

// ---- collectors ---------------------------------------------------------------------------------

struct varve_collector_ops {
    // Registers series, checks that the source exists. VARVE_E_NOT_FOUND disables the instance with
    // one log line (state the reason by varve_instance_fail()). Task context, once.
    int (*init)(struct varve_instance *self);
    // Reads the source once and pushes. Runs on a worker task every interval; a failure is counted
    // and backs off. Should return well within its deadline.
    int (*collect)(struct varve_instance *self);
    // Optional. Gives back what init took.
    void (*exit)(struct varve_instance *self);
};

// Registers a series for this collector or finds it again; `def->text` is any valid spelling and is
// put in canonical order. Returns the id (>= 0), VARVE_E_INVALID for a bad name, VARVE_E_FULL when
// the cap on all series or this collector's `max_series` refuses it (counted; said once). Task
// context; takes a short lock.
int varve_instance_series(struct varve_instance *self, const struct varve_series_def *def);

// Convenience: builds `name{key="value"}` (key NULL: no label) with the value escaped, and
// registers it. Returns as varve_instance_series().
int varve_instance_series_label(struct varve_instance *self, enum varve_kind kind, const char *name,
                                const char *key, const char *value, const char *unit,
                                const char *help);

// Pushes one sample stamped with the instance's grid time. `id` may be a negative error code from
// registration: it is then ignored, so that callers need not check each one. Never blocks.
// Returns 0, VARVE_E_FULL when the ring is full or this run has pushed `max_samples` (both are
// counted), or VARVE_E_INVALID.
int varve_instance_push(struct varve_instance *self, int id, double value);

// The same, stamped with a Unix time in ms that the source itself gave.
int varve_instance_push_at(struct varve_instance *self, int id, int64_t unix_ms, double value);

// Keeps a sentence (printf-like subset: %s %d %u %lld %llu %zu) as the reason of a failure that the
// callback is about to return; shown in the log, in `varve plugins` and in events. Nothing, in a
// build without texts.
#ifdef VARVE_WITHOUT_TEXTS
#define VARVE_SUMMARY(text) ""
static inline void varve_instance_fail(struct varve_instance *self, const char *format, ...)
{
    (void)self;
    (void)format;
}
#else
#define VARVE_SUMMARY(text) text
void varve_instance_fail(struct varve_instance *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#endif

// Whether the host stops: a run that takes long should end soon, with 0. Any context.
bool varve_instance_stopping(const struct varve_instance *self);

// Carves `bytes` from the host's static memory for this instance; only in init()/open(), never
// given back. The memory is zeroed. NULL when there is not enough.
void *varve_instance_take(struct varve_instance *self, size_t bytes, size_t align);

// The directory of this device's state ([varve] state), without a final slash; relative paths in an
// instance's options start here. Never NULL; lives as long as the host. Any context.
const char *varve_instance_state_dir(const struct varve_instance *self);

// ---- backends -----------------------------------------------------------------------------------

enum {
    VARVE_BACKEND_READ_ONLY = 1u, // open(): write nothing, not even to recover
    VARVE_BACKEND_AS_IS = 2u,     // open(): do not look for damage, use what can be used
    VARVE_BACKEND_ANEW = 4u,      // open(), of one that is not persistent: begin empty
};

// What goes with one block.
struct varve_put {
    unsigned tier; // index into the host's tier list
    struct varve_block_key key;
    const void *block;
    uint32_t length;
    int64_t expire_before_ms; // blocks of this tier that end before this time may be overwritten;
                              // INT64_MIN: none may
    uint64_t cap_bytes;       // of the tier: when it would take more space than this, its oldest
                              // block is overwritten, expired or not; 0: no cap
};

// What a check of a store found.
enum {
    VARVE_CHECK_REPAIR = 1u, // remove what is damaged, and nothing else
};

struct varve_check_tier {
    uint32_t blocks;  // whole ones
    uint64_t bytes;   // of these
    uint32_t damaged; // blocks that cannot be read
};

struct varve_check {
    unsigned flags;                                 // in: VARVE_CHECK_*
    void *buf;                                      // in: scratch of VARVE_BLOCK_MAX bytes
    void (*say)(void *arg, const char *text);       // in: gets one line for each damage; not NULL
    void *arg;                                      // in
    struct varve_check_tier tiers[VARVE_MAX_TIERS]; // of the host
    uint32_t records;                               // whole definitions, events and the like
    uint32_t damaged;  // damaged units of which the tier is not known, or that are no blocks
    uint32_t repaired; // damaged units that were removed
    uint32_t restored; // the host's: damaged blocks that a repair has restored from elsewhere
};

// One backup of a store on its way.
struct varve_backup {
    const char *path;             // in: the file
    void *buf;                    // in: scratch of VARVE_BLOCK_MAX bytes
    bool (*stopped)(void *arg);   // in: whether to give up, asked now and then; not NULL
    void *arg;                    // in
    uint32_t blocks;              // out of verify_backup(): whole ones
    char why[VARVE_MESSAGE_TEXT]; // out of verify_backup(): one sentence when it fails
};

// A damaged store on its way into a new one.
#define VARVE_SALVAGED ".salvaged" // behind the path of the store: the new one, whole and synced
struct varve_salvage {
    const char *into; // in: the file to make
    void *buf;        // in: scratch of VARVE_BLOCK_MAX bytes
    // in: the path of the newest backup, then of the one before, ...; false: no more
    bool (*next_backup)(void *arg, char path[VARVE_PATH_TEXT]);
    void *arg;           // in
    bool gives_up;       // in: what the device cannot read is lost; else that is an error
    uint32_t blocks;     // out: that were whole in the damaged store
    uint32_t restored;   // out: taken from a backup
    uint32_t lost;       // out: damaged, and in no backup
    uint32_t records;    // out: definitions and events, wherever from
    uint32_t names_lost; // out: series of which only the history is left
};

// A persistent backend's callbacks are called under its instance's lock, from its own task (put,
// commit, maintain) or from a reader's (next, get, load_*, stats). NULL marks an optional one.
struct varve_backend_ops {
    // Opens the store for the host's tiers (varve_instance_tiers()); makes it when it is missing.
    int (*open)(struct varve_instance *self, unsigned flags);
    void (*close)(struct varve_instance *self);

    // Writing. put(), define() and event() join the open transaction; commit() makes all of it
    // durable; abort() drops it. After a failed call the host aborts, waits and tries again.
    int (*define)(struct varve_instance *self, varve_series_id id,
                  const struct varve_series_def *def);
    int (*put)(struct varve_instance *self, const struct varve_put *put);
    int (*event)(struct varve_instance *self, const struct varve_event *event);
    int (*commit)(struct varve_instance *self);
    void (*abort)(struct varve_instance *self);

    // Reading. next() finds the first block of the tier in key order (start, then seq) that comes
    // after `after` (NULL: the first of all) and ends at or after from_ms; VARVE_E_NOT_FOUND at the
    // end. get() copies that block to buf and returns its length, VARVE_E_NOT_FOUND when it was
    // overwritten meanwhile, VARVE_E_TOO_BIG, or VARVE_E_CORRUPT.
    int (*next)(struct varve_instance *self, unsigned tier, const struct varve_block_key *after,
                int64_t from_ms, struct varve_block_key *out);
    int (*get)(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
               void *buf, size_t cap);
    // get() has verified a checksum over the whole block: the host need not do it again.
    bool get_checks;

    // Optional: changes what is stored, because the operator asked for it (`varve prune`). Puts
    // `block`, `length` bytes long and with the same start and number, in the place of the block
    // `key`; a NULL block removes it. Joins the open transaction; durable when commit() returns.
    // After a power cut each block is the old or the new one. VARVE_E_NOT_FOUND: it is not here.
    int (*replace)(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                   const void *block, uint32_t length);

    // Optional: the dictionary, at open. visit() returns non-zero to stop.
    int (*load_series)(struct varve_instance *self,
                       int (*visit)(void *arg, varve_series_id id,
                                    const struct varve_series_def *def),
                       void *arg);
    // Optional: events with from_ms <= time <= to_ms in time order.
    int (*load_events)(struct varve_instance *self, int64_t from_ms, int64_t to_ms,
                       int (*visit)(void *arg, const struct varve_event *event), void *arg);
    // Optional: the tiers that the store was made with; returns their number.
    int (*load_tiers)(struct varve_instance *self, struct varve_tier *out, size_t cap);

    // Optional: one bounded step of housekeeping (checkpoint, pruning of events) when the backend
    // is idle. Returns 0 when nothing is left, VARVE_E_AGAIN when there is more.
    int (*maintain)(struct varve_instance *self, int64_t now_boot_ms);
    // Fills blocks, stored_bytes, where, persistent, heap_bytes; the host fills the rest.
    void (*stats)(struct varve_instance *self, struct varve_backend_stats *out);

    // Optional: reads everything and verifies it, for `varve check`; fills *check, which is zero
    // but for the fields marked `in`. Returns 0 when the check was made, whatever it found, or an
    // error. Repairing needs a store that is open for writing.
    int (*check)(struct varve_instance *self, struct varve_check *check);
    // Optional: how many bytes of a block fill one page of flash, n times as many filling n pages;
    // constant while it is open. The host cuts windows so that blocks fill whole pages. NULL or 0:
    // it makes no difference.
    uint32_t (*page_payload)(struct varve_instance *self);
    // Optional, both or none. backup() makes a whole copy of what is committed in the new file
    // backup->path, without syncing it; what fails leaves a file that the host removes. Returns 0,
    // VARVE_E_CLOSED when it was told to stop, or an error. verify_backup() reads everything in
    // such a file and verifies it; it runs beside the other callbacks, without the instance's lock,
    // so it touches nothing of the instance. VARVE_E_CORRUPT, VARVE_E_VERSION, VARVE_E_CLOSED, ...
    int (*backup)(struct varve_instance *self, struct varve_backup *backup);
    int (*verify_backup)(struct varve_instance *self, struct varve_backup *backup);
    // Optional, where there are backups and replace(): copies the block `key` of the tier with this
    // step out of the file backup->path, which has been verified, to backup->buf. Returns its
    // length, VARVE_E_NOT_FOUND, or an error. Called like verify_backup().
    int (*backup_block)(struct varve_instance *self, struct varve_backup *backup, bool is_raw,
                        uint32_t step_ms, const struct varve_block_key *key);
    // Optional: called when open() has failed with VARVE_E_CORRUPT, with the instance closed. Makes
    // a new store in salvage->into, without syncing it, of everything that can be read in the
    // damaged one, and of what is missing from the newest backup that is whole. The host puts it in
    // the place of the damaged file, and whatever is called like that with a suffix, which stats()
    // tells as `where` also when open() has failed. open() fails with VARVE_E_CORRUPT, too, while
    // there is a file with the suffix VARVE_SALVAGED: the host was interrupted. VARVE_E_NOT_FOUND:
    // there is nothing in the file that could come from such a store, and so it is left alone.
    int (*salvage)(struct varve_instance *self, struct varve_salvage *salvage);
};

// The host's tiers, in configuration order, raw first; returns their number. 0 tiers: the host
// wants those that the store was made with.
size_t varve_instance_tiers(const struct varve_instance *self, const struct varve_tier **tiers);

// ---- the descriptor -----------------------------------------------------------------------------

enum varve_plugin_kind {
    VARVE_COLLECTOR = 1,
    VARVE_BACKEND = 2
};

struct varve_plugin {
    uint32_t magic; // VARVE_PLUGIN_MAGIC
    uint16_t abi;   // VARVE_PLUGIN_ABI
    uint16_t size;  // sizeof(struct varve_plugin)
    const char *name;
    const char *summary; // one line for `varve plugins` and the manual
    enum varve_plugin_kind kind;
    const struct varve_option *options;          // ends with VARVE_OPTIONS_END; NULL: none
    size_t options_size;                         // bytes
    size_t state_size;                           // bytes
    const struct varve_collector_ops *collector; // by kind, the other NULL
    const struct varve_backend_ops *backend;
    int64_t default_interval_ms; // collectors: 0 means the raw tier's step
};

// The first fields of every descriptor.
#define VARVE_PLUGIN_HEADER                                                                        \
    .magic = VARVE_PLUGIN_MAGIC, .abi = VARVE_PLUGIN_ABI, .size = sizeof(struct varve_plugin)

// The symbol that a module exports; a static build needs none.
#define VARVE_PLUGIN_SYMBOL "varve_plugin_entry"
#ifdef VARVE_MODULE
#define VARVE_PLUGIN(descriptor)                                                                   \
    extern const struct varve_plugin *const varve_plugin_entry                                     \
        __attribute__((visibility("default")));                                                    \
    const struct varve_plugin *const varve_plugin_entry = &(descriptor)
#else
#define VARVE_PLUGIN(descriptor) _Static_assert(sizeof(descriptor) > 0, "")
#endif

// The known plugins: those linked in, and those loaded from modules. Caller-owned; filled once,
// before the configuration is read. The static list is generated by CMake (varve_static_plugins); a
// descriptor is named varve_<kind>_<name>, for example varve_collector_cpu.
struct varve_registry {
    const struct varve_plugin *const *linked; // NULL-terminated
    const struct varve_plugin *modules[VARVE_MAX_MODULES];
    size_t module_count;
};

// The plugins linked into this build, NULL-terminated.
extern const struct varve_plugin *const varve_static_plugins[];

void varve_registry_init(struct varve_registry *registry, const struct varve_plugin *const *linked);

// Adds a module's descriptor. VARVE_E_VERSION when magic, ABI or size differ from this build's,
// VARVE_E_INVALID when it is incomplete, VARVE_E_EXISTS when the name is taken, VARVE_E_FULL.
// `why` (if not NULL) gets a sentence on failure. Task context.
int varve_registry_add(struct varve_registry *registry, const struct varve_plugin *plugin,
                       char *why, size_t why_cap);

// Loads every *.so of a directory. What is refused is logged, with the reason, and passed over.
// Returns the number added; 0 when the directory is missing.
int varve_registry_load_dir(struct varve_registry *registry, const char *path);

// The plugin of that kind and name, or NULL.
const struct varve_plugin *varve_registry_find(const struct varve_registry *registry,
                                               enum varve_plugin_kind kind, const char *name);

// The index-th known plugin, linked ones first; NULL after the last.
const struct varve_plugin *varve_registry_at(const struct varve_registry *registry, size_t index);

#ifdef __cplusplus
}
#endif
#endif
