// SPDX-License-Identifier: Apache-2.0
// Requests over HTTP; see http.h.
#include "http.h"

#include <stdbool.h>
#include <string.h>

#include "link.h"
#include "rows.h"

#define ANSWER_CAP (4u << 20)

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

char *http_request(const char *method, const char *path, const char *data, size_t size)
{
    char *got_data;
    size_t n = 0, got;
    send_request(method, path, data, size);
    while ((got = link_read(&server, &got_data)) > 0) {
        if (n + got >= sizeof body) {
            die(path, "the answer is too long");
        }
        (void)memcpy(body + n, got_data, got);
        n += got;
    }
    link_close(&server);
    body[n] = '\0';
    return body;
}
