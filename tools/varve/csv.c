// SPDX-License-Identifier: Apache-2.0
// CSV lines; see csv.h.
#include "csv.h"

#include <string.h>

#include "varve/error.h"

void csv_open(struct csv_reader *r, FILE *file)
{
    lines_open(&r->lines, file);
    r->why = "";
    r->fields = 0;
}

// ---- fields ------------------------------------------------------------------------------------

struct cursor {
    const char *at;
    const char *end;
    char *out; // free space for unescaped fields
};

static int refuse(struct csv_reader *r, const char *why)
{
    r->why = why;
    return VARVE_E_INVALID;
}

static int quoted_field(struct csv_reader *r, struct cursor *c, struct csv_field *field)
{
    field->at = c->out;
    for (c->at++; c->at < c->end; c->at++) {
        if (*c->at != '"') {
            *c->out++ = *c->at;
            continue;
        }
        if (c->at + 1 == c->end || c->at[1] != '"') {
            c->at++;
            field->len = (size_t)(c->out - field->at);
            bool ends = c->at == c->end || *c->at == ',';
            return ends ? 0 : refuse(r, "text behind a closing quote");
        }
        *c->out++ = '"';
        c->at++;
    }
    return refuse(r, "a quote is not closed");
}

// The brace that closes the one at `open`, quotes respected; NULL when there is none.
static const char *closing_brace(const char *open, const char *end)
{
    bool inside = false;
    for (const char *c = open + 1; c < end; c++) {
        if (inside && *c == '\\') {
            c++;
        } else if (*c == '"') {
            inside = !inside;
        } else if (*c == '}' && !inside) {
            return c;
        }
    }
    return NULL;
}

static void plain_field(struct cursor *c, struct csv_field *field)
{
    field->at = c->at;
    while (c->at < c->end && *c->at != ',') {
        const char *close = *c->at == '{' ? closing_brace(c->at, c->end) : NULL;
        c->at = (close ? close : c->at) + 1;
    }
    field->len = (size_t)(c->at - field->at);
}

static void trim(struct csv_field *field)
{
    while (field->len > 0 && (*field->at == ' ' || *field->at == '\t')) {
        field->at++;
        field->len--;
    }
    while (field->len > 0 &&
           (field->at[field->len - 1] == ' ' || field->at[field->len - 1] == '\t')) {
        field->len--;
    }
}

static int split(struct csv_reader *r, size_t length)
{
    struct cursor c = {.at = r->text, .end = r->text + length, .out = r->quoted};
    r->fields = 0;
    for (;;) {
        if (r->fields == CSV_FIELD_MAX) {
            return refuse(r, "more than 16 fields");
        }
        struct csv_field *field = &r->field[r->fields++];
        if (c.at < c.end && *c.at == '"') {
            int rc = quoted_field(r, &c, field);
            if (rc < 0) {
                return rc;
            }
        } else {
            plain_field(&c, field);
            trim(field);
        }
        if (c.at == c.end) {
            return 1;
        }
        c.at++; // the comma
    }
}

int csv_next(struct csv_reader *r)
{
    for (;;) {
        int64_t length = lines_next(&r->lines, r->text, sizeof r->text);
        if (length < 0) {
            return ferror(r->lines.file) ? VARVE_E_IO : 0;
        }
        if (length > (int64_t)CSV_LINE_MAX) {
            return refuse(r, "the line is longer than 8192 bytes");
        }
        size_t len = (size_t)length;
        if (len > 0 && r->text[len - 1] == '\r') {
            len--;
        }
        if (len > 0) {
            return split(r, len);
        }
    }
}

void csv_write(FILE *out, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        (void)fputs(text, out); // the stream's error is checked at the end
        return;
    }
    (void)fputc('"', out);
    for (const char *c = text; *c; c++) {
        if (*c == '"') {
            (void)fputc('"', out);
        }
        (void)fputc(*c, out);
    }
    (void)fputc('"', out);
}
