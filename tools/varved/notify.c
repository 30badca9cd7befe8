// SPDX-License-Identifier: Apache-2.0
// Telling the service manager how the daemon is; see notify.h.
#include "notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "varve/conf.h"
#include "varve/port.h"

// One service manager per process.
static struct {
    int fd;
    struct sockaddr_un address;
    socklen_t length;
    int64_t period_ms; // of the watchdog; 0: there is none
    int64_t due_ms;
    bool (*well)(void *arg);
    void *arg;
} manager = {.fd = -1};

static void read_watchdog(void)
{
    int64_t us = 0;
    const char *text = getenv("WATCHDOG_USEC");
    if (text && varve_parse_int(text, &us) == 0 && us >= 2000) {
        manager.period_ms = us / 2000; // half of it, in ms
    }
}

void notify_open(void)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    if (len == 0 || len >= sizeof manager.address.sun_path) {
        return;
    }
    manager.address.sun_family = AF_UNIX;
    memcpy(manager.address.sun_path, path, len);
    manager.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    if (path[0] == '@') {
        manager.address.sun_path[0] = '\0'; // the abstract namespace
    }
    manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    read_watchdog();
}

void notify_send(const char *state)
{
    if (manager.fd >= 0) {
        // A manager that does not listen must not stop the daemon.
        (void)sendto(manager.fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT,
                     (const struct sockaddr *)&manager.address, manager.length);
    }
}

void notify_ask(bool (*well)(void *arg), void *arg)
{
    manager.well = well;
    manager.arg = arg;
}

bool notify_has_watchdog(void)
{
    return manager.fd >= 0 && manager.period_ms > 0;
}

int64_t notify_watchdog(void)
{
    if (!notify_has_watchdog()) {
        return -1;
    }
    int64_t now = (int64_t)(varve_port_mono_us() / 1000u);
    if (now >= manager.due_ms) {
        if (!manager.well || manager.well(manager.arg)) {
            notify_send("WATCHDOG=1");
        }
        manager.due_ms = now + manager.period_ms;
    }
    return manager.due_ms - now;
}
