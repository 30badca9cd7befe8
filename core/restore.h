// SPDX-License-Identifier: Apache-2.0
// Putting a backup in the place of a store that nobody has open. See restore.c.
//
// Threading: one task; no state beside the struct.
#ifndef VARVE_CORE_RESTORE_H
#define VARVE_CORE_RESTORE_H

#include "varve/storage.h"

struct varve_restore {
    const char *from;  // in: the backup; verify it first
    const char *store; // in: path of the store's file; it may be missing
    int64_t unix_ms;   // in: now, for the name under which the replaced store is kept
    void *buf;         // in: for copying
    size_t buf_bytes;  // in: at least 512
    struct varve_ledger_account account;            // out: what was written
    char kept[VARVE_PATH_TEXT];                     // out: the replaced store; "": there was none
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT]; // out: one sentence when it fails
};

// Returns 0 when the store is the backup's copy, durably; or an error: then the store is what it
// was. VARVE_E_NOT_FOUND (no such backup), VARVE_E_NO_SPACE, VARVE_E_TOO_BIG (a path), ...
int varve_restore(struct varve_restore *r);

// Puts the replaced store back, for when the new one turns out not to be usable; what was put in
// its place is gone then. Does nothing where nothing was replaced.
int varve_restore_undo(struct varve_restore *r);

#endif
