// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/temp_dir.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

int temp_dir_make(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/varve-test-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

// rmdir() says whether everything is gone.
int temp_dir_remove(void **state)
{
    (void)state;
    DIR *open = opendir(dir);
    if (!open)
        return -1;
    for (const struct dirent *e = readdir(open); e; e = readdir(open))
        (void)remove(temp_path(e->d_name));
    closedir(open);
    return rmdir(dir);
}

const char *temp_dir(void)
{
    return dir;
}

const char *temp_path(const char *name)
{
    static char paths[4][512];
    static unsigned turn;
    char *path = paths[turn++ % 4u];
    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

void temp_file(const char *name, const char *text)
{
    FILE *file = fopen(temp_path(name), "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}
