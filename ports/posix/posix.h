// SPDX-License-Identifier: Apache-2.0
// What a program on the POSIX port may call besides varve/port.h.
#ifndef VARVE_POSIX_H
#define VARVE_POSIX_H

#include "varve/types.h"

#ifdef __cplusplus
extern "C" {
#endif

// Chooses where log lines go: lines less severe than `threshold` are left out. To syslog with
// `ident` (borrowed, must stay), or to stderr: with time and severity as text, or, when stderr is
// the systemd journal, with the `<N>` prefix that it understands. Before the first call: stderr,
// VARVE_INFO. One task, while no other task logs; may be called again.
void varve_posix_log_open(enum varve_severity threshold, bool to_syslog, const char *ident);

#ifdef __cplusplus
}
#endif
#endif
