// SPDX-License-Identifier: Apache-2.0
// Signals as bytes in a pipe, so that the main loop waits for them like for a socket.
//
// Owns the handlers of SIGTERM, SIGINT, SIGHUP and SIGUSR1; SIGPIPE is ignored. All other tasks are
// started after signals_open(), and may run the handler: it only writes to the pipe.
#ifndef VARVE_SIGNALS_H
#define VARVE_SIGNALS_H

#include <stdbool.h>

// Installs the handlers. Returns the descriptor to wait on, or an error.
int signals_open(void);

// Takes the next signal that came; 0 when there is none.
int signals_take(void);

// Whether SIGTERM or SIGINT has come, even if it was not taken yet. Any context.
bool signals_stop(void);

#endif
