// SPDX-License-Identifier: Apache-2.0
// Lines of a text file; see lines.h.
#include "lines.h"

#include <stdbool.h>
#include <string.h>

void lines_open(struct lines *l, FILE *file)
{
    l->file = file;
    l->line = 0;
    l->bytes = 0;
    l->at = 0;
    l->len = 0;
}

static bool fill(struct lines *l)
{
    if (l->at < l->len) {
        return true;
    }
    l->len = fread(l->chunk, 1, sizeof l->chunk, l->file);
    l->at = 0;
    l->bytes += l->len;
    return l->len > 0;
}

static int64_t skip_mark(const struct lines *l, char *text, int64_t length)
{
    if (l->line == 1 && length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        memmove(text, text + 3, (size_t)length - 3);
        return length - 3;
    }
    return length;
}

int64_t lines_next(struct lines *l, char *text, size_t cap)
{
    int64_t length = 0;
    bool any = false;
    while (fill(l)) {
        any = true;
        const char *from = l->chunk + l->at;
        const char *newline = memchr(from, '\n', l->len - l->at);
        size_t n = newline ? (size_t)(newline - from) : l->len - l->at;
        if ((size_t)length < cap) {
            size_t room = cap - (size_t)length;
            memcpy(text + length, from, n < room ? n : room);
        }
        length += (int64_t)n;
        l->at += n + (newline ? 1 : 0);
        if (newline) {
            break;
        }
    }
    if (!any || ferror(l->file)) {
        return -1;
    }
    l->line++;
    return length <= (int64_t)cap ? skip_mark(l, text, length) : length;
}
