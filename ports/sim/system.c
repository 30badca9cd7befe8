// SPDX-License-Identifier: Apache-2.0
// The rest of the port: errors, small texts that stand for /proc and /sys, the log, and what a
// simulated device does not have.
//
// The native code of this port is varve's own error code.
//
// Threading: one task.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

struct text {
    struct text *next;
    char *path;
    char *content;
};

static struct text *texts;
static int last_error;
static enum varve_severity log_threshold = VARVE_WARNING;

// ---- errors

int sim_fail(int code)
{
    last_error = code;
    return code;
}

int varve_port_native_error(void)
{
    return last_error;
}

const char *varve_port_native_text(int code)
{
    return code == VARVE_E_IO && varve_sim_is_off() ? "the simulated power is off"
                                                    : varve_strerror(code);
}

// ---- texts

static void remove_text(const char *path)
{
    for (struct text **p = &texts; *p != NULL; p = &(*p)->next) {
        struct text *text = *p;
        if (strcmp(text->path, path) == 0) {
            *p = text->next;
            free(text->path);
            free(text->content);
            free(text);
            return;
        }
    }
}

int varve_sim_text(const char *path, const char *content)
{
    remove_text(path);
    if (content == NULL) {
        return 0;
    }
    struct text *text = calloc(1, sizeof *text);
    if (text == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    *text = (struct text){.next = texts, .path = strdup(path), .content = strdup(content)};
    texts = text;
    if (text->path == NULL || text->content == NULL) {
        texts = text->next;
        free(text->path);
        free(text->content);
        free(text);
        return VARVE_E_NO_MEMORY;
    }
    return 0;
}

void sim_texts_destroy(void)
{
    while (texts != NULL) {
        remove_text(texts->path);
    }
}

static int cut_text(const char *content, char *buf, size_t cap)
{
    const size_t length = strlen(content);
    const size_t kept = length < cap ? length : cap - 1;
    memcpy(buf, content, kept);
    buf[kept] = '\0';
    return kept == length ? (int)length : sim_fail(VARVE_E_TOO_BIG);
}

static int read_file(const char *path, char *buf, size_t cap)
{
    struct varve_port_file file;
    int rc = varve_port_file_open(&file, path, 0);
    if (rc != 0) {
        return rc;
    }
    const int64_t n = varve_port_file_read(&file, 0, buf, cap);
    varve_port_file_close(&file);
    if (n < 0) {
        return (int)n;
    }
    const bool fits = (size_t)n < cap;
    buf[fits ? (size_t)n : cap - 1] = '\0';
    return fits ? (int)n : sim_fail(VARVE_E_TOO_BIG);
}

int varve_port_read_text(const char *path, char *buf, size_t cap)
{
    if (cap == 0) {
        return sim_fail(VARVE_E_INVALID);
    }
    buf[0] = '\0';
    for (const struct text *text = texts; text != NULL; text = text->next) {
        if (strcmp(text->path, path) == 0) {
            return cut_text(text->content, buf, cap);
        }
    }
    return read_file(path, buf, cap);
}

// ---- log

void varve_sim_log_level(enum varve_severity threshold)
{
    log_threshold = threshold;
}

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    static const char *const names[] = {VARVE_SEVERITY_NAMES};
    if ((unsigned)severity <= VARVE_DEBUG && severity <= log_threshold) {
        const long long ms = (long long)varve_port_boot_ms();
        (void)fprintf(stderr, "%lld.%03lld %s %s: %s\n", ms / 1000, ms % 1000, names[severity],
                      component, text); // nobody is left to hear of a failure
    }
}

// ---- what there is not

void varve_port_usage(struct varve_port_usage *out)
{
    *out = (struct varve_port_usage){0};
}

int varve_port_module_open(const char *path, const char *symbol, void **address, char *why,
                           size_t why_cap)
{
    (void)symbol;
    *address = NULL;
    if (why_cap > 0) {
        (void)snprintf(why, why_cap, "%s: a simulated device has no modules", path);
    }
    return sim_fail(VARVE_E_UNSUPPORTED);
}

int varve_port_process_start(struct varve_port_process *p, const char *const *argv,
                             const char *const *env)
{
    *p = (struct varve_port_process){.out = -1, .err = -1};
    (void)argv;
    (void)env;
    return sim_fail(VARVE_E_UNSUPPORTED);
}

int64_t varve_port_process_read(struct varve_port_process *p, void *buf, size_t cap,
                                int64_t timeout_ms)
{
    (void)p;
    (void)buf;
    (void)cap;
    (void)timeout_ms;
    return sim_fail(VARVE_E_UNSUPPORTED);
}

int varve_port_process_end(struct varve_port_process *p, int64_t patience_ms, int64_t grace_ms,
                           int *code)
{
    (void)p;
    (void)patience_ms;
    (void)grace_ms;
    (void)code;
    return sim_fail(VARVE_E_UNSUPPORTED);
}

int varve_port_path_trusted(const char *path, unsigned flags, char *why, size_t why_cap)
{
    (void)path;
    (void)flags;
    (void)why;
    (void)why_cap;
    return 0; // one program, one user
}
