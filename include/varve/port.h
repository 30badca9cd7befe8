// SPDX-License-Identifier: Apache-2.0
// What varve asks of a platform. A port implements these functions and is linked statically; there
// is one port per program, so there is no table of pointers and no cost on a small CPU.
//
// Seven groups: time; tasks and locks; storage; raw flash; memory that is kept; programs; the rest
// (log, small texts, process figures, modules). A port without tasks (super-loop) implements the
// second group as the notes say and drives everything by varve_host_step(). A port without files
// returns VARVE_E_UNSUPPORTED from the third group, one without raw flash NULL from the fourth.
// ports/posix is the reference.
//
// Storage here is raw and uncounted: only core/storage.c and core/storage_flash.c call it, so that
// every byte that goes to flash is in the ledger. Plugins use varve/storage.h.
#ifndef VARVE_PORT_H
#define VARVE_PORT_H

#include "varve/error.h"
#include "varve/flash.h"
#include "varve/types.h"

#ifdef __cplusplus
extern "C" {
#endif

// ---- time -----------------------------------------------------------------------------------

// Milliseconds since boot, suspended time included; never steps, never goes back. Any context.
int64_t varve_port_boot_ms(void);

// Microseconds on a monotonic clock, for measuring durations. Any context.
uint64_t varve_port_mono_us(void);

// Unix time in ms as the system believes it; may be wrong and may step. Task context.
int64_t varve_port_wall_ms(void);

// ---- tasks and locks --------------------------------------------------------------------------

// Opaque storage, large enough for every port; a port asserts at compile time that its own object
// fits.
#ifndef VARVE_PORT_OBJECT_BYTES
#define VARVE_PORT_OBJECT_BYTES 128u
#endif
union varve_port_object {
    uint8_t bytes[VARVE_PORT_OBJECT_BYTES];
    int64_t align_integer;
    void *align_pointer;
    double align_double;
};

struct varve_port_mutex {
    union varve_port_object o;
};
struct varve_port_signal {
    union varve_port_object o;
};
struct varve_port_task {
    union varve_port_object o;
};
struct varve_port_timer {
    union varve_port_object o;
};

// Short critical section against tasks and interrupts; must not be nested. Any context.
void varve_port_critical_enter(void);
void varve_port_critical_exit(void);

// Mutex, not recursive. Task context. A super-loop port does nothing.
int varve_port_mutex_init(struct varve_port_mutex *m);
void varve_port_mutex_lock(struct varve_port_mutex *m);
void varve_port_mutex_unlock(struct varve_port_mutex *m);
void varve_port_mutex_destroy(struct varve_port_mutex *m);

// Binary signal (task notification): raise() from any context; wait() returns at once if it was
// raised before, and takes it. Returns 0 when raised, VARVE_E_TIMEOUT after timeout_ms (< 0: wait
// for ever).
int varve_port_signal_init(struct varve_port_signal *s);
void varve_port_signal_raise(struct varve_port_signal *s);
int varve_port_signal_wait(struct varve_port_signal *s, int64_t timeout_ms);
void varve_port_signal_destroy(struct varve_port_signal *s);

// Starts a task that runs fn(arg) once. `name` has at most 15 characters. `stack_bytes` 0: the
// port's default. Returns 0, or VARVE_E_UNSUPPORTED on a port without tasks.
int varve_port_task_start(struct varve_port_task *t, const char *name, void (*fn)(void *arg),
                          void *arg, size_t stack_bytes);

// Waits until the task's function has returned, at most timeout_ms (< 0: for ever); then the
// storage can be reused. Returns 0 or VARVE_E_TIMEOUT (the task runs on, the storage must stay).
int varve_port_task_join(struct varve_port_task *t, int64_t timeout_ms);

// One-shot timer: calls fn(arg) after delay_ms, from a context that must not block. start() on a
// running timer restarts it. stop() returns when the callback is not running and will not run.
int varve_port_timer_init(struct varve_port_timer *t, void (*fn)(void *arg), void *arg);
int varve_port_timer_start(struct varve_port_timer *t, int64_t delay_ms);
void varve_port_timer_stop(struct varve_port_timer *t);
void varve_port_timer_destroy(struct varve_port_timer *t);

// ---- storage (raw; see the note above) ---------------------------------------------------------

enum {
    VARVE_OPEN_WRITE = 1u,     // for reading and writing; without it for reading only
    VARVE_OPEN_CREATE = 2u,    // make the file when it is missing (mode 0640)
    VARVE_OPEN_EXCLUSIVE = 4u, // with CREATE: VARVE_E_EXISTS when it is there
};

struct varve_port_file {
    intptr_t handle;
};

int varve_port_file_open(struct varve_port_file *f, const char *path, unsigned flags);
void varve_port_file_close(struct varve_port_file *f);
// Reads up to `len` bytes at `offset`; returns the number read (short only at the end of the file).
int64_t varve_port_file_read(struct varve_port_file *f, int64_t offset, void *buf, size_t len);
// Writes all `len` bytes at `offset` or fails. Returns 0 or an error.
int varve_port_file_write(struct varve_port_file *f, int64_t offset, const void *buf, size_t len);
// Size in bytes, or an error.
int64_t varve_port_file_size(struct varve_port_file *f);
int varve_port_file_truncate(struct varve_port_file *f, int64_t size);
// Makes the file at least `size` bytes long with its space allocated, without writing data.
// VARVE_E_UNSUPPORTED where the filesystem cannot: core/storage.c then writes counted zeros.
int varve_port_file_preallocate(struct varve_port_file *f, int64_t size);
// Data (and the size) are on the medium when it returns 0: fdatasync.
int varve_port_file_sync(struct varve_port_file *f);
// Advisory lock on the byte range; never waits. VARVE_E_BUSY when another process holds it.
// An exclusive lock needs VARVE_OPEN_WRITE. unlock() gives the range back.
int varve_port_file_lock(struct varve_port_file *f, int64_t offset, int64_t len, bool exclusive);
int varve_port_file_unlock(struct varve_port_file *f, int64_t offset, int64_t len);

int varve_port_path_remove(const char *path);
int varve_port_path_rename(const char *from, const char *to);
// A second name for a file (a hard link). VARVE_E_EXISTS when `to` is there; another error, such as
// VARVE_E_UNSUPPORTED, where the filesystem has no such thing.
int varve_port_path_link(const char *from, const char *to);
// 0, VARVE_E_NOT_FOUND, or another error.
int varve_port_path_exists(const char *path);
// What file or directory is there: *identity is the same for each look at it and each of its names,
// and another one, never 0, for another file, one on a filesystem that was mounted over the path
// included - but for one chance in 2^32. Errors as of varve_port_path_exists(). Writes nothing.
int varve_port_path_identify(const char *path, uint32_t *identity);
// Makes a directory (mode 0750) and its missing parents; 0 when it is there already.
int varve_port_path_make_dir(const char *path);
// Makes the entries of the directory that holds `path` durable.
int varve_port_path_sync_dir(const char *path);
// Total and free (to unprivileged writers) bytes of the filesystem that holds `path`.
int varve_port_path_space(const char *path, uint64_t *total_bytes, uint64_t *free_bytes);

// ---- raw flash (raw; see the note above) -------------------------------------------------------

// The driver of the flash of that name (varve/flash.h), NULL: there is none. The descriptor is
// const and lives as long as the program. Any task.
const struct varve_flash *varve_port_flash(const char *name);

// ---- memory that is kept -----------------------------------------------------------------------
//
// Memory that nobody clears when the program ends or the device is reset without losing power: a
// section that start-up code leaves alone, or a file of a filesystem in RAM. Never flash.

struct varve_port_retained {
    void *memory; // aligned for any object
    size_t bytes;
    intptr_t handle;
};

// Takes the memory of that name ([A-Za-z0-9._-], the same after a restart) for this process. What
// is in it is what was left there, zeros, or anything: the caller checks. Returns 0,
// VARVE_E_UNSUPPORTED where there is none, VARVE_E_BUSY when another process has it,
// VARVE_E_NO_SPACE, VARVE_E_DENIED. Task context.
int varve_port_retained_open(struct varve_port_retained *r, const char *name, size_t bytes);
// Gives it back; the content stays.
void varve_port_retained_close(struct varve_port_retained *r);
// Copies `len` bytes to such memory (`from` NULL: zeros), byte by byte from the front as far as a
// reset can tell, and not before what earlier calls wrote is there. A port with a write-back cache
// cleans it here.
void varve_port_retained_write(void *to, const void *from, size_t len);

// ---- programs -----------------------------------------------------------------------------------
//
// Other programs, for collectors that run one. A port without processes answers
// VARVE_E_UNSUPPORTED.

struct varve_port_process {
    int64_t id; // 0: none
    intptr_t out, err;
    char said[96]; // the beginning of what it said on standard error, NUL-terminated; any bytes
    size_t said_len;
};

// Runs argv[0], a path, with these arguments and this environment (both end with NULL), without a
// shell, in "/", in a process group of its own, with nothing on its standard input. No other file
// of this process is open in it. Returns 0, or why it cannot be executed. Allocates nothing.
int varve_port_process_start(struct varve_port_process *p, const char *const *argv,
                             const char *const *env);

// Reads from its standard output; waits for something to be there. Returns the number of bytes, 0
// when it has ended or closed its output and all was read, or VARVE_E_TIMEOUT after timeout_ms.
int64_t varve_port_process_read(struct varve_port_process *p, void *buf, size_t cap,
                                int64_t timeout_ms);

// Waits patience_ms for it to end by itself; then its group is asked to (SIGTERM), and killed after
// grace_ms more. What it left behind in its group is killed, too. *code gets its exit code, or the
// number of the signal that ended it, negated. VARVE_E_TIMEOUT when not even that ends it: it is
// still there, and this is to be called again.
int varve_port_process_end(struct varve_port_process *p, int64_t patience_ms, int64_t grace_ms,
                           int *code);

// ---- the rest -----------------------------------------------------------------------------------

// Reads a small text file (/proc, /sys) from its start into buf, NUL-terminated. Returns the length
// in bytes, VARVE_E_NOT_FOUND, or another error. VARVE_E_TOO_BIG when it does not fit in cap - 1:
// buf then holds the first cap - 1 bytes.
int varve_port_read_text(const char *path, char *buf, size_t cap);

// The native code (errno) of the calling task's last failed port call, for messages; 0 if none.
int varve_port_native_error(void);
// Text for such a code; static or per-task storage.
const char *varve_port_native_text(int code);

// One log line, without newline. The port filters by severity and chooses where it goes.
void varve_port_log(enum varve_severity severity, const char *component, const char *text);

// What the running program uses; a field that the port cannot tell is 0.
struct varve_port_usage {
    uint64_t cpu_us;    // CPU time, user and system
    uint64_t rss_bytes; // resident memory
    uint32_t threads;   // tasks
};
void varve_port_usage(struct varve_port_usage *out);

// Loads a plugin module and returns the address of `symbol` in it through *address; on failure
// `why` gets the system's text. VARVE_E_UNSUPPORTED on a port without modules.
int varve_port_module_open(const char *path, const char *symbol, void **address, char *why,
                           size_t why_cap);
// Whether a file or directory can only be changed by root and the user of this process: 0, or
// VARVE_E_DENIED with a sentence in `why` when it may be written by everybody, or, without
// VARVE_TRUST_ANY_OWNER, belongs to another user. What does not exist is not refused. A port
// without users answers 0.
enum {
    VARVE_TRUST_ANY_OWNER = 1u
};
int varve_port_path_trusted(const char *path, unsigned flags, char *why, size_t why_cap);
// Calls visit(name, arg) for each entry of a directory whose name ends in `suffix`; order
// undefined.
int varve_port_dir_list(const char *path, const char *suffix,
                        void (*visit)(const char *name, void *arg), void *arg);

#ifdef __cplusplus
}
#endif
#endif
