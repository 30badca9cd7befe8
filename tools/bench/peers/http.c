// SPDX-License-Identifier: Apache-2.0
// Requests over HTTP; see http.h.
#include "http.h"

#include <stdbool.h>
#include <string.h>

#include "link.h"
#include "rows.h"

#define ANSWER_CAP (16u << 20)

static struct link server;
static const char *port;
static char request[4096];
static char body[ANSWER_CAP];

void http_open(const char *address)
{
    port = address;
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-_.~", c) != NULL;
}

void http_encode(char *to, size_t cap, const char *text)
{
    size_t n = 0;
    for (; *text != '\0' && n + 4 < cap; text++) {
        n += is_unreserved(*text)
                 ? (size_t)snprintf(to + n, cap - n, "%c", *text)
                 : (size_t)snprintf(to + n, cap - n, "%%%02X", (unsigned char)*text);
    }
    to[n] = '\0';
}

// Reads the answer up to its body; dies unless it is a success.
static void read_head(void)
{
    char *line = link_line(&server);
    if (strncmp(line, "HTTP/1.", 7) != 0 || strstr(line, " 20") == NULL) {
        die(request, line);
    }
    while (line[0] != '\0' && line[0] != '\r') {
        line = link_line(&server);
    }
}

// HTTP/1.0, so that the answer comes in one piece and ends with the connection.
static void send_request(const char *method, const char *path, const char *data, size_t n)
{
    int head = snprintf(request, sizeof request,
                        "%s %s HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n", method,
                        path, n);
    link_open(&server, port);
    link_send(&server, request, (size_t)head);
    link_send(&server, data, n);
    read_head();
}

void http_stream(const char *method, const char *path, const char *data, size_t size,
                 void (*take)(void *arg, const char *piece, size_t n), void *arg)
{
    char *piece;
    size_t n;
    send_request(method, path, data, size);
    while ((n = link_read(&server, &piece)) > 0) {
        take(arg, piece, n);
    }
    link_close(&server);
}

static void add_to_body(void *arg, const char *piece, size_t n)
{
    size_t *used = arg;
    if (*used + n >= sizeof body) {
        die("HTTP", "the answer is too long");
    }
    (void)memcpy(body + *used, piece, n);
    *used += n;
}

char *http_request(const char *method, const char *path, const char *data, size_t size)
{
    size_t used = 0;
    http_stream(method, path, data, size, add_to_body, &used);
    body[used] = '\0';
    return body;
}
