// SPDX-License-Identifier: Apache-2.0
// Programs and modules, for a port that has neither.
//
// Threading: any.
#include "varve/port.h"

int varve_port_module_open(const char *path, const char *symbol, void **address, char *why,
                           size_t why_cap)
{
    (void)path;
    (void)symbol;
    *address = NULL;
    if (why_cap > 0) {
        why[0] = '\0';
    }
    return VARVE_E_UNSUPPORTED;
}

int varve_port_process_start(struct varve_port_process *p, const char *const *argv,
                             const char *const *env)
{
    *p = (struct varve_port_process){.out = -1, .err = -1};
    (void)argv;
    (void)env;
    return VARVE_E_UNSUPPORTED;
}

int64_t varve_port_process_read(struct varve_port_process *p, void *buf, size_t cap,
                                int64_t timeout_ms)
{
    (void)p;
    (void)buf;
    (void)cap;
    (void)timeout_ms;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_process_end(struct varve_port_process *p, int64_t patience_ms, int64_t grace_ms,
                           int *code)
{
    (void)p;
    (void)patience_ms;
    (void)grace_ms;
    (void)code;
    return VARVE_E_UNSUPPORTED;
}
