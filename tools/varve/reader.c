// SPDX-License-Identifier: Apache-2.0
// What the readers of formats share; see reader.h.
#include "reader.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "varve/error.h"

int reader_open(struct reader *r, const struct reader_format *format, FILE *file,
                const struct reader_options *options)
{
    *r = (struct reader){.format = format, .file = file};
    if (options) {
        r->options = *options;
    }
    r->state = calloc(1, format->state_bytes);
    return r->state ? format->open(r) : VARVE_E_NO_MEMORY;
}

void reader_close(struct reader *r)
{
    if (r->state) {
        r->format->close(r);
    }
    free(r->state);
    r->state = NULL;
}

int reader_next(struct reader *r, struct sample *out)
{
    return r->format->next(r, out);
}

int reader_series(struct reader *r, const struct sample *sample, struct reader_series *out)
{
    out->text[0] = '\0';
    out->unit[0] = '\0';
    out->help[0] = '\0';
    out->typed = false;
    out->kind = VARVE_GAUGE;
    return r->format->series(r, sample, out);
}

int reader_refuse(struct reader *r, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(r->why, sizeof r->why, format, list); // a sentence cut short is still one
    va_end(list);
    return VARVE_E_INVALID;
}

int reader_line(struct reader *r, struct lines *lines, char *text, size_t cap, size_t *len)
{
    for (;;) {
        int64_t length = lines_next(lines, text, cap - 1);
        r->line = lines->line;
        if (length < 0) {
            return ferror(r->file) ? VARVE_E_IO : 0;
        }
        if (length > (int64_t)(cap - 1)) {
            return reader_refuse(r, "the line is longer than %zu bytes", cap - 1);
        }
        *len = (size_t)length;
        if (*len > 0 && text[*len - 1] == '\r') {
            (*len)--;
        }
        text[*len] = '\0';
        if (*len > 0 && memchr(text, '\0', *len)) {
            return reader_refuse(r, "the line has a NUL in it");
        }
        if (*len > 0) {
            return 1;
        }
    }
}

// ---- series texts -------------------------------------------------------------------------------

void reader_name_begin(struct reader_name *n, char *text, size_t cap)
{
    *n = (struct reader_name){.text = text, .cap = cap};
    text[0] = '\0';
}

static void put(struct reader_name *n, char c)
{
    if (n->len + 1 >= n->cap) {
        n->cut = true;
        return;
    }
    n->text[n->len++] = c;
    n->text[n->len] = '\0';
}

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void reader_name_add(struct reader_name *n, const char *part, size_t len)
{
    if (n->len == 0 && len > 0 && is_digit(part[0])) {
        put(n, '_');
    }
    for (size_t i = 0; i < len; i++) {
        put(n, is_alpha(part[i]) || is_digit(part[i]) || part[i] == ':' ? part[i] : '_');
    }
}

static void put_key(struct reader_name *n, const char *key, size_t len)
{
    if (len == 0 || is_digit(key[0])) {
        put(n, '_');
    }
    for (size_t i = 0; i < len; i++) {
        put(n, is_alpha(key[i]) || is_digit(key[i]) ? key[i] : '_');
    }
}

void reader_name_label(struct reader_name *n, const char *key, size_t key_len, const char *value,
                       size_t value_len)
{
    if (n->len == 0) {
        put(n, '_');
    }
    put(n, n->labels++ == 0 ? '{' : ',');
    put_key(n, key, key_len);
    put(n, '=');
    put(n, '"');
    for (size_t i = 0; i < value_len; i++) {
        char c = value[i];
        if (c == '\\' || c == '"' || c == '\n') {
            put(n, '\\');
        }
        put(n, c == '\n' ? 'n' : c);
    }
    put(n, '"');
}

int reader_name_end(struct reader *r, struct reader_name *n)
{
    if (n->len == 0) {
        put(n, '_');
    }
    if (n->labels > 0) {
        put(n, '}');
    }
    if (n->cut) {
        (void)reader_refuse(r, "the series name is longer than %zu characters", n->cap - 1);
        return VARVE_E_TOO_BIG;
    }
    return 0;
}
