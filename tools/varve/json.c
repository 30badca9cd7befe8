// SPDX-License-Identifier: Apache-2.0
// JSON and CSV of values and structs; see json.h. Stream errors are checked when the stream is
// closed, so single writes are not.
#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "args.h"
#include "client/names.h"
#include "csv.h"
#include "number.h"
#include "utf8.h"

void json_text(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        size_t n = utf8_length(c);
        if (*c == '"' || *c == '\\') {
            (void)fprintf(out, "\\%c", *c);
        } else if (*c < 0x20) {
            (void)fprintf(out, "\\u%04x", *c);
        } else if (n == 0) {
            (void)fprintf(out, "\\udc%02x", *c);
        } else {
            (void)fwrite(c, 1, n, out);
        }
        c += n > 0 ? n : 1;
    }
    (void)fputc('"', out);
}

void json_number(FILE *out, double value)
{
    char text[NUMBER_TEXT];
    if (isfinite(value)) {
        (void)number_format(value, text);
    }
    (void)fputs(isfinite(value) ? text : "null", out);
}

// One value in its plain form; `absent` stands for a time that there is none of.
static void put_value(FILE *out, const struct varve_field *field, const void *object,
                      const char *absent)
{
    const uint8_t *at = (const uint8_t *)object + field->offset;
    int64_t large = 0;
    int32_t small = 0;
    memcpy(&large, at, field->size >= sizeof large ? sizeof large : 0);
    memcpy(&small, at, field->size >= sizeof small ? sizeof small : 0);
    switch (field->type) {
    case VARVE_FIELD_BOOL:
        (void)fputs(*at ? "true" : "false", out);
        break;
    case VARVE_FIELD_U32:
        (void)fprintf(out, "%" PRIu32, (uint32_t)small);
        break;
    case VARVE_FIELD_I32:
        (void)fprintf(out, "%" PRId32, small);
        break;
    case VARVE_FIELD_U64:
        (void)fprintf(out, "%" PRIu64, (uint64_t)large);
        break;
    case VARVE_FIELD_TIME:
        if (large == INT64_MIN || large == INT64_MAX) {
            (void)fputs(absent, out);
            break;
        }
        (void)fprintf(out, "%" PRId64, large);
        break;
    case VARVE_FIELD_I64:
        (void)fprintf(out, "%" PRId64, large);
        break;
    case VARVE_FIELD_F64:
    case VARVE_FIELD_TEXT:
    case VARVE_FIELD_ENUM:
        break; // differ between the formats
    }
}

static double get_double(const struct varve_field *field, const void *object)
{
    double value;
    memcpy(&value, (const uint8_t *)object + field->offset, sizeof value);
    return value;
}

static const char *get_text(const struct varve_field *field, const void *object)
{
    return (const char *)object + field->offset;
}

// The only enumerator that is shown is a severity.
static const char *get_enum(const struct varve_field *field, const void *object)
{
    uint32_t value;
    memcpy(&value, (const uint8_t *)object + field->offset, sizeof value);
    return varve_severity_name((enum varve_severity)value);
}

static void json_value(FILE *out, const struct varve_field *field, const void *object)
{
    switch (field->type) {
    case VARVE_FIELD_TEXT:
        json_text(out, get_text(field, object));
        break;
    case VARVE_FIELD_ENUM:
        json_text(out, get_enum(field, object));
        break;
    case VARVE_FIELD_F64:
        json_number(out, get_double(field, object));
        break;
    default:
        put_value(out, field, object, "null");
        break;
    }
}

void json_fields(FILE *out, const struct varve_field *table, const void *object)
{
    for (const struct varve_field *f = table; f->name; f++) {
        (void)fprintf(out, "%s\"%s\":", f == table ? "" : ",", f->name);
        json_value(out, f, object);
    }
}

void csv_field_names(FILE *out, const struct varve_field *table)
{
    for (const struct varve_field *f = table; f->name; f++) {
        (void)fprintf(out, "%s%s", f == table ? "" : ",", f->name);
    }
}

static void csv_value(FILE *out, const struct varve_field *field, const void *object)
{
    char text[NUMBER_TEXT];
    switch (field->type) {
    case VARVE_FIELD_TEXT:
        csv_write(out, get_text(field, object));
        break;
    case VARVE_FIELD_ENUM:
        csv_write(out, get_enum(field, object));
        break;
    case VARVE_FIELD_F64:
        (void)number_format(get_double(field, object), text);
        (void)fputs(text, out);
        break;
    default:
        put_value(out, field, object, "");
        break;
    }
}

void csv_field_values(FILE *out, const struct varve_field *table, const void *object)
{
    for (const struct varve_field *f = table; f->name; f++) {
        (void)fputs(f == table ? "" : ",", out);
        csv_value(out, f, object);
    }
}

void csv_field_pairs(FILE *out, const struct varve_field *table, const void *object,
                     const char *group, const char *owner)
{
    for (const struct varve_field *f = table; f->name; f++) {
        if (group[0]) {
            (void)fprintf(out, "%s.%s.", group, owner);
        }
        (void)fprintf(out, "%s,", f->name);
        csv_value(out, f, object);
        (void)fputc('\n', out);
    }
}
