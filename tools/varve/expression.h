// SPDX-License-Identifier: Apache-2.0
// `varve query` with an expression: the options as a query, and the answer in order.
//
// Threading: one task.
#ifndef VARVE_EXPRESSION_H
#define VARVE_EXPRESSION_H

#include "commands.h"

// Runs the expression of the first argument. Returns the exit code.
int expression_run(const struct args *args);

#endif
