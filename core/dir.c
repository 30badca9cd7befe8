// SPDX-License-Identifier: Apache-2.0
// Directory entries in name order over a port that lists them in any order.
//
// The walk keeps only the current name and lists the directory again for each step: directories of
// modules and configuration files are small, and nothing has to be allocated or sorted.
//
// Threading: no state; task context.
#include "core/dir.h"

#include <string.h>

#include "core/text.h"

struct step {
    const char *after;
    char *best; // "" until one is found
};

static void consider(const char *name, void *arg)
{
    struct step *step = arg;
    size_t length = strlen(name);
    if (length >= VARVE_PATH_TEXT || strcmp(name, step->after) <= 0) {
        return;
    }
    if (step->best[0] == '\0' || strcmp(name, step->best) < 0) {
        memcpy(step->best, name, length + 1);
    }
}

int varve_dir_next(const char *path, const char *suffix, char name[VARVE_PATH_TEXT])
{
    char best[VARVE_PATH_TEXT] = "";
    struct step step = {name, best};
    int rc = varve_port_dir_list(path, suffix, consider, &step);
    if (rc < 0) {
        return rc == VARVE_E_NOT_FOUND ? VARVE_E_CLOSED : rc;
    }
    if (best[0] == '\0') {
        return VARVE_E_NOT_FOUND;
    }
    memcpy(name, best, strlen(best) + 1);
    return 0;
}

int varve_dir_join(char *buf, size_t cap, const char *path, const char *name)
{
    return varve_format(buf, cap, "%s/%s", path, name) < cap ? 0 : VARVE_E_TOO_BIG;
}
