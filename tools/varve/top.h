// SPDX-License-Identifier: Apache-2.0
// `varve top`: the model, how it is drawn, and the terminal it is shown on.
//
//   top_model.c    asks a source and keeps what is shown
//   top_view.c     draws it on a canvas of any size
//   screen/        the terminal: top_screen.c is ncurses, top_none.c for where it is not
//   cmd_top.c      options, the loop, the keys
//
// Threading: one task.
#ifndef VARVE_TOP_H
#define VARVE_TOP_H

#include "canvas.h"
#include "findings.h"

#define TOP_BUCKETS 24u // of a sparkline

enum top_range {
    TOP_HOUR,
    TOP_DAY,
    TOP_WEEK,
    TOP_RANGES,
};

enum top_sort {
    TOP_BY_CHANGE, // how far the newest value is from the hour's mean, relative to it
    TOP_BY_VALUE,
    TOP_BY_NAME,
    TOP_SORTS,
};

enum top_view {
    TOP_SERIES,
    TOP_PLUGINS, // collectors and stores
    TOP_EVENTS,
    TOP_ZOOM, // one series as a plot
    TOP_VIEWS,
};

struct top_series {
    char *text;
    char unit[VARVE_UNIT_TEXT];
    bool counter; // all values are per second
    bool seen;    // in the last answer
    double value; // the newest; NaN: none lately
    double change;
    double spark[TOP_RANGES][TOP_BUCKETS];
    double before[TOP_RANGES]; // a counter's last value in the previous bucket
};

struct top {
    struct condition condition;
    int64_t now_ms;
    int64_t history_ms; // when day and week were asked for; 0: never
    uint64_t samples_before;
    int64_t samples_ms;
    double samples_per_s; // NaN: not known yet
    char why[SOURCE_WHY]; // why there is no answer; "": there is
    char filter_why[SOURCE_WHY];

    struct top_series *series[VARVE_MAX_SERIES]; // by id; NULL: none
    varve_series_id order[VARVE_MAX_SERIES];     // what is shown
    size_t count;

    char filter[VARVE_SERIES_TEXT]; // a selector
    enum top_sort sort;
    enum top_view view;
    enum top_range range; // of the plot
    size_t selected;      // in `order`
    size_t first;         // line of the list that is on top
    int64_t every_ms;
    bool paused;
    bool unicode;
    bool typing; // the filter
    char typed[VARVE_SERIES_TEXT];

    struct varve_point *points; // of the plot
    size_t points_used, points_cap;
    int64_t plot_from_ms, plot_to_ms;
};

// Asks for everything. Failures are kept in `why`. Returns 0 or the error.
int top_ask(struct top *top, struct varve_source *source);
void top_free(struct top *top);
// The series that is selected; NULL: there is none.
const struct top_series *top_selected(const struct top *top);
int64_t top_range_ms(enum top_range range);

void top_draw(struct top *top, struct canvas *canvas);

// The terminal. top_screen_open() returns 0, or VARVE_E_UNSUPPORTED when there is none that can be
// used; top_screen_key() waits for a key at most that long, and returns 0 when none came.
enum top_key {
    KEY_TOP_NONE = 0,
    // 1 .. 255 are characters
    KEY_TOP_UP = 256,
    KEY_TOP_DOWN,
    KEY_TOP_LEFT,
    KEY_TOP_RIGHT,
    KEY_TOP_PAGE_UP,
    KEY_TOP_PAGE_DOWN,
    KEY_TOP_HOME,
    KEY_TOP_END,
    KEY_TOP_ENTER,
    KEY_TOP_ESCAPE,
    KEY_TOP_BACKSPACE,
    KEY_TOP_RESIZE,
    KEY_TOP_CLOSED, // the terminal is gone
};
int top_screen_open(void);
void top_screen_close(void);
void top_screen_size(size_t *width, size_t *height);
void top_screen_show(const struct canvas *canvas);
void top_screen_redraw(void); // all of it at the next show, whatever is there
int top_screen_key(int64_t timeout_ms);

#endif
