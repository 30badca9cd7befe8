// SPDX-License-Identifier: Apache-2.0
// What regex_compile() leaves for regex_match(): see regex.h.
#ifndef VARVE_CORE_QUERY_REGEX_PROGRAM_H
#define VARVE_CORE_QUERY_REGEX_PROGRAM_H

#include "regex.h"

#define REGEX_LAST_CHAR 0x10ffffu

enum opcode {
    OP_RANGES, // one character of (or, negated, not of) ranges[x .. x + y)
    OP_SPLIT,  // go on at x and at y
    OP_JUMP,   // go on at x
    OP_START,  // only at the start
    OP_END,    // only at the end
    OP_MATCH,
};

struct instruction {
    uint8_t op;
    bool negated;
    uint16_t x, y;
};

struct range {
    uint32_t low, high;
};

struct regex {
    struct instruction *code;
    struct range *ranges;
    uint16_t *threads; // two lists and a stack, code_count each, for matching
    uint32_t *mark;    // when an instruction was last added
    uint32_t code_count;
    uint32_t range_count;
};

// The next character of a pattern or a value, which begins at *at and ends before `end`; *at goes
// behind it. UTF-8, or a single byte above REGEX_LAST_CHAR when it is none.
uint32_t regex_next_char(const char **at, const char *end);

#endif
