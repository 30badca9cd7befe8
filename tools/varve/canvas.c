// SPDX-License-Identifier: Apache-2.0
// A screen as a grid of characters; see canvas.h.
#include "canvas.h"

#include <stdarg.h>
#include <string.h>

#define LINE_BYTES (4u * CANVAS_COLUMNS_MAX + 1u)

void canvas_clear(struct canvas *canvas, size_t width, size_t height)
{
    memset(canvas->cell, 0, sizeof canvas->cell);
    canvas->width = width < CANVAS_COLUMNS_MAX ? width : CANVAS_COLUMNS_MAX;
    canvas->height = height < CANVAS_LINES_MAX ? height : CANVAS_LINES_MAX;
}

// Bytes of the character that begins there: those that follow it begin with the bits 10.
static size_t character(const char *text)
{
    size_t n = 1;
    while (n < 4 && ((unsigned char)text[n] & 0xC0u) == 0x80u) {
        n++;
    }
    return n;
}

size_t canvas_text(struct canvas *canvas, size_t x, size_t y, enum style style, const char *text)
{
    for (size_t n; *text && y < canvas->height && x < canvas->width; text += n, x++) {
        struct canvas_cell *cell = &canvas->cell[y][x];
        bool control = (unsigned char)*text < 0x20 || *text == 0x7f;
        n = character(text);
        memset(cell->text, 0, sizeof cell->text);
        memcpy(cell->text, control ? "?" : text, control ? 1 : n);
        cell->style = (unsigned char)style;
    }
    return x;
}

size_t canvas_format(struct canvas *canvas, size_t x, size_t y, enum style style,
                     const char *format, ...)
{
    char text[LINE_BYTES];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(text, sizeof text, format, list); // no line is longer
    va_end(list);
    return canvas_text(canvas, x, y, style, text);
}

void canvas_right(struct canvas *canvas, size_t end, size_t y, enum style style, const char *text)
{
    size_t width = 0;
    for (const char *c = text; *c; c += character(c)) {
        width++;
    }
    (void)canvas_text(canvas, end > width ? end - width : 0, y, style, text);
}

void canvas_line_style(struct canvas *canvas, size_t y, enum style style)
{
    for (size_t x = 0; y < canvas->height && x < canvas->width; x++) {
        canvas->cell[y][x].style = (unsigned char)style;
    }
}

static const char *shown(const struct canvas_cell *cell)
{
    return cell->text[0] ? cell->text : " ";
}

size_t canvas_run(const struct canvas *canvas, size_t x, size_t y, enum style *style, char *text,
                  size_t cap)
{
    size_t used = 0;
    unsigned char first = canvas->cell[y][x].style;
    *style = (enum style)first;
    while (x < canvas->width && canvas->cell[y][x].style == first && used + 5 <= cap) {
        const char *c = shown(&canvas->cell[y][x]);
        size_t n = strlen(c);
        memcpy(text + used, c, n);
        used += n;
        x++;
    }
    text[used] = '\0';
    return x;
}

static size_t used_width(const struct canvas *canvas, size_t y)
{
    size_t width = canvas->width;
    while (width > 0 && strcmp(shown(&canvas->cell[y][width - 1]), " ") == 0) {
        width--;
    }
    return width;
}

void canvas_print(const struct canvas *canvas, FILE *out)
{
    size_t height = canvas->height;
    while (height > 0 && used_width(canvas, height - 1) == 0) {
        height--;
    }
    for (size_t y = 0; y < height; y++) {
        size_t width = used_width(canvas, y);
        for (size_t x = 0; x < width; x++) {
            (void)fputs(shown(&canvas->cell[y][x]), out); // the stream is checked when it ends
        }
        (void)fputc('\n', out);
    }
}
