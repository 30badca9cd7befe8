// SPDX-License-Identifier: Apache-2.0
// Texts of the error codes, expanded from the table in varve/error.h.
//
// Threading: no state; any context.
#include "varve/error.h"

const char *varve_strerror(int code)
{
    switch (code) {
#define VARVE_ERROR_TEXT(name, number, text)                                                       \
    case name:                                                                                     \
        return text;
        VARVE_ERRORS(VARVE_ERROR_TEXT)
#undef VARVE_ERROR_TEXT
    default:
        return code >= 0 ? "no error" : "unknown error";
    }
}
