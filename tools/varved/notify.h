// SPDX-License-Identifier: Apache-2.0
// Telling the service manager how the daemon is: systemd's notification protocol, one datagram to
// the socket in NOTIFY_SOCKET. Without that variable every call does nothing.
//
// Threading: main task.
#ifndef VARVE_NOTIFY_H
#define VARVE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

// Reads NOTIFY_SOCKET and WATCHDOG_USEC.
void notify_open(void);

// Whether somebody waits for notify_watchdog().
bool notify_has_watchdog(void);

// Sends a state such as "READY=1".
void notify_send(const char *state);

// Who says whether all is well; until then all is.
void notify_ask(bool (*well)(void *arg), void *arg);

// Keeps the watchdog quiet as long as all is well; sends at most once in half its period. When
// something is stuck it says nothing, and the manager ends and starts the daemon. Returns the ms
// until it wants to be called again, or -1 when there is no watchdog.
int64_t notify_watchdog(void);

#endif
