// SPDX-License-Identifier: Apache-2.0
// A screen as a grid of characters, each with a style: drawn once, shown by a terminal or as text.
//
// Owns clipping: what does not fit is left out. Knows no terminal.
//
// Threading: a canvas belongs to one task.
#ifndef VARVE_CANVAS_H
#define VARVE_CANVAS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define CANVAS_COLUMNS_MAX 240u
#define CANVAS_LINES_MAX   100u

enum style {
    STYLE_PLAIN,
    STYLE_HEAD,     // names of columns, titles
    STYLE_DIM,      // what is less important
    STYLE_GOOD,     // green
    STYLE_WARN,     // yellow
    STYLE_BAD,      // red
    STYLE_SELECTED, // reverse
    STYLE_COUNT,
};

struct canvas_cell {
    char text[5]; // one UTF-8 character; "": blank
    unsigned char style;
};

struct canvas {
    size_t width, height;
    struct canvas_cell cell[CANVAS_LINES_MAX][CANVAS_COLUMNS_MAX];
};

// Blank, of that size or the largest there can be.
void canvas_clear(struct canvas *canvas, size_t width, size_t height);

// Writes text from (x, y) on; control characters become `?`. Returns the column behind it.
size_t canvas_text(struct canvas *canvas, size_t x, size_t y, enum style style, const char *text);
size_t canvas_format(struct canvas *canvas, size_t x, size_t y, enum style style,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
// The same, so that it ends before column `end`.
void canvas_right(struct canvas *canvas, size_t end, size_t y, enum style style, const char *text);
// Gives a whole line one style.
void canvas_line_style(struct canvas *canvas, size_t y, enum style style);

// The run of one style that begins at (x, y), as text of at most `cap` bytes. Returns the column
// behind it; the line's width at its end.
size_t canvas_run(const struct canvas *canvas, size_t x, size_t y, enum style *style, char *text,
                  size_t cap);

// As text, without blanks at the ends of lines and without empty lines at the end.
void canvas_print(const struct canvas *canvas, FILE *out);

#endif
