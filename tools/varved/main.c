// SPDX-License-Identifier: Apache-2.0
// varved: the daemon. A host with its tasks, a socket, signals; the main task is the server.
//
// Owns the order of starting and stopping and the loop between. Leaves the host to service.h, the
// socket to server.h, signals to signals.h.
//
// Threading: everything here is the main task. After start-up the main task allocates nothing.
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "banner.h"
#include "notify.h"
#include "privileges.h"
#include "server.h"
#include "service.h"
#include "signals.h"

enum exit_code {
    STOPPED = 0,
    FAILED = 1,
    USAGE = 2,
    TAKEN = 3,
};

#define FLUSH_MS  60000
#define PIECE_MS  5000
#define SETTLE_MS 50
#define LOOK_MS   10000 // how often is looked whether the host is stuck
#define WAIT_MS   1000  // and whether a store can be opened

// Counts allocations when it is preloaded by a test; absent otherwise.
void alloc_guard_arm(int on) __attribute__((weak));
unsigned long alloc_guard_count(void) __attribute__((weak));

struct daemon {
    struct options options;
    struct service service;
    struct server server;
    int wake_fd;
    bool settled; // the first round of collecting is over
    bool greeted; // the banner was printed
    bool stuck;   // that was said
    struct settling settling;
    unsigned long allocations; // before the guard was armed last
};

// ---- the allocation guard -----------------------------------------------------------------------

static void guard_on(void)
{
    if (alloc_guard_arm) {
        alloc_guard_arm(1);
    }
}

static void guard_off(struct daemon *d)
{
    if (alloc_guard_arm && alloc_guard_count && d->settled) {
        d->allocations += alloc_guard_count();
        alloc_guard_arm(0);
    }
}

static void guard_report(const struct daemon *d)
{
    if (alloc_guard_arm) {
        (void)fprintf(stderr, "alloc_guard: %lu allocations\n", d->allocations);
    }
}

// ---- start and stop -----------------------------------------------------------------------------

static int exit_code(int rc)
{
    switch (rc) {
    case 0:
        return STOPPED;
    case VARVE_E_BUSY:
        return TAKEN;
    default:
        return FAILED;
    }
}

static int socket_path(struct daemon *d, char *out, size_t cap)
{
    int rc = service_socket(&d->service, out, cap);
    if (rc < 0) {
        varve_log(VARVE_CRITICAL, "varved", "the socket's path is too long; set varve.socket");
    }
    return rc;
}

// The socket is asked before the store is touched, so that a second daemon is told so plainly.
static int start(struct daemon *d)
{
    char path[VARVE_PATH_TEXT];
    int rc = socket_path(d, path, sizeof path);
    if (rc < 0) {
        return rc;
    }
    if (server_is_taken(path)) {
        varve_log(VARVE_CRITICAL, "varved",
                  "another varved answers at %s; stop it first, or give this one another "
                  "directory with --state DIR",
                  path);
        return VARVE_E_BUSY;
    }
    rc = service_start(&d->service);
    if (rc == 0) {
        rc = server_open(&d->server, path, &d->service.conf->settings);
        if (rc < 0) {
            (void)service_stop(&d->service); // logged; the socket's error is the one to report
        }
    }
    return rc;
}

static int stop(struct daemon *d)
{
    guard_off(d);
    notify_send("STOPPING=1");
    server_close(&d->server);
    varve_log(VARVE_NOTICE, "varved", "stopping: storing what is in memory");
    int rc = service_stop(&d->service);
    guard_report(d);
    return rc;
}

// ---- while it runs ------------------------------------------------------------------------------

// A store that is stuck is an event of the host's; the keeper cannot report itself.
static bool is_well(void *arg)
{
    struct daemon *d = arg;
    char why[VARVE_MESSAGE_TEXT] = "";
    bool well = !d->service.host || varve_host_alive(d->service.host, why, sizeof why) == 0;
    if (!well && !d->stuck) {
        varve_log(VARVE_CRITICAL, "varved", "stuck: %s%s", why,
                  notify_has_watchdog() ? "; the service manager is not told that all is well"
                                        : "");
        notify_send("STATUS=stuck: something takes too long, see the log");
    } else if (well && d->stuck) {
        varve_log(VARVE_NOTICE, "varved", "no longer stuck");
        notify_send("STATUS=");
    }
    d->stuck = !well;
    return well;
}

static void settle(struct daemon *d)
{
    if (d->settled || !banner_settled(&d->settling, d->service.host)) {
        return;
    }
    if (!d->greeted) {
        banner_print(d->service.host, d->server.path);
        d->greeted = true;
    }
    d->settled = true;
    guard_on();
}

static int reload(struct daemon *d)
{
    guard_off(d);
    d->settled = false;
    d->settling = (struct settling){0};
    notify_send("RELOADING=1");
    int rc = service_reload(&d->service);
    char path[VARVE_PATH_TEXT];
    if (rc == 0) {
        rc = socket_path(d, path, sizeof path);
    }
    if (rc == 0) {
        server_close(&d->server);
        rc = server_open(&d->server, path, &d->service.conf->settings);
    }
    notify_send("READY=1");
    return rc;
}

// Clients are sent away: what they are at, a prune for example, is of the host before.
static int resume(struct daemon *d)
{
    if (varve_host_waits(d->service.host) != VARVE_WAITS_READY) {
        return 0;
    }
    guard_off(d);
    d->settled = false;
    d->settling = (struct settling){0};
    int rc = service_resume(&d->service);
    char path[VARVE_PATH_TEXT];
    if (rc > 0) {
        rc = socket_path(d, path, sizeof path);
        server_close(&d->server);
        rc = rc == 0 ? server_open(&d->server, path, &d->service.conf->settings) : rc;
    }
    return rc;
}

static int restore(void *arg, const char *path, char *told, size_t cap)
{
    struct daemon *d = arg;
    guard_off(d);
    d->settled = false;
    d->settling = (struct settling){0};
    d->server.restorer.done = true;
    return service_restore(&d->service, path, told, cap);
}

// In pieces, so that a watchdog hears of the main task meanwhile.
static void flush(struct daemon *d)
{
    int rc = VARVE_E_TIMEOUT;
    for (int ms = 0; rc == VARVE_E_TIMEOUT && ms < FLUSH_MS && !signals_stop(); ms += PIECE_MS) {
        rc = varve_host_flush(d->service.host, PIECE_MS);
        (void)notify_watchdog(); // the main loop asks when it is next due
    }
    if (rc < 0) {
        varve_log(VARVE_ERROR, "varved", "flush: %s", varve_strerror(rc));
    } else {
        varve_log(VARVE_NOTICE, "varved", "flushed: everything in memory is stored");
    }
}

// Handles the signals that came. Returns 0, or the error of a reload that left nothing running.
static int handle_signals(struct daemon *d)
{
    int number;
    int rc = 0;
    while (rc == 0 && !signals_stop() && (number = signals_take()) != 0) {
        if (number == SIGHUP) {
            rc = reload(d);
        } else if (number == SIGUSR1) {
            flush(d);
        }
    }
    return rc;
}

static int next_timeout(const struct daemon *d)
{
    int64_t watchdog = notify_watchdog();
    if (!d->settled) {
        return SETTLE_MS;
    }
    if (varve_host_waits(d->service.host) != VARVE_WAITS_NOT) {
        return watchdog < 0 || watchdog > WAIT_MS ? WAIT_MS : (int)watchdog;
    }
    return watchdog < 0 || watchdog > LOOK_MS ? LOOK_MS : (int)watchdog;
}

static int run(struct daemon *d)
{
    int rc = 0;
    notify_send("READY=1");
    while (rc == 0 && !signals_stop()) {
        settle(d);
        (void)is_well(d); // says what is not
        server_step(&d->server, d->wake_fd, next_timeout(d), d->service.host, d->service.conf);
        rc = d->service.host ? handle_signals(d) : VARVE_E_IO;
        rc = rc == 0 ? resume(d) : rc;
    }
    return rc;
}

int main(int argc, char **argv)
{
    static struct daemon d;
    int rc = options_read(&d.options, argc, argv);
    if (rc != 0) {
        return rc > 0 ? STOPPED : USAGE;
    }
    (void)umask(027); // nothing that it makes is for everybody
    if (service_configure(&d.service, &d.options) < 0) {
        return USAGE;
    }
    if (d.options.check_config) {
        service_describe(&d.service);
        return STOPPED;
    }
    if (privileges_drop(&d.service.conf->settings) < 0) {
        return FAILED;
    }
    d.wake_fd = signals_open();
    if (d.wake_fd < 0) {
        (void)fprintf(stderr, "varved: cannot install signal handlers\n");
        return FAILED;
    }
    notify_open();
    notify_ask(is_well, &d);
    d.server.restorer = (struct restorer){.run = restore, .arg = &d};
    rc = start(&d);
    if (rc < 0) {
        return exit_code(rc);
    }
    rc = run(&d);
    int stopped = stop(&d);
    return exit_code(rc < 0 ? rc : stopped);
}
