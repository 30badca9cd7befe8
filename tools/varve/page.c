// SPDX-License-Identifier: Apache-2.0
// A part of an answer; see page.h.
#include "page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool page_wanted(const struct page *page)
{
    return page->limit > 0 || page->skipping;
}

int page_read(struct page *page, const struct args *args)
{
    const char *place = args->value[OPT_AFTER];
    char *rest = NULL;
    *page = (struct page){.skipping = place != NULL};
    int code = args_limit(args, &page->limit);
    if (code != DONE || !place) {
        return code;
    }
    page->after_ms = strtoll(place, &rest, 10);
    if (rest == place || *rest != ' ' || strlen(rest + 1) >= sizeof page->after_series) {
        return args_usage(
            args, "--after: `%s` is no place; write TIME SERIES, as an answer gives it", place);
    }
    (void)snprintf(page->after_series, sizeof page->after_series, "%s", rest + 1);
    return DONE;
}

static int page_begin(void *arg, const struct varve_query_info *info)
{
    struct page *page = arg;
    page->info = *info;
    return page->to->begin(page->to->arg, info);
}

static int page_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct page *page = arg;
    (void)id;
    (void)snprintf(page->series, sizeof page->series, "%s", def->text);
    (void)snprintf(page->unit, sizeof page->unit, "%s", def->unit ? def->unit : "");
    page->kind = def->kind;
    page->announced = false;
    page->within = page->skipping && strcmp(def->text, page->after_series) == 0;
    page->skipping = page->skipping && !page->within;
    return 0;
}

static int announce(struct page *page, varve_series_id id)
{
    if (page->announced) {
        return 0;
    }
    page->announced = true;
    const struct varve_series_def def = {
        .text = page->series, .unit = page->unit, .help = "", .kind = page->kind};
    return page->to->series(page->to->arg, id, &def);
}

// How many of the points still belong to the page.
static size_t room_for(const struct page *page, const struct varve_point *points, size_t n)
{
    if (page->limit == 0) {
        return n;
    }
    size_t fit = page->given < page->limit ? (size_t)(page->limit - page->given) : 0;
    fit = fit < n ? fit : n;
    while (fit < n && page->announced &&
           points[fit].time_ms == (fit > 0 ? points[fit - 1].time_ms : page->last_ms)) {
        fit++;
    }
    return fit;
}

static int close_page(struct page *page)
{
    page->answer->next = page->next;
    page->info.points = page->given;
    int rc = page->to->end(page->to->arg, &page->info);
    return rc == 0 ? PAGE_FULL : rc;
}

static int page_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct page *page = arg;
    while (n > 0 && (page->skipping || (page->within && points->time_ms <= page->after_ms))) {
        points++;
        n--;
    }
    size_t fit = room_for(page, points, n);
    int rc = fit > 0 ? announce(page, id) : 0;
    rc = rc == 0 && fit > 0 ? page->to->points(page->to->arg, id, points, fit) : rc;
    if (rc == 0 && fit > 0) {
        page->given += fit;
        page->last_ms = points[fit - 1].time_ms;
        (void)snprintf(page->next, sizeof page->next, "%" PRId64 " %s", page->last_ms,
                       page->series);
    }
    return rc == 0 && fit < n ? close_page(page) : rc;
}

static int page_end(void *arg, const struct varve_query_info *info)
{
    struct page *page = arg;
    return page->to->end(page->to->arg, info);
}

struct varve_query_sink page_sink(struct page *page, const struct varve_query_sink *to,
                                  struct answer *answer)
{
    page->to = to;
    page->answer = answer;
    return (struct varve_query_sink){
        .arg = page,
        .begin = page_begin,
        .series = page_series,
        .points = page_points,
        .end = page_end,
    };
}
