// SPDX-License-Identifier: Apache-2.0
// Plugin modules by dlopen. Which file may be loaded, and whether its ABI fits, is the host's
// business (core/registry.c).
//
// Threading: one task, at start-up; the dynamic linker allocates.
#include "internal.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

static void explain(char *why, size_t cap)
{
    const char *text = dlerror();
    if (cap > 0)
        (void)snprintf(why, cap, "%s", text ? text : "unknown error of the dynamic linker");
}

// A path without a slash would be searched for in the system's library directories.
int varve_port_module_open(const char *path, const char *symbol, void **address, char *why,
                           size_t why_cap)
{
    *address = NULL;
    if (!strchr(path, '/')) {
        if (why_cap > 0)
            (void)snprintf(why, why_cap, "%s: give the module's directory too", path);
        return VARVE_E_INVALID;
    }
    const int present = varve_port_path_exists(path);
    void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!module) {
        explain(why, why_cap);
        return present != 0 ? present : VARVE_E_INVALID;
    }
    *address = dlsym(module, symbol);
    if (!*address) {
        explain(why, why_cap);
        (void)dlclose(module); // nothing of it is in use
        return VARVE_E_NOT_FOUND;
    }
    return VARVE_OK;
}
