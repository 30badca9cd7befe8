// SPDX-License-Identifier: Apache-2.0
// Checking a store: hands the question to the backend, under its lock.
#include "host_state.h"

int varve_host_check(struct varve_host *host, size_t index, struct varve_check *check)
{
    if (index >= host->backend_count) {
        return VARVE_E_NOT_FOUND;
    }
    struct varve_backend *backend = &host->backends[index];
    const struct varve_backend_ops *ops = backend->instance.plugin->backend;
    if (ops->check == NULL) {
        return VARVE_E_UNSUPPORTED;
    }
    varve_port_mutex_lock(&backend->lock);
    int rc = varve_backend_is_open(backend) ? ops->check(&backend->instance, check)
                                            : atomic_load(&backend->state);
    varve_port_mutex_unlock(&backend->lock);
    return rc;
}
