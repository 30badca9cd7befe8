// SPDX-License-Identifier: Apache-2.0
// What the files of `varve backup` share: the store that is meant, and the steps on it.
//
// Threading: one task.
#ifndef VARVE_BACKUP_H
#define VARVE_BACKUP_H

#include "commands.h"

// The store that the options name.
struct backup_target {
    struct varve_source source; // open when store.remote
    struct source_store store;
    struct source_choice choice; // for opening the store here
};

// Each returns an exit code after having said what failed.
int backup_reach(struct backup_target *t, const struct args *args);
// Makes a backup of each store; `emit` gets their paths.
int backup_make(struct backup_target *t, varve_line_fn emit, void *arg);
// The newest backup.
int backup_latest(struct backup_target *t, char *path, size_t cap);
// Reads all of a file; says on stderr what is damaged if `loud`.
int backup_verify(const char *path, bool loud, struct varve_check *check);
// Puts the file in the place of the store, and says so.
int backup_restore(struct backup_target *t, const char *path);
// Closes what reach() opened. Returns `code`.
int backup_leave(struct backup_target *t, int code);

// The path behind the links, where it exists.
void backup_absolute(const char *path, char *out, size_t cap);

// archive.c: `varve backup archive FILE` and `varve backup unpack FILE`.
int backup_archive(const struct args *args, const char *file);
int backup_unpack(const struct args *args, const char *file);

#endif
