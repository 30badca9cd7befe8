// SPDX-License-Identifier: Apache-2.0
// Who may use the socket; see peer.h.
#include "peer.h"

#include <errno.h>
#include <grp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "varve/host.h"

#define GROUPS_MAX_ASKED 64

// The choices of socket_mode and control, in the order of their tables in core/conf_settings.c.
static const mode_t modes[] = {0660, 0600, 0666};
enum control {
    CONTROL_OWNER,
    CONTROL_GROUP,
    CONTROL_ALL,
};

static int find_group(const char *name, gid_t *gid)
{
    int64_t number;
    if (varve_parse_int(name, &number) == 0 && number >= 0 && number <= INT32_MAX) {
        *gid = (gid_t)number;
        return 0;
    }
    const struct group *group = getgrnam(name); // at start and reload, when nothing else asks
    if (group == NULL) {
        return VARVE_E_NOT_FOUND;
    }
    *gid = group->gr_gid;
    return 0;
}

int peer_open_socket(const char *path, const struct varve_settings *settings)
{
    gid_t gid = (gid_t)-1;
    if (settings->socket_group[0] != '\0' && find_group(settings->socket_group, &gid) < 0) {
        varve_log(VARVE_CRITICAL, "varved", "there is no group %s; mend varve.socket_group",
                  settings->socket_group);
        return VARVE_E_NOT_FOUND;
    }
    if ((gid != (gid_t)-1 && chown(path, (uid_t)-1, gid) < 0) ||
        chmod(path, modes[settings->socket_mode]) < 0) {
        varve_log(VARVE_CRITICAL, "varved",
                  "cannot give %s its group and mode: %s; varve.socket_group must be one of the "
                  "groups that the daemon runs with",
                  path, strerror(errno));
        return VARVE_E_DENIED;
    }
    return 0;
}

// Its own group and the others that it is in, as the kernel noted them when it connected.
static bool is_in_group(int fd, gid_t own, gid_t wanted)
{
    if (own == wanted) {
        return true;
    }
#ifdef SO_PEERGROUPS
    gid_t groups[GROUPS_MAX_ASKED];
    socklen_t bytes = sizeof groups;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &bytes) == 0) {
        for (size_t i = 0; i < bytes / sizeof groups[0]; i++) {
            if (groups[i] == wanted) {
                return true;
            }
        }
    }
#endif
    return false;
}

// The socket's group is that of its file.
static bool is_in_socket_group(int fd, gid_t own)
{
    struct sockaddr_storage address = {.ss_family = 0};
    socklen_t bytes = sizeof address;
    struct stat st;
    if (getsockname(fd, (struct sockaddr *)&address, &bytes) < 0 ||
        bytes <= sizeof address.ss_family || bytes >= sizeof address) {
        return false;
    }
    const char *path = (const char *)&address + sizeof address.ss_family;
    return stat(path, &st) == 0 && is_in_group(fd, own, st.st_gid);
}

bool peer_may_control(int fd, const struct varve_settings *settings)
{
    struct ucred peer;
    socklen_t bytes = sizeof peer;
    if (settings->control == CONTROL_ALL) {
        return true;
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) < 0) {
        return false;
    }
    if (peer.uid == 0 || peer.uid == geteuid()) {
        return true;
    }
    return settings->control == CONTROL_GROUP && is_in_socket_group(fd, peer.gid);
}

void peer_refused(int fd)
{
    static unsigned refused; // of one daemon, one main task
    struct ucred peer = {.pid = 0, .uid = (uid_t)-1};
    socklen_t bytes = sizeof peer;
    (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes); // else it stays unknown
    refused++;
    varve_log(VARVE_WARNING, "varved",
              "process %d of user %u asked for what it may not do (%u refusals so far)", peer.pid,
              peer.uid, refused);
}

const char *peer_rule(const struct varve_settings *settings)
{
    return settings->control == CONTROL_GROUP
               ? "only root, the daemon's user and the socket's group may do this ([varve] control)"
               : "only root and the daemon's user may do this ([varve] control)";
}
