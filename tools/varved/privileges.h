// SPDX-License-Identifier: Apache-2.0
// Giving up root: the daemon needs it for nothing, except to become somebody else.
//
// Threading: main task, before anything is started.
#ifndef VARVE_PRIVILEGES_H
#define VARVE_PRIVILEGES_H

#include "varve/conf.h"

// Started as root: makes the state directory, hands it over, with what root has left in it, and
// becomes [varve] user (and group), for good; without a `user` it warns and stays root. Otherwise a
// `user` other than the present one is refused. Returns 0 or an error; complains in the log.
int privileges_drop(const struct varve_settings *settings);

#endif
