// SPDX-License-Identifier: Apache-2.0
// Collector exec: runs a program and takes the samples that it prints, one a line.
//
// The program is somebody else's, and anything may be wrong with it. It gets no shell, a clean
// environment, a time and an amount of output; what exceeds them ends it and all of its process
// group. Lines are taken as they come, so what was printed before a failure counts. A line that
// makes no sense is counted in exec_refused_lines_total and reported once, and so is a series that
// comes twice in one run: thousands of samples of one moment are no history.
//
// A program that cannot even be killed is not started a second time as long as it is there.
//
// Threading: one worker task at a time.
#include "parse/parse.h"

#include "varve/host.h"
#include "varve/port.h"

#include <string.h>

#define LINE_BYTES    512u // longest line
#define COMMAND_BYTES VARVE_CONF_LINE
#define MAX_WORDS     24u // of the command, and of the environment
#define QUOTED_BYTES  64u // of a line or text in a message
#define GRACE_MS      1000
#define PIECE_MS      200 // how soon a program ends when the daemon stops
#define FIXED_ENV     2u

struct options {
    const char *command;
    const char *env;
    int64_t timeout_ms;
    int64_t output;
};

struct words {
    char text[COMMAND_BYTES];
    const char *word[MAX_WORDS + FIXED_ENV + 1];
    size_t count;
};

struct state {
    struct words command, env;
    struct varve_port_process process;
    int refused_id;
    uint64_t refused; // lines
    bool told;        // of such a line
    // Of the run:
    char line[LINE_BYTES];
    size_t len;
    bool overlong;                // the rest of a line that was too long is passed over
    char counter[LINE_BYTES / 4]; // the metric that the last # TYPE was about
    bool is_counter;
    uint32_t samples;
    uint8_t seen[(VARVE_MAX_SERIES + 7) / 8]; // a bit for each series id
};

// ---- words

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

// Copies one word, quotes taken off; false when a quote does not end.
static bool take_word(const char **from, char **to)
{
    char quote = '\0';
    const char *p = *from;
    for (; *p != '\0' && (quote != '\0' || !is_blank(*p)); p++) {
        if (quote == '\0' && (*p == '"' || *p == '\'')) {
            quote = *p;
        } else if (*p == quote) {
            quote = '\0';
        } else {
            *(*to)++ = *p;
        }
    }
    *(*to)++ = '\0';
    *from = p;
    return quote == '\0';
}

// Blanks separate words, quotes hold one together; nothing is expanded.
static const char *split(struct words *words, const char *text)
{
    char *to = words->text;
    if (strlen(text) >= sizeof words->text) {
        return "is too long";
    }
    for (;;) {
        while (is_blank(*text)) {
            text++;
        }
        if (*text == '\0') {
            break;
        }
        if (words->count == MAX_WORDS) {
            return "has too many words";
        }
        words->word[words->count++] = to;
        if (!take_word(&text, &to)) {
            return "has a quote that does not end";
        }
    }
    words->word[words->count] = NULL;
    return NULL;
}

static const char *add_environment(struct words *env)
{
    for (size_t i = 0; i < env->count; i++) {
        if (strchr(env->word[i], '=') == NULL || env->word[i][0] == '=') {
            return "is to be NAME=value, separated by blanks";
        }
    }
    // The first one of a name is what most programs see: env can replace these.
    env->word[env->count++] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    env->word[env->count++] = "LC_ALL=C";
    env->word[env->count] = NULL;
    return NULL;
}

// Who can write to the directory can put another program in the place of this one.
static bool directory_trusted(const char *program, char *why, size_t cap)
{
    char directory[COMMAND_BYTES];
    const char *slash = strrchr(program, '/');
    size_t len = slash > program ? (size_t)(slash - program) : 1;
    (void)varve_span_copy((struct varve_span){program, len}, directory, sizeof directory); // fits
    return varve_port_path_trusted(directory, 0, why, cap) == 0;
}

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    const char *fault = split(&s->command, o->command);
    if (fault == NULL && (s->command.count == 0 || s->command.word[0][0] != '/')) {
        fault = "must begin with the program's whole path";
    }
    if (fault != NULL) {
        varve_instance_fail(self, "command %s: %s", fault, o->command);
        return VARVE_E_INVALID;
    }
    fault = split(&s->env, o->env);
    fault = fault == NULL ? add_environment(&s->env) : fault;
    if (fault != NULL) {
        varve_instance_fail(self, "env %s: %s", fault, o->env);
        return VARVE_E_INVALID;
    }
    if (varve_port_path_exists(s->command.word[0]) == VARVE_E_NOT_FOUND) {
        varve_instance_fail(self, "there is no %s", s->command.word[0]);
        return VARVE_E_NOT_FOUND;
    }
    char why[VARVE_MESSAGE_TEXT] = "";
    if (varve_port_path_trusted(s->command.word[0], 0, why, sizeof why) != 0 ||
        !directory_trusted(s->command.word[0], why, sizeof why)) {
        varve_instance_fail(self, "%s", why);
        return VARVE_E_DENIED;
    }
    s->refused_id =
        varve_instance_series_label(self, VARVE_COUNTER, "exec_refused_lines_total", "collector",
                                    self->name, "1", "Lines of a program that made no sense.");
    return 0;
}

// ---- lines

// What can be shown of a text that may hold anything.
static void quote(struct varve_span text, char out[QUOTED_BYTES])
{
    size_t n = text.len < QUOTED_BYTES - 1 ? text.len : QUOTED_BYTES - 1;
    for (size_t i = 0; i < n; i++) {
        out[i] = text.at[i] >= ' ' && text.at[i] <= '~' ? text.at[i] : '?';
    }
    out[n] = '\0';
}

static void refuse(struct varve_instance *self, struct varve_span line, const char *why)
{
    struct state *s = self->state;
    char quoted[QUOTED_BYTES];
    s->refused++;
    if (!s->told) {
        s->told = true;
        quote(line, quoted);
        varve_log(VARVE_WARNING, self->name,
                  "printed a line that %s: '%s'; further ones are counted", why, quoted);
    }
}

static bool ends_with(struct varve_span name, const char *end)
{
    size_t len = strlen(end);
    return name.len > len && memcmp(name.at + name.len - len, end, len) == 0;
}

// What TYPE says; without it by the suffix that counters have by convention.
static enum varve_kind kind_of(const struct state *s, struct varve_span name)
{
    bool typed = s->counter[0] != '\0' && varve_span_equals(name, s->counter);
    return (typed ? s->is_counter : ends_with(name, "_total")) ? VARVE_COUNTER : VARVE_GAUGE;
}

static void take_sample(struct varve_instance *self, struct varve_span line,
                        const struct varve_exposition *sample)
{
    struct state *s = self->state;
    char text[VARVE_SERIES_TEXT];
    struct varve_series_def def = {
        .text = text, .unit = "", .help = "", .kind = kind_of(s, sample->name)};
    if (!varve_span_copy(sample->series, text, sizeof text)) {
        refuse(self, line, "names too long a series");
        return;
    }
    int id = varve_instance_series(self, &def);
    if (id == VARVE_E_INVALID || id == VARVE_E_TOO_BIG) {
        refuse(self, line, "names no valid series");
        return;
    }
    if (id >= 0 && (s->seen[id / 8] >> id % 8 & 1) != 0) {
        refuse(self, line, "repeats a series");
        return;
    }
    if (id >= 0) {
        s->seen[id / 8] |= (uint8_t)(1u << id % 8);
    }
    s->samples++; // what limits refuse is counted by the host
    if (sample->has_time) {
        (void)varve_instance_push_at(self, id, sample->time_ms, sample->value);
    } else {
        (void)varve_instance_push(self, id, sample->value);
    }
}

static void take_line(struct varve_instance *self, struct varve_span line)
{
    struct state *s = self->state;
    struct varve_exposition parsed;
    if (line.len > 0 && line.at[line.len - 1] == '\r') {
        line.len--;
    }
    switch (varve_parse_exposition(line, &parsed)) {
    case VARVE_EXPOSITION_SAMPLE:
        take_sample(self, line, &parsed);
        break;
    case VARVE_EXPOSITION_TYPE:
        s->is_counter = parsed.counter;
        (void)varve_span_copy(parsed.name, s->counter, sizeof s->counter); // too long: no series
        break;
    case VARVE_EXPOSITION_GARBAGE:
        refuse(self, line, "is no sample");
        break;
    case VARVE_EXPOSITION_HELP:
    case VARVE_EXPOSITION_UNIT:
    case VARVE_EXPOSITION_NOTHING:
        break;
    }
}

// Takes the whole lines off the front of the buffer. One that fills it is refused, once.
static void take_lines(struct varve_instance *self)
{
    struct state *s = self->state;
    size_t whole = varve_scan_whole_lines(s->line, s->len);
    struct varve_span lines = {s->line, whole}, line;
    while (varve_scan_line(&lines, &line)) {
        if (!s->overlong) {
            take_line(self, line);
        }
        s->overlong = false;
    }
    struct varve_span rest = {s->line + whole, s->len - whole};
    if (rest.len == sizeof s->line) {
        if (!s->overlong) {
            refuse(self, rest, "is too long");
        }
        s->overlong = true;
        rest.len = 0;
    }
    memmove(s->line, rest.at, rest.len);
    s->len = rest.len;
}

// ---- running

// 0 at the end of the output, VARVE_E_TIMEOUT, VARVE_E_TOO_BIG, or VARVE_E_CLOSED.
static int read_output(struct varve_instance *self, int64_t end_ms)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    int64_t bytes = 0;
    for (;;) {
        int64_t left_ms = end_ms - varve_port_boot_ms();
        if (left_ms <= 0 || varve_instance_stopping(self)) {
            return left_ms <= 0 ? VARVE_E_TIMEOUT : VARVE_E_CLOSED;
        }
        int64_t n = varve_port_process_read(&s->process, s->line + s->len, sizeof s->line - s->len,
                                            left_ms < PIECE_MS ? left_ms : PIECE_MS);
        if (n == VARVE_E_TIMEOUT) {
            continue;
        }
        if (n <= 0) {
            return (int)n;
        }
        bytes += n;
        if (bytes > o->output) {
            return VARVE_E_TOO_BIG;
        }
        s->len += (size_t)n;
        take_lines(self);
    }
}

static int explain(struct varve_instance *self, int rc, int code, uint64_t refused_before)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    char said[QUOTED_BYTES];
    struct varve_span error = {s->process.said, strcspn(s->process.said, "\r\n")};
    quote(error, said);
    const char *colon = said[0] != '\0' ? ": " : "";
    if (rc == VARVE_E_CLOSED) {
        return 0; // the daemon stops: nothing is wrong with the program
    }
    if (rc == VARVE_E_TIMEOUT) {
        varve_instance_fail(self, "took longer than %lld ms and was ended%s%s",
                            (long long)o->timeout_ms, colon, said);
    } else if (rc == VARVE_E_TOO_BIG) {
        varve_instance_fail(self, "printed more than %lld bytes and was ended%s%s",
                            (long long)o->output, colon, said);
    } else if (code != 0) {
        varve_instance_fail(self, code < 0 ? "was ended by signal %d%s%s" : "exit code %d%s%s",
                            code < 0 ? -code : code, colon, said);
        rc = VARVE_E_IO;
    } else if (s->samples == 0 && s->refused > refused_before) {
        varve_instance_fail(self, "printed no sample%s%s", colon, said);
        rc = VARVE_E_INVALID;
    }
    return rc;
}

static int finish(struct varve_instance *self, int rc, int64_t end_ms, uint64_t refused_before)
{
    struct state *s = self->state;
    int code = 0;
    int64_t left_ms = rc == 0 ? end_ms - varve_port_boot_ms() : 0;
    int ended = varve_port_process_end(&s->process, left_ms > 0 ? left_ms : 0, GRACE_MS, &code);
    if (rc == 0 && code == 0 && s->len > 0 && !s->overlong) {
        take_line(self, (struct varve_span){s->line, s->len}); // the last one may lack its newline
    }
    (void)varve_instance_push(self, s->refused_id, (double)s->refused); // or it is counted
    if (ended != 0) {
        varve_instance_fail(self, "cannot be killed; it is not run again as long as it is there");
        return ended;
    }
    return explain(self, rc, code, refused_before);
}

static int collect(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    int code;
    if (s->process.id != 0 && varve_port_process_end(&s->process, 0, 0, &code) != 0) {
        return VARVE_E_BUSY; // the reason stands
    }
    s->len = 0;
    s->overlong = false;
    s->counter[0] = '\0';
    s->samples = 0;
    memset(s->seen, 0, sizeof s->seen);
    int64_t end_ms = varve_port_boot_ms() + o->timeout_ms;
    int rc = varve_port_process_start(&s->process, s->command.word, s->env.word);
    if (rc != 0) {
        varve_instance_fail(self, "%s cannot be run: %s", s->command.word[0],
                            varve_port_native_text(varve_port_native_error()));
        return rc;
    }
    uint64_t refused_before = s->refused;
    return finish(self, read_output(self, end_ms), end_ms, refused_before);
}

static const struct varve_option options[] = {
    {"command", VARVE_OPT_STRING, offsetof(struct options, command), NULL, 0, 0, NULL,
     "Program, by its whole path, and its arguments; quotes hold a word together; no shell."},
    {"env", VARVE_OPT_STRING, offsetof(struct options, env), "", 0, 0, NULL,
     "NAME=value for its environment, separated by blanks; else it has PATH and LC_ALL=C."},
    {"timeout", VARVE_OPT_DURATION, offsetof(struct options, timeout_ms), "3s", 100, 3600000, NULL,
     "It is ended when it takes longer: SIGTERM, a second later SIGKILL. Keep below deadline."},
    {"output", VARVE_OPT_SIZE, offsetof(struct options, output), "64K", 256, 1 << 30, NULL,
     "It is ended when it prints more, in bytes."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_exec = {
    VARVE_PLUGIN_HEADER,
    .name = "exec",
    .summary = "Samples that a program prints",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
    .default_interval_ms = 60000,
};
VARVE_PLUGIN(varve_collector_exec);
