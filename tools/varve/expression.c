// SPDX-License-Identifier: Apache-2.0
// `varve query` with an expression; see expression.h.
#include "expression.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "commands.h"

#define HOUR_MS 3600000

static struct answer answer;

// The smallest of some round spans that gives at most 250 steps.
static int64_t default_step(int64_t range_ms)
{
    static const int64_t seconds[] = {1,   2,   5,    10,   15,   30,    60,    120,   300,
                                      600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400};
    size_t n = sizeof seconds / sizeof *seconds, i = 0;
    while (i + 1 < n && range_ms / (seconds[i] * 1000) > 250) {
        i++;
    }
    int64_t step_ms = seconds[i] * 1000;
    while (range_ms / step_ms > 250) {
        step_ms *= 2;
    }
    return step_ms;
}

// Steps are at multiples of the step, like the buckets of --agg: then they meet the cells of tiers.
static void align(struct varve_expr_query *query)
{
    int64_t over_ms = query->from_ms % query->step_ms;
    int64_t aligned_ms = query->from_ms + (over_ms > 0 ? query->step_ms - over_ms : -over_ms);
    if (aligned_ms <= query->to_ms) {
        query->from_ms = aligned_ms;
    }
}

// Without --from the last hour when there is a step, and the one time --to when there is none.
static int read_from(const struct args *args, struct varve_expr_query *query)
{
    query->from_ms = query->to_ms - (query->step_ms > 0 ? HOUR_MS : 0);
    return args->value[OPT_FROM] ? args_time(args, OPT_FROM, "", &query->from_ms) : DONE;
}

static int read_expression(const struct args *args, struct varve_expr_query *query)
{
    *query = (struct varve_expr_query){.text = args->positional[0], .tier = VARVE_TIER_AUTO};
    int code = args_time(args, OPT_TO, "now", &query->to_ms);
    code = code == DONE ? args_step(args, &query->step_ms) : code;
    code = code == DONE ? args_lookback(args, &query->lookback_ms) : code;
    code = code == DONE ? read_from(args, query) : code;
    if (code == DONE && query->from_ms > query->to_ms) {
        return args_usage(args, "--from is later than --to");
    }
    if (code == DONE && query->step_ms == 0 && args->value[OPT_FROM]) {
        query->step_ms = default_step(query->to_ms - query->from_ms);
    }
    if (code == DONE && query->step_ms > 0) {
        align(query);
    }
    return code;
}

// The expression with a mark below the column that the message names.
static void point_at(const char *why, const char *text)
{
    static const char word[] = "column ";
    if (strncmp(why, word, strlen(word)) != 0 || strchr(text, '\n') || strlen(text) > 200) {
        return;
    }
    long column = strtol(why + strlen(word), NULL, 10);
    (void)fprintf(stderr, "  %s\n  %*s\n", text, column > 0 && column < 1000 ? (int)column : 1,
                  "^");
}

int expression_run(const struct args *args)
{
    struct varve_source source;
    struct varve_expr_query query;
    struct ask ask = {.out = stdout, .expr = &query};
    int code = args_format(args, &ask.format);
    code = code == DONE ? page_read(&ask.page, args) : code;
    code = code == DONE ? read_expression(args, &query) : code;
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    code = read_tier(args, &source, &query.tier);
    if (code != DONE) {
        (void)source_close(&source); // opened for reading
        return code;
    }
    int rc = ask_source(&source, &ask, &answer);
    code = ask_judge(&ask, &answer, finish(&source, rc));
    if (rc == VARVE_E_INVALID) {
        point_at(source.why, query.text);
        return USAGE;
    }
    if (code == DONE && answer.points == 0) {
        return complain(NOTHING_FOUND,
                        "`%s` has no values there; `varve series` lists the series, `varve stats` "
                        "shows how far each tier reaches",
                        query.text);
    }
    return code;
}
