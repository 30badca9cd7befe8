// SPDX-License-Identifier: Apache-2.0
// The formats that answers are written in and histories are read from: one table for all commands.
//
// Owns their names, their files' extensions, and which layout writes and which reader reads each.
// Leaves the layouts to answer.h, the readers to reader.h, and which formats a command has to its
// description.
//
// Threading: no state.
#ifndef VARVE_FORMATS_H
#define VARVE_FORMATS_H

#include "args.h"
#include "reader.h"

enum format_trait {
    FORMAT_BY_TIME = 1,  // series may come interleaved, so that raw samples come in order of time
    FORMAT_FAMILIES = 2, // series of one name must follow each other
    FORMAT_FILE = 4,     // it has to be a file
    FORMAT_WHOLE = 8,    // it shows all that there is: neither a step nor an aggregation
};

struct format_row {
    const char *name;
    const char *extensions; // separated by blanks, without dots; the first is the usual one
    unsigned traits;        // of format_trait
    const struct varve_query_sink *layout; // NULL: it is only read, or no stream
    const struct reader_format *reader;    // NULL: it is only written
};

const struct format_row *format_row(enum format format);

// Finds a format by its name; false when there is none.
bool format_find(const char *name, size_t len, enum format *out);

// Finds one by a file's extension, behind which .gz does not count; `out` stays as it is when none
// has it.
void format_of_path(const char *path, enum format *out);

#endif
