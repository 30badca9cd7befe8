// SPDX-License-Identifier: Apache-2.0
// What the commands share; see commands.h.
#include "commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int open_source(struct varve_source *source, const struct args *args)
{
    struct source_choice choice = {
        .socket = args->value[OPT_SOCKET],
        .store = args->value[OPT_STORE],
        .config = args->value[OPT_CONFIG],
        .write = args->command == &command_import || args->value[OPT_REPAIR] != NULL ||
                 (args->command == &command_prune && args->value[OPT_DRY_RUN] == NULL),
        .existing = args->command == &command_check || args->command == &command_prune,
        .every_store = args->command == &command_prune,
        .keep_all = args->value[OPT_KEEP_ALL] != NULL,
    };
    int rc = source_open(source, &choice);
    if (rc == 0) {
        return DONE;
    }
    return complain(rc == VARVE_E_INVALID ? USAGE : UNREACHABLE, "%s", source->why);
}

static int exit_code(int rc)
{
    switch (rc) {
    case 0:
        return DONE;
    case VARVE_E_NOT_FOUND:
        return NOTHING_FOUND;
    case VARVE_E_CLOSED:
    case VARVE_E_TIMEOUT:
        return UNREACHABLE;
    default:
        return FAILED;
    }
}

int finish(struct varve_source *source, int rc)
{
    int code = exit_code(rc);
    if (rc != 0) {
        (void)complain(0, "%s", source->why[0] ? source->why : varve_strerror(rc));
    }
    if (source_close(source) < 0 && code == DONE) {
        code = complain(FAILED, "%s", source->why);
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        code = complain(FAILED, "cannot write the output: %s", strerror(errno));
    }
    return code;
}

int read_tier(const struct args *args, struct varve_source *source, int *tier)
{
    const char *name = args->value[OPT_TIER];
    *tier = VARVE_TIER_AUTO;
    if (!name || strcmp(name, "auto") == 0) {
        return DONE;
    }
    struct varve_stats stats;
    int rc = source->ops->stats(source, &stats);
    if (rc < 0) {
        return complain(exit_code(rc), "%s", source->why);
    }
    char known[VARVE_MAX_TIERS * VARVE_TIER_NAME + 1] = "";
    for (uint32_t i = 0; i < stats.tier_count; i++) {
        size_t used = strlen(known);
        (void)snprintf(known + used, sizeof known - used, " %s", stats.tiers[i].tier.name);
        if (strcmp(stats.tiers[i].tier.name, name) == 0) {
            *tier = (int)i;
            return DONE;
        }
    }
    return args_usage(args, "--tier: there is no tier `%s`; there are:%s", name, known);
}

int read_query(const struct args *args, const char *from, const char *to, struct varve_query *query)
{
    *query = (struct varve_query){.selector = args->count > 0 ? args->positional[0] : "",
                                  .tier = VARVE_TIER_AUTO};
    int code = args_time(args, OPT_FROM, from, &query->from_ms);
    code = code == DONE ? args_time(args, OPT_TO, to, &query->to_ms) : code;
    code = code == DONE ? args_step(args, &query->step_ms) : code;
    code = code == DONE ? args_agg(args, &query->agg) : code;
    if (code == DONE && query->from_ms > query->to_ms) {
        code = args_usage(args, "--from is later than --to");
    }
    return code;
}

int judge_points(const struct args *args, const struct varve_query *query, uint64_t points,
                 uint32_t skipped, int code)
{
    if (code != DONE || points > 0) {
        return code;
    }
    if (skipped > 0) {
        return NOTHING_FOUND;
    }
    return complain(NOTHING_FOUND,
                    "`%s` has no points in that range; `varve stats` shows how far each tier "
                    "reaches%s",
                    query->selector[0] ? query->selector : "*",
                    args->value[OPT_TIER] ? ", or leave --tier out" : "");
}

void explain_unknown(struct varve_source *source, const char *selector, int rc)
{
    if (rc == VARVE_E_NOT_FOUND) {
        (void)source_fail(source, rc,
                          "no series matches `%s`; `varve series` lists those that there are",
                          selector);
    }
}
