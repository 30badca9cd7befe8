// SPDX-License-Identifier: Apache-2.0
// A file that is whole or not there: written under a temporary name beside it, synced, renamed.
//
// Threading: one task.
#ifndef VARVE_WHOLE_FILE_H
#define VARVE_WHOLE_FILE_H

#include "varve/limits.h"

struct whole_file {
    const char *path;               // the caller's; must stay
    char temp[VARVE_PATH_TEXT + 8]; // what is to be written
};

// Finds the temporary name and makes an empty file of it; what an interrupted program left there
// goes. Returns 0, or -1 with a complaint on stderr.
int whole_file_begin(struct whole_file *file, const char *path);

// The temporary file is complete and closed: puts it in the place of `path`. Returns 0, or -1 with
// a complaint; the temporary file is gone then.
int whole_file_end(struct whole_file *file);

// Takes the temporary file away.
void whole_file_abandon(struct whole_file *file);

#endif
