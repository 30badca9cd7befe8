// SPDX-License-Identifier: Apache-2.0
// Cutting windows by content: when a window closes so that its block fills whole pages of flash.
//
// Flash is written in whole pages, so a block that ends shortly after a page's begin pays for the
// rest of it. A window is therefore closed when its block is predicted to fill as many pages as can
// be filled within the window's span. The prediction costs nothing per row: it is the size of the
// tier's last block, scaled to the rows, and each finished block corrects it:
//
//   rows(n) = R + (n * payload - margin - L) * R / (L - L / 4)    for the last block's R rows, L
//   bytes
//
// A quarter of a block is taken not to grow with its rows (header, directory, first values): with
// any true share from none to a half the error falls to a third or less from block to block. The
// margin is twice the mean error of the last predictions, since a page begun costs more than a
// few bytes left over. Rows are taken to go on coming at the rate of the window so far.
//
// One task, under the host's store lock.
#ifndef VARVE_CORE_CUT_H
#define VARVE_CORE_CUT_H

#include <stdbool.h>
#include <stdint.h>

struct varve_cut {
    uint32_t payload; // bytes of a block that fill a page; 0: windows are not cut by content
    uint32_t rows;    // of the last block; 0: none is known
    uint32_t bytes;   // of the last block
    uint32_t error;   // mean of the errors of prediction, in bytes
    uint32_t pages;   // that the open window is to fill
    uint32_t limit;   // rows at which varve_cut_due() has to be asked; UINT32_MAX: never
};

void varve_cut_init(struct varve_cut *cut, uint32_t payload);

// A window begins: its first limit is one page.
void varve_cut_begin(struct varve_cut *cut);

// Whether a window that has reached the limit, with `rows` rows within `elapsed_ms`, should be
// closed. If not, because one more page can be filled within `span_ms`, the limit is raised.
bool varve_cut_due(struct varve_cut *cut, uint32_t rows, int64_t elapsed_ms, int64_t span_ms);

// How many of the rows of a block that came to `bytes` are to be taken out of it so that it fits
// its pages; 0: it fits, or is so much longer that it had better stay. Always less than `rows`.
uint32_t varve_cut_excess(const struct varve_cut *cut, uint32_t rows, uint32_t bytes);

// What a window came to. One that was closed before its time is only a first guess (`early`).
void varve_cut_learn(struct varve_cut *cut, uint32_t rows, uint32_t bytes, bool early);

#endif
