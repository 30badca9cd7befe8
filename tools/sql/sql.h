// SPDX-License-Identifier: Apache-2.0
// The extension for SQLite: what its tables share, the store that a connection has open.
//
// Owns the store's life: opened by varve_open() or, where nothing was opened, by the first query;
// closed by varve_close(), by the next varve_open(), and with the connection. While a cursor is
// open it stays.
//
// Threading: that of the connection, which SQLite serialises. Several connections, each with a
// store of its own, may be used at once.
#ifndef VARVE_SQL_H
#define VARVE_SQL_H

// Calls of SQLite go through the library that has loaded the extension.
#include <sqlite3ext.h>
SQLITE_EXTENSION_INIT3

#include "store/store.h"
#include "varve/scan.h"

// A series, with its name as `varve series` and CSV have it.
struct sql_series {
    const char *text; // NULL: there is none of that id
    struct varve_series_def def;
    bool owned; // the text is the extension's
};

struct sql_state {
    unsigned users;            // registered functions and modules
    unsigned cursors;          // open ones
    struct store *store;       // NULL: none is open
    struct sql_series *series; // by id
    varve_series_id *by_name;  // ids in the order of their names
    size_t series_count;       // ids, with those that there are not
    size_t known;              // of by_name
    const struct varve_tier *tiers;
    size_t tier_count;
    double rows[VARVE_MAX_TIERS];   // about so many has one series
    struct varve_scan_figures read; // by cursors that are closed
};

// Opens what `place` says: a file of SQLite's backend, KIND:PATH, a directory of segments, or a
// configuration (*.ini); NULL: VARVE_STORE, or varve.db in VARVE_STATE or /var/lib/varve. Another
// store that is open is closed before. Returns 0, or an error with a sentence for sqlite3_free()
// in *why.
int sql_open(struct sql_state *state, const char *place, char **why);
void sql_close(struct sql_state *state);

// Series by name; -1: there is none.
int sql_find_series(const struct sql_state *state, const char *name);
// Index of a tier by name; -1: there is none.
int sql_find_tier(const struct sql_state *state, const char *name);

// The metric's name alone, and the labels as a JSON object. Of a series that there is.
void sql_result_name(sqlite3_context *context, const struct sql_series *series);
void sql_result_labels(sqlite3_context *context, const struct sql_series *series);
// Text for between the quotes of a JSON string.
void sql_json_text(sqlite3_str *out, const char *text);
// Unix time in seconds.
void sql_result_time(sqlite3_context *context, int64_t time_ms);

struct sql_kind;

// A virtual table of one of the kinds below.
struct sql_table {
    sqlite3_vtab base;
    struct sql_state *state;
    const struct sql_kind *kind;
};

// Sets the table's error to a sentence, and returns SQLITE_ERROR.
int sql_fail(sqlite3_vtab *table, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Makes sure that a store is open, and that it stays until sql_leave(). Returns a SQLite code.
int sql_enter(struct sql_table *table);
void sql_leave(struct sql_table *table);

// SQLite's xConnect and xDisconnect of every table; pAux is a struct sql_module.
int sql_connect(sqlite3 *db, void *module, int argc, const char *const *argv, sqlite3_vtab **out,
                char **why);
int sql_disconnect(sqlite3_vtab *table);

// What a kind of table is registered with.
struct sql_module {
    struct sql_state *state;
    const struct sql_kind *kind;
};

extern const sqlite3_module sql_rows_module; // of the first two kinds
extern const sqlite3_module sql_series_module;
extern const sqlite3_module sql_events_module;
extern const struct sql_kind sql_points_kind;
extern const struct sql_kind sql_cells_kind;
extern const struct sql_kind sql_series_kind;
extern const struct sql_kind sql_events_kind;

#endif
