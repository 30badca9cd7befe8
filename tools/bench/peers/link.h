// SPDX-License-Identifier: Apache-2.0
// A connection to a server on this machine: sending, and reading by line or to the end.
// Everything here ends the program with a message on failure.
//
// Threading: one task.
#ifndef VARVE_BENCH_LINK_H
#define VARVE_BENCH_LINK_H

#include <stddef.h>

struct link {
    int fd;
    size_t used, at;
    char buffer[65536];
};

// `address` is the path of a UNIX socket, or a port of 127.0.0.1. Waits up to 30 s for the server.
void link_open(struct link *link, const char *address);
void link_send(struct link *link, const char *data, size_t n);

// The next line without its end, valid until the next call.
char *link_line(struct link *link);

// Some bytes, valid until the next call; 0 at the end.
size_t link_read(struct link *link, char **data);
void link_close(struct link *link);

#endif
