// SPDX-License-Identifier: Apache-2.0
// SQLite's memory: one bounded arena behind SQLITE_CONFIG_MALLOC. See heap.c.
#ifndef VARVE_SQLITE_HEAP_H
#define VARVE_SQLITE_HEAP_H

#include "varve/plugin.h"

// Starts SQLite, on `bytes` of the host's memory, when this is the first instance of the process;
// counts the instance otherwise. Returns 0, VARVE_E_NO_MEMORY or VARVE_E_IO, with a sentence.
int varve_sqlite_heap_acquire(struct varve_instance *self, size_t bytes);

// Gives back what acquire() took; the last instance shuts SQLite down and restores its allocator.
void varve_sqlite_heap_release(void);

#endif
