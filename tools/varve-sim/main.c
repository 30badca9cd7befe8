// SPDX-License-Identifier: Apache-2.0
// varve-sim: the life of a device, in seconds. The real core and backends on ports/sim.
//
// Owns finding the board's files and putting the parts together. Leaves the device's parameters to
// flash_conf.h, samples to source.h, the life to run.h and the figures to report.h.
//
// Threading: one task.
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flash_conf.h"
#include "options.h"
#include "report.h"
#include "run.h"

#ifndef VARVE_BOARDS_DIR
#define VARVE_BOARDS_DIR "boards"
#endif

#define CONFIG_MAX (1u << 20)

enum exit_code {
    DONE = 0,
    FAILED = 1,
    USAGE = 2,
};

static struct varve_registry registry;
static struct varve_conf conf;

// ---- files --------------------------------------------------------------------------------------

// The file `name` of the board, in `path`; whether it exists.
static bool board_file(const char *board, const char *name, char path[VARVE_PATH_TEXT])
{
    const char *const dirs[] = {"boards/", VARVE_BOARDS_DIR "/"};
    const bool is_path = strchr(board, '/') != NULL;
    for (size_t i = 0; i < (is_path ? 1 : sizeof dirs / sizeof *dirs); i++) {
        const size_t length =
            varve_format(path, VARVE_PATH_TEXT, "%s%s/%s", is_path ? "" : dirs[i], board, name);
        if (length < VARVE_PATH_TEXT && access(path, R_OK) == 0) {
            return true;
        }
    }
    return false;
}

// Puts a file of the host's where the simulated port finds it. Returns 0 or -1, reported.
static int lend_text(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = malloc(CONFIG_MAX);
    int rc = -1;
    if (file == NULL || text == NULL) {
        (void)fprintf(stderr, "varve-sim: cannot read %s\n", path);
    } else {
        const size_t length = fread(text, 1, CONFIG_MAX - 1, file);
        text[length] = '\0';
        rc = varve_sim_text(path, text);
    }
    free(text);
    if (file != NULL) {
        (void)fclose(file); // read only: nothing can be lost
    }
    return rc;
}

// ---- workload -----------------------------------------------------------------------------------

// `typical` of [workload]; `user` holds FLASH_VALUE_MAX bytes.
static int take_workload(void *user, const char *section, const char *name, const char *value)
{
    if (strcmp(section, "workload") == 0 && strcmp(name, "typical") == 0 &&
        strlen(value) < FLASH_VALUE_MAX) {
        memcpy(user, value, strlen(value) + 1);
    }
    return 1; // what else is in the file, describe_device() judges
}

// What nobody chose is what the board calls typical.
static int choose_workload(struct options *options)
{
    static char typical[FLASH_VALUE_MAX];
    char path[VARVE_PATH_TEXT];
    if (options->workload != NULL) {
        return 0;
    }
    if (board_file(options->board, "flash.ini", path) &&
        ini_parse(path, take_workload, typical) == 0 && typical[0] != '\0') {
        options->workload = typical;
        return 0;
    }
    (void)fprintf(stderr, "varve-sim: --workload is missing, and the board names none; for example "
                          "synthetic:255x5s or csv:FILE\n");
    return -1;
}

// ---- configuration ------------------------------------------------------------------------------

static int configure(const struct options *options, const char *path)
{
    varve_registry_init(&registry, varve_static_plugins);
    varve_conf_init(&conf, &registry, NULL);
    // Samples of a CSV may be old; the virtual clock is right by definition.
    int rc = lend_text(path);
    rc = rc == 0 ? varve_conf_set(&conf, "varve.clock=trust") : rc;
    rc = rc == 0 ? varve_conf_load(&conf, path) : rc;
    for (size_t i = 0; rc == 0 && i < options->set_count; i++) {
        rc = varve_conf_set(&conf, options->set[i]);
    }
    rc = rc == 0 ? varve_conf_finish(&conf) : rc;
    for (unsigned i = 0; i < conf.error_count && i < VARVE_CONF_ERRORS; i++) {
        (void)fprintf(stderr, "varve-sim: %s\n", conf.errors[i]);
    }
    return rc;
}

// `--set wear.KEY=VALUE` describes the device as well as the budget.
static void take_wear(struct flash_conf *flash, const char *assignment)
{
    char key[FLASH_VALUE_MAX];
    const char *equals = strchr(assignment, '=');
    if (strncmp(assignment, "wear.", 5) != 0 || equals == NULL ||
        (size_t)(equals - assignment - 5) >= sizeof key) {
        return;
    }
    memcpy(key, assignment + 5, (size_t)(equals - assignment - 5));
    key[equals - assignment - 5] = '\0';
    (void)flash_conf_set_wear(flash, key, equals + 1); // what is too long, the host refuses, too
}

// Another kind of flash than the files': what they say is about a device that this one is not.
static void take_kind(struct flash_conf *flash, const struct options *options)
{
    for (size_t i = 0; i < options->device_count; i++) {
        if (strcmp(options->device_key[i], "kind") == 0 &&
            strcmp(options->device_value[i], flash->value[0]) != 0) {
            memset(flash, 0, sizeof *flash);
        }
    }
}

static int describe_device(const struct options *options, const char *config,
                           struct varve_sim_device *device)
{
    static struct flash_conf flash;
    char path[VARVE_PATH_TEXT];
    int rc = 0;
    if (board_file(options->board, "flash.ini", path)) {
        rc = flash_conf_read(&flash, path, "flash");
    }
    rc = rc == 0 ? flash_conf_read(&flash, config, "wear") : rc;
    for (size_t i = 0; i < options->set_count; i++) {
        take_wear(&flash, options->set[i]);
    }
    take_kind(&flash, options);
    for (size_t i = 0; rc == 0 && i < options->device_count; i++) {
        rc = flash_conf_set(&flash, options->device_key[i], options->device_value[i]);
        if (rc != 0) {
            (void)fprintf(stderr, "varve-sim: flash: %s %s: too long\n", options->device_key[i],
                          options->device_value[i]);
        }
    }
    return rc == 0 ? flash_conf_finish(&flash, device) : rc;
}

// ---- the whole ----------------------------------------------------------------------------------

// What did not go as a figure alone would make one believe. Returns the exit code.
static int judge(const struct run_result *result)
{
    if (result->refused > 0) {
        (void)fprintf(stderr,
                      "varve-sim: %llu samples were refused: more series than `series` in [varve] "
                      "allows, or times more than a day ahead\n",
                      (unsigned long long)result->refused);
    }
    if (result->backend_error != 0) {
        (void)fprintf(stderr, "varve-sim: backend %s cannot store: %s\n", result->backend,
                      varve_strerror(result->backend_error));
        return FAILED;
    }
    if (fflush(stdout) != 0) {
        (void)fprintf(stderr, "varve-sim: cannot write the figures\n");
        return FAILED;
    }
    return DONE;
}

static int find_config(const struct options *options, char path[VARVE_PATH_TEXT])
{
    if (options->config != NULL) {
        if (varve_format(path, VARVE_PATH_TEXT, "%s", options->config) < VARVE_PATH_TEXT &&
            access(path, R_OK) == 0) {
            return 0;
        }
        (void)fprintf(stderr, "varve-sim: cannot read %s\n", options->config);
        return -1;
    }
    if (!board_file(options->board, "board.ini", path)) {
        (void)fprintf(stderr,
                      "varve-sim: there is no board %s: no %s/board.ini below boards or %s\n",
                      options->board, options->board, VARVE_BOARDS_DIR);
        return -1;
    }
    return 0;
}

// A device of raw NOR has a chip without a filesystem as well, for `device = nor0`; of the two a
// configuration uses one. What no driver of such a chip would be is left out.
static int add_chip(const struct varve_sim_device *device)
{
    const uint64_t sectors = device->capacity_bytes / device->erase_block_bytes;
    const struct varve_sim_nor chip = {device->page_bytes, device->erase_block_bytes,
                                       (uint32_t)sectors};
    const bool wanted = device->kind == VARVE_SIM_NOR && sectors >= 8 && sectors <= UINT16_MAX &&
                        device->capacity_bytes <= UINT32_MAX;
    return wanted ? varve_sim_add_nor(&chip) : 0;
}

static int simulate(const struct options *options, const struct varve_sim_device *device,
                    struct source *source, const char *config)
{
    const int64_t day_ms = 86400000;
    const int64_t days = options->days > 0 || source->is_csv ? options->days : 1;
    const struct run_plan plan = {
        .span_ms = days * day_ms, .reboot_ms = options->reboot_ms, .cut_at = options->cut_at};
    // Stores place blocks in pages of the file cache at least.
    const uint32_t page = device->page_bytes < 4096 ? 4096 : device->page_bytes;
    struct run_result result;
    char why[VARVE_MESSAGE_TEXT];
    if (varve_sim_make(device, source->start_ms, why, sizeof why) != 0) {
        (void)fprintf(stderr, "varve-sim: flash: %s\n", why[0] != '\0' ? why : "out of memory");
        return USAGE;
    }
    if (add_chip(device) != 0) {
        (void)fprintf(stderr, "varve-sim: out of memory\n");
        return FAILED;
    }
    varve_sim_log_level(options->verbose ? VARVE_DEBUG : VARVE_ERROR);
    if (configure(options, config) != 0) {
        return USAGE;
    }
    if (run_life(&conf, source, &plan, page, &result) != 0) {
        return FAILED;
    }
    (options->json ? report_json : report_text)(stdout, options, device, &result);
    return judge(&result);
}

int main(int argc, char **argv)
{
    static struct source source;
    struct options options;
    struct varve_sim_device device;
    char config[VARVE_PATH_TEXT];
    const int rc = options_read(&options, argc, argv);
    if (rc != 0) {
        return rc > 0 ? DONE : USAGE;
    }
    if (choose_workload(&options) != 0 || find_config(&options, config) != 0 ||
        describe_device(&options, config, &device) != 0) {
        return USAGE;
    }
    int code = USAGE;
    if (source_open(&source, options.workload, options.seed, options.days > 0) == 0) {
        code = simulate(&options, &device, &source, config);
    }
    source_close(&source);
    varve_sim_destroy();
    return code;
}
