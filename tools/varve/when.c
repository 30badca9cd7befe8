// SPDX-License-Identifier: Apache-2.0
// Times as people write and read them; see when.h.
#include "when.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "varve/conf.h"
#include "varve/port.h"

// A text being read from the left.
struct scan {
    const char *at;
    const char *end;
};

static bool scan_char(struct scan *s, const char *set)
{
    if (s->at < s->end && *s->at && strchr(set, *s->at)) {
        s->at++;
        return true;
    }
    return false;
}

static bool scan_digits(struct scan *s, size_t count, int *out)
{
    if ((size_t)(s->end - s->at) < count) {
        return false;
    }
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        char c = s->at[i];
        if (c < '0' || c > '9') {
            return false;
        }
        value = value * 10 + (c - '0');
    }
    s->at += count;
    *out = value;
    return true;
}

// `.123456` to ms; digits beyond the third are cut.
static bool scan_fraction_ms(struct scan *s, int *ms)
{
    *ms = 0;
    if (!scan_char(s, ".")) {
        return true;
    }
    const char *first = s->at;
    for (int weight = 100; s->at < s->end && *s->at >= '0' && *s->at <= '9'; s->at++) {
        *ms += (*s->at - '0') * weight;
        weight /= 10;
    }
    return s->at > first;
}

// ---- calendar ----------------------------------------------------------------------------------

static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool valid_date(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1) {
        return false;
    }
    return day <= days[month - 1] + (month == 2 && leap(year) ? 1 : 0);
}

struct civil {
    int year, month, day, hour, minute, second, ms;
};

static int64_t utc_ms(const struct civil *c, int offset_minutes)
{
    int64_t s = days_from_civil(c->year, c->month, c->day) * 86400;
    s += (int64_t)c->hour * 3600 + (int64_t)(c->minute - offset_minutes) * 60 + c->second;
    return s * 1000 + c->ms;
}

static int local_ms(const struct civil *c, int64_t *out)
{
    struct tm tm = {.tm_year = c->year - 1900,
                    .tm_mon = c->month - 1,
                    .tm_mday = c->day,
                    .tm_hour = c->hour,
                    .tm_min = c->minute,
                    .tm_sec = c->second,
                    .tm_isdst = -1};
    time_t t = mktime(&tm);
    if (t == (time_t)-1 && tm.tm_wday == 0 && c->year != 1969) {
        return VARVE_E_INVALID;
    }
    *out = (int64_t)t * 1000 + c->ms;
    return 0;
}

// ---- RFC 3339 -----------------------------------------------------------------------------------

static bool scan_clock(struct scan *s, struct civil *c)
{
    if (!scan_digits(s, 2, &c->hour) || !scan_char(s, ":") || !scan_digits(s, 2, &c->minute)) {
        return false;
    }
    if (scan_char(s, ":") && !(scan_digits(s, 2, &c->second) && scan_fraction_ms(s, &c->ms))) {
        return false;
    }
    return c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

// `Z`, `+02:00`, `+0200`, or nothing: local time.
static bool scan_offset(struct scan *s, bool *local, int *minutes)
{
    *minutes = 0;
    *local = s->at == s->end;
    if (*local || scan_char(s, "Zz")) {
        return true;
    }
    bool west = *s->at == '-';
    int hours = 0;
    int rest = 0;
    if (!scan_char(s, "+-") || !scan_digits(s, 2, &hours)) {
        return false;
    }
    (void)scan_char(s, ":"); // may be left out
    if (!scan_digits(s, 2, &rest) || hours > 23 || rest > 59) {
        return false;
    }
    *minutes = (hours * 60 + rest) * (west ? -1 : 1);
    return true;
}

static int parse_date(struct scan s, int64_t *out)
{
    struct civil c = {0};
    bool local = true;
    int offset = 0;
    if (!scan_digits(&s, 4, &c.year) || !scan_char(&s, "-") || !scan_digits(&s, 2, &c.month) ||
        !scan_char(&s, "-") || !scan_digits(&s, 2, &c.day) || !valid_date(c.year, c.month, c.day)) {
        return VARVE_E_INVALID;
    }
    if (s.at < s.end &&
        !(scan_char(&s, "Tt ") && scan_clock(&s, &c) && scan_offset(&s, &local, &offset))) {
        return VARVE_E_INVALID;
    }
    if (s.at != s.end) {
        return VARVE_E_INVALID;
    }
    if (local) {
        return local_ms(&c, out);
    }
    *out = utc_ms(&c, offset);
    return 0;
}

// ---- Unix time ----------------------------------------------------------------------------------

static int parse_unix(struct scan s, int64_t *out)
{
    const int64_t limit = INT64_C(100000000000000000);
    bool negative = scan_char(&s, "-");
    const char *first = s.at;
    int64_t value = 0;
    for (; s.at < s.end && *s.at >= '0' && *s.at <= '9'; s.at++) {
        if (value > limit) {
            return VARVE_E_INVALID;
        }
        value = value * 10 + (*s.at - '0');
    }
    int ms = 0;
    if (s.at == first || !scan_fraction_ms(&s, &ms) || s.at != s.end) {
        return VARVE_E_INVALID;
    }
    if (value < WHEN_MS_FROM) {
        value = value * 1000 + ms;
    }
    *out = negative ? -value : value;
    return 0;
}

int when_parse_absolute(const char *text, size_t len, int64_t *out)
{
    struct scan s = {.at = text, .end = text + len};
    return len > 4 && text[4] == '-' ? parse_date(s, out) : parse_unix(s, out);
}

int when_parse(const char *text, int64_t now_ms, int64_t *out)
{
    bool now = strncmp(text, "now", 3) == 0;
    const char *rest = now ? text + 3 : text;
    if (now && !*rest) {
        *out = now_ms;
        return 0;
    }
    int64_t span = 0;
    if ((*rest == '-' || *rest == '+') && varve_parse_duration(rest + 1, &span) == 0) {
        *out = *rest == '-' ? now_ms - span : now_ms + span;
        return 0;
    }
    return now ? VARVE_E_INVALID : when_parse_absolute(text, strlen(text), out);
}

// ---- output -------------------------------------------------------------------------------------

const char *when_format(int64_t ms, char *buf, size_t cap)
{
    if (ms == INT64_MIN || ms == INT64_MAX) {
        (void)snprintf(buf, cap, "-");
        return buf;
    }
    int64_t rest = ((ms % 1000) + 1000) % 1000;
    time_t t = (time_t)((ms - rest) / 1000);
    struct tm tm;
    size_t n = localtime_r(&t, &tm) ? strftime(buf, cap, "%Y-%m-%d %H:%M:%S", &tm) : 0;
    if (n == 0) {
        (void)snprintf(buf, cap, "%lld", (long long)ms);
    } else if (rest != 0) {
        (void)snprintf(buf + n, cap - n, ".%03d", (int)rest);
    }
    return buf;
}

const char *when_zone(void)
{
    tzset();
    time_t t = time(NULL);
    static char zone[16];
    struct tm tm;
    if (!localtime_r(&t, &tm) || strftime(zone, sizeof zone, "%Z", &tm) == 0) {
        zone[0] = '\0';
    }
    return zone;
}

int64_t when_now(void)
{
    return varve_port_wall_ms();
}

const char *when_span(int64_t ms, char *buf, size_t cap)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (i < 4 && ms < units[i].ms) {
        i++;
    }
    int64_t large = ms / units[i].ms;
    int64_t small = i < 3 ? ms % units[i].ms / units[i + 1].ms : 0;
    if (small > 0) {
        (void)snprintf(buf, cap, "%lld%s %lld%s", (long long)large, units[i].unit, (long long)small,
                       units[i + 1].unit);
    } else {
        (void)snprintf(buf, cap, "%lld%s", (long long)large, units[i].unit);
    }
    return buf;
}
