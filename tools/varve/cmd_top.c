// SPDX-License-Identifier: Apache-2.0
// `varve top`: the device's history, live on a terminal; see top.h.
//
// A daemon that goes away is asked again at each refresh, and so is one that comes back.
//
// Threading: one task.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chart.h"
#include "commands.h"
#include "table.h"
#include "top.h"
#include "when.h"

#define EVERY_MS     5000
#define EVERY_MIN_MS 500
#define EVERY_MAX_MS 3600000
#define PAGE         10u

static struct top top;
static struct canvas canvas;

// ---- keys ---------------------------------------------------------------------------------------

static void apply_filter(void)
{
    (void)snprintf(top.filter, sizeof top.filter, "%s", top.typed);
    top.typing = false;
    top.history_ms = 0;
    top.selected = top.first = 0;
}

// Returns whether what is shown must be asked for again.
static bool type(int key)
{
    size_t used = strlen(top.typed);
    if (key == KEY_TOP_ENTER) {
        apply_filter();
        return true;
    }
    if (key == KEY_TOP_ESCAPE) {
        top.typing = false;
    } else if (key == 'U' - '@') { // Ctrl-U
        top.typed[0] = '\0';
    } else if (key == KEY_TOP_BACKSPACE && used > 0) {
        top.typed[used - 1] = '\0';
    } else if (key >= ' ' && key < 127 && used + 1 < sizeof top.typed) {
        top.typed[used] = (char)key;
        top.typed[used + 1] = '\0';
    }
    return false;
}

static bool move(int key)
{
    size_t last = top.count > 0 ? top.count - 1 : 0;
    size_t at = top.selected;
    switch (key) {
    case KEY_TOP_UP:
        at = at > 0 ? at - 1 : 0;
        break;
    case KEY_TOP_DOWN:
        at = at < last ? at + 1 : last;
        break;
    case KEY_TOP_PAGE_UP:
        at = at > PAGE ? at - PAGE : 0;
        break;
    case KEY_TOP_PAGE_DOWN:
        at = at + PAGE < last ? at + PAGE : last;
        break;
    case KEY_TOP_HOME:
        at = 0;
        break;
    case KEY_TOP_END:
        at = last;
        break;
    default:
        break;
    }
    bool moved = at != top.selected;
    top.selected = at;
    return moved && top.view == TOP_ZOOM;
}

static bool change_range(int by)
{
    top.range = (enum top_range)((top.range + TOP_RANGES + (unsigned)by) % TOP_RANGES);
    return top.view == TOP_ZOOM;
}

static void change_speed(bool faster)
{
    int64_t every_ms = faster ? top.every_ms / 2 : top.every_ms * 2;
    if (every_ms >= EVERY_MIN_MS && every_ms <= EVERY_MAX_MS) {
        top.every_ms = every_ms;
    }
}

static bool switch_view(enum top_view view)
{
    top.view = top.view == view ? TOP_SERIES : view;
    return top.view == TOP_ZOOM;
}

static bool press(int key)
{
    switch (key) {
    case '/':
        (void)snprintf(top.typed, sizeof top.typed, "%s", top.filter);
        top.typing = true;
        return false;
    case 's':
        top.sort = (enum top_sort)((top.sort + 1) % TOP_SORTS);
        top.selected = top.first = 0;
        return true;
    case 'c':
        return switch_view(TOP_PLUGINS);
    case 'e':
        return switch_view(TOP_EVENTS);
    case 'z':
    case KEY_TOP_ENTER:
        return switch_view(TOP_ZOOM);
    case KEY_TOP_ESCAPE:
        top.view = TOP_SERIES;
        return false;
    case KEY_TOP_LEFT:
        return change_range(-1);
    case KEY_TOP_RIGHT:
        return change_range(1);
    case '+':
    case '-':
        change_speed(key == '+');
        return false;
    case ' ':
        top.paused = !top.paused;
        return !top.paused;
    case 'r':
        return true;
    case 'L' - '@': // Ctrl-L
    case KEY_TOP_RESIZE:
        top_screen_redraw();
        return false;
    default:
        return move(key);
    }
}

// ---- the loop -----------------------------------------------------------------------------------

static void show(void)
{
    size_t width, height;
    top_screen_size(&width, &height);
    canvas_clear(&canvas, width, height);
    top_draw(&top, &canvas);
    top_screen_show(&canvas);
}

// Asks; a connection that has failed is made anew first, and only to where it was.
static void refresh_top(struct varve_source *source, const char *socket)
{
    if (!source->ops && socket[0]) {
        const struct source_choice choice = {.socket = socket};
        if (source_open(source, &choice) < 0) {
            (void)snprintf(top.why, sizeof top.why, "%s", source->why);
            top.now_ms = when_now();
            return;
        }
        top.samples_ms = 0;
    }
    if (source->ops && top_ask(&top, source) != 0 && socket[0]) {
        (void)source_close(source); // it could only be read from
    }
}

static void run_screen(struct varve_source *source, const char *socket)
{
    int64_t next_ms = when_now() + top.every_ms;
    for (;;) {
        show();
        int64_t now_ms = when_now();
        int64_t wait_ms = next_ms > now_ms ? next_ms - now_ms : 0;
        int key = top_screen_key(wait_ms < top.every_ms ? wait_ms : top.every_ms);
        if (key == KEY_TOP_CLOSED || (!top.typing && (key == 'q' || key == 3))) {
            return;
        }
        bool asked = top.typing ? type(key) : key != KEY_TOP_NONE && press(key);
        bool over = when_now() >= next_ms;
        bool due = over && !top.paused && !top.typing;
        if (due || asked) {
            refresh_top(source, socket);
        }
        if (over || asked) {
            next_ms = when_now() + top.every_ms;
        }
    }
}

// Text for logs: the screen's lines without its keys.
static int print_once(struct varve_source *source)
{
    const char *lines = getenv("LINES");
    long height = lines ? strtol(lines, NULL, 10) : 0;
    int rc = top_ask(&top, source);
    if (rc == 0 && top.filter_why[0]) {
        rc = source_fail(source, VARVE_E_INVALID, "%s", top.filter_why);
    } else if (rc == 0) {
        canvas_clear(&canvas, style_columns(stdout), height > 0 ? (size_t)height : 24);
        top_draw(&top, &canvas);
        canvas_print(&canvas, stdout);
    }
    return finish(source, rc);
}

static int run_live(struct varve_source *source, bool remote)
{
    char socket[sizeof source->where] = "";
    if (remote) {
        (void)snprintf(socket, sizeof socket, "%s", source->where);
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || top_screen_open() != 0) {
        (void)source_close(source); // opened for reading
        return complain(FAILED, "there is no terminal that can be drawn on, or this build has no "
                                "ncurses; --once prints one frame as text");
    }
    (void)top_ask(&top, source); // a failure is shown
    run_screen(source, socket);
    top_screen_close();
    return source->ops ? finish(source, 0) : DONE;
}

static int run_top(const struct args *args)
{
    struct varve_source source;
    const char *filter = args->count > 0 ? args->positional[0] : "";
    int sort = 0;
    if (strlen(filter) >= sizeof top.filter) {
        return args_usage(args, "the selector is too long");
    }
    (void)snprintf(top.filter, sizeof top.filter, "%s", filter);
    int code = args_every(args, EVERY_MS, &top.every_ms);
    code = code == DONE ? args_word(args, OPT_SORT, "change value name", &sort) : code;
    if (code == DONE && (top.every_ms < EVERY_MIN_MS || top.every_ms > EVERY_MAX_MS)) {
        code = args_usage(args, "--every: between 500ms and 1h");
    }
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    top.sort = (enum top_sort)sort;
    top.unicode = chart_unicode();
    if (args->value[OPT_ONCE]) {
        top.every_ms = 0;
        code = print_once(&source);
    } else {
        code = run_live(&source, source_is_remote(&source));
    }
    top_free(&top);
    return code;
}

const struct command command_top = {
    .name = "top",
    .arguments = "[SELECTOR]",
    .summary = "live on a terminal: samples, stores, flash, collectors, alerts, series",
    .text =
        "Shows how collecting and storing are doing, and the series with their newest value and\n"
        "sparklines of the last hour, day and week: those first that are furthest from their mean "
        "of\n"
        "the hour. Counters are shown as rates. A SELECTOR takes some of them. Colours tell "
        "states:\n"
        "green is good, yellow from 80 % of a budget, a cap or a ratio on, red from 97 %; without\n"
        "colour (NO_COLOR, a serial console) bold and underlined. It draws ASCII where the locale "
        "is\n"
        "not UTF-8, and any size from 40 x 10 on.\n"
        "\n"
        "Keys: up, down, page up, page down, home, end select; enter or z zooms in, left and "
        "right\n"
        "change its range; / filters by a selector (Ctrl-U: clear); s sorts by change, value or "
        "name; c "
        "collectors,\n"
        "e events, escape back; + and - faster and slower; space pauses, r refreshes, Ctrl-L "
        "redraws;\n"
        "q quits.\n"
        "\n"
        "--once prints one frame as text, COLUMNS (80) wide and LINES (24) high, and ends.\n"
        "\n"
        "Examples:\n"
        "  varve top\n"
        "  varve top 'network_*{device=\"eth0\"}' --every 1s\n"
        "  varve top --once >>/var/log/varve-top.log\n"
        "  ssh router varve top --once",
    .options = OPTIONS_SOURCE | OPTION(OPT_CONFIG) | OPTION(OPT_SORT) | OPTION(OPT_EVERY) |
               OPTION(OPT_ONCE),
    .least = 0,
    .most = 1,
    .run = run_top,
};
