// SPDX-License-Identifier: Apache-2.0
// A report's pictures, as SVG inside HTML.
//
// Threading: no state.
#ifndef VARVE_REPORT_SVG_H
#define VARVE_REPORT_SVG_H

#include <stdio.h>

#include "report.h"

// The series of a row: a line through its means, a band from its minima to its maxima, nothing
// where nothing was. An empty picture when there is no finite value.
void report_svg_strip(FILE *out, const struct report *report, size_t row);

// The period as a line with marks; see report_svg_mark().
void report_svg_begin_marks(FILE *out, const struct report *report);
void report_svg_mark(FILE *out, const struct report *report, const struct varve_event *event);
void report_svg_end_marks(FILE *out);

#endif
