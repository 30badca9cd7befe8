// SPDX-License-Identifier: Apache-2.0
// The command line; see options.h.
#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "varve-sim - the life of a device on a virtual clock and an emulated flash\n"
    "\n"
    "Usage: varve-sim run --board NAME [--workload WORKLOAD] [OPTIONS]\n"
    "\n"
    "  -b, --board NAME           board.ini and flash.ini of boards/NAME, or of a directory when\n"
    "                             NAME has a slash; default linux-generic\n"
    "  -c, --config FILE          this configuration instead of the board's board.ini\n"
    "  -w, --workload WORKLOAD    synthetic:SERIESxSTEP, for example synthetic:255x5s, or "
    "csv:FILE\n"
    "                             with lines `ts,series,value` in the order of time; default: "
    "what\n"
    "                             the board calls typical\n"
    "  -d, --days N               virtual days; default 1, or as long as the CSV. A CSV that is\n"
    "                             shorter is repeated\n"
    "  -s, --seed S               of the synthetic workload; default 1\n"
    "      --format text|json     default text\n"
    "      --no-timing            leave out cpu_ns_per_sample and wall_s: all else is the same, "
    "byte\n"
    "                             for byte, whenever the arguments are\n"
    "      --set SECTION.KEY=VAL  override one setting of the configuration; may be repeated\n"
    "      --reboot-every SPAN    restart the device in order, for example 7d\n"
    "      --cut-at N             cut the power at flash operation N, boot again, go on\n"
    "  -v, --verbose              log of the simulated host, stamped with its boot time\n"
    "\n"
    "The flash, over flash.ini and the [wear] section of the configuration:\n"
    "      --kind ftl|nor|nand    eMMC or SD; raw NOR; raw NAND\n"
    "      --page, --erase-block, --capacity SIZE    bytes, also 4K 128K 8G\n"
    "      --endurance N          program/erase cycles of a block\n"
    "      --spare PERCENT        spare area\n"
    "\n"
    "  -h, --help                 print this\n"
    "      --version              print the version\n"
    "\n"
    "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.\n"
    "\n"
    "Examples:\n"
    "  varve-sim run --board openwrt-16m-nor --days 30\n"
    "  varve-sim run --board linux-generic --workload synthetic:255x5s --days 30\n"
    "  varve-sim run --board linux-generic --workload csv:night.csv --days 365 --format json\n"
    "  varve-sim run -w synthetic:64x10s -d 30 --kind nor --capacity 16M --set varve.flush=1h\n";

enum {
    LONG_FORMAT = 256,
    LONG_NO_TIMING,
    LONG_SET,
    LONG_REBOOT,
    LONG_CUT,
    LONG_VERSION,
    LONG_DEVICE, // the last: options below it in the table are words of flash.ini
};

static const struct option longs[] = {
    {"board", required_argument, NULL, 'b'},
    {"config", required_argument, NULL, 'c'},
    {"workload", required_argument, NULL, 'w'},
    {"days", required_argument, NULL, 'd'},
    {"seed", required_argument, NULL, 's'},
    {"format", required_argument, NULL, LONG_FORMAT},
    {"no-timing", no_argument, NULL, LONG_NO_TIMING},
    {"set", required_argument, NULL, LONG_SET},
    {"reboot-every", required_argument, NULL, LONG_REBOOT},
    {"cut-at", required_argument, NULL, LONG_CUT},
    {"verbose", no_argument, NULL, 'v'},
    {"version", no_argument, NULL, LONG_VERSION},
    {"help", no_argument, NULL, 'h'},
    {"kind", required_argument, NULL, LONG_DEVICE},
    {"page", required_argument, NULL, LONG_DEVICE},
    {"erase-block", required_argument, NULL, LONG_DEVICE},
    {"capacity", required_argument, NULL, LONG_DEVICE},
    {"endurance", required_argument, NULL, LONG_DEVICE},
    {"spare", required_argument, NULL, LONG_DEVICE},
    {NULL, 0, NULL, 0},
};

static int complain(const char *option, const char *value, const char *expected)
{
    (void)fprintf(stderr, "varve-sim: --%s %s: expected %s\n", option, value, expected);
    return -1;
}

static int take_number(const char *option, int64_t min, int64_t *out)
{
    if (varve_parse_int(optarg, out) != 0 || *out < min) {
        return complain(option, optarg, min > 0 ? "a positive number" : "a number from 0");
    }
    return 0;
}

static int take_format(struct options *options)
{
    options->json = strcmp(optarg, "json") == 0;
    return options->json || strcmp(optarg, "text") == 0
               ? 0
               : complain("format", optarg, "text or json");
}

static int add_set(struct options *options)
{
    if (options->set_count == OPTIONS_SET_MAX) {
        (void)fprintf(stderr, "varve-sim: more than %u --set; use --config\n", OPTIONS_SET_MAX);
        return -1;
    }
    options->set[options->set_count++] = optarg;
    return 0;
}

static int add_device(struct options *options, const char *key)
{
    if (options->device_count == OPTIONS_SET_MAX) {
        (void)fprintf(stderr, "varve-sim: more than %u options of the device\n", OPTIONS_SET_MAX);
        return -1;
    }
    options->device_key[options->device_count] =
        strcmp(key, "erase-block") == 0 ? "erase_block" : key;
    options->device_value[options->device_count++] = optarg;
    return 0;
}

static int take_reboot(struct options *options)
{
    if (varve_parse_duration(optarg, &options->reboot_ms) != 0 || options->reboot_ms <= 0) {
        return complain("reboot-every", optarg, "a duration such as 12h or 7d");
    }
    return 0;
}

static int take(struct options *options, int option, const char *name)
{
    int64_t number = 0;
    int rc = 0;
    switch (option) {
    case 'b':
        options->board = optarg;
        return 0;
    case 'c':
        options->config = optarg;
        return 0;
    case 'w':
        options->workload = optarg;
        return 0;
    case 'd':
        return take_number("days", 1, &options->days);
    case 's':
        rc = take_number("seed", 0, &number);
        options->seed = (uint64_t)number;
        return rc;
    case 'v':
        options->verbose = true;
        return 0;
    case LONG_FORMAT:
        return take_format(options);
    case LONG_NO_TIMING:
        options->timing = false;
        return 0;
    case LONG_SET:
        return add_set(options);
    case LONG_REBOOT:
        return take_reboot(options);
    case LONG_CUT:
        rc = take_number("cut-at", 1, &number);
        options->cut_at = (uint64_t)number;
        return rc;
    case LONG_DEVICE:
        return add_device(options, name);
    case LONG_VERSION:
        (void)printf("varve-sim " VARVE_VERSION "\n");
        return 1;
    case 'h':
        (void)fputs(help, stdout);
        return 1;
    default:
        (void)fprintf(stderr, "Try `varve-sim --help`.\n"); // getopt said what is wrong
        return -1;
    }
}

static int check(int argc, char **argv)
{
    if (optind == argc || strcmp(argv[optind], "run") != 0) {
        (void)fprintf(stderr, "varve-sim: expected the command `run`%s%s; try `varve-sim --help`\n",
                      optind < argc ? " and not " : "", optind < argc ? argv[optind] : "");
        return -1;
    }
    if (optind + 1 < argc) {
        (void)fprintf(stderr, "varve-sim: unexpected argument `%s`; try `varve-sim --help`\n",
                      argv[optind + 1]);
        return -1;
    }
    return 0;
}

int options_read(struct options *options, int argc, char **argv)
{
    *options = (struct options){.board = "linux-generic", .seed = 1, .timing = true};
    int option;
    int index = 0;
    while ((option = getopt_long(argc, argv, "b:c:w:d:s:vh", longs, &index)) != -1) {
        const int rc = take(options, option, longs[index].name);
        if (rc != 0) {
            return rc;
        }
    }
    return check(argc, argv);
}
