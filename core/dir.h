// SPDX-License-Identifier: Apache-2.0
// Directory entries in name order, one at a time, without storing the list. Task context.
#ifndef VARVE_CORE_DIR_H
#define VARVE_CORE_DIR_H

#include "varve/port.h"

// Finds the first entry, by name, that ends in `suffix` and comes after the one in `name` (""
// before the first call) and puts it there. Returns 0; VARVE_E_NOT_FOUND behind the last;
// VARVE_E_CLOSED when the directory is missing; or another error of the port. Each call lists the
// directory once.
int varve_dir_next(const char *path, const char *suffix, char name[VARVE_PATH_TEXT]);

// Writes "path/name". Returns 0 or VARVE_E_TOO_BIG.
int varve_dir_join(char *buf, size_t cap, const char *path, const char *name);

#endif
