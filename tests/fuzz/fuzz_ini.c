// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any text as a configuration, with the plugins of this build.
//
// The text up to the first NUL is the file; what follows, if anything, is one `--set` assignment.
// What must hold: a text is accepted or refused with a message, never both; what is accepted is
// shown as a text that is accepted and shown as the same.
//
// Threading: one task.
#include "fuzz.h"
#include "varve/conf.h"

static const char *environment(const char *name)
{
    return strcmp(name, "HOME") == 0 ? "/home/varve" : NULL;
}

struct output {
    char text[65536];
    size_t used;
};

static void collect_line(void *arg, const char *line)
{
    struct output *out = arg;
    size_t length = strlen(line);
    FUZZ_CHECK(out->used + length + 2 <= sizeof out->text);
    memcpy(out->text + out->used, line, length);
    out->used += length;
    out->text[out->used++] = '\n';
    out->text[out->used] = '\0';
}

static int read_text(struct varve_conf *conf, struct varve_registry *registry, const char *text,
                     const char *assignment)
{
    varve_registry_init(registry, varve_static_plugins);
    varve_conf_init(conf, registry, environment);
    int rc = varve_conf_parse(conf, "fuzz", text);
    if (assignment != NULL) {
        int set = varve_conf_set(conf, assignment);
        rc = rc == 0 ? set : rc;
    }
    return rc == 0 ? varve_conf_finish(conf) : rc;
}

static void show(const struct varve_conf *conf, struct output *out)
{
    out->used = 0;
    out->text[0] = '\0';
    varve_conf_show(conf, collect_line, out);
}

static void check_errors(const struct varve_conf *conf, int rc)
{
    FUZZ_CHECK((rc == 0) == (conf->error_count == 0));
    for (unsigned i = 0; i < conf->error_count && i < VARVE_CONF_ERRORS; i++) {
        FUZZ_CHECK(conf->errors[i][0] != '\0');
        FUZZ_CHECK(memchr(conf->errors[i], 0, sizeof conf->errors[i]) != NULL);
    }
}

static void check_round_trip(const struct varve_conf *conf)
{
    static struct output shown, shown_again;
    static struct varve_registry registry;
    static struct varve_conf again;
    show(conf, &shown);
    int rc = read_text(&again, &registry, shown.text, NULL);
    if (rc != 0) {
        fprintf(stderr, "what was shown is refused: %s\n%s", again.errors[0], shown.text);
    }
    FUZZ_CHECK(rc == 0);
    show(&again, &shown_again);
    if (strcmp(shown.text, shown_again.text) != 0) {
        fprintf(stderr, "--- shown\n%s--- shown again\n%s", shown.text, shown_again.text);
    }
    FUZZ_CHECK(strcmp(shown.text, shown_again.text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct varve_registry registry;
    static struct varve_conf conf;
    char *text = fuzz_text(&data, &size);
    char *assignment = size > 0 ? fuzz_text(&data, &size) : NULL;
    int rc = read_text(&conf, &registry, text, assignment);
    check_errors(&conf, rc);
    if (rc == 0) {
        check_round_trip(&conf);
    }
    free(assignment);
    free(text);
    return 0;
}
