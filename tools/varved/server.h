// SPDX-License-Identifier: Apache-2.0
// The daemon's UNIX socket: who is connected, and whose turn it is.
//
// Requests are answered one after the other on the main task; clients may stay connected between
// them. A client that leaves a frame unfinished, or does not take its answer, for
// VARVE_CHANNEL_STALL_MS is thrown out; when all places are taken, the one that was silent longest
// makes room.
//
// Threading: main task.
#ifndef VARVE_SERVER_H
#define VARVE_SERVER_H

#include "requests.h"

#define SERVER_CLIENTS 8u

struct client {
    int fd; // -1: free
    int64_t used_ms;
    struct session session;
};

struct server {
    int fd; // -1: closed
    char path[VARVE_PATH_TEXT];
    struct client clients[SERVER_CLIENTS];
    struct restorer restorer;
    struct varve_channel channel; // of the client that is being served
};

// Whether a daemon answers at `path`.
bool server_is_taken(const char *path);

// Listens at `path`, with the group and mode of the settings, in place of a socket file that nobody
// listens on. Returns 0, VARVE_E_BUSY when a daemon answers there, or an error; complains in the
// log.
int server_open(struct server *server, const char *path, const struct varve_settings *settings);
void server_close(struct server *server);

// Waits at most timeout_ms (< 0: for ever) for requests or for `wake_fd` to be readable, and serves
// each client that has one.
void server_step(struct server *server, int wake_fd, int timeout_ms, struct varve_host *host,
                 const struct varve_conf *conf);

#endif
