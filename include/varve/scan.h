// SPDX-License-Identifier: Apache-2.0
// Scans: rows as they are stored, asked for piece by piece. varve/query.h hands an answer over; a
// scan is for programs that cannot be called back in the middle of what they do, or that want all
// figures of a cell.
//
//   varve_scan_init(&scan, host, memory, sizeof memory);
//   varve_scan_begin(scan, &range);
//   while ((rc = varve_scan_next(scan, &piece)) > 0) { ... piece.points or piece.cells ... }
//
// A scan works in memory of its caller's and leaves nothing to close: begin another one, or stop.
// What is written while it runs may be in it or not; no row comes twice. One task; several scans
// may run at once, each in its own memory.
#ifndef VARVE_SCAN_H
#define VARVE_SCAN_H

#include "varve/query.h"

#ifdef __cplusplus
extern "C" {
#endif

enum varve_scan_order {
    VARVE_SCAN_BY_BLOCK,  // slice by slice in time, series by series in each: blocks are read once
    VARVE_SCAN_BY_SERIES, // one series after the other, the rows of each in order of time
    VARVE_SCAN_BACKWARDS, // the same, but each series' newest piece first; within a piece rows are
                          // in order of time all the same
};

struct varve_scan_range {
    unsigned tier;              // index: 0 gives points, others cells
    int64_t from_ms;            // inclusive; cells by their start
    int64_t to_ms;              // inclusive
    const varve_series_id *ids; // in the order in which they are wanted; borrowed
    size_t count;
    enum varve_scan_order order;
};

// Rows of one series, in order of time. They stay until the next call.
struct varve_scan_piece {
    varve_series_id id;
    size_t n;                         // > 0
    const struct varve_point *points; // of tier 0, else NULL
    const struct varve_cell *cells;   // of other tiers, else NULL
};

// What all scans in this memory have cost so far.
struct varve_scan_figures {
    uint64_t rows;    // decoded
    uint64_t bytes;   // of blocks read
    uint32_t blocks;  // read
    uint32_t damaged; // blocks passed over
};

struct varve_scan;

// Makes a scan in `memory`, of at least VARVE_QUERY_MEMORY_MIN bytes, better VARVE_QUERY_MEMORY.
// Returns 0 or VARVE_E_NO_MEMORY.
int varve_scan_init(struct varve_scan **scan, struct varve_host *host, void *memory, size_t bytes);

// Begins anew. Of a host that is open read-only, blocks of the tier that were read for the range
// before are not read again. Returns 0, VARVE_E_INVALID for a tier that there is not, or
// VARVE_E_NO_MEMORY.
int varve_scan_begin(struct varve_scan *scan, const struct varve_scan_range *range);

// The next piece. Returns 1, 0 behind the last, VARVE_E_FULL when one moment has more rows than
// there is memory for, or an error of a store.
int varve_scan_next(struct varve_scan *scan, struct varve_scan_piece *piece);

void varve_scan_figures(const struct varve_scan *scan, struct varve_scan_figures *out);

#ifdef __cplusplus
}
#endif
#endif
