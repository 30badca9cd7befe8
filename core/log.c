// SPDX-License-Identifier: Apache-2.0
// Log lines: formatted here, filtered and written by the port.
//
// Threading: any task; the buffer is on the caller's stack.
#include "core/text.h"
#include "varve/port.h"

#include <string.h>

// A line that is too long ends in "..." so that nobody takes it for the whole.
static void mark_cut(char *line, size_t cap)
{
    memcpy(line + cap - 4, "...", 4);
}

void varve_log(enum varve_severity severity, const char *component, const char *format, ...)
{
    char line[VARVE_MESSAGE_TEXT];
    va_list args;
    va_start(args, format);
    size_t length = varve_vformat(line, sizeof line, format, args);
    va_end(args);
    if (length >= sizeof line) {
        mark_cut(line, sizeof line);
    }
    varve_port_log(severity, component, line);
}
