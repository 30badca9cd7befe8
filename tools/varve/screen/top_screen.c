// SPDX-License-Identifier: Apache-2.0
// The terminal of `varve top`, by ncurses; see top.h.
//
// What a style looks like depends on the terminal: colours where it has them and NO_COLOR is not
// set, else bold and reverse. ncurses sends what has changed only, which suits a serial line.
#include <curses.h>
#include <stdio.h>
#include <stdlib.h>

#include "../top.h"
#include "varve/error.h"

static SCREEN *screen;
static attr_t look[STYLE_COUNT];

static void choose_looks(void)
{
    const char *off = getenv("NO_COLOR");
    look[STYLE_HEAD] = A_BOLD;
    look[STYLE_WARN] = A_BOLD;
    look[STYLE_BAD] = A_BOLD | A_UNDERLINE;
    look[STYLE_SELECTED] = A_REVERSE;
    if (!has_colors() || (off && off[0]) || start_color() != OK) {
        return;
    }
    (void)use_default_colors();
    static const short colors[] = {
        [STYLE_GOOD] = COLOR_GREEN, [STYLE_WARN] = COLOR_YELLOW, [STYLE_BAD] = COLOR_RED};
    for (int style = STYLE_GOOD; style <= STYLE_BAD; style++) {
        (void)init_pair((short)style, colors[style], -1);
        look[style] = (attr_t)COLOR_PAIR(style);
    }
    look[STYLE_BAD] |= A_BOLD;
    look[STYLE_DIM] = A_DIM;
}

// Arrows as terminals send them that do not know the mode for keypads, whatever TERM says.
static void know_arrows(void)
{
    (void)define_key("\033[A", KEY_UP);
    (void)define_key("\033[B", KEY_DOWN);
    (void)define_key("\033[C", KEY_RIGHT);
    (void)define_key("\033[D", KEY_LEFT);
}

int top_screen_open(void)
{
    screen = newterm(NULL, stdout, stdin);
    if (!screen) {
        return VARVE_E_UNSUPPORTED;
    }
    (void)cbreak();
    (void)noecho();
    (void)nonl();
    (void)keypad(stdscr, TRUE);
    (void)set_escdelay(50);
    know_arrows();
    (void)curs_set(0);
    choose_looks();
    return 0;
}

void top_screen_close(void)
{
    if (screen) {
        (void)endwin();
        delscreen(screen);
        screen = NULL;
    }
}

void top_screen_size(size_t *width, size_t *height)
{
    int lines, columns;
    getmaxyx(stdscr, lines, columns);
    *width = columns > 0 ? (size_t)columns : 80;
    *height = lines > 0 ? (size_t)lines : 24;
}

void top_screen_redraw(void)
{
    (void)clearok(stdscr, TRUE);
}

void top_screen_show(const struct canvas *canvas)
{
    char text[4 * CANVAS_COLUMNS_MAX + 5];
    (void)erase();
    for (size_t y = 0; y < canvas->height; y++) {
        enum style style;
        for (size_t x = 0, next; x < canvas->width; x = next) {
            next = canvas_run(canvas, x, y, &style, text, sizeof text);
            (void)attrset((int)look[style]);
            (void)mvaddstr((int)y, (int)x, text); // fails behind the last cell, having written it
        }
    }
    (void)attrset(A_NORMAL);
    (void)refresh();
}

int top_screen_key(int64_t timeout_ms)
{
    static const struct {
        int curses, key;
    } keys[] = {
        {KEY_UP, KEY_TOP_UP},
        {KEY_DOWN, KEY_TOP_DOWN},
        {KEY_LEFT, KEY_TOP_LEFT},
        {KEY_RIGHT, KEY_TOP_RIGHT},
        {KEY_PPAGE, KEY_TOP_PAGE_UP},
        {KEY_NPAGE, KEY_TOP_PAGE_DOWN},
        {KEY_HOME, KEY_TOP_HOME},
        {KEY_END, KEY_TOP_END},
        {KEY_ENTER, KEY_TOP_ENTER},
        {'\r', KEY_TOP_ENTER},
        {'\n', KEY_TOP_ENTER},
        {27, KEY_TOP_ESCAPE},
        {KEY_BACKSPACE, KEY_TOP_BACKSPACE},
        {127, KEY_TOP_BACKSPACE},
        {8, KEY_TOP_BACKSPACE},
        {KEY_RESIZE, KEY_TOP_RESIZE},
    };
    timeout(timeout_ms < 60000 ? (int)timeout_ms : 60000);
    int got = getch();
    if (got == ERR) {
        return feof(stdin) || ferror(stdin) ? KEY_TOP_CLOSED : KEY_TOP_NONE;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (keys[i].curses == got) {
            return keys[i].key;
        }
    }
    return got > 0 && got < 256 ? got : KEY_TOP_NONE;
}
