// SPDX-License-Identifier: Apache-2.0
// Prediction and correction of what a window's block will take; see cut.h.
#include "cut.h"

#include "varve/limits.h"

// Where no prediction has been tried yet, it is taken to be wrong by a 32nd of a page.
#define ERROR_SHARE 32u
// The share of a block that does not grow with its rows: one part in so many.
#define FIXED_SHARE 4
// The share of a page by which a block may be too long to be worth making again.
#define EXCESS_SHARE 4u
// A new error counts for one part in so many of the mean.
#define ERROR_WEIGHT 4

void varve_cut_init(struct varve_cut *cut, uint32_t payload)
{
    *cut =
        (struct varve_cut){.payload = payload, .error = payload / ERROR_SHARE, .limit = UINT32_MAX};
}

// Rows of a block that fills `pages` pages.
static uint32_t rows_for(const struct varve_cut *cut, uint32_t pages)
{
    int64_t page = cut->payload;
    int64_t margin = 2 * (int64_t)cut->error;
    margin = margin < page / 4 ? margin : page / 4;
    int64_t target = pages * page - margin;
    int64_t growing = (int64_t)cut->bytes - cut->bytes / FIXED_SHARE;
    if (target < growing) { // too far off for a straight line
        return (uint32_t)(target * cut->rows / cut->bytes);
    }
    int64_t rows = cut->rows + (target - cut->bytes) * cut->rows / growing;
    return rows < UINT32_MAX ? (uint32_t)rows : UINT32_MAX;
}

void varve_cut_begin(struct varve_cut *cut)
{
    bool known = cut->payload > 0 && cut->rows > 0;
    cut->pages = 1;
    cut->limit = known ? rows_for(cut, 1) : UINT32_MAX;
}

bool varve_cut_due(struct varve_cut *cut, uint32_t rows, int64_t elapsed_ms, int64_t span_ms)
{
    if (rows < cut->limit) {
        return false;
    }
    uint32_t next = rows_for(cut, cut->pages + 1);
    bool fits = (uint64_t)(cut->pages + 1) * cut->payload <= VARVE_BLOCK_MAX;
    if (!fits || elapsed_ms > span_ms || elapsed_ms > span_ms * rows / (next > 0 ? next : 1)) {
        return true;
    }
    cut->pages++;
    cut->limit = next > rows ? next : rows + 1;
    return false;
}

static uint32_t distance(int64_t a, int64_t b)
{
    int64_t d = a < b ? b - a : a - b;
    return d < UINT32_MAX ? (uint32_t)d : UINT32_MAX;
}

// Bytes that were to be expected of a block with so many rows, by the last one.
static int64_t expected(const struct varve_cut *cut, uint32_t rows)
{
    int64_t growing = (int64_t)cut->bytes - cut->bytes / FIXED_SHARE;
    return cut->bytes + growing * ((int64_t)rows - cut->rows) / cut->rows;
}

uint32_t varve_cut_excess(const struct varve_cut *cut, uint32_t rows, uint32_t bytes)
{
    uint64_t room = (uint64_t)cut->pages * cut->payload;
    if (room == 0 || bytes <= room || bytes - room > cut->payload / EXCESS_SHARE) {
        return 0;
    }
    uint64_t growing = bytes - bytes / FIXED_SHARE;
    return (uint32_t)((bytes - room) * rows / growing) + 1;
}

void varve_cut_learn(struct varve_cut *cut, uint32_t rows, uint32_t bytes, bool early)
{
    if (rows == 0 || bytes == 0 || (early && cut->rows > 0)) {
        return;
    }
    if (cut->rows > 0) {
        int64_t error = distance(expected(cut, rows), bytes);
        int64_t mean = cut->error + (error - (int64_t)cut->error) / ERROR_WEIGHT;
        cut->error = mean < cut->payload ? (uint32_t)mean : cut->payload;
    }
    cut->rows = rows;
    cut->bytes = bytes;
}
