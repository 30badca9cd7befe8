// SPDX-License-Identifier: Apache-2.0
// Asking a source and printing what it answers; see ask.h.
#include "ask.h"

#include "gather.h"

static int ask_through(struct varve_source *source, const struct ask *ask,
                       const struct varve_query_sink *sink)
{
    return ask->expr ? source->ops->expr(source, ask->expr, sink)
                     : source->ops->query(source, ask->query, sink);
}

// An expression's series come in turns, and a picture wants a series' points in one call.
static bool needs_gathering(const struct ask *ask)
{
    return ask->expr || ask->format == FORMAT_SPARK || ask->format == FORMAT_PLOT;
}

int ask_source(struct varve_source *source, struct ask *ask, struct answer *answer)
{
    struct varve_query_sink layout = answer_sink(answer, ask->format, ask->out);
    struct varve_query_sink paged = page_sink(&ask->page, &layout, answer);
    const struct varve_query_sink *sink = page_wanted(&ask->page) ? &paged : &layout;
    int rc;
    if (needs_gathering(ask)) {
        struct gather *gather = gather_new(sink);
        if (!gather) {
            return source_fail(source, VARVE_E_NO_MEMORY, "out of memory");
        }
        struct varve_query_sink gathered = gather_sink(gather);
        rc = ask_through(source, ask, &gathered);
        gather_free(gather);
    } else {
        rc = ask_through(source, ask, sink);
    }
    return rc == PAGE_FULL ? 0 : rc;
}

int ask_judge(const struct ask *ask, const struct answer *answer, int code)
{
    if (code == DONE && ask->page.skipping) {
        return complain(USAGE, "--after: the answer has no series `%s`", ask->page.after_series);
    }
    if (code == DONE && answer->next && ask->format != FORMAT_JSON) {
        (void)complain(0, "there is more: --after '%s'", answer->next);
    }
    return code;
}
