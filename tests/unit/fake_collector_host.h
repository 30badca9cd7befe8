// SPDX-License-Identifier: Apache-2.0
// A host and a port for one collector under test: series and samples land in a table that the test
// asks by text form; the clock, the space of filesystems and the host's own figures are the test's.
// Files are read for real, so that collectors can be pointed at fixture trees and at /proc.
//
// Threading: one task.
#ifndef FAKE_COLLECTOR_HOST_H
#define FAKE_COLLECTOR_HOST_H

#include "varve/host.h"
#include "varve/port.h"

// Forgets everything and makes an instance of `plugin` with the defaults of its option table.
void fake_start(const struct varve_plugin *plugin);

// Sets an option by name before fake_init(); a name that the table lacks fails the test.
void fake_text_option(const char *name, const char *value);
void fake_int_option(const char *name, int64_t value);
void fake_bool_option(const char *name, bool value);

int fake_init(void);
int fake_collect(void);

// Set when the plugin or its callers called these.
const char *fake_reason(void);  // of the last varve_instance_fail(); "" if none
unsigned fake_warnings(void);   // log lines of severity warning and above
unsigned fake_logs(void);       // log lines of all severities
unsigned fake_registered(void); // calls of varve_instance_series*()
unsigned fake_series(void);     // distinct series
unsigned fake_pushes(void);     // samples pushed since the last fake_collect() began

bool fake_has(const char *text);             // such a series was registered
enum varve_kind fake_kind(const char *text); // of such a series
double fake_value(const char *text);         // its last sample; NaN without one
bool fake_pushed(const char *text);          // it got one in the last run
unsigned fake_count(const char *prefix);     // series whose text begins so

// Registrations beyond this number are refused with VARVE_E_FULL.
void fake_series_cap(unsigned cap);

// Filesystem space that the port tells for a path; paths not set do not exist. None set: the
// machine's own filesystems.
void fake_space(const char *path, uint64_t total, uint64_t free_bytes);

// What varve_host_stats(), varve_port_usage() and varve_host_instance() tell.
extern struct varve_stats fake_stats;
extern struct varve_port_usage fake_usage;
extern struct varve_instance_stats fake_instances[4];
extern unsigned fake_instance_count;

#endif
