// SPDX-License-Identifier: Apache-2.0
// The prune that a client is at: one in the daemon, driven step by step by its connection.
//
// Owns whose it is. Leaves the wire to requests.c and removing to the core.
//
// Threading: main task.
#ifndef VARVE_PRUNING_H
#define VARVE_PRUNING_H

#include "varve/prune.h"

struct session;

// Begins a prune for the client at socket `fd`, in place of one that this client began before.
// Returns as varve_prune_begin() does; VARVE_E_BUSY while another connection prunes.
int pruning_begin(struct session *session, int fd, struct varve_host *host,
                  const struct varve_prune_request *request, char *why, size_t why_cap);

// One step; *report stays until the next call. VARVE_E_INVALID when this client has begun none.
int pruning_step(struct session *session, struct varve_host *host,
                 const struct varve_prune_report **report, char *why, size_t why_cap);

#endif
