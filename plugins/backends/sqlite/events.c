// SPDX-License-Identifier: Apache-2.0
// Events: stored in time order by their row id, time_ms * 1024 + running number, so that no index
// is written. Should a millisecond have more than 1024 events, its last is overwritten.
//
// Events are removed by number and by age, in steps of 64 rows, and only when there is a step's
// worth to remove: each step costs a few pages. Age counts from the host's trusted time, which
// put() tells by what it lets expire; a store that never heard one removes nothing by age.
//
// Threading: the instance's lock.

#include "store.h"

#define PER_MS   1024
#define STEP     64
#define TIME_MAX (INT64_C(1) << 52) // ms; keeps ids inside 63 bits

static int64_t clamp(int64_t time_ms)
{
    if (time_ms < -TIME_MAX) {
        return -TIME_MAX;
    }
    return time_ms > TIME_MAX ? TIME_MAX : time_ms;
}

static int64_t time_of(int64_t id)
{
    return id >= 0 ? id / PER_MS : -((-id + PER_MS - 1) / PER_MS);
}

static int free_id(struct varve_sqlite_store *s, int64_t time_ms, int64_t *id)
{
    sqlite3_stmt *last = s->stmt[STMT_EVENT_LAST];
    const int64_t first = clamp(time_ms) * PER_MS;

    (void)sqlite3_bind_int64(last, 1, first); // the parameters exist
    (void)sqlite3_bind_int64(last, 2, first + PER_MS - 1);
    int rc = sqlite3_step(last);
    *id = first;
    if (rc == SQLITE_ROW && sqlite3_column_type(last, 0) != SQLITE_NULL) {
        const int64_t taken = sqlite3_column_int64(last, 0);
        *id = taken < first + PER_MS - 1 ? taken + 1 : taken;
    }
    (void)sqlite3_reset(last); // repeats the code of step
    return varve_sqlite_check(s, rc, "place an event");
}

int varve_sqlite_event(struct varve_instance *self, const struct varve_event *event)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    sqlite3_stmt *put = s->stmt[STMT_EVENT_PUT];
    int64_t id = 0;
    int rc = varve_sqlite_begin(s);

    if (rc == 0) {
        rc = free_id(s, event->time_ms, &id);
    }
    if (rc < 0) {
        return rc;
    }
    (void)sqlite3_bind_int64(put, 1, id); // the parameters exist, and nothing is copied
    (void)sqlite3_bind_int(put, 2, (int)event->severity);
    (void)(event->has_value ? sqlite3_bind_double(put, 3, event->value)
                            : sqlite3_bind_null(put, 3));
    (void)sqlite3_bind_text(put, 4, event->source, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(put, 5, event->kind, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(put, 6, event->message, -1, SQLITE_STATIC);
    (void)sqlite3_bind_text(put, 7, event->payload, -1, SQLITE_STATIC);
    rc = varve_sqlite_run(s, STMT_EVENT_PUT, "store an event");
    s->event_count += rc == 0;
    return rc;
}

// ---- reading ------------------------------------------------------------------------------------

static void column_text(sqlite3_stmt *stmt, int column, char *out, size_t cap)
{
    const char *text = (const char *)sqlite3_column_text(stmt, column);

    (void)sqlite3_snprintf((int)cap, out, "%s", text == NULL ? "" : text);
}

static void column_event(sqlite3_stmt *stmt, struct varve_event *e)
{
    const int severity = sqlite3_column_int(stmt, 1);

    e->time_ms = time_of(sqlite3_column_int64(stmt, 0));
    e->severity = severity >= VARVE_CRITICAL && severity <= VARVE_DEBUG
                      ? (enum varve_severity)severity
                      : VARVE_NOTICE;
    e->has_value = sqlite3_column_type(stmt, 2) != SQLITE_NULL;
    e->value = sqlite3_column_double(stmt, 2);
    column_text(stmt, 3, e->source, sizeof e->source);
    column_text(stmt, 4, e->kind, sizeof e->kind);
    column_text(stmt, 5, e->message, sizeof e->message);
    column_text(stmt, 6, e->payload, sizeof e->payload);
}

int varve_sqlite_load_events(struct varve_instance *self, int64_t from_ms, int64_t to_ms,
                             int (*visit)(void *arg, const struct varve_event *event), void *arg)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    sqlite3_stmt *list = s->stmt[STMT_EVENT_LIST];
    struct varve_event event;
    int stop = 0;
    int rc;

    (void)sqlite3_bind_int64(list, 1, clamp(from_ms) * PER_MS); // the parameters exist
    (void)sqlite3_bind_int64(list, 2, clamp(to_ms) * PER_MS + PER_MS - 1);
    while (stop == 0 && (rc = sqlite3_step(list)) == SQLITE_ROW) {
        column_event(list, &event);
        stop = visit(arg, &event);
    }
    rc = stop != 0 ? stop : varve_sqlite_check(s, rc, "read the events");
    (void)sqlite3_reset(list); // repeats the code of step
    return rc;
}

// ---- pruning ------------------------------------------------------------------------------------

int varve_sqlite_events_count(struct varve_sqlite_store *s)
{
    sqlite3_stmt *count = s->stmt[STMT_EVENT_COUNT];
    int rc = sqlite3_step(count);

    if (rc == SQLITE_ROW) {
        s->event_count = sqlite3_column_int64(count, 0);
    }
    (void)sqlite3_reset(count); // repeats the code of step
    return varve_sqlite_check(s, rc, "count the events");
}

// The id of the event that ends the oldest step's worth.
static int nth_id(struct varve_sqlite_store *s, int64_t *id)
{
    sqlite3_stmt *nth = s->stmt[STMT_EVENT_NTH];

    (void)sqlite3_bind_int64(nth, 1, STEP - 1); // the parameter exists
    int rc = sqlite3_step(nth);
    *id = rc == SQLITE_ROW ? sqlite3_column_int64(nth, 0) : INT64_MAX;
    (void)sqlite3_reset(nth); // repeats the code of step
    return varve_sqlite_check(s, rc, "find the oldest events");
}

static int remove_up_to(struct varve_sqlite_store *s, int64_t id)
{
    int rc = varve_sqlite_begin(s);

    if (rc == 0) {
        (void)sqlite3_bind_int64(s->stmt[STMT_EVENT_PRUNE], 1, id); // the parameter exists
        rc = varve_sqlite_run(s, STMT_EVENT_PRUNE, "remove old events");
    }
    const int removed = rc == 0 ? sqlite3_changes(s->db) : 0;
    if (rc == 0) {
        rc = varve_sqlite_commit(s->self);
    }
    if (rc < 0) {
        varve_sqlite_abort(s->self);
        return rc;
    }
    s->event_count -= removed;
    return 0;
}

int varve_sqlite_events_prune(struct varve_sqlite_store *s)
{
    const bool many = s->event_count >= s->options->events_max + STEP;
    int64_t id;

    if (s->in_txn || (!many && !s->events_due)) {
        return 0; // an open transaction belongs to the host
    }
    int rc = nth_id(s, &id);
    if (rc < 0) {
        return rc;
    }
    const bool old = s->now_ms != INT64_MIN && id != INT64_MAX &&
                     time_of(id) < s->now_ms - s->options->events_keep_ms;
    if (id == INT64_MAX || (!many && !old)) {
        s->events_due = false;
        return 0;
    }
    rc = remove_up_to(s, id);
    return rc < 0 ? rc : VARVE_E_AGAIN;
}
