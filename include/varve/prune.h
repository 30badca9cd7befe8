// SPDX-License-Identifier: Apache-2.0
// Pruning: the operator's way to remove history, or some series' history, before its time.
//
// Rows go that lie before a moment: raw samples older than it, cells that ended by then. A cell
// that began before the moment and ends after it stays whole, and so do the rows of the next finer
// tier that such a cell in progress would be rebuilt from after a restart; the report says from
// when on. The newest block of a tier is emptied instead of removed: its header is where the next
// process goes on from. The dictionary keeps the series' names.
//
// A prune is a loop of bounded steps, so that collecting and other requests go on meanwhile:
//
//   static struct varve_prune prune;                       // about 17 KiB, of the caller's
//   rc = varve_prune_begin(host, &prune, &request, memory, bytes, why, sizeof why);
//   while (rc == 0 && !prune.report.done) rc = varve_prune_step(host, &prune, memory, bytes, ...);
//
// History from a moment on can go as well: what a clock that was ahead has left. Then nothing is
// kept for cells in progress that begin behind that moment: they go, too. So it is of all tiers.
//
// Without `apply` nothing is removed: the report says what would be. A prune that is given up
// between two steps leaves whole stores; the same request again goes on with what is left.
//
// Threading: task context, one prune at a time.
#ifndef VARVE_PRUNE_H
#define VARVE_PRUNE_H

#include "varve/host.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VARVE_PRUNE_ALL_TIERS (-1)

// Memory that begin and step work in, in bytes; VARVE_QUERY_MEMORY is comfortable.
#define VARVE_PRUNE_MEMORY_MIN (3u * VARVE_BLOCK_MAX)

struct varve_prune_request {
    const char *selector; // as varve/query.h says, but for dotted names; "" or NULL: every series
    int64_t after_ms;     // Unix time: what is from then on; 0 or less: from the beginning
    int64_t before_ms;    // Unix time: what is older; INT64_MAX, with after_ms only: to the end
    int tier;             // index, or VARVE_PRUNE_ALL_TIERS
    bool apply;           // false: only say what would be removed
    const char *by;       // who asks, for the event: "uid 0, pid 4242"
};

// What is removed of one tier, or would be.
struct varve_prune_tier {
    char name[VARVE_TIER_NAME];
    bool selected;      // the request is about this tier
    uint32_t removed;   // blocks of which nothing is left
    uint32_t rewritten; // blocks that lose some rows
    uint32_t kept;      // blocks with such rows that a store could not replace
    uint32_t damaged;   // blocks that cannot be read, left alone
    uint64_t rows;      // samples (tier 0) or cells
    uint64_t bytes;     // that blocks shrink by, over all stores
    int64_t oldest_ms;  // of these rows; INT64_MAX: there are none
    int64_t newest_ms;  // INT64_MIN: there are none
    int64_t needed_ms;  // rows from here on had to stay, though before the moment; INT64_MAX: none
};

struct varve_prune_report {
    bool done;
    uint32_t series; // that lose rows
    int unsettled;   // why what is in memory could not be stored first, and stays; 0: it was
    char left_alone[VARVE_MAX_BACKENDS * VARVE_NAME_TEXT]; // backends that cannot prune, "a, b"
    uint32_t tier_count;
    struct varve_prune_tier tiers[VARVE_MAX_TIERS];
};

// Caller-owned. Only `report` is for the caller; the rest is private to core/prune.c.
struct varve_prune {
    struct varve_prune_report report;
    int64_t after_ms, before_ms;
    int64_t keep_from_ms[VARVE_MAX_TIERS];                    // rows from here on stay
    uint32_t seq_limit[VARVE_MAX_TIERS];                      // blocks from here on are newer
    uint32_t newest_seq[VARVE_MAX_BACKENDS][VARVE_MAX_TIERS]; // the block that is only emptied
    uint32_t backends;                                        // bit per one that can prune
    uint32_t series_count;
    bool apply;
    bool every_series;
    unsigned tier; // being walked
    bool started;  // `key` is the last block of it that was looked at
    struct varve_block_key key;
    char by[VARVE_NAME_TEXT];
    uint8_t matched[VARVE_MAX_SERIES / 8u + 1u]; // bit per series id
    uint8_t touched[VARVE_MAX_SERIES / 8u + 1u]; // those that lose rows
};

// Stores what is in RAM, so that it can be pruned as well (but with a host that is read-only), and
// finds out what can go. With `apply` an event records who asked for what. Returns 0,
// VARVE_E_INVALID for a bad selector or tier, or after_ms with one tier, VARVE_E_NOT_FOUND when no
// series matches, or VARVE_E_READ_ONLY; `why` says it in a sentence.
int varve_prune_begin(struct varve_host *host, struct varve_prune *prune,
                      const struct varve_prune_request *request, void *memory, size_t bytes,
                      char *why, size_t why_cap);

// Looks at some blocks and replaces them, a transaction in each store. The last step wipes what is
// left of the removed rows in the stores' files, records what was removed as an event and sets
// report.done. Returns 0 or an error, after which the prune is over.
int varve_prune_step(struct varve_host *host, struct varve_prune *prune, void *memory, size_t bytes,
                     char *why, size_t why_cap);

#ifdef __cplusplus
}
#endif
#endif
