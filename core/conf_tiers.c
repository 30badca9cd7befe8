// SPDX-License-Identifier: Apache-2.0
// Tiers: the lines of [tiers], the rules that hold between tiers, and the tier lists of backends.
//
// A tier is rebuilt after a restart from the next finer one, so that one must be kept for as long
// as the coarser tier's open window, one step and the loss window more. A window that is not
// written is the flush time for raw; for the others 60 steps, such as an hour of minutes, but at
// most a day and half of what the finer tier keeps.
//
// Threading: one task, as varve/conf.h says.
#include <string.h>

#include "core/conf.h"
#include "core/text.h"

#define DAY_MS      INT64_C(86400000)
#define STEP_MIN_MS INT64_C(100)
#define STEP_MAX_MS (31 * DAY_MS) // fits the 32 bits that a block's header has for it
#define KEEP_MAX_MS (36500 * DAY_MS)

#define EXPECTED                                                                                   \
    "expected NAME = STEP keep AGE [cap SIZE] [window SPAN], such as minute = 1m keep 24h"

#define WINDOW_STEPS  60
#define WINDOW_MAX_MS (DAY_MS / 4)

// Windows follow from the rule above.
const struct varve_tier conf_default_tiers[CONF_DEFAULT_TIERS] = {
    {"raw", 5000, DAY_MS / 12, 0},
    {"minute", 60000, DAY_MS, 0},
    {"hour", DAY_MS / 24, 7 * DAY_MS, 0},
    {"day", DAY_MS, 90 * DAY_MS, 0},
};

struct durations {
    char step[24];
    char keep[24];
    char window[24];
};

static void print_durations(const struct varve_tier *tier, struct durations *d)
{
    varve_format_duration(d->step, sizeof d->step, tier->step_ms);
    varve_format_duration(d->keep, sizeof d->keep, tier->keep_ms);
    varve_format_duration(d->window, sizeof d->window, tier->window_ms);
}

// ---- one line -----------------------------------------------------------------------------------

static const char *skip_separators(const char *p, bool commas)
{
    while (*p == ' ' || *p == '\t' || (commas && *p == ',')) {
        p++;
    }
    return p;
}

// Copies the next word; returns the position behind it, or NULL at the end or if it is too long.
static const char *next_word(const char *p, bool commas, char *word, size_t cap)
{
    p = skip_separators(p, commas);
    size_t n = 0;
    while (p[n] != '\0' && p[n] != ' ' && p[n] != '\t' && !(commas && p[n] == ',')) {
        n++;
    }
    if (n == 0 || n >= cap) {
        return NULL;
    }
    memcpy(word, p, n);
    word[n] = '\0';
    return p + n;
}

static const char *next_duration(const char *p, int64_t *ms)
{
    char word[24];
    p = next_word(p, false, word, sizeof word);
    return p != NULL && varve_parse_duration(word, ms) == 0 ? p : NULL;
}

static const char *next_keyword(const char *p, const char *keyword)
{
    char word[24];
    p = next_word(p, false, word, sizeof word);
    return p != NULL && strcmp(word, keyword) == 0 ? p : NULL;
}

static const char *next_size(const char *p, int64_t *bytes)
{
    char word[24];
    p = next_word(p, false, word, sizeof word);
    return p != NULL && varve_parse_size(word, bytes) == 0 && *bytes > 0 ? p : NULL;
}

static int parse_tier(const char *value, struct varve_tier *tier, int64_t *cap)
{
    const char *p = next_duration(value, &tier->step_ms);
    p = p != NULL ? next_keyword(p, "keep") : NULL;
    p = p != NULL ? next_duration(p, &tier->keep_ms) : NULL;
    const char *cap_at = p != NULL ? next_keyword(p, "cap") : NULL;
    if (cap_at != NULL) {
        p = next_size(cap_at, cap);
    }
    if (p != NULL && *skip_separators(p, false) != '\0') {
        p = next_keyword(p, "window");
        p = p != NULL ? next_duration(p, &tier->window_ms) : NULL;
        if (p == NULL || tier->window_ms == 0) {
            return VARVE_E_INVALID;
        }
    }
    return p != NULL && *skip_separators(p, false) == '\0' ? 0 : VARVE_E_INVALID;
}

static size_t find_tier(const struct varve_conf *conf, const char *name)
{
    size_t i = 0;
    while (i < conf->tier_count && strcmp(conf->tiers[i].name, name) != 0) {
        i++;
    }
    return i;
}

static int check_tier(struct varve_conf *conf, const struct conf_at *at,
                      const struct varve_tier *tier)
{
    struct durations d;
    print_durations(tier, &d);
    if (tier->step_ms < STEP_MIN_MS || tier->step_ms > STEP_MAX_MS) {
        conf_report(conf, at, "expected a step between 100ms and 31d; got '%s'", d.step);
        return VARVE_E_INVALID;
    }
    if (tier->keep_ms < tier->step_ms || tier->keep_ms > KEEP_MAX_MS) {
        conf_report(conf, at,
                    "expected to keep at least one step, %s, and at most 36500d; got '%s'", d.step,
                    d.keep);
        return VARVE_E_INVALID;
    }
    return 0;
}

static int check_name(struct varve_conf *conf, const struct conf_at *at, const char *name)
{
    if (!varve_text_is_name(name, VARVE_TIER_NAME) || strcmp(name, "all") == 0) {
        conf_report(conf, at,
                    "expected a tier's name: letters, digits, _ and -, at most %u bytes, not 'all'",
                    VARVE_TIER_NAME - 1);
        return VARVE_E_INVALID;
    }
    return 0;
}

static void put_tier(struct varve_conf *conf, const struct conf_at *at, size_t index,
                     const struct varve_tier *tier, int64_t cap)
{
    struct conf_state *state = conf_state(conf);
    uint32_t bit = UINT32_C(1) << index;
    conf->tiers[index] = *tier;
    conf->tier_caps[index] = cap;
    state->tier_at[index] = (struct conf_at){at->file, at->line, "tiers", NULL};
    state->windows_given &= ~bit;
    state->windows_given |= tier->window_ms != 0 ? bit : 0;
    if (index == conf->tier_count) {
        conf->tier_count++;
    }
}

void conf_tiers_apply(struct varve_conf *conf, const struct conf_at *at, const char *name,
                      const char *value, bool in_text)
{
    struct varve_tier tier = {.window_ms = 0};
    int64_t cap = 0;
    if (check_name(conf, at, name) != 0) {
        return;
    }
    if (parse_tier(value, &tier, &cap) != 0) {
        conf_report(conf, at, EXPECTED "; got '%s'", value);
        return;
    }
    if (check_tier(conf, at, &tier) != 0) {
        return;
    }
    if (!in_text && conf->tier_count == 0) {
        varve_conf_default_tiers(conf); // the command line changes one of them
    }
    size_t index = find_tier(conf, name);
    if (in_text && index < conf->tier_count) {
        conf_report(conf, at, "the tier stands twice in this section");
        return;
    }
    if (index == VARVE_MAX_TIERS) {
        conf_report(conf, at, "at most %u tiers are possible (VARVE_MAX_TIERS)", VARVE_MAX_TIERS);
        return;
    }
    varve_format(tier.name, sizeof tier.name, "%s", name);
    put_tier(conf, at, index, &tier, cap);
}

void conf_tiers_clear(struct varve_conf *conf)
{
    conf->tier_count = 0;
    conf_state(conf)->windows_given = 0;
}

void varve_conf_default_tiers(struct varve_conf *conf)
{
    static const struct conf_at nowhere = {.section = "tiers"};
    conf_tiers_clear(conf);
    for (size_t i = 0; i < CONF_DEFAULT_TIERS && i < VARVE_MAX_TIERS; i++) {
        put_tier(conf, &nowhere, i, &conf_default_tiers[i], 0);
    }
}

// ---- between tiers ------------------------------------------------------------------------------

// The longest time that a raw window may cover.
static int64_t loss_ms(const struct varve_conf *conf)
{
    int64_t flush_ms = conf->settings.flush_ms;
    return conf->wear.max_loss_ms > flush_ms ? conf->wear.max_loss_ms : flush_ms;
}

static int64_t default_window(const struct varve_conf *conf, size_t index)
{
    if (index == 0) {
        return conf->settings.flush_ms;
    }
    int64_t step = conf->tiers[index].step_ms;
    int64_t keep = conf->tiers[index - 1].keep_ms;
    int64_t span = keep / 2 < WINDOW_MAX_MS ? keep / 2 : WINDOW_MAX_MS;
    int64_t most = keep - step - loss_ms(conf);
    span = span < WINDOW_STEPS * step ? span : WINDOW_STEPS * step;
    span = span < most ? span : most;
    return span < step ? step : span - span % step;
}

static void check_raw(struct varve_conf *conf, const struct conf_at *at)
{
    const struct varve_tier *raw = &conf->tiers[0];
    struct durations d;
    char flush[24];
    print_durations(raw, &d);
    varve_format_duration(flush, sizeof flush, conf->settings.flush_ms);
    if (raw->window_ms > conf->settings.flush_ms) {
        conf_report(conf, at,
                    "expected a window no longer than [varve] flush = %s, as raw comes first; got "
                    "'%s'",
                    flush, d.window);
    } else if (raw->keep_ms < raw->window_ms) {
        conf_report(conf, at, "expected to keep at least one window, %s; got '%s'", d.window,
                    d.keep);
    }
}

static void check_window(struct varve_conf *conf, const struct conf_at *at,
                         const struct varve_tier *tier)
{
    struct durations d;
    print_durations(tier, &d);
    if (tier->window_ms % tier->step_ms != 0) {
        conf_report(conf, at, "expected a window in whole steps of %s; got '%s'", d.step, d.window);
    } else if (tier->keep_ms < tier->window_ms) {
        conf_report(conf, at, "expected to keep at least one window, %s; got '%s'", d.window,
                    d.keep);
    }
}

static void check_pair(struct varve_conf *conf, size_t index)
{
    struct conf_state *state = conf_state(conf);
    const struct varve_tier *finer = &conf->tiers[index - 1];
    const struct varve_tier *tier = &conf->tiers[index];
    struct conf_at at = state->tier_at[index];
    struct durations fine, own;
    print_durations(finer, &fine);
    print_durations(tier, &own);
    at.key = tier->name;
    if (tier->step_ms <= finer->step_ms) {
        conf_report(conf, &at, "expected a step coarser than that of '%s', %s; got '%s'",
                    finer->name, fine.step, own.step);
    } else if (index > 1 && tier->step_ms % finer->step_ms != 0) {
        conf_report(conf, &at, "expected a step that is a multiple of that of '%s', %s; got '%s'",
                    finer->name, fine.step, own.step);
    } else {
        check_window(conf, &at, tier);
    }
    int64_t needed = tier->window_ms + tier->step_ms + loss_ms(conf);
    if (finer->keep_ms < needed) {
        char least[24], loss[24];
        varve_format_duration(least, sizeof least, needed);
        varve_format_duration(loss, sizeof loss, loss_ms(conf));
        at = state->tier_at[index - 1];
        at.key = finer->name;
        conf_report(conf, &at,
                    "expected to keep at least %s, from which '%s' is rebuilt (window %s + step "
                    "%s + loss window %s); got '%s'",
                    least, tier->name, own.window, own.step, loss, fine.keep);
    }
}

void conf_tiers_finish(struct varve_conf *conf)
{
    struct conf_state *state = conf_state(conf);
    if (conf->tier_count == 0) {
        varve_conf_default_tiers(conf);
    }
    for (size_t i = 0; i < conf->tier_count; i++) {
        if ((state->windows_given >> i & 1u) == 0) {
            conf->tiers[i].window_ms = default_window(conf, i);
        }
    }
    struct conf_at at = state->tier_at[0];
    at.key = conf->tiers[0].name;
    check_raw(conf, &at);
    for (size_t i = 1; i < conf->tier_count; i++) {
        check_pair(conf, i);
    }
}

// ---- the backends' lists ------------------------------------------------------------------------

static int resolve_word(struct varve_conf *conf, const struct conf_at *at, const char *word,
                        uint32_t *mask)
{
    if (strcmp(word, "all") == 0) {
        *mask = (UINT32_C(1) << conf->tier_count) - 1;
        return 0;
    }
    size_t index = find_tier(conf, word);
    if (index < conf->tier_count) {
        *mask |= UINT32_C(1) << index;
        return 0;
    }
    char known[VARVE_MESSAGE_TEXT];
    struct varve_text t;
    varve_text_init(&t, known, sizeof known);
    for (size_t i = 0; i < conf->tier_count; i++) {
        varve_text_add(&t, ", %s", conf->tiers[i].name);
    }
    conf_report(conf, at, "there is no tier '%s'; expected all%s", word, known);
    return VARVE_E_INVALID;
}

static void resolve_backend(struct varve_conf *conf, struct varve_instance_conf *instance)
{
    const struct conf_head *head = conf_head(instance);
    char title[VARVE_CONF_LINE];
    char word[VARVE_CONF_LINE];
    varve_format(title, sizeof title, "backend %s", instance->name);
    struct conf_at at = {head->file, head->line, title, "tiers"};
    const char *p = instance->tier_list;
    instance->tiers = 0;
    while ((p = next_word(p, true, word, sizeof word)) != NULL) {
        if (resolve_word(conf, &at, word, &instance->tiers) != 0) {
            return;
        }
    }
    if (instance->tiers == 0) {
        conf_report(conf, &at, "expected all or at least one tier");
    }
}

void conf_tiers_resolve(struct varve_conf *conf)
{
    for (size_t i = 0; i < conf->instance_count; i++) {
        if (conf->instances[i].plugin->kind == VARVE_BACKEND) {
            resolve_backend(conf, &conf->instances[i]);
        }
    }
}
