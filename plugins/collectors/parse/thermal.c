// SPDX-License-Identifier: Apache-2.0
// Temperatures and names of /sys/class/thermal and /sys/class/hwmon.
// Threading: pure functions; any context.
#include "parse.h"

#include <string.h>

#define ABSOLUTE_ZERO_MILLI (-273150)
#define HOTTEST_MILLI       2000000 // above any thermocouple
#define MILLI_FROM          1000    // |raw| from here on can only be millidegrees
#define DEGREES_UP_TO       150     // and up to here may be degrees

struct varve_span varve_sys_line(struct varve_span text)
{
    struct varve_span line = {text.at, 0};
    (void)varve_scan_line(&text, &line); // an empty text leaves an empty line
    while (line.len > 0 && (line.at[line.len - 1] == ' ' || line.at[line.len - 1] == '\t'))
        line.len--;
    return line;
}

static bool in_degrees(int64_t raw, enum varve_thermal_scale *scale)
{
    if (*scale == VARVE_THERMAL_AUTO && (raw >= MILLI_FROM || raw <= -MILLI_FROM))
        *scale = VARVE_THERMAL_MILLI;
    if (*scale != VARVE_THERMAL_AUTO)
        return *scale == VARVE_THERMAL_DEGREES;
    return raw >= -DEGREES_UP_TO && raw <= DEGREES_UP_TO;
}

bool varve_sys_celsius(struct varve_span text, enum varve_thermal_scale *scale, double *celsius)
{
    int64_t raw;
    enum varve_thermal_scale learnt = *scale;
    if (!varve_scan_i64(varve_sys_line(text), &raw) || raw > HOTTEST_MILLI ||
        raw <= ABSOLUTE_ZERO_MILLI)
        return false;
    int64_t milli = in_degrees(raw, &learnt) ? raw * 1000 : raw;
    if (milli > HOTTEST_MILLI || milli <= ABSOLUTE_ZERO_MILLI)
        return false;
    *scale = learnt;
    *celsius = (double)milli / 1000.0;
    return true;
}

bool varve_sys_index(struct varve_span name, const char *prefix, const char *suffix,
                     uint64_t *index)
{
    size_t before = strlen(prefix), after = strlen(suffix);
    if (name.len <= before + after || !varve_span_starts(name, prefix))
        return false;
    struct varve_span digits = {name.at + before, name.len - before - after};
    struct varve_span tail = {digits.at + digits.len, after};
    return varve_span_equals(tail, suffix) && varve_scan_u64(digits, index);
}

bool varve_sys_is_mirror(struct varve_span zone, struct varve_span chip)
{
    if (zone.len != chip.len)
        return false;
    for (size_t i = 0; i < zone.len; i++) {
        char c = zone.at[i] == '-' ? '_' : zone.at[i];
        if (c != chip.at[i] && zone.at[i] != chip.at[i])
            return false;
    }
    return true;
}
