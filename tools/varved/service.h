// SPDX-License-Identifier: Apache-2.0
// The host inside the daemon: configuration, memory, start, reload, stop.
//
// Owns the static memory and two configurations, the one in use and the one that a reload tries.
// Leaves the socket and signals to main.c and server.h.
//
// Threading: main task.
#ifndef VARVE_SERVICE_H
#define VARVE_SERVICE_H

#include "options.h"
#include "varve/host.h"

struct service {
    const struct options *options;
    struct varve_registry registry;
    struct varve_conf *conf; // in use; NULL before the first start
    struct varve_host *host; // NULL: not running
    bool memory_used;        // by an earlier host: it no longer holds zeros
};

// Reads and checks the configuration; complaints go to stderr. Returns 0 or an error.
int service_configure(struct service *service, const struct options *options);
// Prints what the configuration holds, for --check-config.
void service_describe(const struct service *service);

// Makes the state directory, opens the host and starts its tasks. Complains on stderr.
int service_start(struct service *service);
// Stores everything and closes. Returns 0 or the error of a store.
int service_stop(struct service *service);
// When a store can be opened that could not be at the start: starts the host again, with it and
// with what is in RAM. Returns 1 when it did, 0 when there was nothing to do or a collector hangs,
// or an error when nothing runs afterwards.
int service_resume(struct service *service);
// Reads the configuration again and restarts the host with it, if it is valid. Returns 0 while a
// host is running afterwards, with the new configuration or the old (a collector that hangs allows
// no other).
int service_reload(struct service *service);

// Verifies a backup, stores everything in the store that it belongs to, closes the host, puts the
// backup in the store's place and starts the host again; the replaced store is kept. `told` gets
// its path, or a sentence when it fails. Returns 0 or an error; service->host is NULL when nothing
// runs afterwards.
int service_restore(struct service *service, const char *path, char *told, size_t cap);

// The socket's path in the configuration in use. Returns 0 or VARVE_E_TOO_BIG.
int service_socket(const struct service *service, char *out, size_t cap);

#endif
