// SPDX-License-Identifier: Apache-2.0
// The governor at work: what its level does to the data path, what it knows after a restart, and
// what it says. The levels and the arithmetic are wear.c's.
//
// **What a level does.** host->base_tier is the finest tier that goes to persistent backends; the
// configuration gives the lowest it can be. Level 3 moves it to the first rollup tier, level 4 to
// the hours. Blocks of finer tiers are still made and stay in the outbox as long as there is room,
// so queries see them. At level 5 blocks wait in the outbox as at level 4, but nothing is written.
//
// **Up and down without losing or doubling a cell.** After a crash a tier is rebuilt from the next
// finer one's stored rows after its rolled-up-to mark (recover.c). So, for tier t and the finer f:
//
//   degrade  At once. f was stored up to some row r; t's mark is not behind r's bucket, and all
//   that
//            comes later reaches flash as cells of t. A crash before t's next block finds f up to
//            r.
//   back     Only at a boundary b of t's step: the raw window is cut there, t's cells that end by b
//            are closed and written with the mark b, and f is stored from b on. Were f stored from
//            the middle of a cell, t could neither be rebuilt from it nor be left alone.
//   restart  An orderly stop at a high level writes t's open, partial cells, with a mark that lies
//            within a cell. After such a mark f starts at the next boundary of t's step, whatever
//            the level is.
//
// **After a restart** the windows are filled again from the running total of flash bytes that every
// block's header carries, with the block's time: no write is made for that. The same gives today's
// and this month's bytes. The totals by reason ride along as one event a day and one at an orderly
// stop ("wear_ledger"); a crash loses at most a day of that breakdown. Of the total a crash loses
// what was written since the last block was made, and an orderly stop its own last transaction.
//
// Locking: the state is under store_lock, but for the two atomics.
#include "host_state.h"
#include "text.h"

#define HOUR_MS     (INT64_C(3600) * 1000)
#define FAST_POINTS (VARVE_WEAR_FAST_BUCKETS + 1u)
#define SLOW_POINTS (VARVE_WEAR_SLOW_BUCKETS + 1u)
// A rate over less time than this says nothing.
#define RATE_MIN_MS HOUR_MS

static bool is_read_only(const struct varve_host *host)
{
    return (host->flags & VARVE_HOST_READ_ONLY) != 0;
}

// ---- levels -------------------------------------------------------------------------------------

static bool is_persisted(const struct varve_host *host, size_t tier)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *backend = &host->backends[b];
        if (backend->persistent && (backend->conf->tiers >> tier & 1u) != 0) {
            return true;
        }
    }
    return false;
}

// The finest persisted tier that a level leaves; the coarsest when none is coarse enough.
static size_t base_of(const struct varve_host *host, unsigned level)
{
    size_t base = host->wear.configured_base;
    if (level < VARVE_WEAR_NO_RAW) {
        return base;
    }
    for (size_t tier = base; tier < host->tier_count; tier++) {
        bool coarse =
            tier > 0 && (level < VARVE_WEAR_HOURS || host->tiers[tier].step_ms >= HOUR_MS);
        if (is_persisted(host, tier)) {
            base = tier;
            if (coarse) {
                break;
            }
        }
    }
    return base;
}

static void apply_level(struct varve_host *host, unsigned level)
{
    struct varve_wear_state *wear = &host->wear;
    wear->wanted_base = base_of(host, level);
    wear->raise_ms = INT64_MAX;
    if (wear->wanted_base > host->base_tier) {
        host->base_tier = wear->wanted_base;
    }
    atomic_store(&wear->paused, level == VARVE_WEAR_RAM_ONLY);
}

void varve_wear_set_level(struct varve_host *host, unsigned level, int64_t now_ms)
{
    varve_port_mutex_lock(&host->store_lock);
    host->wear.governor.level = level;
    host->wear.governor.changed_ms = now_ms;
    apply_level(host, level);
    varve_port_mutex_unlock(&host->store_lock);
}

// ---- what the pipeline asks ---------------------------------------------------------------------

bool varve_wear_keeps(const struct varve_host *host, size_t tier)
{
    return tier >= host->base_tier;
}

int64_t varve_wear_window_ms(const struct varve_host *host)
{
    int64_t window_ms = host->tiers[0].window_ms;
    int64_t loss_ms = host->conf->wear.max_loss_ms;
    bool longer = host->wear.governor.level >= VARVE_WEAR_LONG_WINDOWS && loss_ms > window_ms;
    return longer ? loss_ms : window_ms;
}

// Where finer rows would bound the loss but are not stored, the base tier's cells have to.
int64_t varve_wear_cell_window_ms(const struct varve_host *host, size_t tier)
{
    const struct varve_tier *t = &host->tiers[tier];
    int64_t loss_ms = varve_wear_window_ms(host);
    if (tier != host->base_tier || tier <= host->wear.configured_base) {
        return t->window_ms;
    }
    int64_t window_ms = loss_ms > t->step_ms ? loss_ms : t->step_ms;
    return window_ms < t->window_ms ? window_ms : t->window_ms;
}

bool varve_wear_raises_at(struct varve_host *host, int64_t unix_ms)
{
    struct varve_wear_state *wear = &host->wear;
    if (host->base_tier <= wear->wanted_base || host->base_tier >= host->tier_count) {
        return false;
    }
    if (wear->raise_ms == INT64_MAX) {
        int64_t step_ms = host->tiers[host->base_tier].step_ms;
        int64_t from_ms = unix_ms > host->newest_ms ? unix_ms : host->newest_ms;
        wear->raise_ms = varve_bucket(from_ms, step_ms) + step_ms;
    }
    return unix_ms >= wear->raise_ms;
}

void varve_wear_raise(struct varve_host *host)
{
    host->base_tier = host->wear.wanted_base;
    host->wear.raise_ms = INT64_MAX;
}

bool varve_wear_paused(const struct varve_host *host)
{
    return atomic_load(&host->wear.paused) && !atomic_load(&host->stopping);
}

// ---- time passes --------------------------------------------------------------------------------

static void turn_calendar(struct varve_host *host, int64_t now_ms, uint64_t total)
{
    struct varve_wear_state *wear = &host->wear;
    if (!host->timebase.trusted) {
        return;
    }
    int64_t unix_ms = varve_timebase_unix(&host->timebase, now_ms);
    int64_t day_ms = varve_wear_day_start(unix_ms);
    int64_t month_ms = varve_wear_month_start(unix_ms);
    if (day_ms != wear->day_ms) {
        wear->day_ms = day_ms;
        wear->at_day = total;
    }
    if (month_ms != wear->month_ms) {
        wear->month_ms = month_ms;
        wear->at_month = total;
    }
    atomic_store(&wear->day_number, (uint32_t)(day_ms / VARVE_WEAR_DAY_MS));
}

static void say_level(struct varve_host *host, unsigned before, const struct varve_wear_governor *g)
{
    char payload[VARVE_PAYLOAD_TEXT];
    uint32_t fast = varve_wear_fast_permille(g), slow = varve_wear_slow_permille(g);
    (void)varve_format(payload, sizeof payload,
                       "{\"level\":%u,\"from\":%u,\"fast_permille\":%u,\"slow_permille\":%u,"
                       "\"budget_bytes_per_day\":%llu}",
                       g->level, before, fast, slow, (unsigned long long)g->budget);
    varve_event_add(host, g->level > before ? VARVE_WARNING : VARVE_NOTICE, "host", "wear_level",
                    true, g->level, payload,
                    "flash writes: %s (level %u, was %u); the last 6 hours took %u %% of a day's "
                    "budget, the last 7 days %u %% of a week's",
                    varve_wear_level_name(g->level), g->level, before, fast / 10, slow / 10);
}

void varve_wear_tick(struct varve_host *host, int64_t now_ms)
{
    if (is_read_only(host)) {
        return;
    }
    varve_port_mutex_lock(&host->store_lock);
    struct varve_wear_state *wear = &host->wear;
    uint64_t total = varve_flash_total(host);
    unsigned before = wear->governor.level;
    turn_calendar(host, now_ms, total);
    varve_wear_add(&wear->governor, now_ms, total - wear->seen);
    wear->seen = total;
    bool changed = varve_wear_decide(&wear->governor, now_ms);
    if (changed) {
        apply_level(host, wear->governor.level);
    }
    struct varve_wear_governor copy = wear->governor;
    varve_port_mutex_unlock(&host->store_lock);
    if (changed) {
        say_level(host, before, &copy);
    }
}

// ---- the ledger's breakdown ---------------------------------------------------------------------

// Under the backend's lock, or when its task does not run.
static void say_ledger(struct varve_host *host, const struct varve_backend *backend)
{
    struct varve_text t;
    char payload[VARVE_PAYLOAD_TEXT];
    uint64_t sum = 0;
    varve_text_init(&t, payload, sizeof payload);
    for (unsigned r = 0; r < VARVE_WRITE_REASON_COUNT; r++) {
        uint64_t bytes = backend->flash_before[r] + backend->account.flash_bytes[r];
        varve_text_add(&t, "%s\"%s\":%llu", r == 0 ? "{" : ",",
                       varve_write_reason_name((enum varve_write_reason)r),
                       (unsigned long long)bytes);
        sum += bytes;
    }
    varve_text_add(&t, "}");
    if (backend->persistent && sum > 0) {
        varve_event_add(host, VARVE_INFO, backend->instance.name, "wear_ledger", true, (double)sum,
                        payload, "wrote %llu KiB to flash since the store was made",
                        (unsigned long long)(sum / 1024));
    }
}

void varve_wear_note_day(struct varve_host *host, struct varve_backend *backend)
{
    uint32_t day = atomic_load(&host->wear.day_number);
    if (day != backend->ledger_day && backend->ledger_day != 0) {
        say_ledger(host, backend);
    }
    backend->ledger_day = day;
}

void varve_wear_note_stop(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        say_ledger(host, &host->backends[b]);
    }
}

// ---- after a restart ----------------------------------------------------------------------------

// The running total at a moment: that of the newest block before it.
struct point {
    int64_t at_ms;
    uint64_t total;
    bool known;
};

struct history {
    struct point fast[FAST_POINTS], slow[SLOW_POINTS], day, month;
    int64_t oldest_ms; // of all blocks seen
    uint64_t oldest_total;
    bool from_start; // a tier's first block is still there
};

static void offer_total(struct point *point, int64_t time_ms, uint64_t total)
{
    if (time_ms <= point->at_ms && (!point->known || total > point->total)) {
        point->total = total;
        point->known = true;
    }
}

static void note_block(struct history *h, const struct varve_block_info *info)
{
    int64_t time_ms = info->key.end_ms;
    for (size_t i = 0; i < FAST_POINTS; i++) {
        offer_total(&h->fast[i], time_ms, info->flash_bytes);
    }
    for (size_t i = 0; i < SLOW_POINTS; i++) {
        offer_total(&h->slow[i], time_ms, info->flash_bytes);
    }
    offer_total(&h->day, time_ms, info->flash_bytes);
    offer_total(&h->month, time_ms, info->flash_bytes);
    if (info->flash_bytes < h->oldest_total) {
        h->oldest_total = info->flash_bytes;
    }
    if (info->key.start_ms < h->oldest_ms) {
        h->oldest_ms = info->key.start_ms;
    }
    h->from_start |= info->key.seq == 0;
}

// Raw blocks are many; where there are coarser ones they are read for the fast window only. A block
// that cannot be read is left out: the others carry the same running total.
static void read_history(struct varve_host *host, struct history *h)
{
    int64_t from_ms = h->slow[SLOW_POINTS - 1].at_ms;
    from_ms = (h->month.at_ms < from_ms ? h->month.at_ms : from_ms) - 2 * VARVE_WEAR_DAY_MS;
    int64_t raw_from_ms = h->fast[FAST_POINTS - 1].at_ms - VARVE_WEAR_FAST_BUCKET_MS;
    for (unsigned tier = 0; tier < host->tier_count; tier++) {
        bool recent = tier == 0 && host->tier_count > 1;
        struct varve_block_cursor cursor = {
            .tier = tier, .from_ms = recent ? raw_from_ms : from_ms, .seq_limit = UINT32_MAX};
        while (varve_store_next(host, &cursor) == 0) {
            struct varve_block_info info;
            if (varve_store_get(host, tier, &cursor.key, host->read_block, VARVE_BLOCK_MAX,
                                &info) == 0) {
                note_block(h, &info);
            }
        }
    }
}

// What was written before the first block that is known: nothing when the store began with it.
static uint64_t total_at(const struct history *h, const struct point *point)
{
    if (point->known) {
        return point->total;
    }
    return h->from_start || h->oldest_total == UINT64_MAX ? 0 : h->oldest_total;
}

static void set_points(struct point *points, size_t count, int64_t now_ms, int64_t bucket_ms)
{
    for (size_t i = 0; i < count; i++) {
        points[i] = (struct point){.at_ms = now_ms - (int64_t)i * bucket_ms};
    }
}

static void fill_window(struct varve_wear_window *window, const struct history *h,
                        const struct point *points, size_t count, uint64_t now_total,
                        int64_t boot_ms)
{
    struct varve_wear_governor filling = {.fast = *window, .slow = *window};
    uint64_t after = now_total;
    for (size_t i = 1; i < count; i++) {
        uint64_t before = total_at(h, &points[i]);
        int64_t age_ms = (int64_t)(i - 1) * window->bucket_ms;
        varve_wear_add(&filling, boot_ms - age_ms, after > before ? after - before : 0);
        after = before < after ? before : after;
    }
    *window = filling.fast;
}

// Unix time now, or that of the newest row while the clock says nothing plausible.
static int64_t reference_ms(const struct varve_host *host)
{
    int64_t wall_ms = varve_port_wall_ms();
    bool plausible = host->timebase.trust_always || wall_ms >= VARVE_CLOCK_FLOOR_MS;
    return plausible || host->newest_ms == INT64_MIN ? wall_ms : host->newest_ms;
}

static void restore_windows(struct varve_host *host, int64_t boot_ms)
{
    struct varve_wear_state *wear = &host->wear;
    struct history h = {.oldest_ms = INT64_MAX, .oldest_total = UINT64_MAX};
    int64_t now_ms = reference_ms(host);
    set_points(h.fast, FAST_POINTS, now_ms, VARVE_WEAR_FAST_BUCKET_MS);
    set_points(h.slow, SLOW_POINTS, now_ms, VARVE_WEAR_SLOW_BUCKET_MS);
    h.day.at_ms = wear->day_ms = varve_wear_day_start(now_ms);
    h.month.at_ms = wear->month_ms = varve_wear_month_start(now_ms);
    read_history(host, &h);
    wear->at_day = total_at(&h, &h.day);
    wear->at_month = total_at(&h, &h.month);
    wear->history_ms = h.oldest_ms < now_ms ? now_ms - h.oldest_ms : 0;
    fill_window(&wear->governor.fast, &h, h.fast, FAST_POINTS, host->flash_before, boot_ms);
    fill_window(&wear->governor.slow, &h, h.slow, SLOW_POINTS, host->flash_before, boot_ms);
}

// The number behind "name": in a JSON object of ours; 0 when it is not there.
static uint64_t json_number(const char *payload, const char *name)
{
    char key[VARVE_NAME_TEXT];
    (void)varve_format(key, sizeof key, "\"%s\":", name);
    const char *p = strstr(payload, key);
    uint64_t value = 0;
    for (p = p != NULL ? p + strlen(key) : ""; *p >= '0' && *p <= '9'; p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    return value;
}

// What the newest events of the earlier processes say; events come in time order.
struct said {
    struct varve_host *host;
    uint64_t ledger[VARVE_MAX_BACKENDS][VARVE_WRITE_REASON_COUNT];
    char source[VARVE_NAME_TEXT]; // of the first wear_ledger
    bool several;                 // there are others
    unsigned level;
};

// Which backend an event is about. A single one may have had another name: the tool opens a store
// without its configuration.
static bool is_about(const struct said *said, const struct varve_event *event, size_t backend)
{
    bool alone = said->host->backend_count == 1 && !said->several;
    return alone || strcmp(event->source, said->host->backends[backend].instance.name) == 0;
}

static void note_ledger(struct said *said, const struct varve_event *event)
{
    if (said->source[0] == '\0') {
        (void)varve_format(said->source, sizeof said->source, "%s", event->source);
    }
    said->several |= strcmp(said->source, event->source) != 0;
    for (size_t b = 0; b < said->host->backend_count; b++) {
        for (unsigned r = 0; is_about(said, event, b) && r < VARVE_WRITE_REASON_COUNT; r++) {
            said->ledger[b][r] =
                json_number(event->payload, varve_write_reason_name((enum varve_write_reason)r));
        }
    }
}

static int note_event(void *arg, const struct varve_event *event)
{
    struct said *said = arg;
    if (strcmp(event->kind, "wear_level") == 0 && event->value >= VARVE_WEAR_NORMAL &&
        event->value <= VARVE_WEAR_LEVELS) {
        said->level = (unsigned)event->value;
    }
    if (strcmp(event->kind, "wear_ledger") == 0) {
        note_ledger(said, event);
    }
    return 0;
}

// An orderly stop says what was written after the last block was made.
static void restore_said(struct varve_host *host)
{
    struct said said = {.host = host, .level = VARVE_WEAR_NORMAL};
    uint64_t sum = 0;
    int rc = varve_host_events(host, INT64_MIN, INT64_MAX, note_event, &said);
    if (rc != 0) {
        varve_log(VARVE_WARNING, "wear", "cannot read the events of earlier processes: %s",
                  varve_strerror(rc));
    }
    for (size_t b = 0; b < host->backend_count && b < VARVE_MAX_BACKENDS; b++) {
        memcpy(host->backends[b].flash_before, said.ledger[b],
               sizeof host->backends[b].flash_before);
        for (unsigned r = 0; r < VARVE_WRITE_REASON_COUNT; r++) {
            sum += said.ledger[b][r];
        }
    }
    host->flash_before = sum > host->flash_before ? sum : host->flash_before;
    if (host->wear.governor.budget > 0) {
        host->wear.governor.level = said.level;
    }
}

// See "restart" at the top.
static void hold_finer_tiers(struct varve_host *host)
{
    const struct varve_wear_state *wear = &host->wear;
    for (size_t tier = wear->configured_base + 1; tier < host->tier_count; tier++) {
        if (wear->has_partial[tier] && is_persisted(host, tier) && tier > host->base_tier) {
            host->base_tier = tier;
        }
    }
}

void varve_wear_recover(struct varve_host *host)
{
    int64_t boot_ms = varve_port_boot_ms();
    struct varve_wear_state *wear = &host->wear;
    wear->configured_base = host->base_tier;
    varve_wear_start(&wear->governor, varve_wear_budget(&host->conf->wear), boot_ms);
    restore_said(host);
    wear->seen = host->flash_before; // what opening the stores wrote is still to be counted
    restore_windows(host, boot_ms);
    if (host->base_tier < host->tier_count && !is_read_only(host)) {
        apply_level(host, wear->governor.level);
        hold_finer_tiers(host);
    } else {
        wear->wanted_base = host->base_tier;
    }
}

// ---- figures ------------------------------------------------------------------------------------

// Under store_lock. Seven days, or what there is of them.
static double bytes_per_day(const struct varve_host *host, int64_t now_ms)
{
    const struct varve_wear_state *wear = &host->wear;
    int64_t most_ms = (int64_t)VARVE_WEAR_SLOW_BUCKETS * VARVE_WEAR_SLOW_BUCKET_MS;
    int64_t span_ms = wear->history_ms + (now_ms - host->started_ms);
    span_ms = span_ms < most_ms ? span_ms : most_ms;
    if (span_ms < RATE_MIN_MS) {
        return 0;
    }
    return (double)varve_wear_sum(&wear->governor.slow) * (double)VARVE_WEAR_DAY_MS /
           (double)span_ms;
}

void varve_wear_stats(struct varve_host *host, struct varve_stats *out)
{
    const struct varve_wear_conf *conf = &host->conf->wear;
    int64_t now_ms = varve_port_boot_ms();
    varve_port_mutex_lock(&host->store_lock);
    const struct varve_wear_state *wear = &host->wear;
    uint64_t total = varve_flash_total(host);
    out->flash_bytes_today = total > wear->at_day ? total - wear->at_day : 0;
    out->flash_bytes_month = total > wear->at_month ? total - wear->at_month : 0;
    out->flash_bytes_per_day = bytes_per_day(host, now_ms);
    out->wear_level = wear->governor.level;
    out->wear_changes = wear->governor.changes;
    out->wear_budget_bytes = wear->governor.budget;
    out->wear_fast_permille = varve_wear_fast_permille(&wear->governor);
    out->wear_slow_permille = varve_wear_slow_permille(&wear->governor);
    varve_port_mutex_unlock(&host->store_lock);
    out->wear_capacity_bytes = (uint64_t)conf->capacity;
    out->wear_endurance = (uint64_t)conf->endurance;
    out->wear_amplification = (uint32_t)conf->amplification;
    out->wear_lifetime_ms = conf->lifetime_ms;
    out->wear_years =
        out->flash_bytes_per_day > 0 ? varve_wear_years(conf, total, out->flash_bytes_per_day) : 0;
}
