// SPDX-License-Identifier: Apache-2.0
// The files of backups: names, which are there, which go.
//
// A backup of DIR/varve.db is called varve-20261121T013000Z.db: the name of the store and the time
// in UTC at which the copy began. While it is made it has `.tmp` behind that, so a name without is
// a backup that was whole when it was made. The directory is the only list of backups that there
// is; files with other names in it are never touched.
//
// Threading: no state; any task.
#ifndef VARVE_CORE_BACKUP_FILES_H
#define VARVE_CORE_BACKUP_FILES_H

#include "varve/error.h"
#include "varve/types.h"

#define VARVE_BACKUP_SUFFIX ".db"
#define VARVE_BACKUP_TEMP   ".tmp"
// "-20261121T013000Z"
#define VARVE_BACKUP_STAMP 17u

// Where the backups of one store are.
struct varve_backup_place {
    char dir[VARVE_PATH_TEXT];
    char prefix[VARVE_NAME_TEXT]; // of the names
};

// Fills `place`; `dir` may be relative to `state`. VARVE_E_TOO_BIG when a name does not fit.
int varve_backup_place_init(struct varve_backup_place *place, const char *state, const char *dir,
                            const char *store);

// Writes "-20261121T013000Z" and a NUL. `time_ms` is Unix time, from 1970 to 9999.
void varve_backup_stamp(int64_t time_ms, char out[VARVE_BACKUP_STAMP + 1]);

// The path of the backup of that time, with `suffix` behind it. VARVE_E_TOO_BIG.
int varve_backup_path(const struct varve_backup_place *place, int64_t time_ms, const char *suffix,
                      char *out, size_t cap);

// Unix time in a name of the place's, with `suffix` behind it; VARVE_E_NOT_FOUND: another's name.
int varve_backup_time(const struct varve_backup_place *place, const char *name, const char *suffix,
                      int64_t *time_ms);

// The first backup after `after_ms` (INT64_MIN: of all) that is not later than `until_ms`; counts
// them, too, where `count` is not NULL. VARVE_E_NOT_FOUND when there is none, or no directory.
int varve_backup_next(const struct varve_backup_place *place, int64_t after_ms, int64_t until_ms,
                      int64_t *time_ms, uint32_t *count);
// The newest that is not later than `until_ms`.
int varve_backup_newest(const struct varve_backup_place *place, int64_t until_ms, int64_t *time_ms);

// Removes the oldest backups beyond `keep` and those from before before_ms, but never the newest,
// and none that claims to come from after now_ms: the clock was wrong then, or is. Returns how
// many, or the first error.
int varve_backup_prune(const struct varve_backup_place *place, int64_t now_ms, int64_t keep,
                       int64_t before_ms);

// Removes what backups left that were cut short. Returns how many, or the first error.
int varve_backup_sweep(const struct varve_backup_place *place);

#endif
