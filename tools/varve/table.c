// SPDX-License-Identifier: Apache-2.0
// Tables for people; see table.h.
#include "table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CELL_MAX 512u

// Characters, not bytes, of an UTF-8 text.
static size_t visible(const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xC0u) != 0x80u ? 1 : 0;
    }
    return n;
}

static bool grow(struct table *t)
{
    if (t->count < t->cap) {
        return true;
    }
    size_t cap = t->cap ? t->cap * 2 : 128;
    char **cells = realloc(t->cells, cap * sizeof *cells);
    if (!cells) {
        return false;
    }
    t->cells = cells;
    t->cap = cap;
    return true;
}

static void add(struct table *t, const char *text)
{
    char *copy = grow(t) ? strdup(text) : NULL;
    if (!copy) {
        t->failed = true;
        return;
    }
    size_t column = t->count % t->columns;
    size_t width = visible(copy);
    if (width > t->width[column]) {
        t->width[column] = width;
    }
    t->cells[t->count++] = copy;
}

void table_init(struct table *t, const char *const *header, size_t columns)
{
    memset(t, 0, sizeof *t);
    t->columns = columns < TABLE_COLUMNS ? columns : TABLE_COLUMNS;
    for (size_t i = 0; i < t->columns; i++) {
        t->right[i] = header[i][0] == '>';
        add(t, header[i] + (t->right[i] ? 1 : 0));
    }
}

void table_cell(struct table *t, const char *format, ...)
{
    char text[CELL_MAX];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list); // no field that is shown is longer
    va_end(list);
    if (!t->failed) {
        add(t, text);
    }
}

// Prints one row; blanks are held back until a cell follows them, so that no line ends in blanks.
static void print_row(const struct table *t, size_t first, FILE *out)
{
    size_t blanks = 0;
    for (size_t column = 0; column < t->columns; column++) {
        const char *text = t->cells[first + column];
        size_t pad = t->width[column] - visible(text);
        blanks += t->right[column] ? pad : 0;
        if (text[0]) {
            (void)fprintf(out, "%*s%s", (int)blanks, "", text);
            blanks = 0;
        }
        blanks += (t->right[column] ? 0 : pad) + 2;
    }
    (void)fprintf(out, "%s\n", first == 0 ? style_plain(out) : "");
}

bool table_print(struct table *t, FILE *out)
{
    bool ok = !t->failed;
    (void)fputs(style_bold(out), out);
    for (size_t i = 0; ok && i + t->columns <= t->count; i += t->columns) {
        print_row(t, i, out);
    }
    for (size_t i = 0; i < t->count; i++) {
        free(t->cells[i]);
    }
    free(t->cells);
    return ok;
}

static bool styled(FILE *out)
{
    const char *off = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    return isatty(fileno(out)) && !(off && off[0]) && !(term && strcmp(term, "dumb") == 0);
}

const char *style_bold(FILE *out)
{
    return styled(out) ? "\033[1m" : "";
}

const char *style_dim(FILE *out)
{
    return styled(out) ? "\033[2m" : "";
}

const char *style_plain(FILE *out)
{
    return styled(out) ? "\033[0m" : "";
}

size_t style_columns(FILE *out)
{
    struct winsize size;
    const char *text = getenv("COLUMNS");
    long columns = text ? strtol(text, NULL, 10) : 0;
    if (columns <= 0 && ioctl(fileno(out), TIOCGWINSZ, &size) == 0) {
        columns = size.ws_col;
    }
    columns = columns > 0 ? columns : 80;
    return columns > 40 ? (size_t)columns : 40;
}

const char *bytes_text(double bytes, char *buf, size_t cap)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(buf, cap, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
    return buf;
}
