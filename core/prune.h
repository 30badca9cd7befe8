// SPDX-License-Identifier: Apache-2.0
// The parts of a prune: what must stay (prune_bounds.c), a step over the blocks (prune_step.c), and
// one block without the rows that go (prune_block.c).
#ifndef VARVE_CORE_PRUNE_H
#define VARVE_CORE_PRUNE_H

#include "varve/block.h"

struct varve_host;
struct varve_backend;
struct varve_prune;

// ---- prune_bounds.c -----------------------------------------------------------------------------

// Whether a backend takes part, and holds the tier.
bool varve_prune_takes(const struct varve_prune *prune, const struct varve_host *host, size_t b,
                       unsigned tier);
// Reads and checks a block of one backend, under its lock; `buf` has VARVE_BLOCK_MAX bytes.
int varve_prune_get_block(struct varve_backend *backend, unsigned tier,
                          const struct varve_block_key *key, uint8_t *buf,
                          struct varve_block_info *info);
// Sets what stays of each tier, and what the report says of it. `buf` likewise.
void varve_prune_set_bounds(struct varve_host *host, struct varve_prune *prune, uint8_t *buf);

// ---- prune_step.c -------------------------------------------------------------------------------

// Looks at some blocks and replaces them. Returns 0, VARVE_E_NOT_FOUND when there are no more, or
// an error with a sentence. `bytes` of memory, VARVE_PRUNE_MEMORY_MIN at least.
int varve_prune_some(struct varve_host *host, struct varve_prune *prune, void *memory, size_t bytes,
                     char *why, size_t why_cap);

// ---- prune_block.c ------------------------------------------------------------------------------

// Rows of one piece, points or cells, and for sorting them.
#define VARVE_PRUNE_ROW_BYTES (VARVE_COLUMN_MAX * sizeof(struct varve_point))

struct varve_prune_cut {
    int64_t go_from_ms;     // rows from here on go,
    int64_t keep_from_ms;   // up to here
    const uint8_t *matched; // of these series: bit per id; NULL: of all
    uint32_t series_count;  // ids below this are known
    uint8_t *touched;       // gets the bits of the series that lose rows
    void *rows;             // VARVE_PRUNE_ROW_BYTES
    void *scratch;          // the same
};

struct varve_prune_loss {
    uint64_t rows;
    int64_t oldest_ms, newest_ms; // INT64_MAX, INT64_MIN: none
};

// Writes the block, which varve_block_open() accepted as `info`, to `out` without the rows that go.
// Start, number and marks stay. Returns the length in bytes, 0 when no row is left,
// VARVE_E_NOT_FOUND when none goes, VARVE_E_CORRUPT for a block that cannot be read whole, or
// VARVE_E_FULL when `cap` bytes are not enough.
int varve_prune_block(const struct varve_prune_cut *cut, const void *block,
                      const struct varve_block_info *info, uint8_t *out, size_t cap,
                      struct varve_prune_loss *loss);

#endif
