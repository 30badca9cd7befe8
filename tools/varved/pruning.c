// SPDX-License-Identifier: Apache-2.0
// The prune that a client is at; see pruning.h.
#include "pruning.h"

#include <stdio.h>
#include <sys/socket.h>

#include "client/names.h"
#include "requests.h"

static struct varve_prune prune;
static struct session *owner; // whose it is, while owner->pruning

// Who is at the other end, as the kernel knows it.
static void peer_name(int fd, char *out, size_t cap)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
        (void)snprintf(out, cap, "uid %ld, pid %ld", (long)peer.uid, (long)peer.pid); // it fits
    } else {
        (void)snprintf(out, cap, "somebody");
    }
}

int pruning_begin(struct session *session, int fd, struct varve_host *host,
                  const struct varve_prune_request *request, char *why, size_t why_cap)
{
    char selector[VARVE_SERIES_TEXT];
    char by[VARVE_NAME_TEXT];
    size_t bytes;
    void *memory = request_memory(&bytes);
    if (owner != NULL && owner->pruning && owner != session) {
        (void)snprintf(why, why_cap, "somebody else is pruning; try again later");
        return VARVE_E_BUSY;
    }
    session->pruning = false;
    int rc = varve_name_to_series(request->selector, selector, sizeof selector);
    if (rc < 0) {
        (void)snprintf(why, why_cap, "the selector is longer than %u characters",
                       VARVE_SERIES_TEXT - 1);
        return rc;
    }
    peer_name(fd, by, sizeof by);
    struct varve_prune_request asked = *request;
    asked.selector = selector;
    asked.by = by;
    rc = varve_prune_begin(host, &prune, &asked, memory, bytes, why, why_cap);
    session->pruning = rc == 0;
    owner = session;
    return rc;
}

int pruning_step(struct session *session, struct varve_host *host,
                 const struct varve_prune_report **report, char *why, size_t why_cap)
{
    size_t bytes;
    void *memory = request_memory(&bytes);
    *report = &prune.report;
    if (!session->pruning || owner != session) {
        (void)snprintf(why, why_cap, "no prune was begun");
        return VARVE_E_INVALID;
    }
    int rc = varve_prune_step(host, &prune, memory, bytes, why, why_cap);
    session->pruning = rc == 0 && !prune.report.done;
    return rc;
}
