// SPDX-License-Identifier: Apache-2.0
// `varve check`: is everything in a store whole, and the removal of what is not.
//
// Threading: one task.
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "table.h"

static _Alignas(64) uint8_t block[VARVE_BLOCK_MAX];

static void say(void *arg, const char *text)
{
    (void)arg;
    (void)fprintf(stderr, "varve: %s\n", text);
}

static uint32_t damaged_of(const struct varve_check *check)
{
    uint32_t damaged = check->damaged;
    for (size_t i = 0; i < VARVE_MAX_TIERS; i++) {
        damaged += check->tiers[i].damaged;
    }
    return damaged;
}

// ---- layouts ------------------------------------------------------------------------------------

static void put_json(const struct varve_stats *stats, const struct varve_check *check)
{
    printf("{\"damaged\":%" PRIu32 ",\"repaired\":%" PRIu32 ",\"restored\":%" PRIu32
           ",\"records\":%" PRIu32 ",\"tiers\":[",
           damaged_of(check), check->repaired, check->restored, check->records);
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        const struct varve_check_tier *t = &check->tiers[i];
        printf("%s\n{\"tier\":\"%s\",\"blocks\":%" PRIu32 ",\"bytes\":%" PRIu64
               ",\"damaged\":%" PRIu32 ",\"future_blocks\":%" PRIu32 "}",
               i > 0 ? "," : "", stats->tiers[i].tier.name, t->blocks, t->bytes, t->damaged,
               stats->tiers[i].future_blocks);
    }
    printf("\n]}\n");
}

static void put_csv(const struct varve_stats *stats, const struct varve_check *check)
{
    printf("tier,blocks,bytes,damaged\n");
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        const struct varve_check_tier *t = &check->tiers[i];
        printf("%s,%" PRIu32 ",%" PRIu64 ",%" PRIu32 "\n", stats->tiers[i].tier.name, t->blocks,
               t->bytes, t->damaged);
    }
}

static int put_table(const struct varve_stats *stats, const struct varve_check *check)
{
    static const char *const header[] = {"TIER", ">BLOCKS", ">BYTES", ">DAMAGED"};
    struct table table;
    table_init(&table, header, 4);
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        const struct varve_check_tier *t = &check->tiers[i];
        char text[32];
        table_cell(&table, "%s", stats->tiers[i].tier.name);
        table_cell(&table, "%" PRIu32, t->blocks);
        table_cell(&table, "%s", bytes_text((double)t->bytes, text, sizeof text));
        table_cell(&table, "%" PRIu32, t->damaged);
    }
    if (!table_print(&table, stdout)) {
        return VARVE_E_NO_MEMORY;
    }
    printf("\n%" PRIu32 " series and events, %" PRIu32 " damaged units", check->records,
           damaged_of(check));
    if (check->repaired > 0) {
        printf(", %" PRIu32 " of them removed", check->repaired);
    }
    if (check->restored > 0) {
        printf("; %" PRIu32 " blocks restored from elsewhere", check->restored);
    }
    printf("\n");
    put_future(stats);
    return 0;
}

// ---- the command --------------------------------------------------------------------------------

static int print(enum format format, const struct varve_stats *stats,
                 const struct varve_check *check)
{
    switch (format) {
    case FORMAT_JSON:
        put_json(stats, check);
        return 0;
    case FORMAT_CSV:
        put_csv(stats, check);
        return 0;
    default:
        return put_table(stats, check);
    }
}

static int run_check(const struct args *args)
{
    struct varve_check check = {
        .flags = args->value[OPT_REPAIR] ? VARVE_CHECK_REPAIR : 0, .buf = block, .say = say};
    struct varve_source source;
    struct varve_stats stats;
    enum format format;
    int code = args_format(args, &format);
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    int rc = source.ops->check(&source, &check);
    rc = rc == 0 ? source.ops->stats(&source, &stats) : rc;
    rc = rc == 0 ? print(format, &stats, &check) : rc;
    code = finish(&source, rc);
    return code == DONE && damaged_of(&check) > check.repaired ? FAILED : code;
}

const struct command command_check = {
    .name = "check",
    .arguments = "",
    .summary = "verify every block of a store; remove damaged ones",
    .text =
        "Reads all that is in the store, with its checksums. Each damaged place is named on\n"
        "stderr. --repair removes just these; everything else stays as it is. When a database\n"
        "is damaged in its structure, --repair does what a start of the daemon does: a new store\n"
        "is made of every block that is whole, the rest restored from the newest backup, and the\n"
        "damaged file kept under a dated name. Stop the daemon first, or check a copy.\n"
        "\n"
        "Exit codes: 0 all is whole, or has been repaired; 1 something is damaged; 4 the store\n"
        "cannot be opened.\n"
        "\n"
        "Examples:\n"
        "  varve check --store sqlite:/var/lib/varve/varve.db\n"
        "  varve check --store rotate:/var/lib/varve/segments --repair",
    .options = OPTION(OPT_STORE) | OPTION(OPT_CONFIG) | OPTION(OPT_SOCKET) | OPTION(OPT_HELP) |
               OPTION(OPT_FORMAT) | OPTION(OPT_REPAIR),
    .least = 0,
    .most = 0,
    .run = run_check,
};
