// SPDX-License-Identifier: Apache-2.0
// Runs the program of a regular expression, all its threads at once; see regex.h.
#include <string.h>

#include "regex_program.h"

uint32_t regex_next_char(const char **at, const char *end)
{
    const uint8_t *p = (const uint8_t *)*at;
    size_t left = (size_t)(end - *at);
    size_t length = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;
    bool whole = length > 0 && length <= left && p[0] < 0xf8;
    for (size_t i = 1; whole && i < length; i++) {
        whole = (p[i] & 0xc0) == 0x80;
    }
    if (!whole) {
        (*at)++;
        return REGEX_LAST_CHAR + 1 + p[0];
    }
    uint32_t code = length == 1 ? p[0] : p[0] & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        code = code << 6 | (p[i] & 0x3fu);
    }
    *at += length;
    return code;
}

struct matcher {
    const struct regex *regex;
    uint16_t *stack;
    uint32_t generation; // of the marks: one for each place in the text
    bool at_start, at_end;
};

// Adds a thread, and follows it to the instructions that want a character.
static size_t add_thread(struct matcher *m, uint16_t *list, size_t count, uint16_t start)
{
    const struct regex *regex = m->regex;
    size_t depth = 0;
    m->stack[depth++] = start;
    while (depth > 0) {
        uint16_t pc = m->stack[--depth];
        const struct instruction *in = &regex->code[pc];
        if (regex->mark[pc] == m->generation) {
            continue;
        }
        regex->mark[pc] = m->generation;
        switch ((enum opcode)in->op) {
        case OP_SPLIT:
            m->stack[depth++] = in->y;
            m->stack[depth++] = in->x;
            break;
        case OP_JUMP:
            m->stack[depth++] = in->x;
            break;
        case OP_START:
        case OP_END:
            if (in->op == OP_START ? m->at_start : m->at_end) {
                m->stack[depth++] = (uint16_t)(pc + 1);
            }
            break;
        case OP_RANGES:
        case OP_MATCH:
            list[count++] = pc;
            break;
        }
    }
    return count;
}

static bool accepts(const struct regex *regex, const struct instruction *in, uint32_t code)
{
    for (uint32_t i = in->x; i < (uint32_t)in->x + in->y; i++) {
        if (code >= regex->ranges[i].low && code <= regex->ranges[i].high) {
            return !in->negated;
        }
    }
    return in->negated;
}

bool regex_match(const struct regex *regex, const char *text, size_t length)
{
    uint16_t *now = regex->threads, *next = now + regex->code_count;
    struct matcher m = {.regex = regex, .stack = next + regex->code_count, .generation = 1};
    const char *at = text, *end = text + length;
    memset(regex->mark, 0, regex->code_count * sizeof *regex->mark);
    m.at_start = true;
    m.at_end = at == end;
    size_t count = add_thread(&m, now, 0, 0);
    while (at < end && count > 0) {
        uint32_t code = regex_next_char(&at, end);
        size_t next_count = 0;
        m.generation++;
        m.at_start = false;
        m.at_end = at == end;
        for (size_t i = 0; i < count; i++) {
            const struct instruction *in = &regex->code[now[i]];
            if (in->op == OP_RANGES && accepts(regex, in, code)) {
                next_count = add_thread(&m, next, next_count, (uint16_t)(now[i] + 1));
            }
        }
        uint16_t *swap = now;
        now = next;
        next = swap;
        count = next_count;
    }
    for (size_t i = 0; at == end && i < count; i++) {
        if (regex->code[now[i]].op == OP_MATCH) {
            return true;
        }
    }
    return false;
}
