// SPDX-License-Identifier: Apache-2.0
// The daemon's command line.
//
// Threading: main task, before anything is started.
#ifndef VARVE_OPTIONS_H
#define VARVE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#define OPTIONS_SET_MAX 32u

struct options {
    const char *config;
    bool config_given;
    const char *plugin_dir;
    const char *state; // NULL: what the configuration says
    bool check_config;
    const char *set[OPTIONS_SET_MAX]; // section.key=value
    size_t set_count;
};

// Returns 0 to go on, 1 when all is done (--help, --version), -1 after a complaint.
int options_read(struct options *options, int argc, char **argv);

#endif
