// SPDX-License-Identifier: Apache-2.0
// The cpu lines of /proc/stat. Threading: pure functions; any context.
#include "parse.h"

#define MIN_COLUMNS 4u // 2.4: user nice system idle
#define MAX_CORE    65535u

// "cpu" or "cpu17".
static bool parse_core(struct varve_span label, int *core)
{
    uint64_t n;
    if (varve_span_equals(label, "cpu")) {
        *core = VARVE_CPU_ALL;
        return true;
    }
    struct varve_span digits = {label.at + 3, label.len - 3};
    if (!varve_scan_u64(digits, &n) || n > MAX_CORE)
        return false;
    *core = (int)n;
    return true;
}

static bool parse_line(struct varve_span line, struct varve_cpu_line *out)
{
    struct varve_span label;
    if (!varve_scan_token(&line, &label) || !parse_core(label, &out->core))
        return false;
    out->modes = (unsigned)varve_scan_u64s(&line, out->ticks, VARVE_CPU_MODES);
    // Fewer columns than there are tokens: one of them is no number, so none is to be trusted.
    struct varve_span extra;
    if (out->modes < VARVE_CPU_MODES && varve_scan_token(&line, &extra))
        return false;
    return out->modes >= MIN_COLUMNS;
}

bool varve_proc_cpu_next(struct varve_span *rest, struct varve_cpu_line *out)
{
    struct varve_span line;
    while (varve_scan_line(rest, &line)) {
        if (!varve_span_starts(line, "cpu"))
            return false;
        if (parse_line(line, out))
            return true;
    }
    return false;
}
