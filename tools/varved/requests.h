// SPDX-License-Identifier: Apache-2.0
// Answering one request of one client.
//
// Owns what the requests of varve/client.h mean to a host. Leaves connections to server.h and
// framing to client/channel.h. Nothing here allocates.
//
// Threading: main task.
#ifndef VARVE_REQUESTS_H
#define VARVE_REQUESTS_H

#include "client/channel.h"

// Whoever can put a backup in the place of a store, which takes closing and opening the host.
struct restorer {
    // `told` gets the path of the replaced store, or why it failed.
    int (*run)(void *arg, const char *path, char *told, size_t cap);
    void *arg;
    bool done; // the host is another one: what was remembered of connections is void
};

// What is remembered of a connection between two requests.
struct session {
    bool greeted;
    bool may_control; // may change something, see peer.h
    bool importing;
    int import_status; // first failure since IMPORT_BEGIN
    bool pruning;      // see pruning.h
    struct restorer *restorer;
};

// The memory that queries work in, at least VARVE_QUERY_MEMORY_MIN; for whoever asks between two
// requests.
void *request_memory(size_t *bytes);

// Receives a frame on the channel and answers it. Returns 0, or an error when the connection is to
// be closed.
int request_serve(struct session *session, struct varve_channel *channel, struct varve_host *host,
                  const struct varve_conf *conf);

#endif
