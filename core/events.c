// SPDX-License-Identifier: Apache-2.0
// The event log: the newest events in RAM until the backends have them. Events ride along with the
// next flush. Any task; event_lock.
#include "host_state.h"
#include "text.h"

static bool all_backends_have(const struct varve_host *host, uint32_t number)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        if (host->backends[b].persistent &&
            (int32_t)(host->backends[b].event_cursor - number) <= 0) {
            return false;
        }
    }
    return true;
}

static struct varve_event_entry *next_entry(struct varve_host *host)
{
    struct varve_event_log *log = &host->events;
    struct varve_event_entry *entry = &log->entries[log->next % VARVE_MAX_EVENTS];
    if (log->next >= VARVE_MAX_EVENTS && !all_backends_have(host, log->next - VARVE_MAX_EVENTS)) {
        log->dropped++;
    }
    log->next++;
    *entry = (struct varve_event_entry){.boot_ms = varve_port_boot_ms()};
    return entry;
}

void varve_event_add(struct varve_host *host, enum varve_severity severity, const char *source,
                     const char *kind, bool has_value, double value, const char *payload,
                     const char *format, ...)
{
    char message[VARVE_MESSAGE_TEXT];
    va_list args;
    va_start(args, format);
    (void)varve_vformat(message, sizeof message, format, args); // a long message is cut
    va_end(args);
    varve_log(severity, source, "%s", message);

    varve_port_mutex_lock(&host->event_lock);
    struct varve_event_entry *entry = next_entry(host);
    struct varve_event *event = &entry->event;
    event->severity = severity;
    event->has_value = has_value;
    event->value = value;
    (void)varve_format(event->source, sizeof event->source, "%s", source);
    (void)varve_format(event->kind, sizeof event->kind, "%s", kind);
    (void)varve_format(event->message, sizeof event->message, "%s", message);
    if (payload != NULL && strlen(payload) < sizeof event->payload) {
        (void)varve_format(event->payload, sizeof event->payload, "%s", payload);
    }
    varve_port_mutex_unlock(&host->event_lock);
}

void varve_host_event(struct varve_host *host, enum varve_severity severity, const char *source,
                      const char *kind, const char *message, const char *payload)
{
    varve_event_add(host, severity, source, kind, false, 0, payload, "%s", message);
}

// An event is stamped when it is first read after the clock was trusted, and keeps that time.
bool varve_event_get(struct varve_host *host, uint32_t number, struct varve_event *out)
{
    varve_port_mutex_lock(&host->store_lock);
    bool trusted = host->timebase.trusted;
    int64_t offset_ms = host->timebase.offset_ms;
    varve_port_mutex_unlock(&host->store_lock);

    varve_port_mutex_lock(&host->event_lock);
    struct varve_event_entry *entry = &host->events.entries[number % VARVE_MAX_EVENTS];
    bool there = number < host->events.next && host->events.next - number <= VARVE_MAX_EVENTS;
    if (there && !entry->stamped && trusted) {
        entry->event.time_ms = entry->boot_ms + offset_ms;
        entry->stamped = true;
    }
    bool ok = there && entry->stamped;
    if (ok) {
        *out = entry->event;
    }
    varve_port_mutex_unlock(&host->event_lock);
    return ok;
}

// ---- to the backends
// -----------------------------------------------------------------------------

uint32_t varve_events_put(struct varve_host *host, struct varve_backend *backend, int *rc)
{
    varve_port_mutex_lock(&host->event_lock);
    uint32_t next = host->events.next;
    varve_port_mutex_unlock(&host->event_lock);
    uint32_t number = backend->event_cursor;
    if (next > VARVE_MAX_EVENTS && number < next - VARVE_MAX_EVENTS) {
        number = next - VARVE_MAX_EVENTS;
    }
    for (; *rc == 0 && number < next; number++) {
        struct varve_event event;
        if (!varve_event_get(host, number, &event)) {
            break; // not stamped yet
        }
        *rc = backend->instance.plugin->backend->event(&backend->instance, &event);
    }
    return number;
}

bool varve_events_wait(struct varve_host *host, const struct varve_backend *backend)
{
    varve_port_mutex_lock(&host->event_lock);
    bool waiting = backend->instance.plugin->backend->event != NULL &&
                   backend->event_cursor < host->events.next;
    varve_port_mutex_unlock(&host->event_lock);
    return waiting;
}

// ---- reading ------------------------------------------------------------------------------------

// The backend whose stored events are shown: the first that keeps some.
static struct varve_backend *event_store(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        if (host->backends[b].instance.plugin->backend->load_events != NULL &&
            varve_backend_is_open(&host->backends[b])) {
            return &host->backends[b];
        }
    }
    return NULL;
}

static int visit_ram(struct varve_host *host, uint32_t from, int64_t from_ms, int64_t to_ms,
                     int (*visit)(void *arg, const struct varve_event *event), void *arg)
{
    varve_port_mutex_lock(&host->event_lock);
    uint32_t next = host->events.next;
    varve_port_mutex_unlock(&host->event_lock);
    if (next > VARVE_MAX_EVENTS && from < next - VARVE_MAX_EVENTS) {
        from = next - VARVE_MAX_EVENTS;
    }
    for (uint32_t number = from; number < next; number++) {
        struct varve_event event;
        if (varve_event_get(host, number, &event) && event.time_ms >= from_ms &&
            event.time_ms <= to_ms) {
            int rc = visit(arg, &event);
            if (rc != 0) {
                return rc;
            }
        }
    }
    return 0;
}

struct stored_events {
    int (*visit)(void *arg, const struct varve_event *event);
    void *arg;
    bool any;
    int stopped; // what the visitor said
};

static int visit_stored(void *arg, const struct varve_event *event)
{
    struct stored_events *stored = arg;
    stored->any = true;
    stored->stopped = stored->visit(stored->arg, event);
    return stored->stopped;
}

// Those that are stored, then those that are not yet. Of a store that cannot be read, memory gives
// what it still has: the reason is among them.
int varve_host_events(struct varve_host *host, int64_t from_ms, int64_t to_ms,
                      int (*visit)(void *arg, const struct varve_event *event), void *arg)
{
    struct varve_backend *backend = event_store(host);
    struct stored_events stored = {.visit = visit, .arg = arg};
    uint32_t cursor = 0;
    int read = 0;
    if (backend != NULL) {
        varve_port_mutex_lock(&backend->lock);
        if (varve_backend_is_open(backend)) {
            read = backend->instance.plugin->backend->load_events(&backend->instance, from_ms,
                                                                  to_ms, visit_stored, &stored);
        }
        cursor = read < 0 && !stored.any ? 0 : backend->event_cursor;
        varve_port_mutex_unlock(&backend->lock);
        if (stored.stopped != 0) {
            return stored.stopped;
        }
    }
    int rc = visit_ram(host, cursor, from_ms, to_ms, visit, arg);
    return rc != 0 ? rc : read;
}
