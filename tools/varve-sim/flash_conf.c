// SPDX-License-Identifier: Apache-2.0
// The simulated device's parameters; see flash_conf.h.
#include "flash_conf.h"

#include <ini.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "varve/conf.h"

enum type {
    KIND,
    NUMBER32,
    SIZE32,
    SIZE64
};

static const struct key {
    const char *name;
    enum type type;
    size_t offset;
} keys[FLASH_KEYS] = {
    {"kind", KIND, offsetof(struct varve_sim_device, kind)},
    {"page", SIZE32, offsetof(struct varve_sim_device, page_bytes)},
    {"erase_block", SIZE32, offsetof(struct varve_sim_device, erase_block_bytes)},
    {"capacity", SIZE64, offsetof(struct varve_sim_device, capacity_bytes)},
    {"endurance", NUMBER32, offsetof(struct varve_sim_device, endurance)},
    {"spare", NUMBER32, offsetof(struct varve_sim_device, spare_percent)},
    {"meta_page", SIZE32, offsetof(struct varve_sim_device, meta_page_bytes)},
    {"meta_sync", SIZE32, offsetof(struct varve_sim_device, meta_sync_bytes)},
    {"meta_change", SIZE32, offsetof(struct varve_sim_device, meta_change_bytes)},
};

static const char *const kinds[] = {
    [VARVE_SIM_FTL] = "ftl", [VARVE_SIM_NOR] = "nor", [VARVE_SIM_NAND] = "nand"};

int flash_conf_set(struct flash_conf *conf, const char *key, const char *value)
{
    for (size_t i = 0; i < FLASH_KEYS; i++) {
        if (strcmp(keys[i].name, key) == 0) {
            const size_t length = strlen(value);
            if (length >= FLASH_VALUE_MAX) {
                return VARVE_E_TOO_BIG;
            }
            memcpy(conf->value[i], value, length + 1);
            return 0;
        }
    }
    return VARVE_E_NOT_FOUND;
}

int flash_conf_set_wear(struct flash_conf *conf, const char *key, const char *value)
{
    if (strcmp(value, "0") == 0) {
        return 0;
    }
    const int rc = flash_conf_set(conf, key, value);
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

// ---- files --------------------------------------------------------------------------------------

static int take_line(void *user, const char *section, const char *name, const char *value)
{
    struct flash_conf *conf = user;
    if (strcmp(section, conf->section) != 0) {
        return 1;
    }
    const int rc = strcmp(section, "wear") == 0 ? flash_conf_set_wear(conf, name, value)
                                                : flash_conf_set(conf, name, value);
    if (rc != 0) {
        (void)snprintf(conf->bad_text, sizeof conf->bad_text, "%s", name); // a long one is cut
    }
    return rc == 0 ? 1 : 0;
}

int flash_conf_read(struct flash_conf *conf, const char *path, const char *section)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return VARVE_E_NOT_FOUND;
    }
    conf->section = section;
    conf->bad_text[0] = '\0';
    const int line = ini_parse_file(file, take_line, conf);
    (void)fclose(file); // read only: nothing can be lost
    // What else is wrong with a configuration, the host's own reader says better.
    if (line != 0 && (strcmp(section, "wear") != 0 || conf->bad_text[0] != '\0')) {
        (void)fprintf(stderr, "varve-sim: %s:%d: unknown key or bad line '%s' in [%s]\n", path,
                      line, conf->bad_text, section);
        return VARVE_E_INVALID;
    }
    return 0;
}

// ---- values -------------------------------------------------------------------------------------

static bool parse_kind(const char *text, enum varve_sim_kind *kind)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i], text) == 0) {
            *kind = (enum varve_sim_kind)i;
            return true;
        }
    }
    return false;
}

static bool parse_into(const struct key *key, const char *text, struct varve_sim_device *device)
{
    uint8_t *field = (uint8_t *)device + key->offset;
    int64_t number = 0;
    if (key->type == KIND) {
        return parse_kind(text, &device->kind);
    }
    const int rc =
        key->type == NUMBER32 ? varve_parse_int(text, &number) : varve_parse_size(text, &number);
    if (rc != 0 || number < 0 || (key->type != SIZE64 && number > UINT32_MAX)) {
        return false;
    }
    if (key->type == SIZE64) {
        memcpy(field, &(uint64_t){(uint64_t)number}, sizeof(uint64_t));
    } else {
        memcpy(field, &(uint32_t){(uint32_t)number}, sizeof(uint32_t));
    }
    return true;
}

static int refuse(const struct key *key, const char *text)
{
    static const char *const expected[] = {"ftl, nor or nand", "a number", "a size such as 4K",
                                           "a size such as 8G"};
    (void)fprintf(stderr, "varve-sim: flash: %s = %s: expected %s\n", key->name, text,
                  expected[key->type]);
    return VARVE_E_INVALID;
}

int flash_conf_finish(const struct flash_conf *conf, struct varve_sim_device *device)
{
    enum varve_sim_kind kind = VARVE_SIM_FTL;
    if (conf->value[0][0] != '\0' && !parse_kind(conf->value[0], &kind)) {
        return refuse(&keys[0], conf->value[0]);
    }
    varve_sim_device_defaults(device, kind);
    for (size_t i = 1; i < FLASH_KEYS; i++) {
        if (conf->value[i][0] != '\0' && !parse_into(&keys[i], conf->value[i], device)) {
            return refuse(&keys[i], conf->value[i]);
        }
    }
    return 0;
}
