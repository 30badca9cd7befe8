// SPDX-License-Identifier: Apache-2.0
// Names of backups and what is done with them as files; see backup_files.h.
//
// A directory is walked anew for each file that is looked for: there are a handful, and so no list
// of them needs memory, nor can a removal upset a walk.
#include "backup_files.h"

#include <string.h>

#include "varve/host.h"
#include "varve/port.h"

#define DAY_S  INT64_C(86400)
#define DIGITS 14u // of a stamp

// ---- time ---------------------------------------------------------------------------------------

// Days since 1970 of a date in the Gregorian calendar, and back; years 1970 to 9999. The year is
// taken to begin in March, so that the leap day is its last.
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    const int64_t y = month <= 2 ? year - 1 : year;
    const int64_t m = month <= 2 ? month + 9 : month - 3;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static void date_of(int64_t days, unsigned *year, unsigned *month, unsigned *day)
{
    const int64_t z = days + 719468;
    const int64_t era = z / 146097;
    const int64_t doe = z % 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t m = (5 * doy + 2) / 153;
    *day = (unsigned)(doy - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = (unsigned)(yoe + era * 400 + (*month <= 2 ? 1 : 0));
}

void varve_backup_stamp(int64_t time_ms, char out[VARVE_BACKUP_STAMP + 1])
{
    const int64_t s = time_ms / 1000;
    const unsigned of_day = (unsigned)(s % DAY_S);
    unsigned year, month, day;
    date_of(s / DAY_S, &year, &month, &day);
    (void)varve_format(out, VARVE_BACKUP_STAMP + 1, "-%04u%02u%02uT%02u%02u%02uZ", year, month, day,
                       of_day / 3600, of_day / 60 % 60, of_day % 60);
}

// Takes `n` digits.
static int64_t number(const char **digits, size_t n)
{
    int64_t value = 0;
    for (; n > 0; n--) {
        value = value * 10 + (*(*digits)++ - '0');
    }
    return value;
}

// Reads a stamp; false when it is none. Whoever writes 31 February is understood all the same.
static bool read_stamp(const char *text, int64_t *time_ms)
{
    static const char shape[] = "-00000000T000000Z";
    char digits[DIGITS];
    size_t n = 0;
    for (size_t i = 0; i < VARVE_BACKUP_STAMP; i++) {
        const bool digit = text[i] >= '0' && text[i] <= '9';
        if (shape[i] == '0' ? !digit : text[i] != shape[i]) {
            return false;
        }
        if (digit) {
            digits[n++] = text[i];
        }
    }
    const char *at = digits;
    const int64_t year = number(&at, 4), month = number(&at, 2), day = number(&at, 2);
    const int64_t hour = number(&at, 2), minute = number(&at, 2), second = number(&at, 2);
    *time_ms = (days_of(year, month, day) * DAY_S + hour * 3600 + minute * 60 + second) * 1000;
    return year >= 1970 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

// ---- names --------------------------------------------------------------------------------------

int varve_backup_place_init(struct varve_backup_place *place, const char *state, const char *dir,
                            const char *store)
{
    const bool relative = dir[0] != '/' && state[0] != '\0';
    const size_t n = varve_format(place->dir, sizeof place->dir, "%s%s%s", relative ? state : "",
                                  relative ? "/" : "", dir);
    const char *slash = strrchr(store, '/');
    const char *base = slash == NULL ? store : slash + 1;
    const char *dot = strrchr(base, '.');
    const size_t length = dot == NULL || dot == base ? strlen(base) : (size_t)(dot - base);
    if (n >= sizeof place->dir || length == 0 || length >= sizeof place->prefix) {
        return VARVE_E_TOO_BIG;
    }
    memcpy(place->prefix, base, length);
    place->prefix[length] = '\0';
    return 0;
}

int varve_backup_path(const struct varve_backup_place *place, int64_t time_ms, const char *suffix,
                      char *out, size_t cap)
{
    char stamp[VARVE_BACKUP_STAMP + 1];
    varve_backup_stamp(time_ms, stamp);
    const size_t n = varve_format(out, cap, "%s/%s%s" VARVE_BACKUP_SUFFIX "%s", place->dir,
                                  place->prefix, stamp, suffix);
    return n < cap ? 0 : VARVE_E_TOO_BIG;
}

int varve_backup_time(const struct varve_backup_place *place, const char *name, const char *suffix,
                      int64_t *time_ms)
{
    const size_t prefix = strlen(place->prefix);
    const size_t ending = strlen(VARVE_BACKUP_SUFFIX);
    const char *stamp = name + prefix;
    const char *end = stamp + VARVE_BACKUP_STAMP;
    const bool ours = strlen(name) == prefix + VARVE_BACKUP_STAMP + ending + strlen(suffix) &&
                      memcmp(name, place->prefix, prefix) == 0 &&
                      memcmp(end, VARVE_BACKUP_SUFFIX, ending) == 0 &&
                      strcmp(end + ending, suffix) == 0 && read_stamp(stamp, time_ms);
    return ours ? 0 : VARVE_E_NOT_FOUND;
}

// ---- what is there ------------------------------------------------------------------------------

struct walk {
    const struct varve_backup_place *place;
    const char *suffix;
    int64_t after_ms, until_ms;
    int64_t first_ms, last_ms;
    uint32_t count;
};

static void visit(const char *name, void *arg)
{
    struct walk *w = arg;
    int64_t time_ms;
    if (varve_backup_time(w->place, name, w->suffix, &time_ms) != 0 || time_ms <= w->after_ms ||
        time_ms > w->until_ms) {
        return;
    }
    w->first_ms = w->count == 0 || time_ms < w->first_ms ? time_ms : w->first_ms;
    w->last_ms = w->count == 0 || time_ms > w->last_ms ? time_ms : w->last_ms;
    w->count++;
}

static int walk(struct walk *w)
{
    int rc = varve_port_dir_list(w->place->dir, w->suffix, visit, w);
    return rc != 0 ? rc : w->count > 0 ? 0 : VARVE_E_NOT_FOUND;
}

int varve_backup_next(const struct varve_backup_place *place, int64_t after_ms, int64_t until_ms,
                      int64_t *time_ms, uint32_t *count)
{
    struct walk w = {.place = place, .suffix = "", .after_ms = after_ms, .until_ms = until_ms};
    int rc = walk(&w);
    *time_ms = w.first_ms;
    if (count != NULL) {
        *count = w.count;
    }
    return rc;
}

int varve_backup_newest(const struct varve_backup_place *place, int64_t until_ms, int64_t *time_ms)
{
    struct walk w = {.place = place, .suffix = "", .after_ms = INT64_MIN, .until_ms = until_ms};
    int rc = walk(&w);
    *time_ms = w.last_ms;
    return rc;
}

// ---- what goes ----------------------------------------------------------------------------------

static int remove_one(const struct varve_backup_place *place, int64_t time_ms, const char *suffix)
{
    char path[VARVE_PATH_TEXT];
    int rc = varve_backup_path(place, time_ms, suffix, path, sizeof path);
    return rc == 0 ? varve_port_path_remove(path) : rc;
}

int varve_backup_prune(const struct varve_backup_place *place, int64_t now_ms, int64_t keep,
                       int64_t before_ms)
{
    for (int removed = 0;; removed++) {
        int64_t oldest_ms;
        uint32_t count;
        int rc = varve_backup_next(place, INT64_MIN, now_ms, &oldest_ms, &count);
        const bool old = rc == 0 && oldest_ms < before_ms;
        if (rc == VARVE_E_NOT_FOUND || (rc == 0 && (count <= 1 || (count <= keep && !old)))) {
            return removed;
        }
        rc = rc == 0 ? remove_one(place, oldest_ms, "") : rc;
        if (rc != 0) {
            return rc;
        }
    }
}

static int sweep(const struct varve_backup_place *place, const char *suffix)
{
    for (int removed = 0;; removed++) {
        struct walk w = {
            .place = place, .suffix = suffix, .after_ms = INT64_MIN, .until_ms = INT64_MAX};
        int rc = walk(&w);
        if (rc == VARVE_E_NOT_FOUND) {
            return removed;
        }
        rc = rc == 0 ? remove_one(place, w.first_ms, suffix) : rc;
        if (rc != 0) {
            return rc;
        }
    }
}

int varve_backup_sweep(const struct varve_backup_place *place)
{
    const int copies = sweep(place, VARVE_BACKUP_TEMP);
    // SQLite's, of a copy that was cut short.
    const int journals = sweep(place, VARVE_BACKUP_TEMP "-journal");
    if (copies < 0) {
        return copies;
    }
    return journals < 0 ? journals : copies + journals;
}
