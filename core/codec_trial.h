// SPDX-License-Identifier: Apache-2.0
// Candidates for a column's code, and what they cost: about, by what their residuals add up to, and
// then bit by bit. Which there are, and which is taken, is decided in codec_plan.c.
//
// One task; all state is the caller's. Inside the codec only.
#ifndef VARVE_CORE_CODEC_TRIAL_H
#define VARVE_CORE_CODEC_TRIAL_H

#include "codec_view.h"

// As many as are ever tried on one column.
#define VARVE_CANDIDATES_MAX 11u

// What the entries of one kind have in common.
struct varve_range {
    int32_t min, max;
    int64_t sum;
};

// What residuals are taken from.
enum varve_base {
    VARVE_BASE_MEAN,
    VARVE_BASE_LEAST, // so that they have no sign
    VARVE_BASE_ZERO,  // which costs less to name
    VARVE_BASE_TYPICAL,
    VARVE_BASE_USUAL, // most are equal to it: sparse
};

struct varve_candidate {
    enum varve_view_kind kind;
    enum varve_base choice;
    int32_t base; // the entry that is it
    bool is_unsigned;
    bool sparse;
    // What residuals there are:
    uint32_t n, zeros; // zeros: if sparse
    uint32_t any;      // bits that occur in them, at least the highest
    bool outliers;     // a few may be much longer than the others
    bool saturated;    // some are longer than the view shows
    uint64_t sum;
    uint64_t fixed;    // bits of the header beyond what each has
    uint64_t estimate; // bits that all takes, about
};

// The search for the best code of one column.
struct varve_search {
    struct varve_view view;
    // The survey of the whole column:
    struct varve_range values, steps;
    size_t still, straight; // steps and bends that are zero
    struct varve_candidate candidates[VARVE_CANDIDATES_MAX];
    size_t count;
    uint64_t cost; // of the best code so far
    struct varve_column_code *code;
    const struct varve_candidate *best; // whose it is
    // Residuals of one candidate and one piece, with zeros behind the last.
    const struct varve_candidate *folded; // or NULL
    size_t folded_at;
    uint32_t residuals[VARVE_VIEW_ROOM];
};

// Adds up the residuals of the candidates from number `from` on, and estimates their cost.
void varve_search_estimate(struct varve_search *s, size_t from);
// The residuals of the best code so far, from the first row on that has one: false if they are not
// at hand, since it was not the last one that was tried, or the view does not show them all.
bool varve_search_residuals(const struct varve_search *s, uint64_t *out);
// Takes a candidate's code if it costs less than the best so far.
void varve_search_try(struct varve_search *s, const struct varve_candidate *c);

#endif
