// SPDX-License-Identifier: Apache-2.0
// A report as one HTML page that needs nothing else: no script, no network, light and dark, fit to
// be printed.
//
// Threading: one task.
#ifndef VARVE_REPORT_HTML_H
#define VARVE_REPORT_HTML_H

#include <stdio.h>

#include "report.h"

// Writes the page; events are asked for once more and go out as they come. Returns 0, VARVE_E_IO
// when `out` does not take it, or an error with source->why.
int report_html(FILE *out, struct varve_source *source, const struct report *report);

// What the page looks like: the text of its <style>.
extern const char report_style[];

#endif
