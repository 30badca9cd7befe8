// SPDX-License-Identifier: Apache-2.0
// The wear governor; see wear.h.
#include "wear.h"

#include <string.h>

#include "rollup.h"

#define DAYS_PER_YEAR 365.25

struct threshold {
    uint32_t enter, leave; // parts of a thousand of a window's budget
    const char *name;
};

static const struct threshold thresholds[VARVE_WEAR_LEVELS + 1] = {
    [VARVE_WEAR_NORMAL] = {0, 0, "normal"},
    [VARVE_WEAR_LONG_WINDOWS] = {800, 700, "longer windows"},
    [VARVE_WEAR_NO_RAW] = {900, 800, "no raw"},
    [VARVE_WEAR_HOURS] = {970, 870, "hour cells only"},
    [VARVE_WEAR_RAM_ONLY] = {1000, 930, "RAM only"},
};

const char *varve_wear_level_name(unsigned level)
{
    return level >= VARVE_WEAR_NORMAL && level <= VARVE_WEAR_LEVELS ? thresholds[level].name
                                                                    : "unknown";
}

// ---- budget and forecast ------------------------------------------------------------------------

// Bytes that can be handed to the device before it is worn, in double: the product of the largest
// settings does not fit 64 bits.
static double life_bytes(const struct varve_wear_conf *conf)
{
    int64_t amplification = conf->amplification > 0 ? conf->amplification : 1;
    return (double)conf->capacity * (double)conf->endurance / (double)amplification;
}

uint64_t varve_wear_budget(const struct varve_wear_conf *conf)
{
    if (conf->budget > 0) {
        return (uint64_t)conf->budget;
    }
    if (conf->capacity <= 0 || conf->endurance <= 0 || conf->lifetime_ms <= 0) {
        return 0;
    }
    double days = (double)conf->lifetime_ms / (double)VARVE_WEAR_DAY_MS;
    double budget = life_bytes(conf) / days;
    double most = (double)(INT64_C(1) << 50);
    return budget < 1 ? 1 : (uint64_t)(budget < most ? budget : most);
}

double varve_wear_years(const struct varve_wear_conf *conf, uint64_t written, double per_day)
{
    double left = life_bytes(conf) - (double)written;
    if (conf->capacity <= 0 || conf->endurance <= 0 || left <= 0) {
        return 0;
    }
    double years = per_day > 0 ? left / per_day / DAYS_PER_YEAR : VARVE_WEAR_FOREVER;
    return years < VARVE_WEAR_FOREVER ? years : VARVE_WEAR_FOREVER;
}

// ---- windows ------------------------------------------------------------------------------------

static int64_t bucket_of(const struct varve_wear_window *window, int64_t ms)
{
    return varve_bucket(ms, window->bucket_ms) / window->bucket_ms;
}

static uint64_t *slot_of(struct varve_wear_window *window, int64_t bucket)
{
    int64_t slots = (int64_t)window->buckets + 1;
    return &window->bytes[((bucket % slots) + slots) % slots];
}

static void advance(struct varve_wear_window *window, int64_t now_ms)
{
    int64_t now = bucket_of(window, now_ms);
    if (now - window->newest > (int64_t)window->buckets) {
        memset(window->bytes, 0, sizeof window->bytes);
        window->newest = now;
    }
    while (window->newest < now) {
        *slot_of(window, ++window->newest) = 0;
    }
}

static void add(struct varve_wear_window *window, int64_t at_ms, uint64_t bytes)
{
    advance(window, at_ms);
    int64_t bucket = bucket_of(window, at_ms);
    if (window->newest - bucket <= (int64_t)window->buckets) {
        *slot_of(window, bucket) += bytes;
    }
}

uint64_t varve_wear_sum(const struct varve_wear_window *window)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i <= window->buckets; i++) {
        sum += window->bytes[i];
    }
    return sum;
}

static uint32_t permille(const struct varve_wear_governor *g,
                         const struct varve_wear_window *window, unsigned days)
{
    if (g->budget == 0) {
        return 0;
    }
    double share = (double)varve_wear_sum(window) / ((double)g->budget * days);
    return share < 1000 ? (uint32_t)(share * 1000) : 1000000;
}

uint32_t varve_wear_fast_permille(const struct varve_wear_governor *g)
{
    return permille(g, &g->fast, VARVE_WEAR_FAST_DAYS);
}

uint32_t varve_wear_slow_permille(const struct varve_wear_governor *g)
{
    return permille(g, &g->slow, VARVE_WEAR_SLOW_DAYS);
}

// ---- the governor -------------------------------------------------------------------------------

void varve_wear_start(struct varve_wear_governor *g, uint64_t budget, int64_t now_ms)
{
    *g = (struct varve_wear_governor){
        .budget = budget,
        .fast = {.bucket_ms = VARVE_WEAR_FAST_BUCKET_MS, .buckets = VARVE_WEAR_FAST_BUCKETS},
        .slow = {.bucket_ms = VARVE_WEAR_SLOW_BUCKET_MS, .buckets = VARVE_WEAR_SLOW_BUCKETS},
        .level = VARVE_WEAR_NORMAL,
        .changed_ms = now_ms};
    g->fast.newest = bucket_of(&g->fast, now_ms);
    g->slow.newest = bucket_of(&g->slow, now_ms);
}

void varve_wear_add(struct varve_wear_governor *g, int64_t at_ms, uint64_t bytes)
{
    add(&g->fast, at_ms, bytes);
    add(&g->slow, at_ms, bytes);
}

static unsigned wanted_level(const struct varve_wear_governor *g, int64_t now_ms)
{
    uint32_t fast = varve_wear_fast_permille(g);
    uint32_t slow = varve_wear_slow_permille(g);
    uint32_t full = fast > slow ? fast : slow;
    unsigned level = g->level;
    while (level < VARVE_WEAR_LEVELS && full >= thresholds[level + 1].enter) {
        level++;
    }
    bool rested = now_ms - g->changed_ms >= VARVE_WEAR_DWELL_MS;
    if (level == g->level && level > VARVE_WEAR_NORMAL && rested &&
        full < thresholds[level].leave) {
        level--;
    }
    return level;
}

bool varve_wear_decide(struct varve_wear_governor *g, int64_t now_ms)
{
    advance(&g->fast, now_ms);
    advance(&g->slow, now_ms);
    unsigned level = g->budget == 0 ? VARVE_WEAR_NORMAL : wanted_level(g, now_ms);
    if (level == g->level) {
        return false;
    }
    g->level = level;
    g->changed_ms = now_ms;
    g->changes++;
    return true;
}

// ---- the calendar -------------------------------------------------------------------------------

int64_t varve_wear_day_start(int64_t unix_ms)
{
    return varve_bucket(unix_ms, VARVE_WEAR_DAY_MS);
}

// Day of the month from days since 1970, after H. Hinnant, "chrono-compatible low-level date
// algorithms", civil_from_days(): years begin in March there.
static int64_t day_of_month(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t day_of_era = ((shifted % 146097) + 146097) % 146097;
    int64_t year =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    return day_of_year - (153 * month + 2) / 5 + 1;
}

int64_t varve_wear_month_start(int64_t unix_ms)
{
    int64_t day_ms = varve_wear_day_start(unix_ms);
    return day_ms - (day_of_month(day_ms / VARVE_WEAR_DAY_MS) - 1) * VARVE_WEAR_DAY_MS;
}
