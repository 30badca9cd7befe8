// SPDX-License-Identifier: Apache-2.0
// Connections to servers; see link.h.
#include "link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "rows.h"

static int connect_unix(const char *path)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path) {
        die(path, "is too long for a socket");
    }
    (void)memcpy(to.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        (void)close(fd); // connect()'s error is what counts
        return -1;
    }
    return fd;
}

static int connect_port(const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    const int on = 1;
    to.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) != 0) {
        (void)close(fd); // connect()'s error is what counts
        return -1;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); // slower without, not wrong
    return fd;
}

void link_open(struct link *link, const char *address)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    link->used = link->at = 0;
    for (unsigned tries = 0; tries < 300; tries++) {
        link->fd = address[0] == '/' ? connect_unix(address) : connect_port(address);
        if (link->fd >= 0) {
            return;
        }
        (void)nanosleep(&pause, NULL); // a shorter pause is fine
    }
    die(address, strerror(errno));
}

void link_send(struct link *link, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(link->fd, data, n, MSG_NOSIGNAL);
        if (sent < 0) {
            die("send", strerror(errno));
        }
        data += sent;
        n -= (size_t)sent;
    }
}

static size_t fill(struct link *link)
{
    if (link->at > 0) {
        (void)memmove(link->buffer, link->buffer + link->at, link->used - link->at);
        link->used -= link->at;
        link->at = 0;
    }
    ssize_t got = recv(link->fd, link->buffer + link->used, sizeof link->buffer - link->used, 0);
    if (got < 0) {
        die("receive", strerror(errno));
    }
    link->used += (size_t)got;
    return (size_t)got;
}

char *link_line(struct link *link)
{
    for (;;) {
        char *start = link->buffer + link->at;
        char *end = memchr(start, '\n', link->used - link->at);
        if (end != NULL) {
            *end = '\0';
            link->at = (size_t)(end + 1 - link->buffer);
            return start;
        }
        if ((link->at == 0 && link->used == sizeof link->buffer) || fill(link) == 0) {
            die("receive", "the server's answer is cut off, or a line of it too long");
        }
    }
}

size_t link_read(struct link *link, char **data)
{
    if (link->at == link->used && fill(link) == 0) {
        return 0;
    }
    *data = link->buffer + link->at;
    size_t n = link->used - link->at;
    link->at = link->used;
    return n;
}

void link_close(struct link *link)
{
    (void)close(link->fd); // a socket that nothing waits for
}
