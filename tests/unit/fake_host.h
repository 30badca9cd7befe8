// SPDX-License-Identifier: Apache-2.0
// The services of the host that a backend needs, and nothing more: memory, tiers, the state
// directory, the reason of a failure. For tests that drive a backend without a host.
#ifndef VARVE_TEST_FAKE_HOST_H
#define VARVE_TEST_FAKE_HOST_H

#include "varve/plugin.h"

#define FAKE_HOST_MEMORY (24u << 20)

struct varve_host {
    struct varve_instance instance;
    struct varve_ledger_account account;
    const struct varve_tier *tiers;
    size_t tier_count;
    const char *state_dir;
    uint8_t *memory;
    size_t used;
    bool open;
    const char *const *known; // series that other stores have
    size_t known_count;
    char why[512]; // what the plugin said last through varve_instance_fail()
};

// Makes a host with one instance of the plugin, its options at their defaults. Texts and tiers are
// borrowed.
void fake_host_init(struct varve_host *host, const struct varve_plugin *plugin,
                    const char *state_dir, const struct varve_tier *tiers, size_t tier_count);

// Sets an option as a configuration file would.
void fake_host_set(struct varve_host *host, const char *option, const char *value);

// Opens the backend with zeroed state; returns what it says.
int fake_host_open(struct varve_host *host, unsigned flags);

// Closes the backend if it is open.
void fake_host_close(struct varve_host *host);

// Closes and frees everything.
void fake_host_free(struct varve_host *host);

#endif
