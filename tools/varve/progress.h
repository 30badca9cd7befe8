// SPDX-License-Identifier: Apache-2.0
// How far an import is: a bar on the terminal, drawn over itself; nothing where there is none.
//
// Threading: one task.
#ifndef VARVE_PROGRESS_H
#define VARVE_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct progress {
    bool shown;
    uint64_t start_us, last_us;
    int64_t total; // bytes of all files; 0: not known
};

// Looks whether stderr is a terminal.
void progress_begin(struct progress *p, int64_t total);

// Draws the bar, if it is time again. `done` is of `total`.
void progress_show(struct progress *p, int64_t done, uint64_t points, size_t series);

// Takes the bar away, so that something else can be said.
void progress_clear(const struct progress *p);

#endif
