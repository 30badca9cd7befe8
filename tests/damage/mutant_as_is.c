// SPDX-License-Identifier: Apache-2.0
// Broken on purpose: a damaged store is used as it is.
//
// Threading: as core/salvage.c.
#include "core/host_state.h"

int __wrap_varve_salvage(struct varve_host *host, struct varve_backend *backend);

int __wrap_varve_salvage(struct varve_host *host, struct varve_backend *backend)
{
    (void)host;
    return backend->instance.plugin->backend->open(&backend->instance, VARVE_BACKEND_AS_IS);
}
