// SPDX-License-Identifier: Apache-2.0
// What the core may need of a C library, without one: for the link of test_link.sh, which is never
// run. None of these has a state.
#include <stddef.h>
#include <stdint.h>

#define FAKE(type, name, ...)                                                                      \
    type name(__VA_ARGS__);                                                                        \
    type name(__VA_ARGS__)                                                                         \
    {                                                                                              \
        return (type)0;                                                                            \
    }

FAKE(void *, memchr, const void *s, int c, size_t n)
FAKE(int, memcmp, const void *a, const void *b, size_t n)
FAKE(void *, memcpy, void *to, const void *from, size_t n)
FAKE(void *, memmove, void *to, const void *from, size_t n)
FAKE(void *, memset, void *to, int c, size_t n)
FAKE(char *, strchr, const char *s, int c)
FAKE(int, strcmp, const char *a, const char *b)
FAKE(size_t, strcspn, const char *s, const char *set)
FAKE(size_t, strlen, const char *s)
FAKE(int, strncmp, const char *a, const char *b, size_t n)
FAKE(size_t, strnlen, const char *s, size_t n)
FAKE(char *, strrchr, const char *s, int c)
FAKE(size_t, strspn, const char *s, const char *set)
FAKE(char *, strstr, const char *s, const char *part)
