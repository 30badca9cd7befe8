// SPDX-License-Identifier: Apache-2.0
// Where log lines go: stderr, the systemd journal on stderr, or syslog.
//
//   2026-11-20T21:53:01Z warning keeper: text      stderr
//   <4>keeper: text                                stderr that is the journal
//
// A line is put together on the stack and leaves with one write, so that lines of several tasks do
// not mix. Control characters become '?': texts may come from outside, and a line feed in one must
// not pass for a line of its own. A line that is too long ends in "...".
//
// Threading: varve_port_log() from any task; varve_posix_log_open() as posix.h says.
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "posix.h"

#define LINE_BYTES (VARVE_MESSAGE_TEXT + 320u) // a message, a component and a path in it
#define ELLIPSIS   "..."
// Syslog's numbers: VARVE_CRITICAL is LOG_CRIT, and both go on in the same order.
#define SYSLOG_OF(severity) ((int)(severity) + LOG_CRIT)

enum target {
    TO_STDERR,
    TO_JOURNAL,
    TO_SYSLOG
};

// One per process, like stderr itself; written only by varve_posix_log_open().
static struct {
    enum varve_severity threshold;
    enum target target;
} config = {.threshold = VARVE_INFO, .target = TO_STDERR};

struct line {
    char text[LINE_BYTES];
    size_t len; // room for ELLIPSIS and a line feed is kept behind it
    bool cut;
};

static void append(struct line *line, const char *text)
{
    const size_t room = sizeof line->text - sizeof ELLIPSIS;
    for (; *text && !line->cut; text++) {
        const unsigned char c = (unsigned char)*text;
        if (line->len == room)
            line->cut = true;
        else
            line->text[line->len++] = c < 0x20 || c == 0x7f ? '?' : *text;
    }
}

static void append_time(struct line *line)
{
    char text[sizeof "2026-11-20T21:53:01Z "];
    const time_t now = time(NULL);
    struct tm utc;
    if (gmtime_r(&now, &utc) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ ", &utc) > 0)
        append(line, text);
}

static void append_severity(struct line *line, enum varve_severity severity)
{
    static const char *const names[] = {"critical ", "error ", "warning ",
                                        "notice ",   "info ",  "debug "};
    append(line, names[severity]);
}

static void append_priority(struct line *line, enum varve_severity severity)
{
    const char text[] = {'<', (char)('0' + SYSLOG_OF(severity)), '>', '\0'};
    append(line, text);
}

static void append_message(struct line *line, const char *component, const char *text)
{
    append(line, component);
    append(line, ": ");
    append(line, text);
    if (!line->cut)
        return;
    memcpy(line->text + line->len, ELLIPSIS, sizeof ELLIPSIS - 1u);
    line->len += sizeof ELLIPSIS - 1u;
}

static void write_line(struct line *line)
{
    line->text[line->len++] = '\n';
    ssize_t n;
    do {
        n = write(STDERR_FILENO, line->text, line->len);
    } while (n < 0 && errno == EINTR); // nobody is left to hear of any other failure
}

static void log_to_stderr(enum varve_severity severity, const char *component, const char *text)
{
    struct line line;
    line.len = 0;
    line.cut = false;
    if (config.target == TO_JOURNAL) {
        append_priority(&line, severity);
    } else {
        append_time(&line);
        append_severity(&line, severity);
    }
    append_message(&line, component, text);
    write_line(&line);
}

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    const int saved = errno;
    if ((unsigned)severity > VARVE_DEBUG)
        severity = VARVE_DEBUG;
    if (severity > config.threshold)
        return;
    if (config.target == TO_SYSLOG)
        syslog(SYSLOG_OF(severity), "%s: %s", component, text);
    else
        log_to_stderr(severity, component, text);
    errno = saved;
}

// systemd names the device and inode of the stream that it attached to stderr; if stderr was
// redirected since, they differ.
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat st;
    if (!stream || fstat(STDERR_FILENO, &st) != 0)
        return false;
    char *colon = NULL;
    const unsigned long long device = strtoull(stream, &colon, 10);
    if (*colon != ':')
        return false;
    const unsigned long long inode = strtoull(colon + 1, NULL, 10);
    return device == (unsigned long long)st.st_dev && inode == (unsigned long long)st.st_ino;
}

void varve_posix_log_open(enum varve_severity threshold, bool to_syslog, const char *ident)
{
    if (config.target == TO_SYSLOG)
        closelog();
    config.threshold = threshold;
    if (to_syslog) {
        config.target = TO_SYSLOG;
        openlog(ident, LOG_PID, LOG_DAEMON);
    } else {
        config.target = stderr_is_journal() ? TO_JOURNAL : TO_STDERR;
    }
    tzset(); // reads the zone now, for else the first log line would, and allocate
}
