// SPDX-License-Identifier: Apache-2.0
// Who may use the socket: its mode and group, and what the system says of who is connected.
//
// Reading is for everyone who may connect, which the socket's mode says. What changes something -
// flush, import, prune, backup, restore - is for those that [varve] control names.
//
// Threading: main task.
#ifndef VARVE_PEER_H
#define VARVE_PEER_H

#include <stdbool.h>

#include "varve/conf.h"

// Gives a socket that only its owner may use yet the configured group and mode. Returns 0 or an
// error; complains in the log.
int peer_open_socket(const char *path, const struct varve_settings *settings);

// Whether the process at the other end of `fd` may change something.
bool peer_may_control(int fd, const struct varve_settings *settings);

// Counts a refusal and logs it: who asked, and how many there were.
void peer_refused(int fd);

// The sentence for whoever was refused.
const char *peer_rule(const struct varve_settings *settings);

#endif
