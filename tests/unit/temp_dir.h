// SPDX-License-Identifier: Apache-2.0
// A directory of a test's own: made before it, removed after it with the files in it.
//
// Threading: one task.
#ifndef VARVE_TEMP_DIR_H
#define VARVE_TEMP_DIR_H

// Setup and teardown of cmocka. remove() fails, and so does the test, when more than files is left.
int temp_dir_make(void **state);
int temp_dir_remove(void **state);

const char *temp_dir(void);
// Path of a name in the directory; the last four answers are valid.
const char *temp_path(const char *name);
// Makes a file that holds `text`.
void temp_file(const char *name, const char *text);

#endif
