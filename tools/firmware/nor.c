// SPDX-License-Identifier: Apache-2.0
// An image that lives on a raw NOR chip: it reads back and verifies all that an earlier run has
// left there, lives for some hours, verifies again, and prints what the ledger says. Words of its
// command line:
//
//   sectors=N   use the first N sectors of the chip; default: all
//   minutes=N   live so long; default 0: look only
//   tear=N      the power goes in the N-th program, cut=N: in the N-th erase; exit status 99
//   worn=N      the sector N cannot be erased any more
//   even=N      fail unless each sector was erased N times at least, and none a tenth more often
//
// Values are noise that follows from series and time, so that they take room and can be verified to
// the bit. An orderly end and a flush are acknowledged; an earlier run's newest sample says what
// time it is.
//
// Threading: one loop.
#include <string.h>

#include "firmware.h"
#include "ports/baremetal/baremetal.h"
#include "ports/common/firmware.h"
#include "ports/cortex-m/cortex-m.h"
#include "torn_flash.h"
#include "varve/query.h"

#define SENSORS    32
#define STEP_MS    5000
#define FLUSH_ROWS 24
#define MADE_UP_MS INT64_C(1775001600000) // 2026-04-01T00:00:00Z

enum {
    EXIT_INIT = 2,
    EXIT_WORDS,
    EXIT_SERIES,
    EXIT_PUSH,
    EXIT_HISTORY,
    EXIT_WEAR,
    EXIT_STOP,
    EXIT_POWER = 99,
};

static _Alignas(8) uint8_t memory[VARVE_MEMORY_BYTES];
static _Alignas(8) uint8_t query_memory[VARVE_QUERY_MEMORY_MIN];
static struct varve_host *host;
static int ids[SENSORS];
static int64_t acknowledged_ms = INT64_MIN;
static struct torn_flash torn;

static struct {
    uint32_t sectors, minutes, tear, cut, worn, even;
} words = {.worn = UINT32_MAX};

// ---- the command line ---------------------------------------------------------------------------

static const char *take_number(const char *text, uint32_t *out)
{
    uint32_t n = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        n = 10 * n + (uint32_t)(*text - '0');
    }
    *out = n;
    return text;
}

static bool take_word(const char **text)
{
    const struct {
        const char *name;
        uint32_t *value;
    } known[] = {{"sectors=", &words.sectors}, {"minutes=", &words.minutes},
                 {"tear=", &words.tear},       {"cut=", &words.cut},
                 {"worn=", &words.worn},       {"even=", &words.even}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const size_t len = strlen(known[i].name);
        if (strncmp(*text, known[i].name, len) == 0) {
            *text = take_number(*text + len, known[i].value);
            return true;
        }
    }
    return false;
}

// Behind the image's own name.
static bool take_words(void)
{
    static char line[128];
    if (semihosting_command_line(line, sizeof line) != 0) {
        return false;
    }
    const char *at = strchr(line, ' ');
    while (at != NULL && *at == ' ' && at[1] != '\0') {
        at++;
        if (!take_word(&at)) {
            firmware_print("not understood: %s\n", at);
            return false;
        }
    }
    return true;
}

// ---- samples ------------------------------------------------------------------------------------

// The clocks' milliseconds may be one apart.
static int64_t step_of(int64_t time_ms)
{
    return (time_ms + STEP_MS / 2) / STEP_MS;
}

// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) of series and step.
static double reading(int sensor, int64_t step)
{
    uint64_t z = (uint64_t)step * SENSORS + (uint64_t)sensor;
    z *= UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ z >> 31) >> 12) / 3.0;
}

static int add_series(void)
{
    for (int i = 0; i < SENSORS; i++) {
        char text[VARVE_SERIES_TEXT];
        (void)varve_format(text, sizeof text, "noise{probe=\"%02d\"}", i);
        const struct varve_series_def def = {.text = text, .unit = "1", .help = ""};
        ids[i] = varve_series_add(host, &def);
        if (ids[i] < 0) {
            return ids[i];
        }
    }
    return 0;
}

static void power_gone(void)
{
    firmware_print("acknowledged %lld\nthe power goes\n", (long long)acknowledged_ms);
    firmware_settle();
    semihosting_exit(EXIT_POWER);
}

static int push_row(int64_t boot_ms, int64_t step)
{
    int rc = 0;
    for (int i = 0; i < SENSORS; i++) {
        const int one = varve_push_boot(host, ids[i], boot_ms, reading(i, step));
        rc = rc != 0 ? rc : one;
    }
    while (varve_host_step(host) == 0) {
    }
    return rc;
}

// From the moment on that is now. What a flush has stored is acknowledged.
static int live(int64_t from_ms)
{
    const int64_t rows = (int64_t)words.minutes * 60000 / STEP_MS;
    const int64_t began_ms = varve_port_boot_ms();
    int rc = 0;
    for (int64_t i = 0; rc == 0 && i < rows; i++) {
        const int64_t boot_ms = began_ms + i * STEP_MS;
        firmware_sleep(boot_ms - varve_port_boot_ms());
        rc = push_row(boot_ms, step_of(from_ms) + i);
        if (rc == 0 && i % FLUSH_ROWS == FLUSH_ROWS - 1 && varve_host_flush(host, 0) == 0) {
            acknowledged_ms = from_ms + i * STEP_MS;
        }
    }
    return rc;
}

// ---- what is there ------------------------------------------------------------------------------

struct reader {
    int sensor;
    int64_t next; // step; INT64_MIN: any
    uint32_t rows, series, wrong;
};

static int take_info(void *arg, const struct varve_query_info *info)
{
    struct reader *r = arg;
    r->wrong += info->damaged_blocks;
    return 0;
}

static int take_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct reader *r = arg;
    uint32_t sensor = 0;
    (void)id;
    (void)take_number(strchr(def->text, '"') + 1, &sensor);
    r->sensor = (int)sensor;
    r->next = INT64_MIN;
    r->series++;
    return 0;
}

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct reader *r = arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        const int64_t step = step_of(points[i].time_ms);
        const bool follows = r->next == INT64_MIN || step == r->next;
        r->wrong += !follows || points[i].value != reading(r->sensor, step);
        r->next = step + 1;
    }
    r->rows += (uint32_t)n;
    return 0;
}

// All raw rows, none missing between the first and the last; sets the time of the last.
static int verify(int64_t *newest_ms)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    struct reader r = {0};
    static struct varve_stats stats;
    const struct varve_query all = {
        .selector = "noise", .from_ms = INT64_MIN, .to_ms = INT64_MAX, .tier = 0};
    const struct varve_query_sink sink = {&r, take_info, take_series, take_points, take_info};
    const int rc =
        varve_query_run(host, &all, &sink, query_memory, sizeof query_memory, why, sizeof why);
    if (rc != 0 && rc != VARVE_E_NOT_FOUND) {
        firmware_print("the query failed: %s (%s)\n", why, varve_strerror(rc));
        return EXIT_HISTORY;
    }
    varve_host_stats(host, &stats);
    *newest_ms = stats.tiers[0].newest_ms;
    firmware_print("history %u rows of %u series, wrong %u, newest %lld\n", (unsigned)r.rows,
                   (unsigned)r.series, (unsigned)r.wrong, (long long)*newest_ms);
    return r.wrong == 0 ? 0 : EXIT_HISTORY;
}

static int print_wear(void)
{
    static struct varve_stats stats;
    varve_host_stats(host, &stats);
    const struct varve_backend_stats *b = &stats.backends[0];
    firmware_print("sectors %u, bad %u, erased %u to %u times, %llu erases now\n",
                   (unsigned)b->sectors, (unsigned)b->sectors_bad, (unsigned)b->sector_erases_min,
                   (unsigned)b->sector_erases_max, (unsigned long long)b->erases);
    firmware_print("flash %llu bytes written now, samples %llu, dropped %llu\n",
                   (unsigned long long)b->flash_bytes, (unsigned long long)stats.samples,
                   (unsigned long long)stats.dropped);
    const bool even = b->sector_erases_min >= words.even &&
                      10 * b->sector_erases_max <= 11 * b->sector_erases_min;
    return words.even == 0 || even ? 0 : EXIT_WEAR;
}

// ---- the whole ----------------------------------------------------------------------------------

static int start(void)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    static const struct varve_flash *flashes[2];
    const struct varve_flash *chip = firmware_nor(words.sectors);
    if (chip == NULL) {
        return EXIT_INIT;
    }
    torn_flash_init(&torn, chip, power_gone);
    torn.tear_at = words.tear;
    torn.cut_at = words.cut;
    torn.worn_sector = words.worn;
    flashes[0] = &torn.flash;
    varve_firmware_flashes(flashes);
    const struct varve_conf *conf = firmware_conf();
    if (conf == NULL || varve_host_init(&host, conf, memory, sizeof memory, VARVE_HOST_FRESH_MEMORY,
                                        why, sizeof why) != 0) {
        firmware_print("cannot start: %s\n", why);
        return EXIT_INIT;
    }
    return 0;
}

static int run(void)
{
    int64_t newest_ms;
    if (!take_words()) {
        return EXIT_WORDS;
    }
    int rc = start();
    rc = rc == 0 ? verify(&newest_ms) : rc;
    if (rc != 0) {
        return rc;
    }
    const int64_t from_ms = newest_ms > 0 ? newest_ms + STEP_MS : MADE_UP_MS;
    varve_firmware_set_wall(from_ms);
    if (add_series() != 0) {
        return EXIT_SERIES;
    }
    if (live(from_ms) != 0) {
        return EXIT_PUSH;
    }
    rc = verify(&newest_ms);
    const int wear = print_wear();
    if (varve_host_shutdown(host) != 0) {
        return EXIT_STOP;
    }
    return rc != 0 ? rc : wear;
}

int main(void)
{
    firmware_start();
    const int rc = run();
    firmware_settle();
    return rc;
}
