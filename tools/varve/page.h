// SPDX-License-Identifier: Apache-2.0
// A part of an answer: at most so many points, from a place on.
//
// A place is `TIME SERIES`, the last point that was given; the next page begins behind it. Points
// of one series and time are not torn apart, so a page can have a few more than were asked for.
//
// Threading: one answer at a time, one task.
#ifndef VARVE_PAGE_H
#define VARVE_PAGE_H

#include "answer.h"

// What a query returns when the page was full before the answer ended: no failure.
#define PAGE_FULL 1

struct page {
    uint64_t limit; // points; 0: no limit
    bool skipping;  // the place is not reached yet
    bool within;    // in the place's series
    int64_t after_ms;
    char after_series[VARVE_SERIES_TEXT];

    const struct varve_query_sink *to;
    struct answer *answer;
    struct varve_query_info info;
    uint64_t given;
    int64_t last_ms;
    bool announced; // the series below
    char series[VARVE_SERIES_TEXT];
    char unit[VARVE_UNIT_TEXT];
    enum varve_kind kind;
    char next[VARVE_SERIES_TEXT + 24];
};

// Reads --limit and --after. DONE or USAGE.
int page_read(struct page *page, const struct args *args);
// Whether any of them was given.
bool page_wanted(const struct page *page);
// Stands in front of `to`, series by series; tells `answer` the next place.
struct varve_query_sink page_sink(struct page *page, const struct varve_query_sink *to,
                                  struct answer *answer);

#endif
