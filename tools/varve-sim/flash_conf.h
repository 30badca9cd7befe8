// SPDX-License-Identifier: Apache-2.0
// The simulated device's parameters, out of INI files and the command line.
//
//   flash.ini of the board   [flash]  kind page erase_block capacity endurance spare
//                                     meta_page meta_sync meta_change
//   the configuration        [wear]   those of these names that it has
//   the command line
//
// What comes later wins; what nobody says is the kind's default (ports/sim/device.c). A kind from
// the command line that is not the files' drops what the files say.
//
// Threading: one task.
#ifndef VARVE_SIM_FLASH_CONF_H
#define VARVE_SIM_FLASH_CONF_H

#include "ports/sim/sim.h"

#define FLASH_KEYS      9
#define FLASH_VALUE_MAX 32

struct flash_conf {
    char value[FLASH_KEYS][FLASH_VALUE_MAX]; // "" where nobody said anything
    const char *section;                     // while a file is read
    char bad_text[FLASH_VALUE_MAX];          // the key that was refused
};

// Takes what [flash] or [wear] of a file says. Returns 0, VARVE_E_NOT_FOUND when there is no such
// file, or VARVE_E_INVALID with the reason on stderr.
int flash_conf_read(struct flash_conf *conf, const char *path, const char *section);

// Takes one value. VARVE_E_NOT_FOUND for an unknown key, VARVE_E_TOO_BIG.
int flash_conf_set(struct flash_conf *conf, const char *key, const char *value);
// The same for a key of [wear]: those that do not describe the flash, and 0 (not known), say
// nothing.
int flash_conf_set_wear(struct flash_conf *conf, const char *key, const char *value);

// Makes the device of it. VARVE_E_INVALID with the reason on stderr.
int flash_conf_finish(const struct flash_conf *conf, struct varve_sim_device *device);

#endif
