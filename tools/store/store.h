// SPDX-License-Identifier: Apache-2.0
// A store that a program opens itself, where no daemon has it: a host without collectors.
//
// Owns the configuration that such a host gets, and the plugins that the program knows. Reading
// opens the store read-only and takes the tiers that it was made with; with `write` it is opened
// for writing and made when it is missing.
//
// Threading: one task opens, uses and closes a store. Several may be open at once; opening and
// closing must not run at the same time (SQLite's memory, the list of plugins). Memory comes from
// malloc.
#ifndef VARVE_STORE_H
#define VARVE_STORE_H

#include "core/backup_files.h"
#include "varve/query.h"

// Long enough for a sentence with a path in it.
#define STORE_WHY 512u

// What to open: one of `store` and `config`, or both (the store with the tiers of the
// configuration).
struct store_choice {
    const char *store;  // KIND:PATH
    const char *config; // tiers and store of this configuration
    bool write;         // for importing, repairing and pruning
    bool existing;      // a store that is missing is not made
    bool every_store;   // of a configuration, not the first alone
    bool keep_all;      // retention off; only for a store
    bool as_is;         // a damaged store is not salvaged
    bool backups;       // of a configuration the first store that can have backups
    const struct varve_registry *registry; // NULL: store_registry()
};

struct store {
    struct varve_host *host;                       // NULL: closed
    void *memory;                                  // of the host
    struct varve_conf conf;                        // what it was made of
    char where[VARVE_PATH_TEXT + VARVE_NAME_TEXT]; // for messages
    char why[STORE_WHY];                           // the last failure, one sentence
};

// Opens. Returns 0, or an error with s->why: VARVE_E_NOT_FOUND when there is no such store,
// VARVE_E_BUSY when another program has it open.
int store_open(struct store *s, const struct store_choice *choice);

// Stores what is left, if it is open for writing, and closes. Returns 0, or an error with s->why
// when the store could not take everything.
int store_close(struct store *s);

// Where a store is and where its backups are, whether or not it can be opened.
struct store_place {
    char path[VARVE_PATH_TEXT]; // of the store
    struct varve_backup_place backups;
    char choice[VARVE_PATH_TEXT + 8]; // as for store_choice.store
};

// Finds the store that store_open() would open. Returns 0, or an error with s->why.
int store_locate(struct store *s, const struct store_choice *choice, struct store_place *place);

// Keeps a failure's sentence. Returns `code`.
int store_fail(struct store *s, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// The plugins that this program knows: linked in, and modules of the fixed directory.
const struct varve_registry *store_registry(void);
// For ${NAME} in configurations.
const char *store_environment(const char *name);

#endif
