// SPDX-License-Identifier: Apache-2.0
// What firmware gives to a port on a microcontroller, whichever it is: the time once it knows it,
// somewhere for the log, its drivers of raw flash.
#ifndef VARVE_PORTS_FIRMWARE_H
#define VARVE_PORTS_FIRMWARE_H

#include "varve/port.h"

#ifdef __cplusplus
extern "C" {
#endif

// Says what Unix time, in ms, it is now: read from an RTC, a radio, a server. May be called again.
// Until then the port answers 0, and samples wait for a time (unless `clock = trust`). Task
// context.
void varve_firmware_set_wall(int64_t unix_ms);

// Where log lines go, in pieces, complete with their end; NULL: nowhere, as before the first call.
// Those less severe than `threshold` are left out. Before anything logs.
void varve_firmware_log_to(void (*write)(const char *text), enum varve_severity threshold);

// The drivers of raw NOR flash that varve_port_flash() knows; the list ends with NULL and must
// stay. Before a host is made.
void varve_firmware_flashes(const struct varve_flash *const *flashes);

// ---- for the port

// Writes one line where the log goes. One caller at a time.
void varve_firmware_log(enum varve_severity severity, const char *component, const char *text);

// Notes the code for varve_port_native_error() and returns it. Any context. The port's own.
int varve_firmware_fail(int code);

#ifdef __cplusplus
}
#endif
#endif
