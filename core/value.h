// SPDX-License-Identifier: Apache-2.0
// A value as it waits in RAM - in the ring, in windows, in open cells: a double, or with
// VARVE_FLOAT_VALUES a float, in half the room. Blocks, queries and everybody else have doubles.
//
// A float has seven digits. What was pushed with up to six, and at most three behind the point, is
// read as what it was: 21.7, not 21.700000762939453, which would take four times the room in a
// block.
//
// No state; any context.
#ifndef VARVE_CORE_VALUE_H
#define VARVE_CORE_VALUE_H

#include <stdint.h>

#include "varve/limits.h"

// What waits in large numbers has no padding on 32-bit devices, which have little memory.
#if UINTPTR_MAX == UINT32_MAX
#define VARVE_COMPACT __attribute__((packed, aligned(4)))
#else
#define VARVE_COMPACT
#endif

#if VARVE_FLOAT_VALUES
typedef float varve_value;

// The decimal number that was meant.
double varve_value_read(varve_value value);
#else
typedef double varve_value;

static inline double varve_value_read(varve_value value)
{
    return value;
}
#endif

#endif
