// SPDX-License-Identifier: Apache-2.0
// Reading JSON in place; see json_read.h.
#include "json_read.h"

#include <stdint.h>
#include <string.h>

#define DEPTH_MAX 16

const char *json_blanks(const char *at)
{
    return at + strspn(at, " \t\n\r");
}

// ---- strings ------------------------------------------------------------------------------------

static int hex_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// Four digits at `at`; -1 when they are not there.
static int32_t hex4(const char *at)
{
    int32_t code = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_of(at[i]);
        if (digit < 0) {
            return -1;
        }
        code = code * 16 + digit;
    }
    return code;
}

static const char *skip_string(const char *at)
{
    for (at++; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20) {
            return NULL;
        }
        if (*at != '\\') {
            continue;
        }
        at++;
        if (*at == '\0' || !strchr("\"\\/bfnrtu", *at) || (*at == 'u' && hex4(at + 1) < 0)) {
            return NULL;
        }
    }
    return at + 1;
}

struct writer {
    char *out;
    size_t len, cap;
    bool bad;
};

static void put(struct writer *w, unsigned byte)
{
    if (w->len + 1 >= w->cap || byte == 0) {
        w->bad = true;
        return;
    }
    w->out[w->len++] = (char)byte;
}

static void put_code(struct writer *w, uint32_t code)
{
    if (code < 0x80) {
        put(w, code);
    } else if (code < 0x800) {
        put(w, 0xc0u | code >> 6);
        put(w, 0x80u | (code & 0x3fu));
    } else if (code < 0x10000) {
        put(w, 0xe0u | code >> 12);
        put(w, 0x80u | (code >> 6 & 0x3fu));
        put(w, 0x80u | (code & 0x3fu));
    } else {
        put(w, 0xf0u | code >> 18);
        put(w, 0x80u | (code >> 12 & 0x3fu));
        put(w, 0x80u | (code >> 6 & 0x3fu));
        put(w, 0x80u | (code & 0x3fu));
    }
}

// \uXXXX at `at`, behind the u; returns its last digit.
static const char *put_unicode(struct writer *w, const char *at)
{
    uint32_t code = (uint32_t)hex4(at);
    at += 3;
    if (code >= 0xd800 && code < 0xdc00 && at[1] == '\\' && at[2] == 'u') {
        int32_t low = hex4(at + 3);
        if (low >= 0xdc00 && low < 0xe000) {
            put_code(w, 0x10000u + ((code - 0xd800u) << 10) + ((uint32_t)low - 0xdc00u));
            return at + 6;
        }
    }
    if (code >= 0xdc80 && code <= 0xdcff) {
        put(w, code & 0xffu);
    } else if (code >= 0xd800 && code < 0xe000) {
        put_code(w, 0xfffdu); // half a pair
    } else {
        put_code(w, code);
    }
    return at;
}

const char *json_string(const char *at, char *out, size_t cap, size_t *len)
{
    static const char letters[] = "bfnrt";
    static const char meant[] = "\b\f\n\r\t";
    struct writer w = {.out = out, .cap = cap};
    const char *end = *at == '"' ? skip_string(at) : NULL;
    for (at++; end && at + 1 < end; at++) {
        if (*at != '\\') {
            put(&w, (unsigned char)*at);
            continue;
        }
        at++;
        const char *letter = strchr(letters, *at);
        if (*at == 'u') {
            at = put_unicode(&w, at + 1);
        } else {
            put(&w, (unsigned char)(letter ? meant[letter - letters] : *at));
        }
    }
    if (!end || w.bad || cap == 0) {
        return NULL;
    }
    out[w.len] = '\0';
    *len = w.len;
    return end;
}

// ---- values -------------------------------------------------------------------------------------

static const char *skip_digits(const char *at)
{
    return at + strspn(at, "0123456789");
}

static const char *skip_number(const char *at)
{
    at += *at == '-' ? 1 : 0;
    const char *digits = at;
    at = skip_digits(at);
    if (at == digits || (*digits == '0' && at > digits + 1)) {
        return NULL;
    }
    if (*at == '.') {
        digits = ++at;
        at = skip_digits(at);
    }
    if (at > digits && (*at == 'e' || *at == 'E')) {
        at++;
        at += *at == '-' || *at == '+' ? 1 : 0;
        digits = at;
        at = skip_digits(at);
    }
    return at > digits ? at : NULL;
}

static const char *skip_scalar(const char *at)
{
    static const char *const words[] = {"null", "true", "false"};
    if (*at == '"') {
        return skip_string(at);
    }
    for (size_t i = 0; i < 3; i++) {
        if (strncmp(at, words[i], strlen(words[i])) == 0) {
            return at + strlen(words[i]);
        }
    }
    return skip_number(at);
}

// The key of an object's member and the colon; NULL: there is none.
static const char *skip_key(const char *at)
{
    at = *at == '"' ? skip_string(at) : NULL;
    at = at ? json_blanks(at) : NULL;
    return at && *at == ':' ? json_blanks(at + 1) : NULL;
}

struct level {
    char close;
    bool any;
};

// One step: opens a level, closes one, or passes a scalar. NULL: not JSON.
static const char *step(const char *at, struct level *levels, int *depth)
{
    struct level *in = *depth > 0 ? &levels[*depth - 1] : NULL;
    if (in && *at == in->close) {
        (*depth)--;
        return at + 1;
    }
    if (in && in->any) {
        at = *at == ',' ? json_blanks(at + 1) : NULL;
    }
    if (in) {
        in->any = true;
    }
    at = at && in && in->close == '}' ? skip_key(at) : at;
    if (at && (*at == '[' || *at == '{')) {
        if (*depth == DEPTH_MAX) {
            return NULL;
        }
        levels[(*depth)++] = (struct level){.close = *at == '[' ? ']' : '}'};
        return at + 1;
    }
    return at ? skip_scalar(at) : NULL;
}

const char *json_skip(const char *at, size_t *count)
{
    struct level levels[DEPTH_MAX];
    int depth = 0;
    size_t elements = 0;
    bool array = *at == '[';
    do {
        int before = depth;
        at = step(at, levels, &depth);
        if (at && array && before == 1 && depth >= 1) {
            elements++;
        }
        at = at && depth > 0 ? json_blanks(at) : at;
    } while (at && depth > 0);
    if (count) {
        *count = elements;
    }
    return at;
}

bool json_enter(const char **at)
{
    const char *first = json_blanks(*at + 1);
    *at = first;
    return *first != ']' && *first != '}';
}

bool json_more(const char **at)
{
    *at = json_blanks(*at);
    if (**at != ',') {
        return false;
    }
    *at = json_blanks(*at + 1);
    return true;
}
