// SPDX-License-Identifier: Apache-2.0
// Floats and the decimal numbers that they stand for; see value.h.
#include "value.h"

#if VARVE_FLOAT_VALUES
#define DIGITS_LIMIT 1e6
#define MOST_PLACES  3

// NaN and infinities fail every comparison, and stay what they are.
double varve_value_read(varve_value value)
{
    double scale = 1;
    for (int places = 0; places <= MOST_PLACES; places++, scale *= 10) {
        double scaled = value * scale;
        if (!(scaled < DIGITS_LIMIT && scaled > -DIGITS_LIMIT)) {
            break;
        }
        double decimal = (int32_t)(scaled + (scaled < 0 ? -0.5 : 0.5)) / scale;
        if ((varve_value)decimal == value && decimal != 0) {
            return decimal;
        }
    }
    return value;
}
#endif
