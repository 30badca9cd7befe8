// SPDX-License-Identifier: Apache-2.0
// The daemon's UNIX socket; see server.h.
#include "server.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "peer.h"
#include "varve/port.h"

static int64_t now_ms(void)
{
    return (int64_t)(varve_port_mono_us() / 1000u);
}

// ---- the listening socket -----------------------------------------------------------------------

static int make_address(const char *path, struct sockaddr_un *address)
{
    size_t len = strlen(path);
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (len == 0 || len >= sizeof address->sun_path) {
        return VARVE_E_TOO_BIG;
    }
    memcpy(address->sun_path, path, len + 1);
    return 0;
}

bool server_is_taken(const char *path)
{
    struct sockaddr_un address;
    int fd =
        make_address(path, &address) == 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd < 0) {
        return false;
    }
    bool taken = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)close(fd); // nothing was said
    return taken;
}

static int listen_failed(struct server *server, const char *path, int code)
{
    varve_log(VARVE_CRITICAL, "varved", "cannot listen on %s: %s; %s", path, strerror(code),
              code == EADDRINUSE ? "move away what is there, or set varve.socket"
                                 : "set varve.socket to a path where it may be made");
    server_close(server);
    return code == EACCES || code == EPERM ? VARVE_E_DENIED : VARVE_E_IO;
}

// The owner's only, until it has its group and mode. The mask is the process's: no other task makes
// files now, backends make theirs when the host is opened.
static int bind_socket(int fd, const struct sockaddr_un *address)
{
    mode_t mask = umask(0177);
    int rc = bind(fd, (const struct sockaddr *)address, sizeof *address);
    (void)umask(mask); // gives back the mask just set
    return rc;
}

int server_open(struct server *server, const char *path, const struct varve_settings *settings)
{
    struct sockaddr_un address;
    server->fd = -1;
    for (size_t i = 0; i < SERVER_CLIENTS; i++) {
        server->clients[i].fd = -1;
    }
    if (make_address(path, &address) < 0) {
        varve_log(VARVE_CRITICAL, "varved",
                  "the socket's path is longer than the system allows (%zu bytes): %s; set "
                  "varve.socket",
                  sizeof address.sun_path - 1, path);
        return VARVE_E_TOO_BIG;
    }
    if (server_is_taken(path)) {
        varve_log(VARVE_CRITICAL, "varved", "another varved answers at %s; stop it first", path);
        return VARVE_E_BUSY;
    }
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        (void)unlink(path); // bind() tells if it is still there
    }
    server->path[0] = '\0'; // until it is ours, nothing at the path may be removed
    server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->fd < 0 || bind_socket(server->fd, &address) < 0) {
        return listen_failed(server, path, errno);
    }
    (void)snprintf(server->path, sizeof server->path, "%s", path); // fits: sun_path is shorter
    int rc = peer_open_socket(path, settings);
    if (rc < 0) {
        server_close(server);
        return rc;
    }
    return listen(server->fd, 16) < 0 ? listen_failed(server, path, errno) : 0;
}

static void drop(struct client *client)
{
    if (client->fd >= 0) {
        (void)close(client->fd); // all that was answered was sent
        client->fd = -1;
        client->session = (struct session){0}; // a prune of its is over
    }
}

void server_close(struct server *server)
{
    for (size_t i = 0; i < SERVER_CLIENTS; i++) {
        drop(&server->clients[i]);
    }
    if (server->fd >= 0) {
        (void)close(server->fd); // only listens
        if (server->path[0] != '\0') {
            (void)unlink(server->path); // a file left behind is replaced at the next start
        }
        server->fd = -1;
    }
}

// ---- clients ------------------------------------------------------------------------------------

// A free place, or that of the client that was silent longest.
static struct client *make_room(struct server *server)
{
    struct client *oldest = &server->clients[0];
    for (size_t i = 0; i < SERVER_CLIENTS; i++) {
        struct client *client = &server->clients[i];
        if (client->fd < 0) {
            return client;
        }
        oldest = client->used_ms < oldest->used_ms ? client : oldest;
    }
    drop(oldest);
    return oldest;
}

static void welcome(struct server *server, const struct varve_settings *settings)
{
    int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        *make_room(server) =
            (struct client){.fd = fd,
                            .used_ms = now_ms(),
                            .session = {.restorer = &server->restorer,
                                        .may_control = peer_may_control(fd, settings)}};
    }
}

static void serve(struct server *server, struct client *client, struct varve_host *host,
                  const struct varve_conf *conf)
{
    varve_channel_init(&server->channel, client->fd, VARVE_CHANNEL_STALL_MS);
    int rc = request_serve(&client->session, &server->channel, host, conf);
    client->used_ms = now_ms();
    if (rc == VARVE_E_TIMEOUT) {
        varve_log(VARVE_WARNING, "varved", "a client stalled and was disconnected");
    }
    if (rc < 0) {
        drop(client);
    }
}

// Series have other ids in a store that was restored: nobody goes on with those he has learnt.
static void drop_others(struct server *server, const struct client *but)
{
    for (size_t i = 0; i < SERVER_CLIENTS; i++) {
        if (&server->clients[i] != but) {
            drop(&server->clients[i]);
        }
    }
    server->restorer.done = false;
}

void server_step(struct server *server, int wake_fd, int timeout_ms, struct varve_host *host,
                 const struct varve_conf *conf)
{
    struct pollfd polled[SERVER_CLIENTS + 2];
    for (size_t i = 0; i < SERVER_CLIENTS; i++) {
        polled[i] = (struct pollfd){.fd = server->clients[i].fd, .events = POLLIN};
    }
    polled[SERVER_CLIENTS] = (struct pollfd){.fd = server->fd, .events = POLLIN};
    polled[SERVER_CLIENTS + 1] = (struct pollfd){.fd = wake_fd, .events = POLLIN};
    if (poll(polled, SERVER_CLIENTS + 2, timeout_ms) <= 0) {
        return;
    }
    for (size_t i = 0; i < SERVER_CLIENTS; i++) {
        if (polled[i].revents != 0) {
            serve(server, &server->clients[i], host, conf);
            if (server->restorer.done) {
                drop_others(server, &server->clients[i]);
                return;
            }
        }
    }
    if (polled[SERVER_CLIENTS].revents != 0) {
        welcome(server, &conf->settings);
    }
}
