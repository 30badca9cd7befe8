// SPDX-License-Identifier: Apache-2.0
// Checking a store: hands the question to the backend, under its lock. Before a repair removes what
// is damaged, what is whole elsewhere is restored.
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
    if ((check->flags & VARVE_CHECK_REPAIR) != 0) {
        (void)varve_mend_all(host, backend, false); // what fails is found by the check itself
    }
    varve_port_mutex_lock(&backend->lock);
    struct varve_backend_stats stats = {.mend_restored = 0};
    varve_mend_stats(backend, &stats);
    check->restored = stats.mend_restored; // some by recovery, when the store was opened
    int rc = varve_backend_is_open(backend) ? ops->check(&backend->instance, check)
                                            : atomic_load(&backend->state);
    varve_port_mutex_unlock(&backend->lock);
    return rc;
}
