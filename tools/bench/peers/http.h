// SPDX-License-Identifier: Apache-2.0
// Requests to one HTTP server on this machine, a connection each. Everything here ends the program
// with a message on failure.
//
// Threading: one task.
#ifndef VARVE_BENCH_HTTP_H
#define VARVE_BENCH_HTTP_H

#include <stddef.h>

// `address` is a port of 127.0.0.1; it must live as long as requests are made.
void http_open(const char *address);

// Returns the body of the answer, valid until the next request; any status but success ends the
// program.
char *http_request(const char *method, const char *path, const char *data, size_t size);

// Hands the body over piece by piece as it comes.
void http_stream(const char *method, const char *path, const char *data, size_t size,
                 void (*take)(void *arg, const char *piece, size_t n), void *arg);

// Percent-encodes `text` into `to`, as much as fits.
void http_encode(char *to, size_t cap, const char *text);

#endif
