// SPDX-License-Identifier: Apache-2.0
// The collector `sequence`, a module: pushes 0, 1, 2 ... as SERIES series and notes each number in
// a file of its own once it is pushed. Whoever reads that note and then flushes knows what the
// store has to have. The number goes into the value, so that a sample tells which one it is; each
// series adds a fraction of its own.
//
// Threading: one worker task at a time.
#include <fcntl.h>
#include <unistd.h>

#include "varve/conf.h"
#include "varve/plugin.h"

#define SERIES 4

struct options {
    const char *note;
};

struct state {
    int id[SERIES];
    int note; // file descriptor
    int64_t next;
};

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    s->note = open(o->note, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (s->note < 0) {
        varve_instance_fail(self, "cannot open %s", o->note);
        return VARVE_E_IO;
    }
    for (int i = 0; i < SERIES; i++) {
        const char index[] = {(char)('0' + i), '\0'};
        s->id[i] = varve_instance_series_label(self, VARVE_GAUGE, "sequence", "n", index, "",
                                               "Numbers in order.");
        if (s->id[i] < 0) {
            return s->id[i];
        }
    }
    return 0;
}

// A number of which not all samples were taken is not noted: the store may have some of them.
static int collect(struct varve_instance *self)
{
    struct state *s = self->state;
    for (int i = 0; i < SERIES; i++) {
        int rc = varve_instance_push(self, s->id[i], (double)s->next + (double)i / SERIES);
        if (rc < 0) {
            return rc;
        }
    }
    s->next++;
    ssize_t written = pwrite(s->note, &s->next, sizeof s->next, 0);
    return written == (ssize_t)sizeof s->next ? 0 : VARVE_E_IO;
}

static void leave(struct varve_instance *self)
{
    struct state *s = self->state;
    (void)close(s->note); // nothing in it is needed any more
}

static const struct varve_option options[] = {
    {"note", VARVE_OPT_STRING, offsetof(struct options, note), NULL, 0, 0, NULL,
     "The file that says how many numbers were pushed, an int64."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect, .exit = leave};

const struct varve_plugin varve_collector_sequence = {
    VARVE_PLUGIN_HEADER,
    .name = "sequence",
    .summary = "Numbers in order",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
};
VARVE_PLUGIN(varve_collector_sequence);
