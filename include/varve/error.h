// SPDX-License-Identifier: Apache-2.0
// Error codes. Every varve call that can fail returns 0 (or a positive count) on success and one of
// these negative codes on failure; the native code (errno, SQLite rc) is kept in the status or log.
#ifndef VARVE_ERROR_H
#define VARVE_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

// One table, two expansions: the enum below and the texts in core/error.c.
#define VARVE_ERRORS(X)                                                                            \
    X(VARVE_E_INVALID, -1, "invalid argument")                                                     \
    X(VARVE_E_NOT_FOUND, -2, "not found")                                                          \
    X(VARVE_E_EXISTS, -3, "exists already")                                                        \
    X(VARVE_E_FULL, -4, "a fixed table or buffer is full")                                         \
    X(VARVE_E_TOO_BIG, -5, "larger than the limit")                                                \
    X(VARVE_E_CORRUPT, -6, "data is damaged")                                                      \
    X(VARVE_E_VERSION, -7, "made by another version")                                              \
    X(VARVE_E_CLOCK, -8, "the wall clock is not trusted yet")                                      \
    X(VARVE_E_BUDGET, -9, "over the budget")                                                       \
    X(VARVE_E_IO, -10, "input/output error")                                                       \
    X(VARVE_E_NO_SPACE, -11, "no space left on the device")                                        \
    X(VARVE_E_READ_ONLY, -12, "opened read-only")                                                  \
    X(VARVE_E_BUSY, -13, "in use by another process")                                              \
    X(VARVE_E_DENIED, -14, "permission denied")                                                    \
    X(VARVE_E_NO_MEMORY, -15, "the static memory given is too small")                              \
    X(VARVE_E_UNSUPPORTED, -16, "not supported")                                                   \
    X(VARVE_E_TIMEOUT, -17, "timed out")                                                           \
    X(VARVE_E_CLOSED, -18, "closed")                                                               \
    X(VARVE_E_AGAIN, -19, "more to do")

enum varve_error {
    VARVE_OK = 0,
#define VARVE_ERROR_ENUM(name, code, text) name = (code),
    VARVE_ERRORS(VARVE_ERROR_ENUM)
#undef VARVE_ERROR_ENUM
};

// Text for a code, for log lines and messages; never NULL, static storage. Any context.
const char *varve_strerror(int code) __attribute__((const));

#ifdef __cplusplus
}
#endif
#endif
