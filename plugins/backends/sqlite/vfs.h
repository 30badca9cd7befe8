// SPDX-License-Identifier: Apache-2.0
// A SQLite VFS on varve/storage.h and the port: every byte goes through the ledger. See vfs.c.
#ifndef VARVE_SQLITE_VFS_H
#define VARVE_SQLITE_VFS_H

#include <sqlite3.h>

#include "varve/storage.h"

struct varve_sqlite_file;

// Where SQLite read the first page of a block; see varve_sqlite_vfs_watch().
struct varve_sqlite_sight {
    int64_t offset; // of the page in its file; 0: not seen
    bool in_wal;
};

// One instance's VFS; lives in the instance's state.
struct varve_sqlite_vfs {
    sqlite3_vfs base;
    char name[32];
    struct varve_ledger_account *account;
    bool read_only;
    int error;                       // last varve error of a file operation, 0: none
    uint64_t random;                 // state of the generator behind xRandomness
    struct varve_sqlite_file *files; // the open ones
    struct varve_sqlite_sight sight;
    bool watching;
    const char *backup; // path of the database that is a backup, NULL: none
};

// Prepares and registers the VFS; its name is vfs->name. Returns a SQLite code.
int varve_sqlite_vfs_register(struct varve_sqlite_vfs *vfs, struct varve_ledger_account *account,
                              bool read_only);

void varve_sqlite_vfs_unregister(struct varve_sqlite_vfs *vfs);

// The open database file, NULL when there is none.
struct varve_file *varve_sqlite_vfs_database(struct varve_sqlite_vfs *vfs);
// The same for the WAL.
struct varve_file *varve_sqlite_vfs_wal(struct varve_sqlite_vfs *vfs);

// Takes the lock that a store's file has while it is open; `exclusive` for writing.
int varve_sqlite_vfs_lock(struct varve_file *file, bool exclusive);

// Forgets what was seen, and from now on notes the first page read that has a block's beginning
// behind the number of the next page.
void varve_sqlite_vfs_watch(struct varve_sqlite_vfs *vfs);

// Sizes of the open files together (database and journal), in bytes.
uint64_t varve_sqlite_vfs_bytes(struct varve_sqlite_vfs *vfs);

#endif
