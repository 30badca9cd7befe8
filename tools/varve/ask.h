// SPDX-License-Identifier: Apache-2.0
// Asking a source and printing what it answers: the sinks between the two, one behind the other.
//
// Owns that chain: the layout, in front of it the page, in front of that what puts series together
// for those who need them so. Leaves reading options and exit codes to the commands.
//
// Threading: one answer at a time, one task.
#ifndef VARVE_ASK_H
#define VARVE_ASK_H

#include "answer.h"
#include "page.h"
#include "source.h"

struct ask {
    enum format format;
    FILE *out;
    struct page page;
    const struct varve_query *query;     // this
    const struct varve_expr_query *expr; // or this
};

// Returns 0, also for a page that is full, or an error with source->why.
int ask_source(struct varve_source *source, struct ask *ask, struct answer *answer);

// Complains when --after named a place that the answer does not have, and tells where a page that
// is full goes on, unless JSON says it. Returns `code`, or USAGE.
int ask_judge(const struct ask *ask, const struct answer *answer, int code);

#endif
