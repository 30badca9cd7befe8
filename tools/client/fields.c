// SPDX-License-Identifier: Apache-2.0
// The fields of the structs that travel; see fields.h. The order is part of the protocol.
#include "fields.h"

#include <string.h>

_Static_assert(sizeof(enum varve_severity) == 4 && sizeof(int) == 4, "enumerators travel as u32");

#define FIELD(type, member, kind)                                                                  \
    {                                                                                              \
#member, kind, offsetof(struct type, member), sizeof(((struct type *)0)->member), 0        \
    }
#define ENUMERATOR(type, member, limit)                                                            \
    {                                                                                              \
#member, VARVE_FIELD_ENUM, offsetof(struct type, member), 4, limit                         \
    }
#define FIELDS_END                                                                                 \
    {                                                                                              \
        NULL, VARVE_FIELD_BOOL, 0, 0, 0                                                            \
    }

#define STATS(member, kind) FIELD(varve_stats, member, VARVE_FIELD_##kind)
const struct varve_field varve_stats_fields[] = {
    STATS(series, U32),
    STATS(series_cap, U32),
    STATS(series_refused, U64),
    STATS(samples, U64),
    STATS(samples_session, U64),
    STATS(dropped, U64),
    STATS(dropped_ring, U64),
    STATS(dropped_window, U64),
    STATS(sketches, U32),
    STATS(sketches_refused, U64),
    STATS(sketch_collapsed, U64),
    STATS(rejected, U64),
    STATS(ring_cap, U32),
    STATS(ring_high_water, U32),
    STATS(window_samples, U32),
    STATS(pending_blocks, U32),
    STATS(pending_bytes, U32),
    STATS(events, U64),
    STATS(events_dropped, U64),
    STATS(stored_bytes, U64),
    STATS(flash_bytes, U64),
    STATS(flash_bytes_session, U64),
    STATS(flash_bytes_per_sample, F64),
    STATS(flash_bytes_today, U64),
    STATS(flash_bytes_month, U64),
    STATS(flash_bytes_per_day, F64),
    STATS(payload_bytes, U64),
    STATS(wear_level, U32),
    STATS(wear_changes, U32),
    STATS(wear_fast_permille, U32),
    STATS(wear_slow_permille, U32),
    STATS(wear_budget_bytes, U64),
    STATS(wear_capacity_bytes, U64),
    STATS(wear_endurance, U64),
    STATS(wear_amplification, U32),
    STATS(wear_lifetime_ms, I64),
    STATS(wear_years, F64),
    STATS(collect_failures, U64),
    STATS(uptime_ms, I64),
    STATS(wall_ms, I64),
    STATS(clock_trusted, BOOL),
    STATS(clock_steps, U32),
    STATS(memory_bytes, U32),
    STATS(memory_used, U32),
    STATS(query_cache_bytes, U32),
    STATS(query_cache_hits, U64),
    STATS(query_cache_misses, U64),
    FIELDS_END,
};

#define TIER(member, kind)                                                                         \
    {                                                                                              \
#member, VARVE_FIELD_##kind, offsetof(struct varve_tier_stats, tier.member),               \
            sizeof(((struct varve_tier *)0)->member), 0                                            \
    }
const struct varve_field varve_tier_fields[] = {
    TIER(name, TEXT),
    TIER(step_ms, I64),
    TIER(keep_ms, I64),
    TIER(window_ms, I64),
    FIELD(varve_tier_stats, oldest_ms, VARVE_FIELD_TIME),
    FIELD(varve_tier_stats, newest_ms, VARVE_FIELD_TIME),
    FIELD(varve_tier_stats, blocks, VARVE_FIELD_U32),
    FIELD(varve_tier_stats, future_blocks, VARVE_FIELD_U32),
    FIELD(varve_tier_stats, future_ms, VARVE_FIELD_TIME),
    FIELDS_END,
};

#define BACKEND(member, kind) FIELD(varve_backend_stats, member, VARVE_FIELD_##kind)
// One field for each reason, named by it.
#define BY_REASON(index, text)                                                                     \
    {"flash_bytes_" text, VARVE_FIELD_U64,                                                         \
     offsetof(struct varve_backend_stats, flash_bytes_by) + (index) * sizeof(uint64_t),            \
     sizeof(uint64_t), 0},
const struct varve_field varve_backend_fields[] = {
    BACKEND(name, TEXT),
    BACKEND(plugin, TEXT),
    BACKEND(where, TEXT),
    BACKEND(state, I32),
    BACKEND(persistent, BOOL),
    BACKEND(blocks, U32),
    BACKEND(stored_bytes, U64),
    BACKEND(flash_bytes, U64),
    BACKEND(written_bytes, U64),
    BACKEND(erase_blocks, U64),
    BACKEND(erases, U64),
    BACKEND(sectors, U32),
    BACKEND(sector_erases_min, U32),
    BACKEND(sector_erases_max, U32),
    BACKEND(sectors_bad, U32),
    BACKEND(syncs, U64),
    BACKEND(blocks_put, U64),
    BACKEND(blocks_dropped, U64),
    BACKEND(commit_last_us, U32),
    BACKEND(commit_max_us, U32),
    BACKEND(payload_bytes, U64),
    BACKEND(heap_bytes, U64),
    BACKEND(backup_ms, TIME),
    BACKEND(backup_bytes, U64),
    BACKEND(backup_took_ms, U32),
    BACKEND(backups, U64),
    BACKEND(backup_failures, U64),
    BACKEND(salvages, U32),
    BACKEND(salvage_blocks, U32),
    BACKEND(salvage_restored, U32),
    BACKEND(salvage_lost, U32),
    BACKEND(mend_restored, U32),
    BACKEND(mend_lost, U32),
    VARVE_WRITE_REASONS(BY_REASON) FIELDS_END,
};

#define INSTANCE(member, kind) FIELD(varve_instance_stats, member, VARVE_FIELD_##kind)
const struct varve_field varve_instance_fields[] = {
    INSTANCE(name, TEXT),
    INSTANCE(plugin, TEXT),
    INSTANCE(kind, TEXT),
    INSTANCE(state, TEXT),
    INSTANCE(summary, TEXT),
    INSTANCE(reason, TEXT),
    INSTANCE(module, BOOL),
    INSTANCE(interval_ms, I64),
    INSTANCE(runs, U64),
    INSTANCE(failures, U64),
    INSTANCE(last_us, U32),
    INSTANCE(max_us, U32),
    INSTANCE(series, U32),
    INSTANCE(refused_series, U32),
    INSTANCE(refused_samples, U32),
    FIELDS_END,
};

#define EVENT(member, kind) FIELD(varve_event, member, VARVE_FIELD_##kind)
const struct varve_field varve_event_fields[] = {
    EVENT(time_ms, I64),
    ENUMERATOR(varve_event, severity, VARVE_DEBUG),
    EVENT(has_value, BOOL),
    EVENT(value, F64),
    EVENT(source, TEXT),
    EVENT(kind, TEXT),
    EVENT(message, TEXT),
    EVENT(payload, TEXT),
    FIELDS_END,
};

#define INFO(member, kind) FIELD(varve_query_info, member, VARVE_FIELD_##kind)
const struct varve_field varve_info_fields[] = {
    INFO(tier, I32),           INFO(tier_name, TEXT),
    INFO(tier_step_ms, I64),   INFO(from_ms, I64),
    INFO(to_ms, I64),          INFO(step_ms, I64),
    INFO(oldest_ms, TIME),     INFO(series, U32),
    INFO(skipped_series, U32), INFO(rows_read, U64),
    INFO(points, U64),         INFO(damaged_blocks, U32),
    INFO(approximate, BOOL),   INFO(sketched, BOOL),
    INFO(unsketched, BOOL),    FIELDS_END,
};

#define PRUNE(member, kind) FIELD(varve_prune_report, member, VARVE_FIELD_##kind)
const struct varve_field varve_prune_fields[] = {
    PRUNE(done, BOOL),       PRUNE(series, U32), PRUNE(unsettled, I32),
    PRUNE(left_alone, TEXT), FIELDS_END,
};

#define PRUNE_TIER(member, kind) FIELD(varve_prune_tier, member, VARVE_FIELD_##kind)
const struct varve_field varve_prune_tier_fields[] = {
    PRUNE_TIER(name, TEXT),      PRUNE_TIER(selected, BOOL),  PRUNE_TIER(removed, U32),
    PRUNE_TIER(rewritten, U32),  PRUNE_TIER(kept, U32),       PRUNE_TIER(damaged, U32),
    PRUNE_TIER(rows, U64),       PRUNE_TIER(bytes, U64),      PRUNE_TIER(oldest_ms, TIME),
    PRUNE_TIER(newest_ms, TIME), PRUNE_TIER(needed_ms, TIME), FIELDS_END,
};

static void put_field(struct varve_wire_writer *w, const struct varve_field *field,
                      const uint8_t *at)
{
    bool flag;
    uint32_t small;
    uint64_t large;
    switch (field->type) {
    case VARVE_FIELD_BOOL:
        memcpy(&flag, at, sizeof flag);
        varve_wire_put_u8(w, flag ? 1 : 0);
        break;
    case VARVE_FIELD_U32:
    case VARVE_FIELD_I32:
    case VARVE_FIELD_ENUM:
        memcpy(&small, at, sizeof small);
        varve_wire_put_u32(w, small);
        break;
    case VARVE_FIELD_U64:
    case VARVE_FIELD_I64:
    case VARVE_FIELD_TIME:
    case VARVE_FIELD_F64:
        memcpy(&large, at, sizeof large);
        varve_wire_put_u64(w, large);
        break;
    case VARVE_FIELD_TEXT:
        varve_wire_put_text(w, (const char *)at);
        break;
    }
}

void varve_fields_put(struct varve_wire_writer *w, const struct varve_field *table,
                      const void *object)
{
    for (const struct varve_field *f = table; f->name; f++) {
        put_field(w, f, (const uint8_t *)object + f->offset);
    }
}

static void get_text(struct varve_wire_reader *r, char *out, size_t size)
{
    const char *text = varve_wire_get_text(r);
    size_t len = strlen(text);
    if (len >= size) {
        r->failed = true;
        len = 0;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

static void get_bool(struct varve_wire_reader *r, uint8_t *at)
{
    uint8_t byte = varve_wire_get_u8(r);
    bool flag = byte == 1;
    if (byte > 1) {
        r->failed = true;
    }
    memcpy(at, &flag, sizeof flag);
}

static void get_small(struct varve_wire_reader *r, const struct varve_field *field, uint8_t *at)
{
    uint32_t value = varve_wire_get_u32(r);
    if (field->type == VARVE_FIELD_ENUM && value > field->limit) {
        r->failed = true;
        value = 0;
    }
    memcpy(at, &value, sizeof value);
}

static void get_field(struct varve_wire_reader *r, const struct varve_field *field, uint8_t *at)
{
    uint64_t large;
    switch (field->type) {
    case VARVE_FIELD_BOOL:
        get_bool(r, at);
        break;
    case VARVE_FIELD_U32:
    case VARVE_FIELD_I32:
    case VARVE_FIELD_ENUM:
        get_small(r, field, at);
        break;
    case VARVE_FIELD_U64:
    case VARVE_FIELD_I64:
    case VARVE_FIELD_TIME:
    case VARVE_FIELD_F64:
        large = varve_wire_get_u64(r);
        memcpy(at, &large, sizeof large);
        break;
    case VARVE_FIELD_TEXT:
        get_text(r, (char *)at, field->size);
        break;
    }
}

void varve_fields_get(struct varve_wire_reader *r, const struct varve_field *table, void *object)
{
    for (const struct varve_field *f = table; f->name; f++) {
        get_field(r, f, (uint8_t *)object + f->offset);
    }
}

void varve_stats_put(struct varve_wire_writer *w, const struct varve_stats *stats)
{
    varve_fields_put(w, varve_stats_fields, stats);
    varve_wire_put_u32(w, stats->tier_count);
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        varve_fields_put(w, varve_tier_fields, &stats->tiers[i]);
    }
    varve_wire_put_u32(w, stats->backend_count);
    for (uint32_t i = 0; i < stats->backend_count; i++) {
        varve_fields_put(w, varve_backend_fields, &stats->backends[i]);
    }
}

static uint32_t get_count(struct varve_wire_reader *r, uint32_t cap)
{
    uint32_t count = varve_wire_get_u32(r);
    if (count > cap) {
        r->failed = true;
        count = 0;
    }
    return count;
}

void varve_stats_get(struct varve_wire_reader *r, struct varve_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    varve_fields_get(r, varve_stats_fields, stats);
    stats->tier_count = get_count(r, VARVE_MAX_TIERS);
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        varve_fields_get(r, varve_tier_fields, &stats->tiers[i]);
    }
    stats->backend_count = get_count(r, VARVE_MAX_BACKENDS);
    for (uint32_t i = 0; i < stats->backend_count; i++) {
        varve_fields_get(r, varve_backend_fields, &stats->backends[i]);
    }
}

void varve_query_put(struct varve_wire_writer *w, const struct varve_query *query)
{
    varve_wire_put_text(w, query->selector);
    varve_wire_put_i64(w, query->from_ms);
    varve_wire_put_i64(w, query->to_ms);
    varve_wire_put_i64(w, query->step_ms);
    varve_wire_put_i32(w, query->tier);
    varve_wire_put_u32(w, (uint32_t)query->agg);
    varve_wire_put_u8(w, query->by_time ? 1 : 0);
}

void varve_query_get(struct varve_wire_reader *r, struct varve_query *query)
{
    query->selector = varve_wire_get_text(r);
    query->from_ms = varve_wire_get_i64(r);
    query->to_ms = varve_wire_get_i64(r);
    query->step_ms = varve_wire_get_i64(r);
    query->tier = varve_wire_get_i32(r);
    uint32_t agg = varve_wire_get_u32(r);
    uint8_t by_time = varve_wire_get_u8(r);
    r->failed = r->failed || agg > VARVE_AGG_RATE || by_time > 1;
    query->agg = agg > VARVE_AGG_RATE ? VARVE_AGG_AUTO : (enum varve_agg)agg;
    query->by_time = by_time == 1;
}

void varve_expr_put(struct varve_wire_writer *w, const struct varve_expr_query *query)
{
    varve_wire_put_text(w, query->text);
    varve_wire_put_i64(w, query->from_ms);
    varve_wire_put_i64(w, query->to_ms);
    varve_wire_put_i64(w, query->step_ms);
    varve_wire_put_i64(w, query->lookback_ms);
    varve_wire_put_i32(w, query->tier);
}

void varve_expr_get(struct varve_wire_reader *r, struct varve_expr_query *query)
{
    query->text = varve_wire_get_text(r);
    query->from_ms = varve_wire_get_i64(r);
    query->to_ms = varve_wire_get_i64(r);
    query->step_ms = varve_wire_get_i64(r);
    query->lookback_ms = varve_wire_get_i64(r);
    query->tier = varve_wire_get_i32(r);
}

void varve_prune_request_put(struct varve_wire_writer *w, const struct varve_prune_request *request)
{
    varve_wire_put_text(w, request->selector);
    varve_wire_put_i64(w, request->after_ms);
    varve_wire_put_i64(w, request->before_ms);
    varve_wire_put_i32(w, request->tier);
    varve_wire_put_u8(w, request->apply ? 1 : 0);
}

void varve_prune_request_get(struct varve_wire_reader *r, struct varve_prune_request *request)
{
    *request = (struct varve_prune_request){.by = ""};
    request->selector = varve_wire_get_text(r);
    request->after_ms = varve_wire_get_i64(r);
    request->before_ms = varve_wire_get_i64(r);
    request->tier = varve_wire_get_i32(r);
    uint8_t apply = varve_wire_get_u8(r);
    r->failed = r->failed || apply > 1;
    request->apply = apply == 1;
}

void varve_prune_report_put(struct varve_wire_writer *w, const struct varve_prune_report *report)
{
    varve_fields_put(w, varve_prune_fields, report);
    varve_wire_put_u32(w, report->tier_count);
    for (uint32_t i = 0; i < report->tier_count; i++) {
        varve_fields_put(w, varve_prune_tier_fields, &report->tiers[i]);
    }
}

void varve_prune_report_get(struct varve_wire_reader *r, struct varve_prune_report *report)
{
    varve_fields_get(r, varve_prune_fields, report);
    uint32_t count = varve_wire_get_u32(r);
    r->failed = r->failed || count > VARVE_MAX_TIERS;
    report->tier_count = r->failed ? 0 : count;
    for (uint32_t i = 0; i < report->tier_count; i++) {
        varve_fields_get(r, varve_prune_tier_fields, &report->tiers[i]);
    }
}
