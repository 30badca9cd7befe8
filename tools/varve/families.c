// SPDX-License-Identifier: Apache-2.0
// Answers name by name; see families.h.
#include "families.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/names.h"

struct families {
    struct varve_source *source;
    const struct varve_query_sink *to;
    char **names;
    size_t count, cap;
    bool begun;
    struct varve_query_info total;
};

// ---- the names ----------------------------------------------------------------------------------

static int take_name(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)id;
    struct families *f = arg;
    size_t len = strcspn(def->text, "{");
    if (f->count > 0 && strlen(f->names[f->count - 1]) == len &&
        memcmp(f->names[f->count - 1], def->text, len) == 0) {
        return 0; // as the one before
    }
    if (f->count == f->cap) {
        size_t cap = f->cap ? 2 * f->cap : 256;
        char **names = realloc(f->names, cap * sizeof *names);
        if (!names) {
            return source_fail(f->source, VARVE_E_NO_MEMORY, "out of memory");
        }
        f->names = names;
        f->cap = cap;
    }
    char *name = strndup(def->text, len);
    if (!name) {
        return source_fail(f->source, VARVE_E_NO_MEMORY, "out of memory");
    }
    f->names[f->count++] = name;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_names(struct families *f)
{
    size_t kept = 0;
    qsort(f->names, f->count, sizeof *f->names, compare);
    for (size_t i = 0; i < f->count; i++) {
        if (kept > 0 && strcmp(f->names[kept - 1], f->names[i]) == 0) {
            free(f->names[i]);
        } else {
            f->names[kept++] = f->names[i];
        }
    }
    f->count = kept;
}

// ---- the answers as one -------------------------------------------------------------------------

static int families_begin(void *arg, const struct varve_query_info *info)
{
    struct families *f = arg;
    bool first = !f->begun;
    f->begun = true;
    if (first) {
        f->total = *info;
    }
    return first ? f->to->begin(f->to->arg, info) : 0;
}

static int families_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct families *f = arg;
    return f->to->series(f->to->arg, id, def);
}

static int families_points(void *arg, varve_series_id id, const struct varve_point *points,
                           size_t n)
{
    struct families *f = arg;
    return f->to->points(f->to->arg, id, points, n);
}

// A damaged block is met by each query.
static int families_end(void *arg, const struct varve_query_info *info)
{
    struct families *f = arg;
    struct varve_query_info *total = &f->total;
    total->series += info->series;
    total->skipped_series += info->skipped_series;
    total->rows_read += info->rows_read;
    total->points += info->points;
    if (info->damaged_blocks > total->damaged_blocks) {
        total->damaged_blocks = info->damaged_blocks;
    }
    return 0;
}

static int ask_each(struct families *f, const struct varve_query *query)
{
    const struct varve_query_sink sink = {
        .arg = f,
        .begin = families_begin,
        .series = families_series,
        .points = families_points,
        .end = families_end,
    };
    char text[2 * VARVE_SERIES_TEXT];
    const char *labels = query->selector + strcspn(query->selector, "{");
    struct varve_query one = *query;
    one.selector = text;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->count; i++) {
        int n = snprintf(text, sizeof text, "%s%s", f->names[i], labels);
        rc = n < 0 || (size_t)n >= sizeof text
                 ? source_fail(f->source, VARVE_E_TOO_BIG, "the selector is too long")
                 : f->source->ops->query(f->source, &one, &sink);
    }
    return rc == 0 ? f->to->end(f->to->arg, &f->total) : rc;
}

int families_query(struct varve_source *source, const struct varve_query *query,
                   const struct varve_query_sink *sink)
{
    struct families f = {.source = source, .to = sink};
    char selector[VARVE_SERIES_TEXT];
    struct varve_query asked = *query;
    int rc = varve_name_to_series(query->selector, selector, sizeof selector);
    if (rc < 0) {
        return source_fail(source, rc, "the selector is too long");
    }
    asked.selector = selector;
    asked.by_time = false;
    rc = source->ops->series(source, selector, take_name, &f);
    if (rc == 0) {
        sort_names(&f);
        rc = f.count > 0 ? ask_each(&f, &asked)
                         : source_fail(source, VARVE_E_NOT_FOUND, "no series matches");
    }
    for (size_t i = 0; i < f.count; i++) {
        free(f.names[i]);
    }
    free(f.names);
    return rc;
}
