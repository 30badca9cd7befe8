// SPDX-License-Identifier: Apache-2.0
// Telling the service manager how the daemon is: systemd's notification protocol, one datagram to
// the socket in NOTIFY_SOCKET. Without that variable every call does nothing.
//
// Threading: main task.
#ifndef VARVE_NOTIFY_H
#define VARVE_NOTIFY_H

#include <stdint.h>

// Reads NOTIFY_SOCKET and WATCHDOG_USEC.
void notify_open(void);

// Sends a state such as "READY=1".
void notify_send(const char *state);

// Keeps the watchdog quiet; sends at most once in half its period. Returns the ms until it wants
// to be called again, or -1 when there is no watchdog.
int64_t notify_watchdog(void);

#endif
