// SPDX-License-Identifier: Apache-2.0
// The daemon's command line; see options.h.
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#ifndef VARVE_PLUGIN_DIR
#define VARVE_PLUGIN_DIR "/usr/lib/varve/plugins"
#endif
#ifndef VARVE_CONF_FILE
#define VARVE_CONF_FILE "/etc/varve/varve.ini"
#endif

static const char help[] =
    "varved - keep the metric history of this device\n"
    "\n"
    "Usage: varved [-c FILE] [OPTIONS]\n"
    "\n"
    "  -c, --config FILE          configuration; default " VARVE_CONF_FILE "\n"
    "      --check-config         check the configuration and stop\n"
    "      --set SECTION.KEY=VAL  override one setting, for example varve.flush=1m or\n"
    "                             \"backend flash.path=/tmp/x.db\"; may be repeated\n"
    "      --state DIR            override the state directory: the same as --set varve.state=DIR\n"
    "      --plugin-dir DIR       load modules from there; default " VARVE_PLUGIN_DIR "\n"
    "  -h, --help                 print this\n"
    "      --version              print the version\n"
    "\n"
    "Runs in the foreground. SIGTERM and SIGINT store everything and stop it, SIGUSR1 stores\n"
    "everything and goes on, SIGHUP reads the configuration again.\n"
    "\n"
    "Exit codes: 0 stopped in order, 1 failed, 2 wrong usage or configuration, 3 another daemon\n"
    "has the socket or the store.\n"
    "\n"
    "Example:\n"
    "  varved -c boards/linux-generic/board.ini --state /tmp/varve\n";

enum {
    LONG_CHECK = 256,
    LONG_SET,
    LONG_STATE,
    LONG_PLUGIN_DIR,
    LONG_VERSION,
};

static const struct option longs[] = {
    {"config", required_argument, NULL, 'c'},
    {"check-config", no_argument, NULL, LONG_CHECK},
    {"set", required_argument, NULL, LONG_SET},
    {"state", required_argument, NULL, LONG_STATE},
    {"plugin-dir", required_argument, NULL, LONG_PLUGIN_DIR},
    {"version", no_argument, NULL, LONG_VERSION},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int add_set(struct options *options, const char *assignment)
{
    if (options->set_count == OPTIONS_SET_MAX) {
        (void)fprintf(stderr, "varved: more than %u --set; put them into the configuration\n",
                      OPTIONS_SET_MAX);
        return -1;
    }
    options->set[options->set_count++] = assignment;
    return 0;
}

static int take(struct options *options, int option)
{
    switch (option) {
    case 'c':
        options->config = optarg;
        options->config_given = true;
        return 0;
    case LONG_CHECK:
        options->check_config = true;
        return 0;
    case LONG_SET:
        return add_set(options, optarg);
    case LONG_STATE:
        options->state = optarg;
        return 0;
    case LONG_PLUGIN_DIR:
        options->plugin_dir = optarg;
        return 0;
    case LONG_VERSION:
        (void)printf("varved " VARVE_VERSION "\n");
        return 1;
    case 'h':
        (void)fputs(help, stdout);
        return 1;
    default:
        (void)fprintf(stderr, "Try `varved --help`.\n"); // getopt said what is wrong
        return -1;
    }
}

int options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){.config = VARVE_CONF_FILE, .plugin_dir = VARVE_PLUGIN_DIR};
    int option;
    while ((option = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
        int rc = take(options, option);
        if (rc != 0) {
            return rc;
        }
    }
    if (optind < argc) {
        (void)fprintf(stderr, "varved: unexpected argument `%s`; Try `varved --help`.\n",
                      argv[optind]);
        return -1;
    }
    return 0;
}
