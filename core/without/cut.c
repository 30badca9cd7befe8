// SPDX-License-Identifier: Apache-2.0
// In the place of cutting windows by content: they end by time, or when their memory is full.
//
// Threading: as the functions that these stand for.
#include "core/cut.h"

void varve_cut_init(struct varve_cut *cut, uint32_t payload)
{
    (void)payload;
    *cut = (struct varve_cut){.limit = UINT32_MAX};
}

void varve_cut_begin(struct varve_cut *cut)
{
    (void)cut;
}

bool varve_cut_due(struct varve_cut *cut, uint32_t rows, int64_t elapsed_ms, int64_t span_ms)
{
    (void)cut;
    (void)rows;
    (void)elapsed_ms;
    (void)span_ms;
    return false;
}

uint32_t varve_cut_excess(const struct varve_cut *cut, uint32_t rows, uint32_t bytes)
{
    (void)cut;
    (void)rows;
    (void)bytes;
    return 0;
}

void varve_cut_learn(struct varve_cut *cut, uint32_t rows, uint32_t bytes, bool early)
{
    (void)cut;
    (void)rows;
    (void)bytes;
    (void)early;
}
