// SPDX-License-Identifier: Apache-2.0
// INI text through inih, line by line, with what inih does not tell.
//
// inih reads through ini_parse_stream() with the reader below, which
//   - counts lines, so that every message names its line;
//   - refuses a line longer than inih's buffer instead of letting it be cut or split;
//   - follows each `[title]` with a line of its own making, `@=title`, as an inih built without
//     INI_CALL_HANDLER_ON_NEW_SECTION says nothing about an empty section and cuts titles at 49
//     bytes;
//   - notices a line that inih made nothing of: the handler was not called before the next line;
//   - drops leading blanks. Indentation has no meaning and there are no continuation lines, which
//     inih would otherwise make of an indented key.
// Comments begin with ; or # at the start of a line, or with ; behind a blank.
//
// Threading: one task; the state is on the stack of conf_read_text().
#include <string.h>

#include <ini.h>

#include "core/conf.h"
#include "core/text.h"

// The key of the made-up line. A user's own '@' key is told apart by `synthetic`.
#define TITLE_KEY "@"

struct conf_reader {
    struct varve_conf *conf;
    const char *next; // the rest of the text
    struct conf_at at;
    bool awaiting;  // the handler should be called for the line handed out last
    bool synthetic; // that line was made here
    bool title_due; // the next line to hand out is the made-up one
    char title[VARVE_CONF_LINE];
    struct conf_section section;
};

struct line {
    const char *text;
    size_t length;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct line trimmed(struct line line)
{
    while (line.length > 0 && is_blank(line.text[0])) {
        line.text++;
        line.length--;
    }
    while (line.length > 0 && is_blank(line.text[line.length - 1])) {
        line.length--;
    }
    return line;
}

static struct line take_line(struct conf_reader *r)
{
    const char *end = strchr(r->next, '\n');
    struct line line = {r->next, end != NULL ? (size_t)(end - r->next) : strlen(r->next)};
    r->next = end != NULL ? end + 1 : r->next + line.length;
    r->at.line++;
    r->at.section = NULL;
    return trimmed(line);
}

static void report(struct conf_reader *r, const char *what)
{
    conf_report(r->conf, &r->at, "%s", what);
}

static bool is_comment(char c)
{
    return c == ';' || c == '#';
}

// Reads `[title] ; comment` into r->title. Returns false when it is something else.
static bool read_title(struct conf_reader *r, struct line line)
{
    const char *close = memchr(line.text, ']', line.length);
    if (close == NULL) {
        report(r, "expected ']' at the end of the section's name");
        return false;
    }
    const char *end = line.text + line.length;
    struct line rest = trimmed((struct line){close + 1, (size_t)(end - close) - 1});
    if (rest.length > 0 && !is_comment(rest.text[0])) {
        report(r, "expected nothing behind ']' but a comment; write the key on its own line");
        return false;
    }
    struct line title = trimmed((struct line){line.text + 1, (size_t)(close - line.text) - 1});
    if (memchr(title.text, ';', title.length) != NULL) {
        report(r, "a section's name cannot hold ';'");
        return false;
    }
    varve_format(r->title, sizeof r->title, "%.*s", (int)title.length, title.text);
    return true;
}

static bool too_long(struct conf_reader *r, struct line line, size_t cap)
{
    // inih wants room for the line's end, too.
    size_t most = cap < VARVE_CONF_LINE + 2u ? cap - 3u : VARVE_CONF_LINE - 1u;
    if (line.length <= most) {
        return false;
    }
    conf_report(r->conf, &r->at, "the line has %zu bytes, at most %zu are possible", line.length,
                most);
    return true;
}

// Decides what inih gets to see of a line: the line itself, or nothing.
static bool admit(struct conf_reader *r, struct line line, size_t cap)
{
    if (line.length == 0 || is_comment(line.text[0])) {
        return false;
    }
    bool is_title = line.text[0] == '[';
    if (too_long(r, line, cap)) {
        r->section.kind = is_title ? CONF_SECTION_BAD : r->section.kind;
        return false;
    }
    if (!is_title) {
        r->awaiting = true;
        return true;
    }
    r->title_due = read_title(r, line);
    r->section.kind = CONF_SECTION_BAD; // until the title is understood
    return r->title_due;
}

static void settle(struct conf_reader *r)
{
    if (r->awaiting) {
        report(r, "expected 'key = value' or '[section]'");
        r->awaiting = false;
    }
}

// inih's reader: like fgets(), but without the newline, which inih strips anyway.
static char *read_line(char *buf, int size, void *stream)
{
    struct conf_reader *r = stream;
    size_t cap = (size_t)size;
    settle(r);
    r->synthetic = r->title_due;
    if (r->title_due) {
        r->title_due = false;
        varve_format(buf, cap, TITLE_KEY "=%s", r->title);
        return buf;
    }
    if (*r->next == '\0') {
        return NULL;
    }
    struct line line = take_line(r);
    varve_format(buf, cap, "%.*s", admit(r, line, cap) ? (int)line.length : 0, line.text);
    return buf;
}

static int handle(void *user, const char *section, const char *name, const char *value)
{
    struct conf_reader *r = user;
    (void)section; // inih's copy may be cut; the title is in r->section
    if (name == NULL || value == NULL || name[0] == '\0') {
        return 1; // what some builds of inih report besides pairs; settle() sees to it
    }
    r->awaiting = false;
    if (r->synthetic) {
        conf_section_begin(r->conf, &r->at, value, &r->section);
    } else {
        conf_apply(r->conf, &r->at, &r->section, name, value, true);
    }
    return 1;
}

static const char *behind_bom(const char *text)
{
    return strncmp(text, "\xEF\xBB\xBF", 3) == 0 ? text + 3 : text;
}

void conf_read_text(struct varve_conf *conf, const char *name, const char *text)
{
    struct conf_reader r = {.conf = conf, .next = behind_bom(text), .at = {.file = name}};
    conf_state(conf)->passes++;
    int rc = ini_parse_stream(read_line, &r, handle, &r);
    settle(&r);
    if (rc == -2) { // an inih that keeps its line on the heap
        report(&r, "out of memory");
    }
}
